"""Tables of pictures as CSV: what an export says of its files, and what an import reads of them.

A spreadsheet runs a cell that begins with = + - @ as a formula. Such a cell gets an apostrophe in front when it is
written and loses it when it is read, so that a table comes back exactly as it was.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import Refused
from core.records import Split

NAME = "labels.csv"
HEADER = ("file", "label", "split", "origin", "sha256", "name")
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_QUOTED = re.compile(r"'+[=+\-@\t\r]")


@dataclass(frozen=True, slots=True)
class Row:
    """One picture of a table."""

    file: str  # its path below the folder that holds the table, with /
    label: str | None
    split: Split = Split.AUTO
    origin: str = ""  # name of the dataset it came from; empty: from none
    sha256: str = ""  # of the file's bytes
    name: str = ""  # the path it was first uploaded with


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula; `literal` takes it back."""
    return f"'{text}" if _FORMULA.match(text) else text


def literal(text: str) -> str:
    """The text that `harmless` was given."""
    return text[1:] if _QUOTED.match(text) else text


def line(values: Sequence[object]) -> str:
    """One line of CSV. Texts are made harmless."""
    out = io.StringIO()
    csv.writer(out).writerow([harmless(value) if isinstance(value, str) else value for value in values])
    return out.getvalue()


def write(row: Row) -> str:
    """The line of a picture, in the order of `HEADER`."""
    return line([row.file, row.label or "", str(row.split), row.origin, row.sha256, row.name])


def read(text: str) -> dict[str, Row]:
    """The rows of a table by their file. Columns may stand in any order; only `file` must be there.

    A split that is none is left to Darkroom; a second row for a file is not read.

    Raises:
        Refused: not a table, or one without a column `file`.
    """
    try:
        lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
        head = [name.strip().casefold() for name in next(lines, [])]
        if "file" not in head:
            raise Refused("This table has no column “file”. Its first line must name the columns: file,label.", "table")
        rows = [_row(dict(zip(head, map(literal, cells), strict=False))) for cells in lines if cells]
    except csv.Error:
        raise Refused("This table cannot be read. Please save it again as CSV.", "table") from None
    return {row.file: row for row in reversed(rows) if row.file}


def _row(cells: dict[str, str]) -> Row:
    split = cells.get("split", "").strip().casefold()
    return Row(
        file=cells.get("file", ""),
        label=cells.get("label") or None,
        split=Split(split) if split in set(Split) else Split.AUTO,
        origin=cells.get("origin", ""),
        sha256=cells.get("sha256", ""),
        name=cells.get("name", ""),
    )

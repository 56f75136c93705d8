"""A CSV that says the labels: `file,label`, with a split where there is one; our own `labels.csv` among them.

Which column is which is told by its name, or without names by what fits the pictures. A file is found by its path, or
by its name alone where only one picture is called so.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core import layouts, names, tables
from core.layouts import Place
from core.records import Split

MOST_BYTES = 32 << 20
MOST_ROWS = 1_000_000
_FILE = {
    "file",
    "filename",
    "filepath",
    "path",
    "image",
    "imagename",
    "imagepath",
    "imageid",
    "img",
    "picture",
    "photo",
    "name",
    "id",
}
_LABEL = {
    "label",
    "labels",
    "class",
    "classname",
    "category",
    "target",
    "tag",
    "species",
    "breed",
    "y",
    "diagnosis",
    "type",
}
_SPLIT = {"split", "set", "subset", "partition", "fold", "dataset", "usage"}
_PICTURE_ENDINGS = {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".avif", ".heic"}
_USES = {"train", "training", "val", "valid", "validation", "test", "testing"}
_WORD = re.compile("[^a-z]")


@dataclass(frozen=True, slots=True)
class Table:
    """What was found in a CSV, for the pictures of an upload."""

    path: str
    places: Mapping[str, Place]  # by the picture's path
    rows: int
    unknown: int  # rows whose file is not in the upload
    torn: int  # rows that say another label for a picture than an earlier one
    ours: bool = False  # an export wrote it: every word of it counts, auto included

    def matches(self, pictures: int) -> bool:
        """It is about these pictures: a tenth of them at least are in it."""
        return len(self.places) * 10 >= pictures

    def sentences(self, pictures: int) -> list[str]:
        """How it was read, for people."""
        labels = {place.label for place in self.places.values() if place.label}
        said = [
            f"“{self.path}” says the labels of {len(self.places):,} of {pictures:,} pictures ({len(labels):,} labels)."
        ]
        if missing := pictures - len(self.places):
            said.append(f"{missing:,} pictures are not in it and will have no label.")
        if self.unknown:
            said.append(f"{self.unknown:,} of its lines name files that are not here.")
        if self.torn:
            said.append(f"{self.torn:,} of its lines say another label for the same picture; the first one counts.")
        return said


def read(file: Path, path: str, pictures: Iterable[str]) -> Table | None:
    """The table in `file`, which was called `path` in the upload; None when it says nothing about these pictures."""
    rows = _rows(file)
    if len(rows) < 1:
        return None
    finder = _Finder(pictures, PurePosixPath(path.replace("\\", "/")).parent.as_posix())
    if tuple(rows[0]) == tables.HEADER:
        return _ours(file, path, finder)
    columns = _named_columns(rows[0])
    if columns:
        rows = rows[1:]
    elif _names_columns(rows[0]) or not (columns := _fitting_columns(rows, finder)):
        return None
    if not _are_labels([row[columns.label] for row in rows if len(row) > columns.label]):
        return None
    return _placed(path, rows, columns, finder)


def _ours(file: Path, path: str, finder: _Finder) -> Table | None:
    """The table of an export, cell by cell as it was written."""
    rows = tables.read(file.read_bytes().decode("utf-8-sig", "replace")).values()
    found = {finder.find(row.file): row for row in rows}
    places = {
        picture: Place(names.clean(row.label or "") or None, row.split, row.origin, row.name)
        for picture, row in found.items()
        if picture is not None
    }
    unknown = sum(finder.find(row.file) is None for row in rows)
    return Table(path, places, len(rows), unknown, 0, ours=True) if places else None


@dataclass(frozen=True, slots=True)
class _Columns:
    file: int
    label: int
    split: int | None


class _Finder:
    """Finds a picture by what a table calls it."""

    def __init__(self, pictures: Iterable[str], beside: str) -> None:
        self.paths: dict[str, str] = {}
        self.names: dict[str, str | None] = {}  # None: several are called so
        prefix = f"{beside}/" if beside not in ("", ".") else ""
        for path in pictures:
            plain = _plain(path)
            self.paths.setdefault(plain, path)
            if prefix and plain.startswith(_plain(prefix)):
                self.paths.setdefault(plain[len(prefix) :], path)
            name = plain.rpartition("/")[2]
            for key in (name, PurePosixPath(name).stem):
                self.names[key] = path if self.names.get(key, path) == path else None

    def find(self, said: str) -> str | None:
        plain = _plain(said)
        if plain in self.paths:
            return self.paths[plain]
        inner = plain
        while "/" in inner:  # a table may name folders around the pictures that were not sent along
            inner = inner.partition("/")[2]
            if inner in self.paths:
                return self.paths[inner]
        return self.names.get(plain.rpartition("/")[2])


def _plain(path: str) -> str:
    return "/".join(layouts.parts(path)).casefold()


def _rows(file: Path) -> list[list[str]]:
    """Empty where it is no table."""
    if file.stat().st_size > MOST_BYTES:
        return []
    raw = file.read_bytes()
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = raw.decode("utf-16", "replace")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("cp1252", "replace")
    if "\0" in text:
        return []
    head = text[:4096].partition("\n")[0]
    delimiter = max(",;\t|", key=head.count)
    try:
        rows = []
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if row:
                rows.append([tables.literal(cell.strip()) for cell in row[:64]])
            if len(rows) > MOST_ROWS:
                return []
        return rows
    except csv.Error:
        return []


def _named_columns(head: Sequence[str]) -> _Columns | None:
    words = [_WORD.sub("", cell.casefold()) for cell in head]

    def column(known: set[str]) -> int | None:
        return next((at for at, word in enumerate(words) if word in known), None)

    file, label = column(_FILE), column(_LABEL)
    return None if file is None or label is None else _Columns(file, label, column(_SPLIT))


def _names_columns(head: Sequence[str]) -> bool:
    """A line of names, of which none means labels: a list of splits, say."""
    return any(_WORD.sub("", cell.casefold()) in _FILE | _SPLIT for cell in head)


def _are_labels(cells: Sequence[str]) -> bool:
    """Neither other names of the pictures nor what they are for."""
    odd = sum(PurePosixPath(cell).suffix.casefold() in _PICTURE_ENDINGS or cell.casefold() in _USES for cell in cells)
    return odd * 2 < len(cells)


def _fitting_columns(rows: Sequence[Sequence[str]], finder: _Finder) -> _Columns | None:
    """Without a line of names: the column whose cells are pictures, and the first one beside it."""
    sample = [row for row in rows[:200] if len(row) >= 2]
    hits: Counter[int] = Counter()
    for row in sample:
        hits.update(at for at, cell in enumerate(row[:8]) if finder.find(cell) is not None)
    if not hits or hits.most_common(1)[0][1] * 2 < len(sample):
        return None
    file = hits.most_common(1)[0][0]
    return _Columns(file, 1 if file == 0 else 0, None)


def _placed(path: str, rows: Sequence[Sequence[str]], columns: _Columns, finder: _Finder) -> Table | None:
    places: dict[str, Place] = {}
    unknown = torn = 0
    for row in rows:
        if len(row) <= max(columns.file, columns.label):
            continue
        picture = finder.find(row[columns.file])
        if picture is None:
            unknown += 1
            continue
        split = None
        if columns.split is not None and len(row) > columns.split:
            split = layouts.split_of(row[columns.split])
        place = Place(names.clean(row[columns.label]) or None, split or Split.AUTO)
        torn += places.setdefault(picture, place).label != place.label
    return Table(path, places, len(rows), unknown, torn) if places else None

"""Small pictures travel to a child some at a time: a message costs more than looking at one of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GROUP_FILES = 16
GROUP_BYTES = 1 << 18  # a large file travels alone


@dataclass(frozen=True, slots=True)
class Look:
    """A file to look at, as its child is told, and what the caller knows it by."""

    source: Path
    path: str
    copy: str | None

    @property
    def told(self) -> dict[str, str]:
        return {"path": self.path, "copy": self.copy} if self.copy else {"path": self.path}

    def clear(self) -> None:
        """Its child may have died between two files."""
        for ending in (".thumb", ".rgb"):
            Path(f"{self.copy or self.path}{ending}").unlink(missing_ok=True)


def grouped(
    sources: Iterable[Path], copies: Mapping[Path, Path] | None, keep: str | None
) -> Iterator[tuple[dict[str, Any], list[Look]]]:
    """(request, what it looks at), never ahead of the sources by more than one group."""
    group: list[Look] = []
    size = 0
    for source in sources:
        copy = copies.get(source) if copies else None
        look = Look(source, absolute(source), str(copy) if copy else None)
        group.append(look)
        size += _bytes(look.path)
        if len(group) == GROUP_FILES or size >= GROUP_BYTES:
            yield request(group, keep), group
            group, size = [], 0
    if group:
        yield request(group, keep), group


def request(group: Iterable[Look], keep: str | None) -> dict[str, Any]:
    return {"job": "checks", "files": [look.told for look in group], "keep": keep}


def absolute(path: Path) -> str:
    """As text, and without a new Path where it is absolute already: there are a hundred thousand of them."""
    text = str(path)
    return text if text.startswith(os.sep) else str(path.absolute())


def _bytes(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - a Path costs more than the question
    except OSError:
        return 0  # the child says what is wrong with it

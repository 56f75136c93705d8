"""From paths to labels: what the folders of an upload say.

The last folder is the label; train/validation/test folders (in their usual spellings) right below the common root
give the split; loose pictures beside folders have no label. Paths are only ever read here, never opened.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from core import names
from core.records import Split

SPLITS = {
    "train": Split.TRAIN,
    "training": Split.TRAIN,
    "trainset": Split.TRAIN,
    "val": Split.VALIDATION,
    "valid": Split.VALIDATION,
    "validation": Split.VALIDATION,
    "dev": Split.VALIDATION,
    "test": Split.TEST,
    "testing": Split.TEST,
    "testset": Split.TEST,
}
_DRIVE = re.compile("[A-Za-z]:")
_SYSTEM_NAMES = {"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r", "__macosx"}
_SIDE_ENDINGS = {
    ".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".md", ".html", ".htm", ".url", ".ini", ".log",
    ".db", ".py", ".ipynb", ".names", ".data", ".cache", ".rtf", ".doc", ".docx", ".xlsx", ".rels", ".css", ".js",
    ".tmp", ".bak", ".lnk",
}  # fmt: skip
_ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".rar", ".7z", ".bz2", ".xz"}


@dataclass(frozen=True, slots=True)
class Place:
    """What a path says about a picture."""

    label: str | None
    split: Split


def parts(path: str) -> tuple[str, ...]:
    """Folders and file name, with Windows' separators understood and steps upwards left out."""
    pieces = path.replace("\\", "/").split("/")
    return tuple(piece for piece in pieces if piece.strip() not in ("", ".", "..") and not _DRIVE.fullmatch(piece))


def is_system(path: str) -> bool:
    """Files that systems leave lying about and nobody means: hidden ones, thumbnails' databases, Mac's shadows."""
    return any(piece.startswith(".") or piece.strip().casefold() in _SYSTEM_NAMES for piece in parts(path))


def is_side_file(path: str) -> bool:
    """Text and tables beside the pictures."""
    return PurePosixPath(path.replace("\\", "/")).suffix.casefold() in _SIDE_ENDINGS


def is_archive(path: str) -> bool:
    return PurePosixPath(path).suffix.casefold() in _ARCHIVES


def read(paths: Sequence[str]) -> dict[str, Place]:
    """Label and split for each picture's path, read together: only all of them show what is root and what is label."""
    folders = {path: tuple(clean for piece in parts(path)[:-1] if (clean := names.clean(piece))) for path in paths}
    root = _common(list(folders.values()))
    only_root = all(len(folder) == root for folder in folders.values())
    below = {folder[root] for folder in folders.values() if len(folder) > root}
    has_splits = bool(below) and all(name.casefold() in SPLITS for name in below)
    return {path: _place(folder, root, only_root, has_splits) for path, folder in folders.items()}


def _place(folder: tuple[str, ...], root: int, only_root: bool, has_splits: bool) -> Place:
    if only_root:  # one folder of pictures: its name is the label, unless it is a split's
        name = folder[-1] if folder else ""
        if name.casefold() in SPLITS:
            return Place(None, SPLITS[name.casefold()])
        return Place(name or None, Split.AUTO)
    rest = folder[root:]
    split = Split.AUTO
    if has_splits and rest:
        split, rest = SPLITS[rest[0].casefold()], rest[1:]
    elif root and folder[root - 1].casefold() in SPLITS:
        split = SPLITS[folder[root - 1].casefold()]
    return Place(rest[-1] if rest else None, split)


def _common(folders: Sequence[tuple[str, ...]]) -> int:
    """How many leading folders all paths share."""
    if not folders:
        return 0
    first, last = min(folders), max(folders)
    shared = 0
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    return shared

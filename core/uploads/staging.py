"""Where the bytes of an upload wait, and what an item is before anybody looked at it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from core import layouts
from core.errors import Conflict
from core.records import ItemState, Upload, UploadItem, UploadState
from core.studio import Studio

SETTLE_EVERY = 128  # items at least, so that a flush of the disk is worth its while ...
SETTLE_S = 0.5  # ... and as many more as come in this time: progress moves, and a crash repeats little
SETTLE_MOST = 2048  # items
LOOK_AT = 1024  # items that are taken up at once
PATH_LIMIT = 1000  # characters of a path that are kept
T = TypeVar("T")


def staged(studio: Studio, upload_id: str, path: str) -> Path:
    """The file for an item. Its name is made from the path's hash: what people call a file never reaches the disk."""
    return studio.files.upload(upload_id) / staged_name(path)


def staged_name(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "replace")).hexdigest()[:40]


def receiving(studio: Studio, upload_id: str) -> Upload:
    """The upload, or Conflict when it takes no more files."""
    upload = studio.store.uploads.get(upload_id)
    if upload.state not in (UploadState.RECEIVING, UploadState.IMPORTING):
        raise Conflict("This upload is complete already. Start a new one for more pictures.")
    return upload


def ignored(item: UploadItem) -> UploadItem | None:
    """The item marked as ignored when its name says that nobody meant it as a picture."""
    if layouts.is_system(item.path):
        return replace(item, state=ItemState.IGNORED, reason="A system file, not a picture.")
    if layouts.is_side_file(item.path):
        return replace(item, state=ItemState.IGNORED, reason="Not a picture: text or a table beside the pictures.")
    return None


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]

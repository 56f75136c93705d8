"""Bytes on the wire become files on disk, a batch or a piece of a zip at a time."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any, BinaryIO

from core.errors import Conflict, Refused
from core.records import ItemState, UploadItem
from core.studio import Studio
from core.uploads.staging import PATH_LIMIT, receiving, staged

HEADER_LIMIT_BYTES = 1 << 20
BATCH_LIMIT_FILES = 256


class Receiver:
    """Takes one batch as it comes over the wire: u32 length | JSON [{path, size}] | the files' bytes in that order.

    A batch may be sent again: its files have names made from their paths and simply replace themselves.
    """

    def __init__(self, studio: Studio, upload_id: str) -> None:
        self._studio, self._upload = studio, receiving(studio, upload_id)
        self._header = bytearray()
        self._wanted: list[UploadItem] | None = None  # files still to come, the current one first
        self._done: list[UploadItem] = []
        self._file: BinaryIO | None = None
        self._left = 0
        studio.files.require_room()

    def feed(self, chunk: bytes) -> None:
        """Raises Refused for a batch that is not what it says."""
        view = memoryview(chunk)
        if self._wanted is None:
            view = self._read_header(view)
        while len(view) and self._wanted:
            taken = view[: self._left]
            assert self._file is not None
            self._file.write(taken)
            self._left -= len(taken)
            view = view[len(taken) :]
            self._next_if_whole()
        if len(view) and self._wanted is not None:
            raise Refused("The batch is longer than it says. Please send it again.", "batch")

    def finish(self) -> int:
        """Acknowledges the batch; gives the number of files the upload holds now."""
        if self._wanted is None or self._wanted:
            self.close()
            raise Refused("The batch was cut short. Please send it again.", "batch")
        self._studio.store.uploads.receive(self._upload.id, self._done)
        return self._studio.store.uploads.get(self._upload.id).received

    def close(self) -> None:
        """Files that arrived whole before the batch was cut short are kept, and need not be sent again."""
        if self._file:
            self._file.close()
        if self._wanted and self._done:
            self._studio.store.uploads.receive(self._upload.id, self._done)
            self._done = []

    def _read_header(self, view: memoryview) -> memoryview:
        self._header += view
        if len(self._header) < 4:
            return memoryview(b"")
        (length,) = struct.unpack_from("<I", self._header)
        if length > HEADER_LIMIT_BYTES:
            raise Refused("The batch begins with something that is not a list of files.", "batch")
        if len(self._header) < 4 + length:
            return memoryview(b"")
        self._wanted = [self._item(entry) for entry in _parse_header(bytes(self._header[4 : 4 + length]))]
        rest = bytes(self._header[4 + length :])
        self._open_next()
        self._next_if_whole()
        return memoryview(rest)

    def _item(self, entry: Any) -> UploadItem:
        try:
            path, size = str(entry["path"])[:PATH_LIMIT], int(entry["size"])
        except (KeyError, TypeError, ValueError):
            raise Refused("The batch begins with something that is not a list of files.", "batch") from None
        if size < 0 or size > self._studio.settings.upload_limit_bytes:
            raise Refused("A file in the batch says an impossible size.", "batch")
        return UploadItem(self._upload.id, path, ItemState.RECEIVED, size)

    def _open_next(self) -> None:
        if self._wanted:
            self._file = staged(self._studio, self._upload.id, self._wanted[0].path).open("wb")
            self._left = self._wanted[0].bytes

    def _next_if_whole(self) -> None:
        while self._wanted and self._left == 0:
            assert self._file is not None
            self._file.close()
            self._done.append(self._wanted.pop(0))
            self._open_next()


def missing(studio: Studio, upload_id: str, files: Sequence[tuple[str, int]]) -> list[int]:
    """Which of these (path, bytes) are still to be sent, by their place in the list.

    Raises Conflict: the upload is complete.
    """
    receiving(studio, upload_id)
    return studio.store.uploads.missing(upload_id, [(path[:PATH_LIMIT], size) for path, size in files])


def archive_size(studio: Studio, upload_id: str, name: str) -> int:
    """Bytes of the archive that are on disk: where sending goes on after a break."""
    receiving(studio, upload_id)
    file = staged(studio, upload_id, name)
    return file.stat().st_size if file.exists() else 0


def append_archive(studio: Studio, upload_id: str, name: str, offset: int, chunk: bytes) -> int:
    """Writes a piece of a zip at its place; gives the size on disk. Conflict: pieces are missing before."""
    have = archive_size(studio, upload_id, name)
    if offset > have:
        raise Conflict(f"The zip is on disk up to byte {have}; please go on from there.")
    if offset + len(chunk) > studio.settings.upload_limit_bytes:
        raise Refused("The zip is larger than one upload may be. Please send it in smaller parts.", "too_large")
    studio.files.require_room(len(chunk))
    with staged(studio, upload_id, name).open("r+b" if have else "wb") as file:
        file.seek(offset)
        file.write(chunk)
    return max(have, offset + len(chunk))


def finish_archive(studio: Studio, upload_id: str, name: str) -> None:
    """The zip is complete: its entries become the upload's items at the next check."""
    item = UploadItem(
        upload_id, name[:PATH_LIMIT], ItemState.RECEIVED, archive_size(studio, upload_id, name), format="ZIP"
    )
    studio.store.uploads.receive(upload_id, [item])


def _parse_header(raw: bytes) -> list[Any]:
    try:
        entries = json.loads(raw)
    except ValueError:
        entries = None
    if not isinstance(entries, list) or len(entries) > BATCH_LIMIT_FILES:
        raise Refused("The batch begins with something that is not a list of files.", "batch")
    return entries

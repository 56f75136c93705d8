"""Memory that a decoding child shares with its parent: a file goes in and its pixels come out, neither through a pipe.

Its size is sealed before the child begins: nothing that a child does can take a page away from under its parent.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os

PIXEL_BYTES = 75_000_000  # the most that come out: as many pixels as the gate gives of any picture, 3 bytes each
KEPT_BYTES = 4 << 20  # of each of the two; a picture that took no more has nothing to give back


class SharedMemory:
    """First the pixels, then the file."""

    def __init__(self, descriptor: int, limit_bytes: int) -> None:
        """The other end of what `shared_memory` has made.

        Args:
            limit_bytes: of a file.
        """
        self.descriptor, self._limit_bytes = descriptor, limit_bytes
        self.bytes = mmap.mmap(descriptor, _size(limit_bytes))

    def put_file(self, content: bytes) -> None:
        """Raises ValueError: larger than the limit."""
        if len(content) > self._limit_bytes:
            raise ValueError("larger than the memory that is shared")
        self.bytes[PIXEL_BYTES : PIXEL_BYTES + len(content)] = content

    def file(self, size: int) -> bytes:
        return self.bytes[PIXEL_BYTES : PIXEL_BYTES + size]

    def put_pixels(self, at: int, rows: bytes) -> int:
        """Where the next rows begin. Raises IndexError: more than there is room for."""
        if at + len(rows) > PIXEL_BYTES:
            raise IndexError("more pixels than the memory that is shared")
        self.bytes[at : at + len(rows)] = rows
        return at + len(rows)

    def shrink(self) -> None:
        """Gives back what large pictures took; the next one takes it anew, which costs as much as decoding it."""
        file_at = _page(PIXEL_BYTES) + KEPT_BYTES
        self.bytes.madvise(mmap.MADV_REMOVE, KEPT_BYTES, _page(PIXEL_BYTES) - mmap.PAGESIZE - KEPT_BYTES)
        self.bytes.madvise(mmap.MADV_REMOVE, file_at, len(self.bytes) - file_at)

    def close(self) -> None:
        """Whoever still looks at the pixels keeps their pages."""
        os.close(self.descriptor)
        with contextlib.suppress(BufferError):
            self.bytes.close()


def shared_memory(limit_bytes: int) -> SharedMemory | None:
    """For files of at most so many bytes; None where the system has none that can be sealed, or gives none."""
    if not (hasattr(os, "memfd_create") and hasattr(mmap, "MADV_REMOVE")):
        return None
    try:
        descriptor = os.memfd_create("picture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError:  # a container may forbid it
        return None
    try:
        os.ftruncate(descriptor, _size(limit_bytes))
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        return SharedMemory(descriptor, limit_bytes)
    except OSError:
        os.close(descriptor)
        return None


def _size(limit_bytes: int) -> int:
    return PIXEL_BYTES + limit_bytes


def _page(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE

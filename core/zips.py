"""Zips that are written while they are sent: never whole in memory, never on disk, and the same bytes each time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator

PIECE_BYTES = 1 << 20
WHEN = (1980, 1, 1, 0, 0, 0)  # a zip cannot say less; it must not say when it was made
_PLAIN_FILE = 0o100644 << 16
_UNIX = 3


class _Window:
    """The end of a file that only grows. What was taken is gone; in the rest zipfile may go back and fill in sizes."""

    def __init__(self) -> None:
        self._start, self._rest = 0, io.BytesIO()

    def write(self, content: bytes, /) -> int:
        return self._rest.write(content)

    def tell(self) -> int:
        return self._start + self._rest.tell()

    def seek(self, offset: int, whence: int = 0, /) -> int:
        if whence == 0:
            offset -= self._start
        return self._start + self._rest.seek(offset, whence)

    def flush(self) -> None: ...

    def close(self) -> None: ...

    @property
    def bytes_waiting(self) -> int:
        return self._rest.getbuffer().nbytes

    def take(self) -> bytes:
        taken = self._rest.getvalue()
        self._start, self._rest = self._start + len(taken), io.BytesIO()
        return taken


def stream(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """A zip of (path, content) in pieces of about a MiB. Nothing is packed: pictures do not get smaller."""
    window = _Window()
    with zipfile.ZipFile(window, "w") as archive:
        for path, content in files:
            entry = zipfile.ZipInfo(path, WHEN)
            entry.create_system, entry.external_attr = _UNIX, _PLAIN_FILE
            archive.writestr(entry, content)
            if window.bytes_waiting >= PIECE_BYTES:
                yield window.take()
    yield window.take()

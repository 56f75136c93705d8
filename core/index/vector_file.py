"""The vector file: float32 rows, one behind the other, and nothing else. Which bytes own a row stands in the store.

A row counts once the store names it. What a kill left behind the last named row is overwritten by the next append.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import StudioError
from core.ports import VectorFile, Vectors

WIDTH = 1280  # features of the backbone
ROW_BYTES = 4 * WIDTH
BLOCK = 8192  # rows that are multiplied at once: threads meet seldom, and what is copied stays below 42 MB


class LocalVectorFile:
    """A file of this machine. One process appends; any number of threads and processes read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: Vectors = np.empty((0, WIDTH), np.float32)  # a view of the file as it was when last mapped
        self._mapping = threading.Lock()

    def append(self, first_row: int, vectors: Vectors) -> None:
        """Durable when it returns.

        Raises:
            StudioError: rows before `first_row` are not there: another file, or a damaged one.
        """
        content = np.ascontiguousarray(vectors, np.float32)
        if content.ndim != 2 or content.shape[1] != WIDTH:
            raise ValueError(f"vectors of shape {content.shape}, not (N, {WIDTH})")
        with self._path.open("r+b" if self._path.exists() else "x+b") as file:
            if os.fstat(file.fileno()).st_size < first_row * ROW_BYTES:
                raise _cut_short(self._path)
            file.seek(first_row * ROW_BYTES)
            file.write(content.tobytes())
            file.flush()
            os.fsync(file.fileno())

    def read(self, rows: Sequence[int]) -> Vectors:
        """A copy, (len(rows), 1280), in the order asked for.

        Raises:
            StudioError: the file does not reach that far.
        """
        if not len(rows):
            return np.empty((0, WIDTH), np.float32)
        wanted = np.asarray(rows, np.int64)
        view = self._view(int(wanted.max()) + 1)
        return view[wanted]

    def times(self, rows: Sequence[int], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """(len(rows), matrix.shape[1]): the vectors times a matrix (1280, K), in the order asked for.

        Raises:
            StudioError: the file does not reach that far.
        """
        wanted = np.asarray(rows, np.int64)
        found = np.empty((len(wanted), matrix.shape[1]), np.float32)
        if not len(wanted):
            return found
        view, order = self._view(int(wanted.max()) + 1), np.argsort(wanted, kind="stable")
        ascending = wanted[order]
        for start in range(int(ascending[0]), int(ascending[-1]) + 1, BLOCK):
            mine = slice(*np.searchsorted(ascending, (start, start + BLOCK)).tolist())
            some = ascending[mine]
            if not len(some):
                continue
            first, last = int(some[0]), int(some[-1]) + 1
            # A copy costs more than a few products that nobody asked for.
            dense = 2 * len(some) >= last - first
            found[order[mine]] = (view[first:last] @ matrix)[some - first] if dense else view[some] @ matrix
        return found

    def _view(self, count: int) -> Vectors:
        """The file as an array of at least `count` rows."""
        with self._mapping:
            if len(self._rows) < count:
                self._rows = self._map()
            if len(self._rows) < count:
                raise _cut_short(self._path)
            return self._rows

    def _map(self) -> Vectors:
        """Whole rows only: behind the last one there may be part of another, from a writer that was killed."""
        size = self._path.stat().st_size if self._path.exists() else 0
        if size < ROW_BYTES:
            return np.empty((0, WIDTH), np.float32)
        with self._path.open("rb") as file:
            content = mmap.mmap(file.fileno(), size - size % ROW_BYTES, access=mmap.ACCESS_READ)
        return np.frombuffer(content, np.float32).reshape(-1, WIDTH)


def _cut_short(path: Path) -> StudioError:
    return StudioError(
        f"The file {path.name} in the data folder is shorter than the database says. "
        "Put back the folder `vectors` that belongs to this database, then start Darkroom again."
    )


def _fits_the_port(file: LocalVectorFile) -> VectorFile:
    return file

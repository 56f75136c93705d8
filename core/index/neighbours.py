"""The pictures of a dataset that are most like a picture, by the cosine of their vectors."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.ports import VectorFile, Vectors
from core.records import Neighbour, Split
from core.stores import Indexed, Store

KEPT_BYTES = 512 << 20  # of matrices; 1,280 features take 5 kB a picture
READ = 4096  # rows at a time: no second copy of the matrix while it is made

Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Directions:
    """Vectors of length 1, by their row in the vector file."""

    rows: Positions  # ascending
    values: Vectors  # (N, 1280)

    def places(self, rows: Positions) -> Positions | None:
        """Where these rows stand here; None when one is missing, or most of what is here is not asked for."""
        at = np.searchsorted(self.rows, rows)
        if len(rows) and (at[-1] >= len(self.rows) or np.any(self.rows[at] != rows)):
            return None
        return at if len(rows) * 2 >= len(self.rows) else None


@dataclass(frozen=True, slots=True, eq=False)
class _Pictures:
    key: tuple[int, int]  # labels revision, and vectors in all while some are missing (else -1)
    indexed: Indexed  # by row
    labels: dict[int, str]
    directions: _Directions
    places: Positions  # of the pictures among the directions
    learned: NDArray[np.bool_]  # labelled, and not for testing


class Neighbours:
    """Keeps the datasets that were asked for last ready in memory. Thread-safe."""

    def __init__(self, store: Store, vectors: VectorFile) -> None:
        self._store, self._vectors = store, vectors
        self._kept: OrderedDict[int, _Pictures] = OrderedDict()
        self._lock = threading.Lock()

    def nearest(self, dataset_id: int, vector: NDArray[np.float32], count: int) -> tuple[Neighbour, ...]:
        """Of the pictures that something was learned from at most `count`, nearest first: those for testing, and
        those without a label, are left out.

        Args:
            vector: (1280,), of the backbone.

        Raises:
            NotFound: there is no such dataset.
        """
        pictures = self.prepare(dataset_id)
        return _first(pictures, np.flatnonzero(pictures.learned), vector, count)

    def similar(
        self, dataset_id: int, vector: NDArray[np.float32], count: int, but: int | None = None
    ) -> tuple[Neighbour, ...]:
        """Of all pictures that are not in the trash at most `count`, nearest first; `but` is an image to leave out.

        Raises:
            NotFound: there is no such dataset.
        """
        pictures = self.prepare(dataset_id)
        return _first(pictures, np.flatnonzero(pictures.indexed.ids != (-1 if but is None else but)), vector, count)

    def prepare(self, dataset_id: int) -> _Pictures:
        """What is needed to answer, read anew when labels have changed or vectors arrived."""
        revision = self._store.datasets.get(dataset_id).labels_revision
        with self._lock:
            kept = self._kept.get(dataset_id)
            if kept is None or kept.key not in ((revision, -1), (revision, self._store.vectors.next_row())):
                kept = self._kept[dataset_id] = self._read(dataset_id, revision, kept)
            self._kept.move_to_end(dataset_id)
            while len(self._kept) > 1 and sum(one.directions.values.nbytes for one in self._kept.values()) > KEPT_BYTES:
                self._kept.popitem(last=False)
            return kept

    def _read(self, dataset_id: int, revision: int, before: _Pictures | None) -> _Pictures:
        arrived = self._store.vectors.next_row()  # before the rows: what arrives meanwhile is read next time
        indexed = self._store.vectors.indexed(dataset_id)
        labels = {label.id: label.name for label in self._store.datasets.labels(dataset_id)}
        # A changed label, or a few pictures in the trash, leave the matrix as it is: only what is asked of it changes.
        places = before.directions.places(indexed.rows) if before is not None else None
        if before is not None and places is not None:
            directions = before.directions
        else:
            self._kept.pop(dataset_id, None)
            before = None  # its memory is needed now
            directions = self._directions(indexed.rows)
            places = np.arange(len(indexed.rows))
        learned = (indexed.label_ids >= 0) & (indexed.splits != str(Split.TEST))
        key = (revision, -1 if indexed.missing == 0 else arrived)
        return _Pictures(key, indexed, labels, directions, places, learned)

    def _directions(self, rows: Positions) -> _Directions:
        values: Vectors | None = None
        for start in range(0, len(rows), READ):
            some = self._vectors.read(rows[start : start + READ].tolist())
            some /= np.maximum(np.linalg.norm(some, axis=1, keepdims=True), 1e-12)
            if values is None:
                values = np.empty((len(rows), some.shape[1]), np.float32)
            values[start : start + READ] = some
        return _Directions(rows, values if values is not None else np.empty((0, 0), np.float32))


def _first(pictures: _Pictures, among: Positions, vector: NDArray[np.float32], count: int) -> tuple[Neighbour, ...]:
    length = float(np.linalg.norm(vector))
    count = min(count, len(among))
    if count < 1 or length == 0:
        return ()
    similarities = (pictures.directions.values @ (vector / np.float32(length)))[pictures.places[among]]
    first = np.argpartition(-similarities, count - 1)[:count]
    first = first[np.argsort(-similarities[first], kind="stable")]
    indexed = pictures.indexed
    return tuple(
        Neighbour(
            int(indexed.ids[at]),
            indexed.sha256s[at],
            pictures.labels.get(int(indexed.label_ids[at])),
            float(np.clip(similarities[place], -1, 1)),
        )
        for place, at in zip(first, among[first], strict=True)
    )

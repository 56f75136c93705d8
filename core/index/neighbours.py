"""The labelled training pictures that are most like a picture, by the cosine of their vectors."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.records import Neighbour, Split
from core.studio import LabelledImage, Store, VectorFile, Vectors

KEPT_BYTES = 512 << 20  # of matrices; 1,280 features take 5 kB a picture


@dataclass(frozen=True, slots=True, eq=False)
class _Pictures:
    key: tuple[int, int]  # labels revision, and vectors in all while some are missing (else -1)
    images: list[LabelledImage]
    labels: dict[int, str]
    directions: Vectors  # (N, 1280), each of length 1


class Neighbours:
    """Keeps the datasets that were asked for last ready in memory. Thread-safe."""

    def __init__(self, store: Store, vectors: VectorFile) -> None:
        self._store, self._vectors = store, vectors
        self._kept: OrderedDict[int, _Pictures] = OrderedDict()
        self._lock = threading.Lock()

    def nearest(self, dataset_id: int, vector: NDArray[np.float32], count: int) -> tuple[Neighbour, ...]:
        """At most `count`, nearest first. Pictures for testing are left out: nothing was learned from them.

        Args:
            vector: (1280,), of the backbone.

        Raises:
            NotFound: there is no such dataset.
        """
        pictures = self.prepare(dataset_id)
        length = float(np.linalg.norm(vector))
        if not pictures.images or count < 1 or length == 0:
            return ()
        similarities = pictures.directions @ (vector / np.float32(length))
        count = min(count, len(similarities))
        first = np.argpartition(-similarities, count - 1)[:count]
        return tuple(
            Neighbour(
                pictures.images[at].image_id,
                pictures.images[at].sha256,
                pictures.labels.get(pictures.images[at].label_id),
                float(np.clip(similarities[at], -1, 1)),
            )
            for at in first[np.argsort(-similarities[first], kind="stable")]
        )

    def prepare(self, dataset_id: int) -> _Pictures:
        """What `nearest` needs, read anew when labels have changed or vectors arrived."""
        revision = self._store.datasets.get(dataset_id).labels_revision
        with self._lock:
            kept = self._kept.get(dataset_id)
            if kept is None or kept.key not in ((revision, -1), (revision, self._store.vectors.next_row())):
                kept = self._kept[dataset_id] = self._read(dataset_id, revision)
            self._kept.move_to_end(dataset_id)
            while len(self._kept) > 1 and sum(one.directions.nbytes for one in self._kept.values()) > KEPT_BYTES:
                self._kept.popitem(last=False)
            return kept

    def _read(self, dataset_id: int, revision: int) -> _Pictures:
        arrived = self._store.vectors.next_row()  # before the rows: what arrives meanwhile is read next time
        labels = {label.id: label.name for label in self._store.datasets.labels(dataset_id)}
        labelled = [one for one in self._store.images.labelled(dataset_id) if one.split is not Split.TEST]
        rows = self._store.vectors.rows([one.sha256 for one in labelled])
        images = [one for one in labelled if one.sha256 in rows]
        directions = self._vectors.read([rows[one.sha256] for one in images])
        directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12)
        return _Pictures((revision, -1 if len(images) == len(labelled) else arrived), images, labels, directions)

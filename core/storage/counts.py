"""What was counted of a dataset's images, kept until an image of it changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from sqlalchemy import Executable, Select, func, select

from core.records import Split
from core.storage.database import Database
from core.storage.schema import dataset, image
from core.stores import Uses

KEPT = 1024  # counts


@dataclass(frozen=True, slots=True)
class InLabels:
    """Images that are not in the trash."""

    by_label: dict[int, int]  # label id -> images; labels without any are left out
    unlabelled: int

    @property
    def images(self) -> int:
        return sum(self.by_label.values()) + self.unlabelled


def uses_query(dataset_id: int) -> Select[int | None, str, int]:
    """Label id, split, and how many images of the dataset have both."""
    live = (image.c.dataset_id == dataset_id) & image.c.deleted_at.is_(None)
    return select(image.c.label_id, image.c.split, func.count()).where(live).group_by(image.c.label_id, image.c.split)


class Counts:
    """Thread-safe. Every change of an image raises the dataset's labels_revision, which is read each time."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._kept: OrderedDict[Hashable, object] = OrderedDict()
        self._lock = threading.Lock()

    def number(self, dataset_id: int, name: Hashable, query: Executable) -> int:
        """The one number that `query` gives; `name` says which it is among those of the dataset."""
        key = (dataset_id, self._revision(dataset_id), name)
        found = self._get(key)
        if not isinstance(found, int):
            found = int(self._db.scalar(query))
            self._put(key, found)
        return found

    def in_labels(self, dataset_id: int) -> InLabels:
        key = (dataset_id, self._revision(dataset_id), "in labels")
        found = self._get(key)
        if not isinstance(found, InLabels):
            live = (image.c.dataset_id == dataset_id) & image.c.deleted_at.is_(None)
            query = select(image.c.label_id, func.count().label("images")).where(live).group_by(image.c.label_id)
            rows = {row["label_id"]: int(row["images"]) for row in self._db.rows(query)}
            unlabelled = rows.pop(None, 0)
            found = InLabels(rows, unlabelled)
            self._put(key, found)
        return found

    def uses(self, dataset_id: int) -> Uses:
        key = (dataset_id, self._revision(dataset_id), "uses")
        found = self._get(key)
        if not isinstance(found, tuple):
            rows = self._db.tuples(uses_query(dataset_id))
            found = tuple((label_id, Split(split), many) for label_id, split, many in rows)
            self._put(key, found)
        return found

    def _revision(self, dataset_id: int) -> int:
        found = self._db.scalar(select(dataset.c.labels_revision).where(dataset.c.id == dataset_id))
        return -1 if found is None else int(found)

    def _get(self, key: Hashable) -> object:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _put(self, key: Hashable, value: object) -> None:
        with self._lock:
            self._kept[key] = value
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)

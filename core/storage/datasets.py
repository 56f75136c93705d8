"""Datasets and their labels."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping, exists, func, select, update

from core.errors import Conflict, NotFound
from core.records import Dataset, Label
from core.storage.counts import Counts
from core.storage.database import Database, Remembered, now
from core.storage.schema import action, dataset, errand, label

_COLUMNS = [dataset.c[name] for name in ("id", "name", "created_at", "labels_revision", "fitted_revision")]
_QUERY = select(*_COLUMNS).where(dataset.c.removed_at.is_(None))


class Datasets:
    def __init__(self, database: Database, counts: Counts) -> None:
        self._db, self._counts = database, counts
        self._remembered = Remembered(database, _QUERY, dataset.c.id, self._counted)

    def create(self, name: str) -> Dataset:
        with self._db.write() as connection:
            refuse_taken(connection, name)
            query = dataset.insert().values(
                name=name, name_key=name.casefold(), created_at=now(), labels_revision=0, fitted_revision=-1
            )
            new: int = connection.execute(query.returning(dataset.c.id)).scalar_one()
        return self.get(new)

    def get(self, dataset_id: int) -> Dataset:
        # Every change of an image raises the revision in this very row: as long as that is the same, counts are, too.
        if (found := self._remembered.get(dataset_id)) is None:
            raise NotFound(f"There is no dataset {dataset_id}.")
        return found

    def find(self, name: str) -> Dataset | None:
        row = self._db.row(_QUERY.where(dataset.c.name_key == name.casefold()))
        return self._counted(row) if row else None

    def all(self) -> list[Dataset]:
        return [self._counted(row) for row in self._db.rows(_QUERY.order_by(dataset.c.id.desc()))]

    def _counted(self, row: RowMapping) -> Dataset:
        """A label whose last image went away is kept (its colour stays its own) but not counted."""
        counted = self._counts.in_labels(row["id"])
        return Dataset(**row, images=counted.images, labels=len(counted.by_label))

    def rename(self, dataset_id: int, name: str) -> None:
        with self._db.write() as connection:
            refuse_taken(connection, name, but=dataset_id)
            values = {"name": name, "name_key": name.casefold()}
            connection.execute(update(dataset).where(dataset.c.id == dataset_id).values(values))

    def remove(self, dataset_id: int) -> None:
        values: dict[str, Any] = {"removed_at": now(), "name_key": f"\0removed {dataset_id}"}
        with self._db.write() as connection:
            connection.execute(update(dataset).where(dataset.c.id == dataset_id).values(values))

    def labels(self, dataset_id: int) -> list[Label]:
        rows = self._db.rows(select(label).where(label.c.dataset_id == dataset_id).order_by(label.c.position))
        counted = self._counts.in_labels(dataset_id).by_label
        return [Label(**row, images=counted.get(row["id"], 0)) for row in rows]

    def add_label(self, dataset_id: int, name: str) -> Label:
        with self._db.write() as connection:
            label_id(connection, dataset_id, name)
        return next(found for found in self.labels(dataset_id) if found.name == name)

    def stale(self) -> list[tuple[int, int]]:
        on_its_way = exists().where(
            errand.c.dataset_id == dataset.c.id, errand.c.finished_at.is_(None), errand.c.problem.is_(None)
        )
        changed = dataset.c.removed_at.is_(None) & (dataset.c.labels_revision > dataset.c.fitted_revision) & ~on_its_way
        rows = self._db.rows(select(dataset.c.id, dataset.c.labels_revision).where(changed).order_by(dataset.c.id))
        return [(row["id"], row["labels_revision"]) for row in rows]

    def mark_fitted(self, dataset_id: int, revision: int) -> None:
        older = (dataset.c.id == dataset_id) & (dataset.c.fitted_revision < revision)
        with self._db.write() as connection:
            connection.execute(update(dataset).where(older).values(fitted_revision=revision))


def refuse_taken(connection: Connection, name: str, but: int | None = None) -> None:
    taken = connection.execute(select(dataset.c.id).where(dataset.c.name_key == name.casefold())).scalar()
    if taken is not None and taken != but:
        raise Conflict(f"There is a dataset called “{name}” already. Choose another name, or add to that one.")


def label_id(connection: Connection, dataset_id: int, name: str) -> int:
    """The id of the label of that name, made when there is none. Inside the caller's transaction."""
    mine = label.c.dataset_id == dataset_id
    found = connection.execute(select(label.c.id).where(mine, label.c.name == name)).scalar()
    if found is not None:
        return int(found)
    position = connection.execute(select(func.count()).select_from(label).where(mine)).scalar_one()
    query = label.insert().values(dataset_id=dataset_id, name=name, position=position)
    return int(connection.execute(query.returning(label.c.id)).scalar_one())


def touch(connection: Connection, dataset_id: int, action_id: int | None = None) -> None:
    """The dataset's labels changed, by that action: the instant model has something to learn."""
    query = update(dataset).where(dataset.c.id == dataset_id).values(labels_revision=dataset.c.labels_revision + 1)
    revision = connection.execute(query.returning(dataset.c.labels_revision)).scalar_one()
    if action_id is not None:
        connection.execute(update(action).where(action.c.id == action_id).values(revision=revision))

"""Several datasets become a new one, by the database alone: no picture's row travels to Python and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Subquery, case, func, literal, null, select, update

from core.records import Dataset, Image, Split
from core.storage.bulk import images_of
from core.storage.database import Database, chunks, now
from core.storage.datasets import Datasets, refuse_taken, touch
from core.storage.images import QUERY, as_image
from core.storage.schema import action, dataset, image, image_change, label

# The same bytes in two datasets: the use that keeps an honest score honest wins.
_STRICTEST = (Split.TEST, Split.VALIDATION, Split.TRAIN, Split.AUTO)
_OWN = ("id", "dataset_id", "label_id", "split", "revision", "added_at", "deleted_at", "origin")
_COPIED = [column.name for column in image.c if column.name not in _OWN]


class Merging:
    def __init__(self, database: Database, datasets: Datasets) -> None:
        self._db, self._datasets = database, datasets

    def counts(self, dataset_ids: Sequence[int]) -> tuple[int, int]:
        live = image.c.dataset_id.in_(dataset_ids) & image.c.deleted_at.is_(None)
        row = self._db.row(
            select(func.count().label("all"), func.count(image.c.sha256.distinct()).label("different")).where(live)
        )
        assert row is not None
        return int(row["all"]), int(row["different"])

    def clashes(self, dataset_ids: Sequence[int]) -> list[str]:
        return [row["sha256"] for row in self._db.rows(select(_clashing(dataset_ids).c.sha256).order_by("sha256"))]

    def copies(self, dataset_ids: Sequence[int], sha256s: Sequence[str]) -> list[Image]:
        mine = QUERY.where(
            image.c.dataset_id.in_(dataset_ids), image.c.deleted_at.is_(None), image.c.label_id.is_not(None)
        )
        found = [
            as_image(row) for some in chunks(sha256s) for row in self._db.rows(mine.where(image.c.sha256.in_(some)))
        ]
        place = {dataset_id: at for at, dataset_id in enumerate(dataset_ids)}
        return sorted(found, key=lambda one: (one.sha256, place[one.dataset_id]))

    def merge(
        self,
        name: str,
        dataset_ids: Sequence[int],
        labels_of: Sequence[int],
        chosen: Mapping[str, int],
        summary: str,
        who: str,
    ) -> Dataset:
        with self._db.write() as connection:
            refuse_taken(connection, name)
            values = {"name": name, "name_key": name.casefold(), "created_at": now(), "labels_revision": 0}
            query = dataset.insert().values(**values, fitted_revision=-1).returning(dataset.c.id)
            made: int = connection.execute(query).scalar_one()
            _copy_labels(connection, made, dataset_ids)
            _copy_images(connection, made, dataset_ids, labels_of)
            _choose(connection, made, chosen)
            _note(self._db, connection, made, summary, who)
            touch(connection, made)
        return self._datasets.get(made)


def _clashing(dataset_ids: Sequence[int]) -> Subquery:
    """The bytes that have two labels in these datasets."""
    names = func.count(label.c.name.distinct())
    query = select(image.c.sha256).join(label, label.c.id == image.c.label_id)
    live = image.c.dataset_id.in_(dataset_ids) & image.c.deleted_at.is_(None)
    return query.where(live).group_by(image.c.sha256).having(names > 1).subquery()


def _place(dataset_ids: Sequence[int]) -> Any:
    return case({dataset_id: at for at, dataset_id in enumerate(dataset_ids)}, value=image.c.dataset_id)


def _copy_labels(connection: Connection, made: int, dataset_ids: Sequence[int]) -> None:
    """The labels in use, those of the first dataset first: they keep their colours."""
    used = select(image.c.label_id).where(image.c.deleted_at.is_(None), image.c.dataset_id.in_(dataset_ids))
    query = select(label.c.dataset_id, label.c.name).where(label.c.id.in_(used)).order_by(label.c.position)
    rows = connection.execute(query).all()
    names = dict.fromkeys(name for one in dataset_ids for owner, name in rows if owner == one)
    if names:
        rows_of = [{"dataset_id": made, "name": name, "position": at} for at, name in enumerate(names)]
        connection.execute(label.insert(), rows_of)


def _copy_images(connection: Connection, made: int, dataset_ids: Sequence[int], labels_of: Sequence[int]) -> None:
    """One image for each different bytes: the first with a label, in order of `labels_of`."""
    rank = case({split.value: at for at, split in enumerate(_STRICTEST)}, value=image.c.split)
    same: dict[str, Any] = {"partition_by": image.c.sha256}
    order = (image.c.label_id.is_(None), _place(labels_of), image.c.id)
    ranked = (
        select(
            *[image.c[name] for name in _COPIED],
            label.c.name.label("named"),
            func.coalesce(func.nullif(image.c.origin, ""), dataset.c.name).label("came_from"),
            func.row_number().over(**same, order_by=order).label("turn"),
            func.min(rank).over(**same).label("strictest"),
            func.min(_place(dataset_ids)).over(**same).label("place"),
            func.min(image.c.id).over(**same).label("first"),
        )
        .join(dataset, dataset.c.id == image.c.dataset_id)
        .outerjoin(label, label.c.id == image.c.label_id)
        .where(image.c.dataset_id.in_(dataset_ids), image.c.deleted_at.is_(None))
        .subquery()
    )
    new = label.alias("new")
    split = case({at: split.value for at, split in enumerate(_STRICTEST)}, value=ranked.c.strictest)
    rows = (
        select(literal(made), new.c.id, split, literal(1), literal(now()), null(), ranked.c.came_from)
        .add_columns(*[ranked.c[name] for name in _COPIED])
        .select_from(ranked.outerjoin(new, (new.c.dataset_id == made) & (new.c.name == ranked.c.named)))
        .where(ranked.c.turn == 1)
        .order_by(ranked.c.place, ranked.c.first)
    )
    connection.execute(image.insert().from_select([*_OWN[1:], *_COPIED], rows))


def _choose(connection: Connection, made: int, chosen: Mapping[str, int]) -> None:
    """Gives an image the label, and so the origin, of the copy that a person chose for it."""
    copy, new = image.alias("copy"), label.alias("new")
    for some in chunks(list(chosen.values())):
        query = (
            select(copy.c.sha256, new.c.id, func.coalesce(func.nullif(copy.c.origin, ""), dataset.c.name))
            .join(dataset, dataset.c.id == copy.c.dataset_id)
            .join(label, label.c.id == copy.c.label_id)
            .join(new, (new.c.dataset_id == made) & (new.c.name == label.c.name))
            .where(copy.c.id.in_(some))
        )
        for sha256, label_id, origin in connection.execute(query).all():
            mine = (image.c.dataset_id == made) & (image.c.sha256 == sha256)
            connection.execute(update(image).where(mine).values(label_id=label_id, origin=origin))


def _note(database: Database, connection: Connection, made: int, summary: str, who: str) -> None:
    """The merge as the first action of the new dataset."""
    at = now()
    values = {"dataset_id": made, "at": at, "who": who, "kind": "add", "summary": summary, "token": None}
    query = action.insert().values(**values, images=0, conflicts=[]).returning(action.c.id)
    action_id: int = connection.execute(query).scalar_one()
    before = database.json_object(label_id=null(), split=image.c.split, deleted_at=literal(at))
    after = database.json_object(label_id=image.c.label_id, split=image.c.split, deleted_at=null())
    rows = select(literal(action_id), image.c.id, before, after, image.c.revision).where(image.c.dataset_id == made)
    names = ["action_id", "image_id", "before", "after", "revision"]
    connection.execute(image_change.insert().from_select(names, rows.order_by(image.c.id)))
    many = select(func.count()).select_from(images_of(action_id).subquery()).scalar_subquery()
    connection.execute(update(action).where(action.c.id == action_id).values(images=many))

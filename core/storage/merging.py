"""Several datasets become a new one, by the database alone: no picture's row travels to Python and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, FromClause, Subquery, case, exists, func, literal, null, select, update

from core.records import Dataset, Image, Split
from core.storage import actions
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
            made = make(connection, name, dataset_ids)
            begun = actions.begin(connection, made, "add", summary, who, None)
            wanted = Wanted(made, begun["id"], dataset_ids, labels_of, chosen)
            for place in range(len(dataset_ids)):
                copy(self._db, connection, wanted, place)
            many = select(func.count()).select_from(images_of(wanted.action_id).subquery()).scalar_subquery()
            connection.execute(update(action).where(action.c.id == wanted.action_id).values(images=many))
            touch(connection, made, wanted.action_id)
        return self._datasets.get(made)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A merge that has begun."""

    dataset_id: int  # the new one
    action_id: int  # its first action
    dataset_ids: Sequence[int]
    labels_of: Sequence[int]  # the same ones, in the order in which their labels count
    chosen: Mapping[str, int]  # sha256 -> the image whose label counts


def make(connection: Connection, name: str, dataset_ids: Sequence[int]) -> int:
    """The new dataset, with labels and still without images. Raises Conflict."""
    refuse_taken(connection, name)
    values = {"name": name, "name_key": name.casefold(), "created_at": now(), "labels_revision": 0}
    query = dataset.insert().values(**values, fitted_revision=-1).returning(dataset.c.id)
    made: int = connection.execute(query).scalar_one()
    _copy_labels(connection, made, dataset_ids)
    return made


def copy(
    database: Database, connection: Connection, wanted: Wanted, place: int, after: int = 0, limit: int | None = None
) -> tuple[int, int] | None:
    """Copies images of the dataset at a place among those that are merged, with ids above `after`, which stand in none
    of the datasets before it; gives the last one's id and how many, or None when there are no more."""
    first = _first_copies(wanted, place, after, limit)
    last, many = connection.execute(select(func.max(first.c.id), func.count()).select_from(first)).one()
    if not many:
        return None
    last_image = connection.execute(select(func.coalesce(func.max(image.c.id), 0))).scalar_one()
    _copy_images(database, connection, wanted, place, first)
    _choose(connection, wanted, last_image)
    _note(database, connection, wanted, last_image)
    return int(last), int(many)


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


def _first_copies(wanted: Wanted, place: int, after: int, limit: int | None) -> Subquery:
    """(id, sha256) of images whose bytes are in no dataset before this one, by id."""
    other = image.alias("other")
    before = exists().where(
        other.c.dataset_id.in_(wanted.dataset_ids[:place]),
        other.c.sha256 == image.c.sha256,
        other.c.deleted_at.is_(None),
    )
    mine = (image.c.dataset_id == wanted.dataset_ids[place]) & image.c.deleted_at.is_(None) & (image.c.id > after)
    query = select(image.c.id, image.c.sha256).where(mine, ~before).order_by(image.c.id)
    return query.limit(limit).subquery("first_copy")


def _copy_images(database: Database, connection: Connection, wanted: Wanted, place: int, first: FromClause) -> None:
    """One image for each of these bytes: the first copy with a label, in order of `labels_of`."""
    ids = wanted.dataset_ids
    rank = case({split.value: at for at, split in enumerate(_STRICTEST)}, value=image.c.split)
    same: dict[str, Any] = {"partition_by": image.c.sha256}
    order = (image.c.label_id.is_(None), _place(wanted.labels_of), image.c.id)
    ranked = (
        select(
            *[image.c[name] for name in _COPIED],
            label.c.name.label("named"),
            func.coalesce(func.nullif(image.c.origin, ""), dataset.c.name).label("came_from"),
            func.row_number().over(**same, order_by=order).label("turn"),
            func.min(rank).over(**same).label("strictest"),
            func.min(case((image.c.dataset_id == ids[place], image.c.id))).over(**same).label("first"),
        )
        .join(dataset, dataset.c.id == image.c.dataset_id)
        .outerjoin(label, label.c.id == image.c.label_id)
        .where(image.c.dataset_id.in_(ids), image.c.deleted_at.is_(None))
        .where(image.c.sha256.in_(select(first.c.sha256)))
        .subquery()
    )
    new = label.alias("new")
    split = case({at: split.value for at, split in enumerate(_STRICTEST)}, value=ranked.c.strictest)
    rows = (
        select(literal(wanted.dataset_id), new.c.id, split, literal(1), literal(now()), null(), ranked.c.came_from)
        .add_columns(*[ranked.c[name] for name in _COPIED])
        .select_from(ranked.outerjoin(new, (new.c.dataset_id == wanted.dataset_id) & (new.c.name == ranked.c.named)))
        .where(ranked.c.turn == 1)
        .order_by(ranked.c.first)
    )
    # What somebody changes between two pieces may show the same bytes once more: they are there already.
    database.insert_new_from(connection, image, [*_OWN[1:], *_COPIED], rows)


def _choose(connection: Connection, wanted: Wanted, last_image: int) -> None:
    """Gives new images the label, and so the origin, of the copy that a person chose for them."""
    copied, new, mine = image.alias("copied"), label.alias("new"), image.alias("mine")
    for some in chunks(list(wanted.chosen.values())):
        query = (
            select(mine.c.id, new.c.id, func.coalesce(func.nullif(copied.c.origin, ""), dataset.c.name))
            .select_from(copied)
            .join(mine, (mine.c.dataset_id == wanted.dataset_id) & (mine.c.sha256 == copied.c.sha256))
            .join(dataset, dataset.c.id == copied.c.dataset_id)
            .join(label, label.c.id == copied.c.label_id)
            .join(new, (new.c.dataset_id == wanted.dataset_id) & (new.c.name == label.c.name))
            .where(copied.c.id.in_(some), mine.c.id > last_image)
        )
        for image_id, label_id, origin in connection.execute(query).all():
            connection.execute(update(image).where(image.c.id == image_id).values(label_id=label_id, origin=origin))


def _note(database: Database, connection: Connection, wanted: Wanted, last_image: int) -> None:
    """New images as changes of the merge."""
    before = database.json_object(label_id=null(), split=image.c.split, deleted_at=literal(now()))
    after = database.json_object(label_id=image.c.label_id, split=image.c.split, deleted_at=null())
    mine = (image.c.dataset_id == wanted.dataset_id) & (image.c.id > last_image)
    rows = select(literal(wanted.action_id), image.c.id, before, after, image.c.revision).where(mine)
    names = ["action_id", "image_id", "before", "after", "revision"]
    connection.execute(image_change.insert().from_select(names, rows.order_by(image.c.id)))

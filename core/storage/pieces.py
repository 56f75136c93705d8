"""A piece of an errand, for each kind of them: some images are changed, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select, update

from core.records import Split
from core.storage import actions, bulk, merging
from core.storage.counts import Counts
from core.storage.database import Database
from core.storage.images import Images, filtered
from core.storage.schema import action, image, image_change
from core.stores import Change, Where

Went = tuple[Any, int] | None  # where the next piece begins, and how many images this one has gone through


def restore(database: Database, connection: Connection, row: RowMapping, limit: int) -> Went:
    after = row["place"] or 0
    if (piece := _next_images(connection, row["dataset_id"], after, limit)) is None:
        return None
    last, many = piece
    version_id, within = row["wish"]["version"], (after, last)
    bulk.go_back(database, connection, row["action_id"], row["dataset_id"], version_id, within)
    return last, many


def undo(database: Database, connection: Connection, row: RowMapping, limit: int) -> Went:
    taken_back, after = row["wish"]["action"], row["place"] or 0
    mine = (image_change.c.action_id == taken_back) & (image_change.c.id > after)
    found = _last_of(connection, select(image_change.c.id).where(mine).order_by(image_change.c.id).limit(limit))
    if found is None:
        return None
    last, many = found
    clashing = list(connection.execute(bulk.changed_since(taken_back, (after, last))).scalars())
    _add_conflicts(connection, row["action_id"], clashing)
    bulk.take_back(database, connection, row["action_id"], taken_back, (after, last))
    return last, many


def merge(database: Database, connection: Connection, row: RowMapping, limit: int) -> Went:
    wish = row["wish"]
    wanted = merging.Wanted(row["dataset_id"], row["action_id"], wish["datasets"], wish["labels_of"], wish["chosen"])
    at, after = row["place"] or (0, 0)
    while at < len(wish["datasets"]):
        found = merging.copy(database, connection, wanted, at, after, limit)
        if found is not None:
            return (at, found[0]), found[1]
        at, after = at + 1, 0
    return None


def change(database: Database, connection: Connection, row: RowMapping, limit: int) -> Went:
    wish, after = row["wish"], row["place"] or 0
    if (piece := _next_images(connection, row["dataset_id"], after, limit)) is None:
        return None
    last, many = piece
    said = wish["where"]
    ids = tuple(said["ids"]) if said["ids"] is not None else None
    where = Where(**{**said, "ids": ids, "split": Split(said["split"]) if said["split"] else None})
    matching = filtered(select(image.c.id), row["dataset_id"], where)
    matching = matching.where(image.c.id > after, image.c.id <= last)
    values = actions.values_of(connection, row["dataset_id"], Change.read(wish["to"]))
    bulk.move_all(database, connection, row["action_id"], matching, values)
    return last, many


def accept(database: Database, connection: Connection, row: RowMapping, limit: int) -> Went:
    after = row["place"] or 0
    some = [Change(*one) for one in row["wish"]["changes"][after : after + limit]]
    if not some:
        return None
    about = (row["dataset_id"], "relabel", row["wish"]["said"])
    outcome = Images(database, Counts(database)).change_some(
        connection, *about, some, row["who"], row["token"], goes_on=True
    )
    _add_conflicts(connection, row["action_id"], outcome.conflicts)
    return after + len(some), len(some)


def _next_images(connection: Connection, dataset_id: int, after: int, limit: int) -> tuple[int, int] | None:
    """(the last one's id, how many) of the next images of a dataset, those in the trash too, by id."""
    # The sum keeps SQLite from an index that would have it sort all that is left for each piece.
    mine = (image.c.dataset_id + 0 == dataset_id) & (image.c.id > after)
    return _last_of(connection, select(image.c.id).where(mine).order_by(image.c.id).limit(limit))


def _last_of(connection: Connection, query: Select[Any]) -> tuple[int, int] | None:
    some = query.subquery()
    last, many = connection.execute(select(func.max(some.c[0]), func.count()).select_from(some)).one()
    return (int(last), int(many)) if many else None


def _add_conflicts(connection: Connection, action_id: int, ids: Sequence[int]) -> None:
    if ids:
        before = connection.execute(select(action.c.conflicts).where(action.c.id == action_id)).scalar_one()
        connection.execute(update(action).where(action.c.id == action_id).values(conflicts=[*before, *ids]))

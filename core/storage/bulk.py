"""Changes of many images that the database makes by itself: no row travels to Python and back.

All of these run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, case, delete, exists, func, literal, null, or_, select, update

from core.storage.database import Database, chunks, now
from core.storage.datasets import touch
from core.storage.schema import (
    action,
    dataset,
    finding_image,
    image,
    image_change,
    leftover,
    prediction,
    run,
    upload_item,
    version,
    version_image,
)

_STATE = ("label_id", "split", "deleted_at")
Piece = tuple[int, int] | None  # ids above the first and up to the second
EVERYTHING: Piece = None
_COLUMNS = ["action_id", "image_id", "before", "after", "revision"]
# A version that is still to be written down needs the history, and its ids never given to another row.
_ANNOUNCED = exists().where(version.c.announced.is_not(None))


def images_of(action_id: int) -> Select[Any]:
    """Ids of the images that an action changed."""
    return select(image_change.c.image_id).where(image_change.c.action_id == action_id).order_by(image_change.c.id)


def changed_since(action_id: int, piece: Piece = EVERYTHING) -> Select[Any]:
    """Ids of those among them that something later changed again; `piece` is of the ids of the changes."""
    query = images_of(action_id).join(image, image.c.id == image_change.c.image_id)
    return query.where(image.c.revision != image_change.c.revision, *_within(image_change.c.id, piece))


def changed_among(connection: Connection, action_id: int, ids: Sequence[int]) -> set[int]:
    """Those of these images that an action changed."""
    mine = select(image_change.c.image_id).where(image_change.c.action_id == action_id)
    return {
        one
        for some in chunks(ids)
        for one in connection.execute(mine.where(image_change.c.image_id.in_(some))).scalars()
    }


def same_still(action_id: int) -> Select[Any]:
    """How many of them nothing later changed."""
    query = select(func.count()).select_from(image_change).join(image, image.c.id == image_change.c.image_id)
    return query.where(image_change.c.action_id == action_id, image.c.revision == image_change.c.revision)


def steps(image_id: int) -> Select[Any]:
    """The actions that changed an image, with what it was before and after; newest first."""
    query = select(action, image_change.c.before, image_change.c.after).join(action)
    return query.where(image_change.c.image_id == image_id).order_by(image_change.c.id.desc())


def move_all(
    database: Database, connection: Connection, action_id: int, matching: Select[Any], wanted: Mapping[str, Any]
) -> None:
    """Gives the matching images new values, as changes of an action, where they had others before."""
    above = last_change(connection)
    after = {name: literal(wanted[name], image.c[name].type) if name in wanted else image.c[name] for name in _STATE}
    differs = or_(*[_differs(name, value) for name, value in wanted.items()])
    taken = select(
        literal(action_id),
        image.c.id,
        _state(database, {name: image.c[name] for name in _STATE}),
        _state(database, after),
        image.c.revision + 1,
    ).where(image.c.id.in_(matching), differs)
    connection.execute(image_change.insert().from_select(_COLUMNS, taken.order_by(image.c.id)))
    mine = select(image_change.c.image_id).where(image_change.c.action_id == action_id, image_change.c.id > above)
    connection.execute(update(image).where(image.c.id.in_(mine)).values(**wanted, revision=image.c.revision + 1))


def take_back(
    database: Database, connection: Connection, action_id: int, taken_back: int, piece: Piece = EVERYTHING
) -> None:
    """Gives images what they had before the action `taken_back`, where nothing later changed them.

    `piece` is of the ids of that action's changes.
    """
    above = last_change(connection)
    old = image_change.alias("old")
    now_state = _state(database, {name: image.c[name] for name in _STATE})
    taken = (
        select(literal(action_id), image.c.id, now_state, old.c.before, image.c.revision + 1)
        .join(old, old.c.image_id == image.c.id)
        .where(old.c.action_id == taken_back, old.c.revision == image.c.revision, *_within(old.c.id, piece))
        .order_by(old.c.id)
    )
    connection.execute(image_change.insert().from_select(_COLUMNS, taken))
    carry_out(connection, action_id, above)


def go_back(
    database: Database,
    connection: Connection,
    action_id: int,
    dataset_id: int,
    version_id: int,
    piece: Piece = EVERYTHING,
) -> None:
    """Makes the images of a dataset what a version says of them; `piece` is of their ids.

    The ones it does not know go to the trash, where those that are there already stay.
    """
    above = last_change(connection)
    then = select(version_image).where(version_image.c.version_id == version_id).subquery()
    unknown, live = then.c.image_id.is_(None), image.c.deleted_at.is_(None)
    differs = or_(~live, image.c.label_id.is_distinct_from(then.c.label_id), image.c.split != then.c.kept)
    stays: dict[str, Any] = {"label_id": image.c.label_id, "split": image.c.split}
    told: dict[str, Any] = {"label_id": then.c.label_id, "split": then.c.kept}
    after = case(
        (unknown, _state(database, {**stays, "deleted_at": literal(now())})),
        else_=_state(database, {**told, "deleted_at": null()}),
    )
    now_state = _state(database, {name: image.c[name] for name in _STATE})
    taken = (
        select(literal(action_id), image.c.id, now_state, after, image.c.revision + 1)
        .select_from(image.outerjoin(then, then.c.image_id == image.c.id))
        .where(image.c.dataset_id == dataset_id, or_(unknown & live, ~unknown & differs), *_within(image.c.id, piece))
        .order_by(image.c.id)
    )
    connection.execute(image_change.insert().from_select(_COLUMNS, taken))
    carry_out(connection, action_id, above)


def last_change(connection: Connection) -> int:
    """The id of the newest change there is: what is written from here on has higher ones."""
    return int(connection.execute(select(func.coalesce(func.max(image_change.c.id), 0))).scalar_one())


def carry_out(connection: Connection, action_id: int, above: int = 0) -> None:
    """Gives images what the action's changes say; of an action that goes on those above a change's id."""
    after = image_change.c.after
    values = {
        "label_id": after["label_id"].as_integer(),
        "split": after["split"].as_string(),
        "deleted_at": after["deleted_at"].as_float(),
        "revision": image_change.c.revision,
    }
    mine = (image_change.c.action_id == action_id) & (image_change.c.image_id == image.c.id)
    connection.execute(update(image).where(mine, image_change.c.id > above).values(values))


def purge(database: Database, connection: Connection, before: float, limit: int) -> int:
    """Removes images that are in the trash since before then, with their history; their bytes become leftovers."""
    held = exists().where(version_image.c.image_id == image.c.id)  # a run may still train on that version
    due = select(image.c.id, image.c.sha256, image.c.dataset_id).where(image.c.deleted_at < before, ~held, ~_ANNOUNCED)
    rows = connection.execute(due.order_by(image.c.deleted_at).limit(limit)).mappings().all()
    _remove(database, connection, rows)
    for dataset_id in sorted({row["dataset_id"] for row in rows}):
        touch(connection, dataset_id)
    return len(rows)


def purge_removed(database: Database, connection: Connection, before: float, limit: int) -> int:
    """Removes images of datasets that were removed before then, their versions' rows too: nobody can reach those any
    more. Not while a run of the dataset goes on, nor what a version of another dataset holds."""
    at_work = exists().where(run.c.dataset_id == dataset.c.id, run.c.finished_at.is_(None))
    over = select(dataset.c.id).where(dataset.c.removed_at < before, ~at_work)
    elsewhere = exists().where(
        version_image.c.image_id == image.c.id,
        version.c.id == version_image.c.version_id,
        version.c.dataset_id != image.c.dataset_id,
    )
    due = select(image.c.id, image.c.sha256).where(image.c.dataset_id.in_(over), ~elsewhere, ~_ANNOUNCED)
    rows = connection.execute(due.limit(limit)).mappings().all()
    for some in chunks([row["id"] for row in rows]):
        connection.execute(delete(version_image).where(version_image.c.image_id.in_(some)))
    _remove(database, connection, rows)
    return len(rows)


def forget_items(database: Database, connection: Connection, upload_id: str) -> None:
    """Removes the items of an upload that is over; bytes that became no image are leftovers."""
    mine = upload_item.c.upload_id == upload_id
    unused = ~exists().where(image.c.sha256 == upload_item.c.sha256)
    query = select(upload_item.c.sha256).distinct().where(mine, upload_item.c.sha256.is_not(None), unused)
    database.insert_new_from(connection, leftover, ["sha256"], query)
    connection.execute(delete(upload_item).where(mine))


def _remove(database: Database, connection: Connection, rows: Sequence[RowMapping]) -> None:
    """Images with all that hangs on them; their bytes become leftovers."""
    for some in chunks([row["id"] for row in rows]):
        connection.execute(delete(image_change).where(image_change.c.image_id.in_(some)))
        connection.execute(delete(finding_image).where(finding_image.c.image_id.in_(some)))
        connection.execute(update(prediction).where(prediction.c.image_id.in_(some)).values(image_id=null()))
        connection.execute(delete(image).where(image.c.id.in_(some)))
    database.insert_new(connection, leftover, [{"sha256": sha} for sha in sorted({row["sha256"] for row in rows})])


def _within(column: Any, piece: Piece) -> tuple[Any, ...]:
    return () if piece is None else (column > piece[0], column <= piece[1])


def _differs(name: str, value: Any) -> Any:
    column = image.c[name]
    if name == "deleted_at":  # when it was deleted says nothing about whether it is
        return column.is_(None) if value is not None else column.is_not(None)
    return column.is_not(None) if value is None else or_(column.is_(None), column != value)


def _state(database: Database, columns: Mapping[str, Any]) -> Any:
    return database.json_object(**columns)

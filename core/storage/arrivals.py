"""Accepted items of an upload become images of a dataset, by the database alone: no row travels to Python and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Subquery, case, delete, exists, func, literal, null, select, update

from core.records import ItemState
from core.storage.bulk import carry_out
from core.storage.database import Database, now
from core.storage.datasets import label_id, touch
from core.storage.schema import action, image, image_change, label, upload_item, vector, vector_todo

_CHANGE = ["action_id", "image_id", "before", "after", "revision"]


def next_piece(connection: Connection, upload_id: str, after: int, limit: int) -> int | None:
    """The id of the last of the next accepted items; None when there are no more."""
    mine = select(upload_item.c.id).where(*_accepted(upload_id), upload_item.c.id > after)
    some = mine.order_by(upload_item.c.id).limit(limit).subquery()
    return connection.execute(select(func.max(some.c.id))).scalar()


def take_in(
    database: Database,
    connection: Connection,
    dataset_id: int,
    piece: tuple[str, int, int],
    mapped: Mapping[str, str | None],
    who: str,
    summary: str,
    token: str,
) -> int:
    """Makes the items of a piece (upload, ids above, ids up to) images, as part of the action `token`; how many that
    action has changed by now. Bytes that the dataset has already are left out; in the trash: taken out of it."""
    items = _items(piece, mapped)
    _want_vectors(database, connection, items)
    last_image, last_change = _last(connection, image), _last(connection, image_change)
    made = _begun(connection, dataset_id, who, summary, token)
    _take_out_of_trash(database, connection, dataset_id, items, made)
    carry_out(connection, made, last_change)
    _add(database, connection, dataset_id, items)
    _note(database, connection, dataset_id, made, last_image)
    new = (image_change.c.action_id == made) & (image_change.c.id > last_change)
    many = connection.execute(select(func.count()).select_from(image_change).where(new)).scalar_one()
    if many:
        touch(connection, dataset_id, made)
    else:
        connection.execute(delete(action).where(action.c.id == made, action.c.images == 0))
    query = update(action).where(action.c.id == made).values(images=action.c.images + many)
    return int(connection.execute(query.returning(action.c.images)).scalar() or 0)


def make_labels(connection: Connection, dataset_id: int, names: Sequence[str]) -> None:
    """In this order: the first label keeps the first colour."""
    there = set(connection.execute(select(label.c.name).where(label.c.dataset_id == dataset_id)).scalars())
    for name in names:
        if name not in there:
            label_id(connection, dataset_id, name)


def _accepted(upload_id: str) -> tuple[ColumnElement[bool], ...]:
    return upload_item.c.upload_id == upload_id, upload_item.c.state == ItemState.ACCEPTED.value


def _items(piece: tuple[str, int, int], mapped: Mapping[str, str | None]) -> Subquery:
    """The items of the piece that are to be added, with the names of the labels they get."""
    upload_id, after, last = piece
    here = (*_accepted(upload_id), upload_item.c.id > after, upload_item.c.id <= last)
    called: Any = upload_item.c.label
    if new := {old: name for old, name in mapped.items() if name is not None}:
        called = case(new, value=func.coalesce(called, ""), else_=called)
    query = select(upload_item, called.label("called")).where(*here)
    if left_out := [old for old, name in mapped.items() if name is None]:
        query = query.where(func.coalesce(upload_item.c.label, "").not_in(left_out))
    return query.subquery()


def _want_vectors(database: Database, connection: Connection, items: Subquery) -> None:
    query = select(items.c.sha256, literal(0)).where(~exists().where(vector.c.sha256 == items.c.sha256))
    database.insert_new_from(connection, vector_todo, ["sha256", "tries"], query)


def _last(connection: Connection, table: Any) -> int:
    query = select(func.coalesce(func.max(table.c.id), 0))
    return int(connection.execute(query).scalar_one())


def _begun(connection: Connection, dataset_id: int, who: str, summary: str, token: str) -> int:
    """The action of that token, made when there is none."""
    found = connection.execute(select(action.c.id).where(action.c.token == token)).scalar()
    if found is not None:
        return int(found)
    values = {"dataset_id": dataset_id, "at": now(), "who": who, "kind": "add", "summary": summary, "token": token}
    query = action.insert().values(**values, images=0, conflicts=[]).returning(action.c.id)
    return int(connection.execute(query).scalar_one())


def _labelled(items: Subquery, dataset_id: int) -> Any:
    return items.outerjoin(label, (label.c.dataset_id == dataset_id) & (label.c.name == items.c.called))


def _take_out_of_trash(
    database: Database, connection: Connection, dataset_id: int, items: Subquery, action_id: int
) -> None:
    """Only notes the change; `carry_out` makes it."""
    before = database.json_object(label_id=image.c.label_id, split=image.c.split, deleted_at=image.c.deleted_at)
    after = database.json_object(label_id=label.c.id, split=items.c.split, deleted_at=null())
    query = (
        select(literal(action_id), image.c.id, before, after, image.c.revision + 1)
        .select_from(_labelled(items, dataset_id))
        .join(image, (image.c.dataset_id == dataset_id) & (image.c.sha256 == items.c.sha256))
        .where(image.c.deleted_at.is_not(None))
        .order_by(items.c.id)
    )
    connection.execute(image_change.insert().from_select(_CHANGE, query))


def _add(database: Database, connection: Connection, dataset_id: int, items: Subquery) -> None:
    name = case((items.c.name == "", items.c.path), else_=items.c.name)
    columns: dict[str, Any] = {
        "dataset_id": literal(dataset_id),
        "sha256": items.c.sha256,
        "name": name,
        "label_id": label.c.id,
        "split": items.c.split,
        **{same: items.c[same] for same in ("width", "height", "format", "bytes")},
        "revision": literal(1),
        "added_at": literal(now()),
        "origin": items.c.origin,
    }
    query = select(*columns.values()).select_from(_labelled(items, dataset_id)).where(items.c.id > 0)
    database.insert_new_from(connection, image, list(columns), query.order_by(items.c.id))


def _note(database: Database, connection: Connection, dataset_id: int, action_id: int, last_image: int) -> None:
    before = database.json_object(label_id=null(), split=image.c.split, deleted_at=literal(now()))
    after = database.json_object(label_id=image.c.label_id, split=image.c.split, deleted_at=null())
    new = (image.c.dataset_id == dataset_id) & (image.c.id > last_image)
    query = select(literal(action_id), image.c.id, before, after, image.c.revision).where(new).order_by(image.c.id)
    connection.execute(image_change.insert().from_select(_CHANGE, query))

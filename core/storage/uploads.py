"""Uploads on their way in, item by item."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, exists, func, or_, select, update

from core.errors import NotFound
from core.layouts import Place
from core.records import ItemState, Split, Upload, UploadItem, UploadState
from core.storage import bulk
from core.storage.database import Database, chunks, now
from core.storage.images import want_vectors
from core.storage.schema import upload, upload_item

_OPEN = (UploadState.RECEIVING, UploadState.CHECKING, UploadState.READY, UploadState.ADDING)
_CLOSED = (UploadState.ADDED, UploadState.CANCELLED)
_PICTURES = (ItemState.ACCEPTED, ItemState.DUPLICATE)
_RECEIVED, _ACCEPTED, _DUPLICATE = str(ItemState.RECEIVED), str(ItemState.ACCEPTED), str(ItemState.DUPLICATE)

_WRITTEN = tuple(column.name for column in upload_item.c if column.name != "id")
_SETTLED = ("state", "bytes", "sha256", "width", "height", "format", "reason")
_SETTLED_AT = [_WRITTEN.index(name) for name in _SETTLED]
_PUT = (
    f"INSERT INTO upload_item ({', '.join(_WRITTEN)}) VALUES ({', '.join('?' * len(_WRITTEN))}) "  # noqa: S608 - names of columns
    f"ON CONFLICT (upload_id, path) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _WRITTEN[2:-2])}"
)
_SETTLE = f"UPDATE upload_item SET {', '.join(f'{name} = ?' for name in _SETTLED)} WHERE upload_id = ? AND path = ?"  # noqa: S608


class Uploads:
    def __init__(self, database: Database) -> None:
        self._db = database

    def create(self, dataset_id: int | None, name: str, add_when_ready: bool = False) -> Upload:
        new = secrets.token_urlsafe(16)
        values: dict[str, Any] = {
            "id": new,
            "dataset_id": dataset_id,
            "name": name,
            "state": str(UploadState.RECEIVING),
            "created_at": now(),
            "add_when_ready": add_when_ready,
            "plan": {},
            **dict.fromkeys(("received", "checked", "added"), 0),
        }
        with self._db.write() as connection:
            connection.execute(upload.insert().values(**values))
        return self.get(new)

    def get(self, upload_id: str) -> Upload:
        if (row := self._db.row(select(upload).where(upload.c.id == upload_id))) is None:
            raise NotFound("This upload is not known any more. Please start it again.")
        return _upload(row)

    def open(self) -> list[Upload]:
        query = select(upload).where(upload.c.state.in_([str(s) for s in _OPEN])).order_by(upload.c.created_at)
        return [_upload(row) for row in self._db.rows(query)]

    def closed(self, before: float) -> list[Upload]:
        full = exists().where(upload_item.c.upload_id == upload.c.id)
        over = upload.c.state.in_([str(s) for s in _CLOSED]) & (upload.c.created_at < before)
        return [_upload(row) for row in self._db.rows(select(upload).where(over, full))]

    def waiting(self) -> list[str]:
        mine = (upload_item.c.upload_id == upload.c.id) & (upload_item.c.state == _RECEIVED)
        due = (
            upload.c.state.in_([str(UploadState.CHECKING), str(UploadState.ADDING)])
            | ((upload.c.state == str(UploadState.RECEIVING)) & exists().where(mine))
            | ((upload.c.state == str(UploadState.READY)) & upload.c.add_when_ready)
        )
        return [row["id"] for row in self._db.rows(select(upload.c.id).where(due).order_by(upload.c.created_at))]

    # ---- items ----

    def receive(self, upload_id: str, items: Sequence[UploadItem]) -> None:
        rows = {item.path: _row(upload_id, item) for item in items}
        with self._db.write() as connection:
            before = {
                row["path"]: row["state"]
                for some in chunks(list(rows))
                for row in connection.execute(_states(upload_id, some)).mappings()
            }
            self._db.many(connection, _PUT, list(rows.values()))
            checked = sum(item.state is not ItemState.RECEIVED for item in {i.path: i for i in items}.values())
            checked -= sum(state != _RECEIVED for state in before.values())
            self._count(connection, upload_id, len(rows) - len(before), checked)
            want_vectors(self._db, connection, _accepted(items))

    def missing(self, upload_id: str, files: Sequence[tuple[str, int]]) -> list[int]:
        here = {
            row["path"]: row["bytes"]
            for some in chunks([path for path, _ in files])
            for row in self._db.rows(_states(upload_id, some))
        }
        return [at for at, (path, size) in enumerate(files) if here.get(path) != size]

    def items(
        self, upload_id: str, state: ItemState | None = None, limit: int = 0, after: str | None = None
    ) -> list[UploadItem]:
        query = select(upload_item).where(upload_item.c.upload_id == upload_id).order_by(upload_item.c.id)
        query = query.where(upload_item.c.state == str(state)) if state else query
        return self._page(query, upload_id, limit, after)

    def settle(self, upload_id: str, items: Sequence[UploadItem]) -> None:
        rows = [(*(_row(upload_id, item)[at] for at in _SETTLED_AT), upload_id, item.path) for item in items]
        with self._db.write() as connection:
            waiting = upload_item.c.state == _RECEIVED
            before = sum(
                connection.execute(
                    select(func.count()).select_from(_states(upload_id, some).where(waiting).subquery())
                ).scalar_one()
                for some in chunks([item.path for item in items])
            )
            self._db.many(connection, _SETTLE, rows)
            self._count(connection, upload_id, 0, before)
            want_vectors(self._db, connection, _accepted(items))

    def by_sha(self, upload_id: str, sha256s: Sequence[str]) -> dict[str, UploadItem]:
        mine = (upload_item.c.upload_id == upload_id) & (upload_item.c.state == _ACCEPTED)
        query = select(upload_item).where(mine)
        found = [row for some in chunks(sha256s) for row in self._db.rows(query.where(upload_item.c.sha256.in_(some)))]
        return {row["sha256"]: _item(row) for row in found}

    # ---- labels ----

    def folders(self, upload_id: str, states: Sequence[ItemState] = _PICTURES) -> dict[str, int]:
        wanted = upload_item.c.state.in_([str(state) for state in states])
        query = select(upload_item.c.folder, func.count().label("n")).where(upload_item.c.upload_id == upload_id)
        rows = self._db.rows(query.where(wanted).group_by(upload_item.c.folder).order_by(upload_item.c.folder))
        return {row["folder"]: row["n"] for row in rows}

    def place(self, upload_id: str, folders: Mapping[str, tuple[str | None, Split]]) -> None:
        rows = [{"the_place": place, "label": label, "split": str(split)} for place, (label, split) in folders.items()]
        self._place(upload_id, upload_item.c.folder, ("label", "split"), rows)

    def place_each(self, upload_id: str, paths: Mapping[str, Place]) -> None:
        names = ("label", "split", "origin", "name")
        rows = [{"the_place": path, **{name: getattr(place, name) for name in names}} for path, place in paths.items()]
        self._place(upload_id, upload_item.c.path, names, [{**row, "split": str(row["split"])} for row in rows])

    def _place(self, upload_id: str, column: Any, names: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
        mine = (upload_item.c.upload_id == upload_id) & (column == bindparam("the_place"))
        statement = update(upload_item).where(mine).values({name: bindparam(name) for name in names})
        with self._db.write() as connection:
            if rows:
                connection.execute(statement, rows)

    def labels(self, upload_id: str) -> list[tuple[str | None, Split, int]]:
        mine = (upload_item.c.upload_id == upload_id) & (upload_item.c.state == _ACCEPTED)
        columns = (upload_item.c.label, upload_item.c.split)
        rows = self._db.rows(select(*columns, func.count().label("n")).where(mine).group_by(*columns))
        return [(row["label"], Split(row["split"]), row["n"]) for row in rows]

    def torn(self, upload_id: str, limit: int) -> tuple[int, list[tuple[UploadItem, UploadItem]]]:
        kept, other = upload_item.alias("kept"), upload_item.alias("other")
        pair = (
            (other.c.upload_id == upload_id)
            & (other.c.state == _DUPLICATE)
            & (kept.c.upload_id == upload_id)
            & (kept.c.sha256 == other.c.sha256)
            & (kept.c.state == _ACCEPTED)
            & or_(kept.c.label.is_distinct_from(other.c.label), kept.c.split != other.c.split)
        )
        count = int(self._db.scalar(select(func.count()).select_from(other, kept).where(pair)))
        if not count:
            return 0, []
        ids = self._db.rows(select(kept.c.id.label("kept"), other.c.id.label("other")).where(pair).limit(limit))
        wanted = {row[name] for row in ids for name in ("kept", "other")}
        found = {
            row["id"]: _item(row) for row in self._db.rows(select(upload_item).where(upload_item.c.id.in_(wanted)))
        }
        return count, [(found[row["kept"]], found[row["other"]]) for row in ids]

    def summary(self, upload_id: str) -> dict[ItemState, int]:
        query = select(upload_item.c.state, func.count().label("n")).where(upload_item.c.upload_id == upload_id)
        counted = {ItemState(row["state"]): row["n"] for row in self._db.rows(query.group_by(upload_item.c.state))}
        return {state: counted.get(state, 0) for state in ItemState}

    # ---- the upload itself ----

    def plan(self, upload_id: str, plan: Mapping[str, Any]) -> None:
        with self._db.write() as connection:
            connection.execute(update(upload).where(upload.c.id == upload_id).values(plan=dict(plan)))

    def went_on(self, upload_id: str, plan: Mapping[str, Any], added: int) -> None:
        with self._db.write() as connection:
            connection.execute(update(upload).where(upload.c.id == upload_id).values(plan=dict(plan), added=added))

    def forget(self, upload_id: str) -> None:
        with self._db.write() as connection:
            bulk.forget_items(self._db, connection, upload_id)

    def move(
        self, upload_id: str, expected: Sequence[UploadState], to: UploadState, dataset_id: int | None = None
    ) -> bool:
        here = (upload.c.id == upload_id) & upload.c.state.in_([str(state) for state in expected])
        values: dict[str, Any] = {"state": str(to)} | ({"dataset_id": dataset_id} if dataset_id is not None else {})
        with self._db.write() as connection:
            return connection.execute(update(upload).where(here).values(values)).rowcount == 1

    # ---- inside ----

    def _page(self, query: Select[Any], upload_id: str, limit: int, after: str | None) -> list[UploadItem]:
        if after is not None:
            mine = (upload_item.c.upload_id == upload_id) & (upload_item.c.path == after)
            query = query.where(upload_item.c.id > select(upload_item.c.id).where(mine).scalar_subquery())
        return [_item(row) for row in self._db.rows(query.limit(limit) if limit else query)]

    def _count(self, connection: Connection, upload_id: str, received: int, checked: int) -> None:
        more = {"received": upload.c.received + received, "checked": upload.c.checked + checked}
        connection.execute(update(upload).where(upload.c.id == upload_id).values(**more))


def _states(upload_id: str, paths: Sequence[str]) -> Select[Any]:
    columns = (upload_item.c.path, upload_item.c.state, upload_item.c.bytes)
    return select(*columns).where(upload_item.c.upload_id == upload_id, upload_item.c.path.in_(paths))


def _upload(row: RowMapping) -> Upload:
    return Upload(**{**row, "state": UploadState(row["state"])})


def _item(row: RowMapping) -> UploadItem:
    values = {name: value for name, value in row.items() if name not in ("id", "folder")}
    return UploadItem(**{**values, "state": ItemState(row["state"]), "split": Split(row["split"])})


def _row(upload_id: str, item: UploadItem) -> tuple[Any, ...]:
    """In the order of `_WRITTEN`."""
    return (
        upload_id,
        item.path,
        item.folder,
        item.state.value,
        item.bytes,
        item.sha256,
        item.label,
        item.split.value,
        item.width,
        item.height,
        item.format,
        item.reason,
        "",
        "",
    )


def _accepted(items: Sequence[UploadItem]) -> list[str]:
    return [item.sha256 for item in items if item.state is ItemState.ACCEPTED and item.sha256]

"""Uploads on their way in, item by item."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, bindparam, exists, func, select, update

from core.errors import NotFound
from core.records import ItemState, Split, Upload, UploadItem, UploadState
from core.storage.database import Database, chunks, now
from core.storage.images import want_vectors
from core.storage.schema import upload, upload_item


def _counted(*states: ItemState) -> Any:
    query = select(func.count()).where(upload_item.c.upload_id == upload.c.id)
    return (query.where(upload_item.c.state != str(ItemState.RECEIVED)) if states else query).scalar_subquery()


_QUERY = select(upload, _counted().label("received"), _counted(ItemState.RECEIVED).label("checked"))
_OPEN = (UploadState.RECEIVING, UploadState.CHECKING, UploadState.READY)


class Uploads:
    def __init__(self, database: Database) -> None:
        self._db = database

    def create(self, dataset_id: int | None, name: str, add_when_ready: bool = False) -> Upload:
        new = secrets.token_urlsafe(16)
        values = {
            "id": new,
            "dataset_id": dataset_id,
            "name": name,
            "state": str(UploadState.RECEIVING),
            "created_at": now(),
            "add_when_ready": add_when_ready,
        }
        with self._db.write() as connection:
            connection.execute(upload.insert().values(**values))
        return self.get(new)

    def get(self, upload_id: str) -> Upload:
        if (row := self._db.row(_QUERY.where(upload.c.id == upload_id))) is None:
            raise NotFound("This upload is not known any more. Please start it again.")
        return _upload(row)

    def open(self) -> list[Upload]:
        query = _QUERY.where(upload.c.state.in_([str(s) for s in _OPEN])).order_by(upload.c.created_at)
        return [_upload(row) for row in self._db.rows(query)]

    def waiting(self) -> list[str]:
        mine = (upload_item.c.upload_id == upload.c.id) & (upload_item.c.state == str(ItemState.RECEIVED))
        due = (
            (upload.c.state == str(UploadState.CHECKING))
            | ((upload.c.state == str(UploadState.RECEIVING)) & exists().where(mine))
            | ((upload.c.state == str(UploadState.READY)) & upload.c.add_when_ready)
        )
        return [row["id"] for row in self._db.rows(select(upload.c.id).where(due).order_by(upload.c.created_at))]

    def receive(self, upload_id: str, items: Sequence[UploadItem]) -> None:
        with self._db.write() as connection:
            self._db.upsert(connection, upload_item, ("upload_id", "path"), [_row(upload_id, item) for item in items])

    def items(self, upload_id: str, state: ItemState | None = None, limit: int = 0) -> list[UploadItem]:
        query = select(upload_item).where(upload_item.c.upload_id == upload_id).order_by(upload_item.c.id)
        query = query.where(upload_item.c.state == str(state)) if state else query
        return [_item(row) for row in self._db.rows(query.limit(limit) if limit else query)]

    def settle(self, upload_id: str, items: Sequence[UploadItem]) -> None:
        names = ("state", "bytes", "sha256", "width", "height", "format", "reason")
        mine = (upload_item.c.upload_id == upload_id) & (upload_item.c.path == bindparam("the_path"))
        statement = update(upload_item).where(mine).values({name: bindparam(name) for name in names})
        rows = [
            {name: row[name] for name in names} | {"the_path": row["path"]}
            for row in (_row(upload_id, i) for i in items)
        ]
        with self._db.write() as connection:
            if rows:
                connection.execute(statement, rows)
            accepted = [item.sha256 for item in items if item.state is ItemState.ACCEPTED and item.sha256]
            want_vectors(self._db, connection, accepted)

    def by_sha(self, upload_id: str, sha256s: Sequence[str]) -> dict[str, UploadItem]:
        mine = (upload_item.c.upload_id == upload_id) & (upload_item.c.state == str(ItemState.ACCEPTED))
        query = select(upload_item).where(mine)
        found = [row for some in chunks(sha256s) for row in self._db.rows(query.where(upload_item.c.sha256.in_(some)))]
        return {row["sha256"]: _item(row) for row in found}

    def summary(self, upload_id: str) -> dict[ItemState, int]:
        query = select(upload_item.c.state, func.count().label("n")).where(upload_item.c.upload_id == upload_id)
        counted = {ItemState(row["state"]): row["n"] for row in self._db.rows(query.group_by(upload_item.c.state))}
        return {state: counted.get(state, 0) for state in ItemState}

    def move(
        self, upload_id: str, expected: Sequence[UploadState], to: UploadState, dataset_id: int | None = None
    ) -> bool:
        here = (upload.c.id == upload_id) & upload.c.state.in_([str(state) for state in expected])
        values: dict[str, Any] = {"state": str(to)} | ({"dataset_id": dataset_id} if dataset_id is not None else {})
        with self._db.write() as connection:
            return connection.execute(update(upload).where(here).values(values)).rowcount == 1


def _upload(row: RowMapping) -> Upload:
    return Upload(**{**row, "state": UploadState(row["state"])})


def _item(row: RowMapping) -> UploadItem:
    values = {name: value for name, value in row.items() if name != "id"}
    return UploadItem(**{**values, "state": ItemState(row["state"]), "split": Split(row["split"])})


def _row(upload_id: str, item: UploadItem) -> dict[str, Any]:
    names = ("path", "bytes", "sha256", "label", "width", "height", "format", "reason")
    values = {name: getattr(item, name) for name in names}
    return {"upload_id": upload_id, "state": str(item.state), "split": str(item.split), **values}

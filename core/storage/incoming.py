"""Incoming: bundles of models from another Darkroom, and what became of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import RowMapping, select, update

from core.errors import NotFound
from core.records import Incoming, IncomingState
from core.storage.database import Database, now
from core.storage.schema import incoming
from core.storage.tries import MAX_TRIES, begun

GAVE_UP = "Reading this bundle ended the process three times, so it is left alone. Nothing was imported."


class Arriving:
    def __init__(self, database: Database) -> None:
        self._db = database

    def create(self, name: str, dataset_id: int | None, dataset_name: str, who: str) -> Incoming:
        values: dict[str, Any] = {"name": name, "dataset_id": dataset_id, "dataset_name": dataset_name, "who": who}
        values |= {"created_at": now(), "state": str(IncomingState.RECEIVING), "tries": 0}
        with self._db.write() as connection:
            row = connection.execute(incoming.insert().values(values).returning(incoming)).mappings().one()
        return _incoming(row)

    def get(self, incoming_id: int) -> Incoming:
        if (row := self._db.row(select(incoming).where(incoming.c.id == incoming_id))) is None:
            raise NotFound("There is no such import of a model.")
        return _incoming(row)

    def all(self, limit: int) -> list[Incoming]:
        return [_incoming(row) for row in self._db.rows(select(incoming).order_by(incoming.c.id.desc()).limit(limit))]

    def ready(self, incoming_id: int) -> None:
        self._set(incoming_id, IncomingState.RECEIVING, state=str(IncomingState.WAITING))

    def due(self) -> list[Incoming]:
        waiting = (incoming.c.state == str(IncomingState.WAITING)) & (incoming.c.tries < MAX_TRIES)
        return [_incoming(row) for row in self._db.rows(select(incoming).where(waiting).order_by(incoming.c.id))]

    def begin(self, incoming_id: int) -> None:
        self._set(incoming_id, IncomingState.WAITING, **begun(incoming))

    def place(self, incoming_id: int, dataset_id: int) -> None:
        self._set(incoming_id, IncomingState.WAITING, dataset_id=dataset_id)

    def done(self, incoming_id: int, model_id: int) -> None:
        self._set(incoming_id, IncomingState.WAITING, state=str(IncomingState.DONE), model_id=model_id)

    def refuse(self, incoming_id: int, problem: str) -> None:
        """While it has not become a model."""
        values = {"state": str(IncomingState.REFUSED), "problem": problem}
        for state in (IncomingState.RECEIVING, IncomingState.WAITING):
            self._set(incoming_id, state, **values)

    def _set(self, incoming_id: int, expected: IncomingState, **values: Any) -> None:
        mine = (incoming.c.id == incoming_id) & (incoming.c.state == str(expected))
        with self._db.write() as connection:
            connection.execute(update(incoming).where(mine).values(**values))


def _incoming(row: RowMapping) -> Incoming:
    facts = {name: row[name] for name in Incoming.__dataclass_fields__} | {"state": IncomingState(row["state"])}
    if facts["state"] is IncomingState.WAITING and row["tries"] >= MAX_TRIES:
        facts |= {"state": IncomingState.REFUSED, "problem": GAVE_UP}
    return Incoming(**facts)

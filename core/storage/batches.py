"""Batches: many pictures that wait for the answer of one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, update

from core.errors import NotFound
from core.records import Batch, BatchItem
from core.storage.database import Database, chunks, now
from core.storage.predictions import said
from core.storage.schema import batch, batch_item, leftover, prediction
from core.stores import NewPrediction

_SETTLE = (
    update(batch_item)
    .where(batch_item.c.id == bindparam("one"))
    .values(state=bindparam("became"), reason=bindparam("because"))
)
_ITEM = select(*[column for column in batch_item.c if column.name != "state"])


class Batches:
    def __init__(self, database: Database) -> None:
        self._db = database

    def begin(self, dataset_id: int, model_id: int, name: str, who: str, expected: int) -> Batch:
        values = {"dataset_id": dataset_id, "model_id": model_id, "name": name, "who": who, "created_at": now()}
        counts = {"expected": expected, "received": 0, "answered": 0, "refused": 0, "cancelled": False}
        with self._db.write() as connection:
            query = batch.insert().values(**values, **counts).returning(batch)
            return Batch(**connection.execute(query).mappings().one())

    def get(self, batch_id: int) -> Batch:
        if (row := self._db.row(select(batch).where(batch.c.id == batch_id))) is None:
            raise NotFound("There is no such batch.")
        return Batch(**row)

    def all(self, dataset_id: int, limit: int = 50) -> list[Batch]:
        query = select(batch).where(batch.c.dataset_id == dataset_id).order_by(batch.c.id.desc()).limit(limit)
        return [Batch(**row) for row in self._db.rows(query)]

    def receive(self, batch_id: int, items: Sequence[tuple[int, str, str]]) -> Batch:
        rows = [
            {"batch_id": batch_id, "place": place, "name": name, "sha256": sha256, "state": "waiting"}
            for place, name, sha256 in items
        ]
        with self._db.write() as connection:
            row = connection.execute(select(batch).where(batch.c.id == batch_id)).mappings().first()
            if row is None:
                raise NotFound("There is no such batch.")
            if row["cancelled"]:  # while these were on their way: nobody will ask about them
                self._db.insert_new(connection, leftover, [{"sha256": sha} for _, _, sha in items])
                return Batch(**row)
            self._db.insert_new(connection, batch_item, rows)
            count = select(func.count()).where(batch_item.c.batch_id == batch_id).scalar_subquery()
            query = update(batch).where(batch.c.id == batch_id).values(received=count).returning(batch)
            return Batch(**connection.execute(query).mappings().one())

    def missing(self, batch_id: int) -> list[int]:
        query = select(batch_item.c.place).where(batch_item.c.batch_id == batch_id)
        here = {row[0] for row in self._db.tuples(query)}
        return [place for place in range(self.get(batch_id).expected) if place not in here]

    def due(self, limit: int) -> list[BatchItem]:
        first = select(func.min(batch_item.c.batch_id)).where(batch_item.c.state == "waiting").scalar_subquery()
        query = _ITEM.where(batch_item.c.state == "waiting", batch_item.c.batch_id == first)
        return [BatchItem(**row) for row in self._db.rows(query.order_by(batch_item.c.place).limit(limit))]

    def answer(self, asked: Batch, answers: Sequence[NewPrediction], refused: Mapping[int, str]) -> None:
        moved = [*[one.item.id for one in answers], *refused]
        with self._db.write() as connection:
            waiting = {
                row[0]
                for some in chunks(moved)
                for row in connection.execute(
                    select(batch_item.c.id).where(batch_item.c.id.in_(some), batch_item.c.state == "waiting")
                )
            }
            new = [_row(asked, one) for one in answers if one.item.id in waiting]
            if new:
                connection.execute(prediction.insert(), new)
            settled = [
                {"one": one, "became": "refused" if one in refused else "answered", "because": refused.get(one)}
                for one in moved
                if one in waiting
            ]
            if settled:
                connection.execute(_SETTLE, settled)
            self._leave(connection, batch_item.c.id.in_(waiting & set(refused)))
            grown = {
                "answered": batch.c.answered + len(new),
                "refused": batch.c.refused + len(waiting & set(refused)),
            }
            connection.execute(update(batch).where(batch.c.id == asked.id).values(grown))

    def refused(self, batch_id: int, limit: int) -> list[BatchItem]:
        query = _ITEM.where(batch_item.c.batch_id == batch_id, batch_item.c.state == "refused")
        return [BatchItem(**row) for row in self._db.rows(query.order_by(batch_item.c.place).limit(limit))]

    def cancel(self, batch_id: int) -> None:
        with self._db.write() as connection:
            connection.execute(update(batch).where(batch.c.id == batch_id).values(cancelled=True))
            waits = (batch_item.c.batch_id == batch_id) & (batch_item.c.state == "waiting")
            self._leave(connection, waits)
            connection.execute(batch_item.delete().where(waits))

    def _leave(self, connection: Connection, which: ColumnElement[bool]) -> None:
        """The bytes of pictures that nobody asks about any more are leftovers."""
        query = select(batch_item.c.sha256).distinct().where(which)
        self._db.insert_new_from(connection, leftover, ["sha256"], query)


def _row(asked: Batch, one: NewPrediction) -> dict[str, object]:
    facts = {"width": one.width, "height": one.height, "format": one.format, "bytes": one.bytes}
    return {
        "dataset_id": asked.dataset_id,
        "model_id": asked.model_id,
        "batch_id": asked.id,
        "sha256": one.item.sha256,
        "name": one.item.name,
        **said(one.ranked),
        "milliseconds": one.milliseconds,
        "verdict": str(one.verdict),
        "sketch": one.sketch,
        "at": now(),
        **facts,
    }

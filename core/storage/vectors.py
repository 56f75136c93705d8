"""Which bytes have a vector, which still want one; and the heartbeats of the background processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import delete, exists, func, select, update

from core.records import Service
from core.storage.database import Database, chunks, now
from core.storage.schema import image, service, vector, vector_todo
from core.storage.tries import MAX_TRIES, begun
from core.stores import Indexed


class VectorRows:
    def __init__(self, database: Database) -> None:
        self._db = database

    def todo(self, limit: int) -> list[str]:
        query = select(vector_todo.c.id, vector_todo.c.sha256).where(vector_todo.c.tries < MAX_TRIES)
        rows = self._db.rows(query.order_by(vector_todo.c.id.desc()).limit(limit))
        if rows:  # counted before the work: whoever dies of a picture has counted its try
            with self._db.write() as connection:
                given = vector_todo.c.id.in_([row["id"] for row in rows])
                connection.execute(update(vector_todo).where(given).values(**begun(vector_todo)))
        return [row["sha256"] for row in rows]

    def todo_count(self, dataset_id: int | None = None) -> int:
        query = select(func.count(vector_todo.c.id)).where(vector_todo.c.tries < MAX_TRIES)
        if dataset_id is not None:
            # Not a join: of that SQLite goes through all images, though there is next to nothing on the list.
            mine = (image.c.dataset_id == dataset_id) & (image.c.sha256 == vector_todo.c.sha256)
            query = query.where(exists().where(mine, image.c.deleted_at.is_(None)))
        return int(self._db.scalar(query))

    def forgive(self) -> None:
        with self._db.write() as connection:
            connection.execute(update(vector_todo).where(vector_todo.c.tries > 0).values(tries=0))

    def rows(self, sha256s: Sequence[str]) -> dict[str, int]:
        query = select(vector.c.sha256, vector.c.row)
        found = [row for some in chunks(sha256s) for row in self._db.rows(query.where(vector.c.sha256.in_(some)))]
        return {row["sha256"]: row["row"] for row in found}

    def indexed(self, dataset_id: int) -> Indexed:
        live = (image.c.dataset_id == dataset_id) & image.c.deleted_at.is_(None)
        columns = (image.c.id, vector.c.row, image.c.label_id, image.c.split, image.c.sha256)
        query = select(*columns).outerjoin(vector, vector.c.sha256 == image.c.sha256).where(live)
        found = [row for row in self._db.tuples(query) if row[1] is not None]
        found.sort(key=lambda row: row[1])
        ids, rows, labels, splits, sha256s = zip(*found, strict=True) if found else ((), (), (), (), ())
        total = int(self._db.scalar(select(func.count()).select_from(image).where(live)))
        return Indexed(
            np.array(ids, np.int64),
            np.array(rows, np.int64),
            np.array([-1 if one is None else one for one in labels], np.int64),
            np.array(splits, np.str_),
            list(sha256s),
            total - len(found),
        )

    def next_row(self) -> int:
        highest = self._db.scalar(select(func.max(vector.c.row)))
        return 0 if highest is None else int(highest) + 1

    def put(self, rows: Mapping[str, int]) -> None:
        with self._db.write() as connection:
            self._db.insert_new(connection, vector, [{"sha256": sha, "row": row} for sha, row in rows.items()])
            for some in chunks(list(rows)):
                connection.execute(delete(vector_todo).where(vector_todo.c.sha256.in_(some)))


class Services:
    def __init__(self, database: Database) -> None:
        self._db = database

    def alive(self, name: str, detail: Mapping[str, Any] | None = None) -> None:
        row = {"name": name, "heartbeat_at": now(), "detail": dict(detail or {})}
        with self._db.write() as connection:
            self._db.upsert(connection, service, ("name",), [row])

    def pulse(self) -> int:
        return self._db.pulse()

    def all(self) -> dict[str, Service]:
        return {row["name"]: Service(**row) for row in self._db.rows(select(service))}

"""One connection pool, short transactions, and what SQLite and PostgreSQL do not share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Function,
    PoolProxiedConnection,
    RowMapping,
    Select,
    Table,
    bindparam,
    create_engine,
    event,
    func,
    literal,
)
from sqlalchemy.dialects import postgresql, sqlite

Found = TypeVar("Found")

BUSY_S = 30
PULSE_S = 0.2
CHUNK = 500  # ids in one IN (...); SQLite allows 32,766 parameters a statement


class Database:
    """`read` for questions, `write` for one short transaction. Thread-safe."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self._dialect: Any = sqlite if self.is_sqlite else postgresql
        self.engine = create_engine(
            url, connect_args={"timeout": BUSY_S} if self.is_sqlite else {}, pool_pre_ping=not self.is_sqlite
        )
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare)
            event.listen(self.engine, "begin", _begin)
        self._pulse: PoolProxiedConnection | None = None
        self._pulse_lock = threading.Lock()

    def pulse(self) -> int:
        """Another number whenever anybody has written since; takes microseconds.

        Where the database cannot tell, another number a few times a second.
        """
        if not self.is_sqlite:
            return int(time.monotonic() / PULSE_S)
        [number] = self.look("PRAGMA data_version", ()) or (0,)
        return int(number)

    def look(self, statement: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The first row of a question, as SQLite's driver gives it."""
        with self._pulse_lock:
            if self._pulse is None:  # one connection of its own: its pulse counts what the others wrote
                self._pulse = self.engine.raw_connection()
            cursor = self._pulse.cursor()
            try:
                rows: list[tuple[Any, ...]] = cursor.execute(statement, values).fetchall()
            finally:
                cursor.close()
            return rows[0] if rows else None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            yield connection

    def rows(self, query: Executable) -> Sequence[RowMapping]:
        """The rows of one short read, which never waits for SQLite's write lock."""
        with self.engine.connect().execution_options(write=False) as connection:
            return connection.execute(query).mappings().all()

    def tuples(self, query: Executable) -> Sequence[tuple[Any, ...]]:
        """The rows by position: for tens of thousands at once, where names cost as much as the reading."""
        with self.engine.connect().execution_options(write=False) as connection:
            return [tuple(row) for row in connection.execute(query)]

    def row(self, query: Executable) -> RowMapping | None:
        with self.engine.connect().execution_options(write=False) as connection:
            return connection.execute(query).mappings().first()

    def scalar(self, query: Executable) -> Any:
        with self.engine.connect().execution_options(write=False) as connection:
            return connection.execute(query).scalar()

    def upsert(self, connection: Connection, table: Table, keys: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
        """Inserts rows; one whose keys exist already takes the new values of the columns given."""
        if not rows:
            return
        new = self._dialect.insert(table)
        values = {name: new.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(new.on_conflict_do_update(index_elements=list(keys), set_=values), list(rows))

    def insert_new(self, connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        """Inserts the rows whose unique keys are not taken."""
        if rows:
            connection.execute(self._dialect.insert(table).on_conflict_do_nothing(), list(rows))

    def insert_new_from(self, connection: Connection, table: Table, names: Sequence[str], query: Select[Any]) -> None:
        """Inserts the rows of a query whose unique keys are not taken. SQLite wants a WHERE in it."""
        connection.execute(self._dialect.insert(table).from_select(list(names), query).on_conflict_do_nothing())

    def many(self, connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """One statement (`?` for each value) for many rows, by the driver itself: a dictionary a row would cost more
        than the row."""
        if rows:
            connection.exec_driver_sql(statement if self.is_sqlite else statement.replace("?", "%s"), list(rows))

    def json_object(self, **columns: ColumnElement[Any]) -> Function[Any]:
        """A JSON object made by the database out of columns."""
        make = func.json_object if self.is_sqlite else func.json_build_object
        return make(*[part for name, column in columns.items() for part in (literal(name), column)])

    def close(self) -> None:
        if self._pulse is not None:
            self._pulse.close()
            self._pulse = None
        self.engine.dispose()


class Remembered(Generic[Found]):
    """Rows that are asked for again and again by their ids, and what was made of them. If nobody has written since,
    nothing is read; if the row is the same, it is only looked at, at a tenth of what making something of it costs."""

    def __init__(
        self, database: Database, query: Select[Any], id: ColumnElement[int], made: Callable[[RowMapping], Found]
    ) -> None:
        self._db, self._query, self._id, self._made = database, query, id, made
        by_id = query.where(id == bindparam("id")).compile(dialect=database.engine.dialect)
        self._statement = str(by_id)
        self._known: dict[int, tuple[int, tuple[Any, ...], Found]] = {}  # id -> pulse, row, what was made of it

    def get(self, id: int) -> Found | None:
        """None: there is no such row."""
        if not self._db.is_sqlite:  # its pulse lags behind
            return self._read(id)
        pulse = self._db.pulse()  # before the row: what is written meanwhile moves it on
        known = self._known.get(id)
        if known is not None and known[0] == pulse:
            return known[2]
        raw = self._db.look(self._statement, (id,))
        if raw is None:
            self._known.pop(id, None)
            return None
        found = known[2] if known is not None and known[1] == raw else self._read(id)
        if found is not None:
            self._known[id] = (pulse, raw, found)
        return found

    def _read(self, id: int) -> Found | None:
        row = self._db.row(self._query.where(self._id == id))
        return self._made(row) if row is not None else None


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, below
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_S * 1000}", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once, whatever busy_timeout says.
    writes = connection.get_execution_options().get("write", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def chunks(items: Sequence[Any], size: int = CHUNK) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def now() -> float:
    return time.time()

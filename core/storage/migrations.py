"""The history of the schema: small functions whose names are the history, each run once, in order.

A function must go on doing what it did when it was released: the day `schema.py` changes, the tables of
`m001_initial` are frozen into it and the change becomes m002. Newer data than this program knows is refused, untouched.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, inspect, select

from core.errors import StudioError
from core.storage.database import Database, now
from core.storage.schema import migration, schema


def m001_initial(connection: Connection) -> None:
    schema.create_all(connection)


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (m001_initial,)


def migrate(database: Database) -> None:
    """Brings the schema to this program's state, all or nothing. Cheap when there is nothing to do.

    Raises:
        StudioError: a newer Darkroom has written here.
    """
    known = [step.__name__ for step in MIGRATIONS]
    if _done(database) == set(known):
        return
    with database.write() as connection:  # IMMEDIATE: two processes starting at once take turns
        migration.create(connection, checkfirst=True)
        done = set(connection.execute(select(migration.c.name)).scalars())
        if unknown := sorted(done - set(known)):
            raise StudioError(
                f"The data folder was written by a newer Darkroom (it knows {unknown[-1]}). "
                "Nothing was changed; please start that version again."
            )
        for step in MIGRATIONS:
            if step.__name__ not in done:
                step(connection)
                connection.execute(migration.insert().values(name=step.__name__, at=now()))


def _done(database: Database) -> set[str]:
    with database.engine.connect().execution_options(write=False) as connection:
        if not inspect(connection).has_table("migration"):
            return set()
        return set(connection.execute(select(migration.c.name)).scalars())

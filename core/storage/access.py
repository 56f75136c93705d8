"""Who else may ask: tokens of programs and links to share. Of a secret only its hash is ever here."""

from __future__ import annotations

from sqlalchemy import Table, select, update

from core.records import Share, Token
from core.storage.database import Database, Remembered, now
from core.storage.schema import share, token


class Tokens:
    def __init__(self, database: Database) -> None:
        self._db = database
        self._remembered = Remembered(database, select(token), token.c.id, lambda row: Token(**row))

    def add(self, name: str, who: str, hashed: str) -> Token:
        values = {"name": name, "who": who, "hash": hashed, "created_at": now()}
        with self._db.write() as connection:
            row = connection.execute(token.insert().values(values).returning(token)).mappings().one()
        return Token(**row)

    def find(self, token_id: int) -> Token | None:
        return self._remembered.get(token_id)  # asked for every picture that a program sends

    def all(self) -> list[Token]:
        return [Token(**row) for row in self._db.rows(select(token).order_by(token.c.id.desc()))]

    def used(self, token_id: int) -> None:
        _note(self._db, token, token_id, "used_at")

    def revoke(self, token_id: int) -> None:
        _note(self._db, token, token_id, "revoked_at")


class Shares:
    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, model_id: int, who: str, hashed: str, expires_at: float) -> Share:
        values = {"model_id": model_id, "who": who, "hash": hashed, "created_at": now(), "expires_at": expires_at}
        with self._db.write() as connection:
            row = connection.execute(share.insert().values(values).returning(share)).mappings().one()
        return Share(**row)

    def find(self, share_id: int) -> Share | None:
        row = self._db.row(select(share).where(share.c.id == share_id))
        return Share(**row) if row is not None else None

    def all(self, model_id: int) -> list[Share]:
        query = select(share).where(share.c.model_id == model_id).order_by(share.c.id.desc())
        return [Share(**row) for row in self._db.rows(query)]

    def used(self, share_id: int) -> None:
        _note(self._db, share, share_id, "used_at")

    def revoke(self, share_id: int) -> None:
        _note(self._db, share, share_id, "revoked_at")


def _note(database: Database, table: Table, row_id: int, column: str) -> None:
    """The time of now; a revocation keeps its first one."""
    query = update(table).where(table.c.id == row_id).values({column: now()})
    if column == "revoked_at":
        query = query.where(table.c.revoked_at.is_(None))
    with database.write() as connection:
        connection.execute(query)

"""What was measured of pictures when they arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import select

from core.records import PictureFacts
from core.storage.database import Database, chunks
from core.storage.schema import picture_fact


class Facts:
    def __init__(self, database: Database) -> None:
        self._db = database

    def put(self, facts: Mapping[str, PictureFacts]) -> None:
        rows = [{"sha256": sha, **asdict(one), "border": list(one.border)} for sha, one in facts.items()]
        with self._db.write() as connection:
            self._db.insert_new(connection, picture_fact, rows)

    def get(self, sha256s: Sequence[str]) -> dict[str, PictureFacts]:
        found = {}
        for some in chunks(sha256s):
            for row in self._db.rows(select(picture_fact).where(picture_fact.c.sha256.in_(some))):
                facts = {name: row[name] for name in PictureFacts.__dataclass_fields__}
                found[row["sha256"]] = PictureFacts(**{**facts, "border": tuple(row["border"])})
        return found

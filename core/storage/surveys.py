"""Surveys: what was asked of the surveyor, and what it found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping, select, update

from core.errors import NotFound
from core.records import Survey
from core.storage import tries
from core.storage.database import Database, now
from core.storage.schema import dataset, survey

GAVE_UP = (
    "Working this out ended the process three times, so it is left alone until a label changes. The usual cause is too "
    "little memory."
)
_QUERY = select(survey).join(dataset, dataset.c.id == survey.c.dataset_id).where(dataset.c.removed_at.is_(None))


class Surveys:
    def __init__(self, database: Database) -> None:
        self._db = database

    def want(self, dataset_id: int, kind: str, anew: bool = False) -> Survey:
        revision = self._db.scalar(select(dataset.c.labels_revision).where(dataset.c.id == dataset_id))
        if revision is None:
            raise NotFound(f"There is no dataset {dataset_id}.")
        found = self.get(dataset_id, kind)
        if found is not None and found.wanted >= revision and not anew:
            return found  # asked by every screen that shows it: nothing is written
        asking = {"wanted": int(revision), **tries.asking()}
        first = {"dataset_id": dataset_id, "kind": kind, "revision": -1, "seconds": 0.0, "content": {}}
        with self._db.write() as connection:
            self._db.insert_new(connection, survey, [first | asking])
            connection.execute(update(survey).where(*_is(dataset_id, kind)).values(**asking))
        asked = self.get(dataset_id, kind)
        assert asked is not None
        return asked

    def get(self, dataset_id: int, kind: str) -> Survey | None:
        row = self._db.row(_QUERY.where(*_is(dataset_id, kind)))
        return _survey(row) if row is not None else None

    def due(self) -> list[Survey]:
        query = _QUERY.where(*tries.due(survey))
        return [_survey(row) for row in self._db.rows(query.order_by(survey.c.wanted_at))]

    def begin(self, dataset_id: int, kind: str) -> None:
        self._set(dataset_id, kind, **tries.begun(survey), progress=0.0, problem=None)

    def tell(self, dataset_id: int, kind: str, progress: float) -> None:
        self._set(dataset_id, kind, progress=progress)

    def put(self, dataset_id: int, kind: str, revision: int, seconds: float, content: Mapping[str, Any]) -> None:
        done = {"revision": revision, "seconds": seconds, "content": dict(content), "at": now()}
        self._set(dataset_id, kind, **done, pending=survey.c.wanted > revision, tries=0, progress=None, problem=None)

    def fail(self, dataset_id: int, kind: str, revision: int, problem: str) -> None:
        self._set(dataset_id, kind, pending=survey.c.wanted > revision, tries=0, progress=None, problem=problem)

    def _set(self, dataset_id: int, kind: str, **values: Any) -> None:
        with self._db.write() as connection:
            connection.execute(update(survey).where(*_is(dataset_id, kind)).values(**values))


def _is(dataset_id: int, kind: str) -> tuple[Any, Any]:
    return survey.c.dataset_id == dataset_id, survey.c.kind == kind


def _survey(row: RowMapping) -> Survey:
    facts = {name: row[name] for name in Survey.__dataclass_fields__}
    if tries.given_up(row):
        facts |= {"pending": False, "progress": None, "problem": GAVE_UP}
    return Survey(**facts)

"""Explanations: what models were asked about their answers, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping, delete, select, update

from core.errors import NotFound
from core.records import Explanation, Method
from core.storage import tries
from core.storage.database import Database, now
from core.storage.schema import dataset, explanation, model

GAVE_UP = (
    "Working this out ended the process three times, so it is left alone. The usual cause is too little memory: close "
    "other programs, then ask again."
)
_QUERY = (
    select(explanation)
    .join(model, model.c.id == explanation.c.model_id)
    .join(dataset, dataset.c.id == model.c.dataset_id)
    .where(dataset.c.removed_at.is_(None))
)


class Explanations:
    def __init__(self, database: Database) -> None:
        self._db = database

    def want(self, model_id: int, sha256: str, method: Method, label: str) -> Explanation:
        folder = self._db.scalar(select(model.c.folder).where(model.c.id == model_id))
        if folder is None:
            raise NotFound(f"There is no model {model_id}.")
        key = {"folder": folder, "sha256": sha256, "method": str(method), "label": label}
        mine = tuple(explanation.c[name] == value for name, value in key.items())
        row = self._db.row(_QUERY.where(*mine))
        if row is None or _explanation(row).problem is not None:
            asking = {"at": None, "progress": None, "problem": None, "content": {}, **tries.asking()}
            with self._db.write() as connection:
                self._db.insert_new(connection, explanation, [{"model_id": model_id, **key, **asking}])
                connection.execute(update(explanation).where(*mine).values(**asking))
            row = self._db.row(_QUERY.where(*mine))
        if row is None:
            raise NotFound(f"There is no model {model_id}.")  # its dataset was removed
        return _explanation(row)

    def get(self, explanation_id: int) -> Explanation:
        row = self._db.row(_QUERY.where(explanation.c.id == explanation_id))
        if row is None:
            raise NotFound("That explanation is not kept any more. Ask again.")
        return _explanation(row)

    def due(self) -> list[Explanation]:
        query = _QUERY.where(*tries.due(explanation))
        return [_explanation(row) for row in self._db.rows(query.order_by(explanation.c.wanted_at))]

    def begin(self, explanation_id: int) -> None:
        self._set(explanation_id, **tries.begun(explanation), progress=0.0)

    def tell(self, explanation_id: int, progress: float) -> None:
        self._set(explanation_id, progress=progress)

    def put(self, explanation_id: int, content: Mapping[str, Any]) -> None:
        self._set(explanation_id, **tries.over(), at=now(), progress=None, problem=None, content=dict(content))

    def fail(self, explanation_id: int, problem: str) -> None:
        self._set(explanation_id, **tries.over(), progress=None, problem=problem)

    def sweep(self, keep: int) -> None:
        newest = select(explanation.c.id).order_by(explanation.c.wanted_at.desc(), explanation.c.id.desc()).limit(keep)
        with self._db.write() as connection:
            connection.execute(delete(explanation).where(explanation.c.id.not_in(newest)))

    def _set(self, explanation_id: int, **values: Any) -> None:
        with self._db.write() as connection:
            connection.execute(update(explanation).where(explanation.c.id == explanation_id).values(**values))


def _explanation(row: RowMapping) -> Explanation:
    facts = {name: row[name] for name in Explanation.__dataclass_fields__} | {"method": Method(row["method"])}
    if tries.given_up(row):
        facts |= {"pending": False, "progress": None, "problem": GAVE_UP}
    return Explanation(**facts)

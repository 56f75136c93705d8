"""Packages: the forms in which models were asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping, delete, select, update

from core.errors import NotFound
from core.records import Package, PackageKind
from core.storage import tries
from core.storage.database import Database, now
from core.storage.schema import dataset, model, package

GAVE_UP = "Making this ended the process three times, so it is left alone. The usual cause is too little memory."
_QUERY = (
    select(package)
    .join(model, model.c.id == package.c.model_id)
    .join(dataset, dataset.c.id == model.c.dataset_id)
    .where(dataset.c.removed_at.is_(None), model.c.folder == package.c.folder)
)


class Packages:
    def __init__(self, database: Database) -> None:
        self._db = database

    def want(self, model_id: int, kind: PackageKind, anew: bool = False) -> Package:
        folder = self._db.scalar(select(model.c.folder).where(model.c.id == model_id))
        if folder is None:
            raise NotFound(f"There is no model {model_id}.")
        found = self._get(model_id, kind)
        if found is not None and found.problem is None and (found.pending or not anew):
            return found
        key = {"model_id": model_id, "kind": str(kind)}
        asking = {"folder": folder, "at": None, "problem": None, **tries.asking()}
        with self._db.write() as connection:
            self._db.insert_new(connection, package, [key | asking | {"certificate": {}}])
            connection.execute(update(package).where(*_is(model_id, kind)).values(**asking, certificate={}))
        asked = self._get(model_id, kind)
        assert asked is not None
        return asked

    def all(self, model_id: int) -> list[Package]:
        return [_package(row) for row in self._db.rows(_QUERY.where(package.c.model_id == model_id))]

    def due(self) -> list[Package]:
        query = _QUERY.where(*tries.due(package))
        return [_package(row) for row in self._db.rows(query.order_by(package.c.wanted_at))]

    def begin(self, asked: Package) -> None:
        self._set(asked, **tries.begun(package))

    def put(self, asked: Package, certificate: Mapping[str, Any]) -> None:
        self._set(asked, **tries.over(), at=now(), problem=None, certificate=dict(certificate))

    def fail(self, asked: Package, problem: str) -> None:
        self._set(asked, **tries.over(), problem=problem)

    def forget(self, model_id: int, kind: PackageKind) -> None:
        with self._db.write() as connection:
            connection.execute(delete(package).where(*_is(model_id, kind)))

    def _get(self, model_id: int, kind: PackageKind) -> Package | None:
        row = self._db.row(_QUERY.where(*_is(model_id, kind)))
        return _package(row) if row is not None else None

    def _set(self, asked: Package, **values: Any) -> None:
        """Unless it was asked for anew of a later model meanwhile."""
        mine = (*_is(asked.model_id, asked.kind), package.c.folder == asked.folder)
        with self._db.write() as connection:
            connection.execute(update(package).where(*mine).values(**values))


def _is(model_id: int, kind: PackageKind) -> tuple[Any, Any]:
    return package.c.model_id == model_id, package.c.kind == str(kind)


def _package(row: RowMapping) -> Package:
    facts = {name: row[name] for name in Package.__dataclass_fields__} | {"kind": PackageKind(row["kind"])}
    if tries.given_up(row):
        facts |= {"pending": False, "problem": GAVE_UP}
    return Package(**facts)

"""Models: what was learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping, delete, or_, select, update

from core.errors import NotFound
from core.records import Model, ModelKind
from core.storage.database import Database, Remembered, now
from core.storage.schema import batch, dataset, model, package, prediction, run, share

NAMED_BY = (batch, package, prediction, share)

_MODELS = (
    select(model, dataset.c.name.label("dataset"))
    .join(dataset, dataset.c.id == model.c.dataset_id)
    .where(dataset.c.removed_at.is_(None))
)


class Models:
    def __init__(self, database: Database) -> None:
        self._db = database
        self._remembered = Remembered(database, _MODELS, model.c.id, _model)

    def put(
        self,
        dataset_id: int,
        kind: ModelKind,
        architecture: str,
        labels: Sequence[str],
        accuracy: float,
        interval: tuple[float, float],
        measured_on: str,
        measured_n: int,
        folder: str,
        summary: Mapping[str, Any],
        run_id: int | None = None,
        version_id: int | None = None,
    ) -> Model:
        values: dict[str, Any] = {
            "dataset_id": dataset_id,
            "kind": str(kind),
            "architecture": architecture,
            "labels": list(labels),
            "accuracy": accuracy,
            "interval_low": interval[0],
            "interval_high": interval[1],
            "measured_on": measured_on,
            "measured_n": measured_n,
            "folder": folder,
            "summary": dict(summary),
            "run_id": run_id,
            "version_id": version_id,
            "created_at": now(),
        }
        same = (model.c.dataset_id == dataset_id) & (model.c.kind == str(kind))
        same = same & (model.c.run_id.is_(None) if run_id is None else model.c.run_id == run_id)
        same = same & (model.c.kind != str(ModelKind.IMPORTED))
        with self._db.write() as connection:
            found = connection.execute(update(model).where(same).values(values).returning(model.c.id)).scalar()
            if found is None:
                found = connection.execute(model.insert().values(values).returning(model.c.id)).scalar_one()
        return self.get(int(found))

    def get(self, model_id: int) -> Model:
        # Asked several times for every picture that is predicted.
        if (found := self._remembered.get(model_id)) is None:
            raise NotFound(f"There is no model {model_id}.")
        return found

    def answer(self, model_id: int, share: float) -> None:
        with self._db.write() as connection:
            connection.execute(update(model).where(model.c.id == model_id).values(answer_share=share))

    def measured(
        self,
        model_id: int,
        accuracy: float,
        interval: tuple[float, float],
        measured_on: str,
        measured_n: int,
        summary: Mapping[str, Any],
    ) -> None:
        values = {
            "accuracy": accuracy,
            "interval_low": interval[0],
            "interval_high": interval[1],
            "measured_on": measured_on,
            "measured_n": measured_n,
            "summary": dict(summary),
        }
        with self._db.write() as connection:
            connection.execute(update(model).where(model.c.id == model_id).values(values))

    def use(self, dataset_id: int, model_id: int) -> None:
        mine = model.c.dataset_id == dataset_id
        with self._db.write() as connection:
            connection.execute(update(model).where(mine).values(chosen=model.c.id == model_id))

    def all(self, dataset_id: int | None = None) -> list[Model]:
        query = _MODELS.order_by(model.c.created_at.desc(), model.c.id.desc())
        query = query.where(model.c.dataset_id == dataset_id) if dataset_id is not None else query
        return [_model(row) for row in self._db.rows(query)]

    def drop_unused(self, run_id: int) -> int:
        named = [select(table).where(table.c.model_id == model.c.id).exists() for table in NAMED_BY]
        trained_on = select(run).where(run.c.parent_id == run_id).exists()
        plain = model.c.chosen.is_(False) & (model.c.answer_share == 1.0)
        with self._db.write() as connection:
            gone = delete(model).where(model.c.run_id == run_id, plain, ~or_(trained_on, *named))
            return connection.execute(gone).rowcount


def _model(row: RowMapping) -> Model:
    plain = {name: value for name, value in row.items() if name not in ("interval_low", "interval_high")}
    typed = {
        "kind": ModelKind(row["kind"]),
        "labels": tuple(row["labels"]),
        "interval": (row["interval_low"], row["interval_high"]),
    }
    return Model(**{**plain, **typed})

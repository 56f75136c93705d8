"""Models and predictions: what was learned, and what it said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping, select, update

from core.errors import NotFound
from core.records import Model, ModelKind, Prediction, Ranked
from core.storage.database import Database, now
from core.storage.schema import dataset, model, prediction

_MODELS = (
    select(model, dataset.c.name.label("dataset"))
    .join(dataset, dataset.c.id == model.c.dataset_id)
    .where(dataset.c.removed_at.is_(None))
)


class Models:
    def __init__(self, database: Database) -> None:
        self._db = database

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
        with self._db.write() as connection:
            found = connection.execute(update(model).where(same).values(values).returning(model.c.id)).scalar()
            if found is None:
                found = connection.execute(model.insert().values(values).returning(model.c.id)).scalar_one()
        return self.get(int(found))

    def get(self, model_id: int) -> Model:
        if (row := self._db.row(_MODELS.where(model.c.id == model_id))) is None:
            raise NotFound(f"There is no model {model_id}.")
        return _model(row)

    def all(self, dataset_id: int | None = None) -> list[Model]:
        query = _MODELS.order_by(model.c.created_at.desc(), model.c.id.desc())
        query = query.where(model.c.dataset_id == dataset_id) if dataset_id is not None else query
        return [_model(row) for row in self._db.rows(query)]


def _model(row: RowMapping) -> Model:
    plain = {name: value for name, value in row.items() if name not in ("interval_low", "interval_high")}
    typed = {
        "kind": ModelKind(row["kind"]),
        "labels": tuple(row["labels"]),
        "interval": (row["interval_low"], row["interval_high"]),
    }
    return Model(**{**plain, **typed})


class Predictions:
    def __init__(self, database: Database) -> None:
        self._db = database

    def add(
        self, dataset_id: int, model_id: int, sha256: str, name: str, ranked: Sequence[Ranked], milliseconds: float
    ) -> Prediction:
        pairs = [[r.label, r.confidence] for r in ranked]
        values = {"dataset_id": dataset_id, "model_id": model_id, "sha256": sha256, "name": name, "ranked": pairs}
        query = prediction.insert().values(**values, milliseconds=milliseconds, at=now())
        with self._db.write() as connection:
            new: int = connection.execute(query.returning(prediction.c.id)).scalar_one()
        return self.get(new)

    def get(self, prediction_id: int) -> Prediction:
        if (row := self._db.row(select(prediction).where(prediction.c.id == prediction_id))) is None:
            raise NotFound("That prediction is not known any more.")
        return _prediction(row)

    def all(self, dataset_id: int, limit: int = 1000) -> list[Prediction]:
        mine = select(prediction).where(prediction.c.dataset_id == dataset_id)
        return [_prediction(row) for row in self._db.rows(mine.order_by(prediction.c.id.desc()).limit(limit))]

    def correct(self, prediction_id: int, label: str, image_id: int) -> None:
        values = {"corrected_label": label, "image_id": image_id}
        with self._db.write() as connection:
            connection.execute(update(prediction).where(prediction.c.id == prediction_id).values(values))


def _prediction(row: RowMapping) -> Prediction:
    return Prediction(**{**row, "ranked": tuple(Ranked(label, confidence) for label, confidence in row["ranked"])})

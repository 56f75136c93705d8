"""Predictions: what a model said of a picture, and the image that was made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select, update

from core.errors import NotFound
from core.records import Prediction, Ranked, Verdict
from core.storage.database import Database, chunks, now
from core.storage.schema import image, label, prediction
from core.stores import Asked

# What became of it is asked of the dataset as it is now: undo and later changes need not be told here.
_FILED = (image.c.id == prediction.c.image_id) & image.c.deleted_at.is_(None)
_KEPT = [column for column in prediction.c if column.name not in ("image_id", "margin", "sketch")]
_QUERY = (
    select(*_KEPT, image.c.id.label("image_id"), label.c.name.label("corrected_label"))
    .select_from(prediction)
    .outerjoin(image, _FILED)
    .outerjoin(label, label.c.id == image.c.label_id)
)
_ORDER = {
    "newest": (prediction.c.id.desc(),),
    "arrival": (prediction.c.id,),
    "sure": (prediction.c.confidence.desc(), prediction.c.id),
    "unsure": (prediction.c.confidence, prediction.c.id),
    "label": (prediction.c.label, prediction.c.confidence.desc(), prediction.c.id),
    "name": (prediction.c.name, prediction.c.id),
}


class Predictions:
    def __init__(self, database: Database) -> None:
        self._db = database

    def add(
        self,
        dataset_id: int,
        model_id: int,
        sha256: str,
        name: str,
        ranked: Sequence[Ranked],
        milliseconds: float,
        verdict: Verdict = Verdict.ANSWERED,
    ) -> Prediction:
        values = {"dataset_id": dataset_id, "model_id": model_id, "sha256": sha256, "name": name, **said(ranked)}
        query = prediction.insert().values(**values, milliseconds=milliseconds, verdict=str(verdict), at=now())
        with self._db.write() as connection:
            row = connection.execute(query.returning(*_KEPT)).mappings().one()
        return _prediction({**row, "image_id": None, "corrected_label": None})

    def get(self, prediction_id: int) -> Prediction:
        if (row := self._db.row(_QUERY.where(prediction.c.id == prediction_id))) is None:
            raise NotFound("That prediction is not known any more.")
        return _prediction(row)

    def all(self, dataset_id: int, limit: int = 1000) -> list[Prediction]:
        return self.page(dataset_id, Asked(), 0, limit)

    def page(self, dataset_id: int, asked: Asked, offset: int, limit: int) -> list[Prediction]:
        if asked.order == "given":
            wanted = (asked.ids or ())[offset : offset + limit]
            found = {
                row["id"]: _prediction(row)
                for some in chunks(wanted)
                for row in self._db.rows(_filtered(_QUERY, dataset_id, asked).where(prediction.c.id.in_(some)))
            }
            return [found[one] for one in wanted if one in found]
        query = _filtered(_QUERY, dataset_id, asked).order_by(*_ORDER[asked.order])
        return [_prediction(row) for row in self._db.rows(query.offset(offset).limit(limit))]

    def count(self, dataset_id: int, asked: Asked) -> int:
        query = select(func.count()).select_from(prediction).outerjoin(image, _FILED)
        return int(self._db.scalar(_filtered(query, dataset_id, asked)))

    def by_label(self, dataset_id: int, asked: Asked) -> dict[str, int]:
        number = func.count().label("number")
        query = select(prediction.c.label, number).select_from(prediction).outerjoin(image, _FILED)
        query = _filtered(query, dataset_id, asked).group_by(prediction.c.label)
        return {row["label"]: row["number"] for row in self._db.rows(query.order_by(number.desc(), prediction.c.label))}

    def doubts(self, dataset_id: int, asked: Asked, limit: int) -> list[tuple[int, float, bytes | None]]:
        query = select(prediction.c.id, prediction.c.margin, prediction.c.sketch).select_from(prediction)
        query = _filtered(query.outerjoin(image, _FILED), dataset_id, asked)
        rows = self._db.tuples(query.order_by(prediction.c.margin, prediction.c.id).limit(limit))
        return [(one, margin, sketch) for one, margin, sketch in rows]

    def answers(self, dataset_id: int, asked: Asked) -> list[tuple[int, str]]:
        query = select(prediction.c.id, prediction.c.label).select_from(prediction).outerjoin(image, _FILED)
        rows = self._db.tuples(_filtered(query, dataset_id, asked).order_by(*_ORDER[asked.order]))
        return [(one, label) for one, label in rows]

    def filed_as(self, ids: Sequence[int]) -> dict[int, int]:
        query = select(prediction.c.id, image.c.id).join(image, _FILED)
        rows = [row for some in chunks(ids) for row in self._db.tuples(query.where(prediction.c.id.in_(some)))]
        return {one: image_id for one, image_id in rows}

    def file(self, ids: Sequence[int]) -> None:
        with self._db.write() as connection:
            file(connection, ids)


def file(connection: Connection, ids: Sequence[int]) -> None:
    """Each prediction is of the image that has its bytes from now on, where its dataset has one."""
    mine = (image.c.dataset_id == prediction.c.dataset_id) & (image.c.sha256 == prediction.c.sha256)
    its = select(image.c.id).where(mine, image.c.deleted_at.is_(None)).scalar_subquery()
    filed = update(prediction).values(image_id=func.coalesce(its, prediction.c.image_id))
    for some in chunks(ids):
        connection.execute(filed.where(prediction.c.id.in_(some)))


def said(ranked: Sequence[Ranked]) -> dict[str, Any]:
    """The columns that say what was answered."""
    first = ranked[0]
    return {
        "ranked": [[one.label, one.confidence] for one in ranked],
        "label": first.label,
        "confidence": first.confidence,
        "margin": first.confidence - (ranked[1].confidence if len(ranked) > 1 else 0.0),
    }


def _filtered(query: Select[Any], dataset_id: int, asked: Asked) -> Select[Any]:
    query = query.where(prediction.c.dataset_id == dataset_id)
    if asked.batch_id is not None:
        query = query.where(prediction.c.batch_id == asked.batch_id)
    if asked.label is not None:
        query = query.where(prediction.c.label == asked.label)
    if (asked.least, asked.most) != (0.0, 1.0):
        query = query.where(prediction.c.confidence.between(asked.least, asked.most))
    if asked.filed is not None:
        query = query.where(image.c.id.is_not(None) if asked.filed else image.c.id.is_(None))
    if asked.before is not None:
        query = query.where(prediction.c.id < asked.before)
    if asked.verdict is not None:
        query = query.where(prediction.c.verdict == str(asked.verdict))
    return query


def _prediction(row: RowMapping | dict[str, Any]) -> Prediction:
    ranked = tuple(Ranked(label, confidence) for label, confidence in row["ranked"])
    return Prediction(**{**row, "ranked": ranked, "verdict": Verdict(row["verdict"])})

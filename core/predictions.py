"""Predictions: a picture, a model, an answer; kept, so that a wrong one can be put right."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import PurePath

from core import models, names, tables
from core.errors import Refused
from core.records import Answer, Model, Prediction
from core.studio import Studio


def predict(studio: Studio, model_id: int, picture: bytes, name: str) -> tuple[Prediction, Answer]:
    """Asks the predictor and keeps the picture and its answer.

    Raises:
        NotFound: no such model. Refused: not a picture we can read. Unavailable: no predictor just now.
    """
    model = models.get(studio, model_id)
    if len(picture) > studio.settings.picture_limit_bytes:
        limit = studio.settings.picture_limit_bytes >> 20
        raise Refused(f"The picture is larger than {limit} MB. Please use a smaller copy.", "too_large")
    studio.files.require_room(len(picture))
    answer = studio.predictor.predict(model, picture)
    sha256 = hashlib.sha256(picture).hexdigest()
    keep_picture(studio, sha256, picture)
    name = names.clean(PurePath(name.replace("\\", "/")).name) or "picture"
    kept = studio.store.predictions.add(model.dataset_id, model.id, sha256, name, answer.ranked, answer.milliseconds)
    return kept, answer


def keep_picture(studio: Studio, sha256: str, picture: bytes) -> None:
    path = studio.files.picture(sha256)
    if path.exists():
        os.utime(path)  # wanted again: the sweep of the trash leaves it until its row is there
    else:
        path.parent.mkdir(exist_ok=True)
        studio.files.write(path, picture)


def find_model(studio: Studio, dataset_id: int) -> Model | None:
    """The model a prediction uses unless somebody picks another: the best one."""
    return models.best(studio, dataset_id)


def csv(studio: Studio, dataset_id: int) -> Iterator[str]:
    """The dataset's predictions as CSV, newest first. Names that a spreadsheet would run as formulas are quoted."""
    studio.store.datasets.get(dataset_id)
    kept = studio.store.predictions.all(dataset_id, limit=100_000)
    yield tables.line(
        ["file", "model", "label", "confidence", "second", "second confidence", "corrected to", "milliseconds"]
    )
    for one in kept:
        first, *rest = one.ranked
        second = rest[0] if rest else None
        yield tables.line(
            [
                one.name,
                one.model_id,
                first.label,
                f"{first.confidence:.4f}",
                second.label if second else "",
                f"{second.confidence:.4f}" if second else "",
                one.corrected_label or "",
                f"{one.milliseconds:.1f}",
            ]
        )

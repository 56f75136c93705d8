"""Evaluation: what a model got right and wrong on pictures it was not trained on, and which pictures those are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core import models, scores
from core.errors import NotFound
from core.records import Image, Model
from core.studio import Studio, Where


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Pictures a model was scored on: ids (n,), true label index (n,), probabilities (n, labels)."""

    image_ids: NDArray[np.int64]
    targets: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    @property
    def predicted(self) -> NDArray[np.int64]:
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Mistake:
    image: Image
    true: str
    predicted: str
    confidence: float  # 0..1, in the predicted label


def held_out(studio: Studio, model: Model) -> HeldOut:
    """Raises NotFound when the model has no scores on disk."""
    path = models.folder(studio, model) / "held_out.npz"
    if not path.exists():
        raise NotFound("This model has no held-out pictures on record.")
    with np.load(path, allow_pickle=False) as file:
        return HeldOut(file["image_id"], file["target"], file["probabilities"])


def score(studio: Studio, model: Model) -> scores.Scores:
    """Per-label precision and recall, and the confusion matrix."""
    held = held_out(studio, model)
    return scores.score(held.targets, held.probabilities, model.labels)


def behind(studio: Studio, model: Model, true: int, predicted: int, limit: int = 60) -> list[Mistake]:
    """The pictures behind one cell of the confusion matrix, most confident first."""
    held = held_out(studio, model)
    return _pictures(studio, model, held, (held.targets == true) & (held.predicted == predicted), limit)


def mistakes(studio: Studio, model: Model, limit: int = 60) -> list[Mistake]:
    """The pictures it got wrong, most confident first."""
    held = held_out(studio, model)
    return _pictures(studio, model, held, held.targets != held.predicted, limit)


def _pictures(studio: Studio, model: Model, held: HeldOut, wanted: NDArray[np.bool_], limit: int) -> list[Mistake]:
    confidence = held.probabilities.max(axis=1)
    rows = np.flatnonzero(wanted)
    rows = rows[np.argsort(-confidence[rows], kind="stable")][:limit]
    ids = tuple(int(held.image_ids[row]) for row in rows)
    found = {image.id: image for image in studio.store.images.page(model.dataset_id, Where(ids=ids), 0, len(ids))}
    return [
        Mistake(found[i], model.labels[held.targets[row]], model.labels[held.predicted[row]], float(confidence[row]))
        for i, row in zip(ids, rows, strict=True)
        if i in found  # deleted since
    ]

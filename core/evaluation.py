"""Evaluation: what a model got right and wrong on pictures it was not trained on, and which pictures those are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core import models, scores
from core.errors import NotFound
from core.records import Image, Model
from core.stores import Where
from core.studio import Studio


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


@dataclass(frozen=True, slots=True)
class Choice:
    """Some of the held-out pictures: those behind a cell of the matrix, a bar or a bin."""

    true: int | None = None  # index of the label they show
    predicted: int | None = None  # and of the label the model said
    sure: tuple[float, float] | None = None  # confidence, low exclusive, high inclusive
    wrong: bool = False  # only those it got wrong

    def of(self, held: HeldOut) -> NDArray[np.bool_]:
        """(n,)"""
        wanted = np.ones(len(held.targets), bool)
        if self.true is not None:
            wanted &= held.targets == self.true
        if self.predicted is not None:
            wanted &= held.predicted == self.predicted
        if self.sure is not None:
            confidence = held.probabilities.max(axis=1)
            wanted &= (confidence > self.sure[0]) & (confidence <= self.sure[1])
        return wanted & (held.targets != held.predicted) if self.wrong else wanted


def chosen(studio: Studio, model: Model, choice: Choice, limit: int = 60) -> tuple[list[Mistake], int]:
    """The pictures, wrong ones first, then the most confident; and how many there are in all."""
    held = held_out(studio, model)
    wanted = choice.of(held)
    return _pictures(studio, model, held, wanted, limit), int(wanted.sum())


def behind(studio: Studio, model: Model, true: int, predicted: int, limit: int = 60) -> list[Mistake]:
    """The pictures behind one cell of the confusion matrix, most confident first."""
    return chosen(studio, model, Choice(true, predicted), limit)[0]


def mistakes(studio: Studio, model: Model, limit: int = 60) -> list[Mistake]:
    """The pictures it got wrong, most confident first."""
    return chosen(studio, model, Choice(wrong=True), limit)[0]


def _pictures(studio: Studio, model: Model, held: HeldOut, wanted: NDArray[np.bool_], limit: int) -> list[Mistake]:
    confidence = held.probabilities.max(axis=1)
    rows = np.flatnonzero(wanted)
    rows = rows[np.lexsort((-confidence[rows], (held.targets == held.predicted)[rows]))][:limit]
    ids = tuple(int(held.image_ids[row]) for row in rows)
    found = {image.id: image for image in studio.store.images.page(model.dataset_id, Where(ids=ids), 0, len(ids))}
    return [
        Mistake(found[i], model.labels[held.targets[row]], model.labels[held.predicted[row]], float(confidence[row]))
        for i, row in zip(ids, rows, strict=True)
        if i in found  # deleted since
    ]

"""Which pictures a person should look at next, and what the instant model thinks they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core import bundles, evaluation, models
from core.errors import NotFound
from core.records import Image, Model, ModelKind
from core.stores import Where
from core.studio import Studio


@dataclass(frozen=True, slots=True)
class Doubt:
    """A picture to look at. `suggestion`: what the model would say, `confidence` (0..1) sure; None: it cannot say."""

    image: Image
    suggestion: str | None
    confidence: float


def unlabelled(studio: Studio, dataset_id: int, limit: int) -> list[Doubt]:
    """Pictures without a label, oldest first, each with what the instant model would call it, where there is one."""
    images = studio.store.images.page(dataset_id, Where(unlabelled=True, order="oldest"), 0, limit)
    said = suggestions(studio, dataset_id, [image.sha256 for image in images])
    return [Doubt(image, *said.get(image.sha256, (None, 0.0))) for image in images]


def suggestions(studio: Studio, dataset_id: int, sha256s: Sequence[str]) -> dict[str, tuple[str, float]]:
    """sha256 -> (label, confidence) by the instant model, for pictures that have their vector already."""
    model = _instant(studio, dataset_id)
    rows = studio.store.vectors.rows(sha256s)
    if model is None or not rows:
        return {}
    try:
        weight, bias = bundles.read_head(models.folder(studio, model))
    except NotFound:
        return {}  # refitted just now
    logits = studio.vectors.read(list(rows.values())) @ weight.T + bias
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    best = probabilities.argmax(axis=1)
    return {sha: (model.labels[at], float(row[at])) for sha, row, at in zip(rows, probabilities, best, strict=True)}


def _instant(studio: Studio, dataset_id: int) -> Model | None:
    return next((m for m in models.all_of(studio, dataset_id) if m.kind is ModelKind.INSTANT), None)


def doubtful(studio: Studio, dataset_id: int, limit: int, skip: int = 0) -> list[Doubt]:
    """Labelled pictures whose label the instant model finds wrong, least likely label first.

    Every one was judged by a model that had not learned from it (cross-validation).
    """
    model = _instant(studio, dataset_id)
    if model is None:
        return []
    try:
        held = evaluation.held_out(studio, model)
    except NotFound:
        return []  # refitted just now
    given = held.probabilities[np.arange(len(held.targets)), held.targets]
    wrong = np.flatnonzero(held.predicted != held.targets)
    rows = wrong[np.argsort(given[wrong], kind="stable")][skip : skip + limit]
    ids = tuple(int(held.image_ids[row]) for row in rows)
    there = (
        {image.id: image for image in studio.store.images.page(dataset_id, Where(ids=ids), 0, len(ids))} if ids else {}
    )
    return [
        Doubt(there[i], model.labels[held.predicted[row]], float(held.probabilities[row].max()))
        for i, row in zip(ids, rows, strict=True)
        if i in there and there[i].label == model.labels[held.targets[row]]  # not relabelled since
    ]

"""One image, with all that is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core import evaluation, findings, models
from core.errors import NotFound
from core.records import Image, ModelKind, Ranked, Step, Version
from core.studio import Studio

MOST = 3  # labels that the model names


@dataclass(frozen=True, slots=True)
class Details:
    image: Image
    dataset: str
    steps: Sequence[Step]  # newest first
    versions: Sequence[Version]  # that it is in, newest first
    said: Sequence[Ranked]  # by the instant model, best first; empty where it cannot say
    learned: bool  # the model has learned from this very picture, so what it says proves little


def of(studio: Studio, image_id: int) -> Details:
    """Raises NotFound."""
    images = studio.store.images
    image = images.get(image_id)
    dataset = studio.store.datasets.get(image.dataset_id)
    versions = [studio.store.versions.get(one) for one in images.held_by(image_id)]
    said, learned = _said(studio, image)
    return Details(image, dataset.name, images.history(image_id), versions, said, learned)


def _said(studio: Studio, image: Image) -> tuple[list[Ranked], bool]:
    """By cross-validation where the picture took part in it, else by the model as it is."""
    model = next((one for one in models.all_of(studio, image.dataset_id) if one.kind is ModelKind.INSTANT), None)
    if model is None:
        return [], False
    try:
        held = evaluation.held_out(studio, model)
        [*found] = (held.image_ids == image.id).nonzero()[0].tolist()
        if found:
            row = held.probabilities[found[0]]
            order = (-row).argsort(kind="stable")[:MOST]
            return [Ranked(model.labels[at], float(row[at])) for at in order], False
    except NotFound:
        return [], False  # refitted just now
    said = findings.suggestions(studio, image.dataset_id, [image.sha256]).get(image.sha256)
    return ([Ranked(*said)] if said else []), image.label is not None

"""Measuring an imported model on the labelled pictures of its dataset here, so that nobody has to believe its bundle.

A survey of the dataset about the model (`core.index.measuring` works it out); asked for when the model comes, and again
when somebody wants it.
"""

from __future__ import annotations

from core import surveys
from core.records import Model, Survey
from core.studio import Studio

KIND = "measure"
LEAST_LABELS = 2


def kind(model_id: int) -> str:
    """The kind of the survey about that model."""
    return f"{KIND}:{model_id}"


def pictures(studio: Studio, model: Model) -> int:
    """Labelled pictures here that it can be measured on; 0 where they show fewer than two of its labels."""
    shared = [one for one in studio.store.datasets.labels(model.dataset_id) if one.images and one.name in model.labels]
    return sum(one.images for one in shared) if len(shared) >= LEAST_LABELS else 0


def ask(studio: Studio, model: Model) -> Survey:
    """Has it measured on the labels as they are now."""
    return surveys.anew(studio, model.dataset_id, kind(model.id))


def state(studio: Studio, model: Model) -> Survey | None:
    """How far it is; None where nobody has asked."""
    return studio.store.surveys.get(model.dataset_id, kind(model.id))

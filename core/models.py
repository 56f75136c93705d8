"""Models: what was learned, how good it is, and the folder that holds it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core import bundles, datasets
from core.errors import NotFound
from core.records import Model, ModelKind
from core.studio import Studio


@dataclass(frozen=True, slots=True)
class Instant:
    """How far the instant model of a dataset is."""

    state: Literal["none", "indexing", "fitting", "ready"]
    revision: int  # labels revision that the model has seen
    labels_revision: int  # labels revision of now
    model: Model | None
    waiting: int  # pictures without a vector
    sentence: str


def get(studio: Studio, model_id: int) -> Model:
    """Raises NotFound."""
    return studio.store.models.get(model_id)


def all_of(studio: Studio, dataset_id: int | None = None) -> list[Model]:
    """Newest first."""
    return studio.store.models.all(dataset_id)


def best(studio: Studio, dataset_id: int) -> Model | None:
    """The one with the highest measured accuracy; among equals the trained one, then the newer one."""
    ranked = [(m.accuracy, m.kind is ModelKind.TRAINED, m.created_at, m.id) for m in all_of(studio, dataset_id)]
    return get(studio, max(ranked)[3]) if ranked else None


def find(studio: Studio, text: str) -> Model:
    """A model by id, or DATASET/instant, or DATASET/best. Raises NotFound with what to do."""
    if text.isdecimal():
        return get(studio, int(text))
    name, slash, which = text.rpartition("/")
    if not slash or which not in ("instant", "best"):
        raise NotFound(f"There is no model “{text}”. Give its number, or DATASET/instant, or DATASET/best.")
    dataset = datasets.find(studio, name)
    if which == "best":
        found = best(studio, dataset.id)
    else:
        found = next((m for m in all_of(studio, dataset.id) if m.kind is ModelKind.INSTANT), None)
    if found is None:
        raise NotFound(f"“{dataset.name}” has no model yet. {instant(studio, dataset.id).sentence}")
    return found


def instant(studio: Studio, dataset_id: int) -> Instant:
    """The state of the instant model, with a sentence that says what happens or what is missing. Raises NotFound."""
    dataset = studio.store.datasets.get(dataset_id)
    model = next((m for m in all_of(studio, dataset_id) if m.kind is ModelKind.INSTANT), None)
    waiting = studio.store.vectors.todo_count(dataset_id)
    state: Literal["none", "indexing", "fitting", "ready"]
    if waiting:
        state, words = "indexing", f"Looking at {waiting:,} more picture{'s' if waiting != 1 else ''}."
    elif dataset.fitted_revision < dataset.labels_revision:
        state, words = "fitting", "Learning from the labels; this takes about a second."
    elif model is None:
        state, words = "none", "It needs at least two labels with two pictures each."
    else:
        state, words = "ready", sentence(model)
    return Instant(state, dataset.fitted_revision, dataset.labels_revision, model, waiting, words)


def sentence(model: Model) -> str:
    """How good it is, in plain words and rounded down: *Gets 93 of 100 right, give or take 3, on ...*."""
    right = math.floor(model.accuracy * 100 + 1e-9)  # 0.57 * 100 is a little below 57
    spread = math.ceil(max(model.accuracy - model.interval[0], model.interval[1] - model.accuracy) * 100 - 1e-9)
    return f"Gets {right} of 100 right, give or take {max(spread, 1)}, {measured_words(model)}."


def measured_words(model: Model) -> str:
    """What the accuracy was measured on."""
    pictures = f"{model.measured_n:,} picture{'s' if model.measured_n != 1 else ''}"
    return {
        "cross-validation": f"on {pictures} it had not learned from (cross-validation)",
        "validation": f"on {pictures} held back for validation, which also chose the best epoch",
        "test": f"on {pictures} it has never seen (test)",
    }.get(model.measured_on, f"on {pictures}")


def folder(studio: Studio, model: Model) -> Path:
    """The bundle on disk. Raises NotFound when it is gone."""
    path = studio.files.model(model.folder)
    if not path.is_dir():
        raise NotFound(
            "The files of this model are gone. Train it again, or change a label to refit the instant model."
        )
    return path


def manifest(studio: Studio, model: Model) -> dict[str, Any]:
    """model.json, as it was written. Raises NotFound."""
    return bundles.read_manifest(folder(studio, model))


def bundle_zip(studio: Studio, model_id: int) -> Iterator[bytes]:
    """The bundle as a zip, piece by piece. Raises NotFound before the first piece."""
    return bundles.zip_bundle(folder(studio, get(studio, model_id)))


def download_name(model: Model) -> str:
    """A file name without an ending, safe on every system."""
    kept = "".join(c if c.isalnum() or c in "-_" else "-" for c in model.dataset).strip("-")[:60] or "model"
    return f"darkroom-{kept}-{model.kind}-{model.id}"

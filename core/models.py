"""Models: what was learned, how good it is, and the folder that holds it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core import bundles, caution, datasets, words
from core.errors import NotFound, Refused
from core.records import Dataset, Model, ModelKind, PackageKind
from core.studio import Studio

AT_ONCE = 5000  # pictures that are learned from in about a second
HERE = "here"  # what an imported model was measured on, once it was


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
    """Newest first; those of trials stand with their search and are asked for one by one."""
    trials = studio.store.searches.trial_runs()
    return [model for model in studio.store.models.all(dataset_id) if model.run_id not in trials]


def best(studio: Studio, dataset_id: int) -> Model | None:
    """The one with the highest measured accuracy; among equals the trained one, then the newer one.

    An imported model may have learned from the very pictures it was measured on here, and nobody can tell: it is the
    best only where there is no other, and of several what was measured here counts more than what a bundle says.
    """
    ranked = [
        (
            m.kind is not ModelKind.IMPORTED,
            measured_here(m),
            m.accuracy,
            m.kind is ModelKind.TRAINED,
            m.created_at,
            m.id,
        )
        for m in all_of(studio, dataset_id)
    ]
    return get(studio, max(ranked)[-1]) if ranked else None


def measured_here(model: Model) -> bool:
    """On pictures of this Darkroom."""
    return model.kind is not ModelKind.IMPORTED or model.measured_on == HERE


def in_use(studio: Studio, dataset_id: int) -> Model | None:
    """The one that answers unless somebody names another: what a person chose, else the best."""
    return next((one for one in all_of(studio, dataset_id) if one.chosen), None) or best(studio, dataset_id)


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
        state, said = "indexing", f"Looking at {waiting:,} more picture{'s' if waiting != 1 else ''}."
    elif dataset.fitted_revision < dataset.labels_revision:
        state, said = "fitting", _learning(studio, dataset)
    elif model is None:
        state, said = "none", "It needs at least two labels with two pictures each."
    else:
        state, said = "ready", sentence(model)
    return Instant(state, dataset.fitted_revision, dataset.labels_revision, model, waiting, said)


def _learning(studio: Studio, dataset: Dataset) -> str:
    if any(one.open for one in studio.store.errands.unfinished(dataset.id)):
        return "It learns from the labels once the change of many pictures is through."
    takes = "about a second" if dataset.images <= AT_ONCE else "some seconds"
    return f"Learning from the labels; this takes {takes}."


def sentence(model: Model) -> str:
    """How good it is, in plain words and rounded down: *Gets 93 of 100 right, give or take 3, on ...*; of a model that
    was measured on too few what it got right, and no more."""
    if too_few(model):
        right = round(model.accuracy * model.measured_n)
        return f"Got {right} right, {measured_words(model)}. Too few to say how good it is."
    spread = math.ceil(max(model.accuracy - model.interval[0], model.interval[1] - model.accuracy) * 100 - 1e-9)
    return f"Gets {of_hundred(model)}, give or take {max(spread, 1)}, {measured_words(model)}."


def too_few(model: Model) -> bool:
    """It was measured on so few pictures that a share of them would promise what nobody knows."""
    return words.too_few(model.measured_n)


def figure(model: Model) -> str:
    """How good it is in a word: *93 %*, rounded down; *4 of 5* where there are too few for a share."""
    return words.share_of(model.accuracy, model.measured_n)


def of_hundred(model: Model) -> str:
    """*93 of 100 right*, rounded down; *4 of 5 right* where there are too few for that."""
    return f"{words.of_hundred(model.accuracy, model.measured_n)} right"


def measured_words(model: Model) -> str:
    """What the accuracy was measured on."""
    pictures = f"{model.measured_n:,} picture{'s' if model.measured_n != 1 else ''}"
    if not measured_here(model):
        return f"on {pictures} elsewhere, as its bundle says; it was not measured here"
    return {
        HERE: f"on {pictures} of this dataset; whether it learned from them, only its maker knows",
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


def answer(studio: Studio, model_id: int, share: float) -> Model:
    """Lets it answer that share of the pictures; the rest, of which it is least sure, is a person's.

    Raises:
        NotFound. Refused: out of range, or a model that was made without caution.
    """
    model = get(studio, model_id)
    least = caution.LEAST_SHARE
    if not least / 100 <= share <= 1:
        raise Refused(f"Please choose between {least} and 100 percent of the pictures.", "share")
    if caution.of(model) is None:
        raise Refused("This model was made before Darkroom measured what it does not know. Train it again.", "caution")
    studio.store.models.answer(model_id, share)
    studio.store.packages.forget(model_id, PackageKind.PAGE)  # it doubts as it was told to when it was made
    return get(studio, model_id)


def told(studio: Studio, model: Model) -> bytes:
    """model.json as it is taken away: with how cautious somebody wants it. Raises NotFound."""
    written = manifest(studio, model)
    found = caution.read(written.get("caution"))
    if found is not None:
        chosen = {"answer_share": model.answer_share, "confidence": found.at(model.answer_share).confidence}
        written["caution"] = {**written["caution"], **chosen}
    return json.dumps(written, ensure_ascii=False, indent=2, allow_nan=False).encode()


def bundle_zip(studio: Studio, model_id: int) -> Iterator[bytes]:
    """The bundle as a zip, piece by piece. Raises NotFound before the first piece."""
    model = get(studio, model_id)
    return bundles.zip_bundle(folder(studio, model), told(studio, model))


def download_name(model: Model) -> str:
    """A file name without an ending, safe on every system."""
    kept = "".join(c if c.isalnum() or c in "-_" else "-" for c in model.dataset).strip("-")[:60] or "model"
    return f"darkroom-{kept}-{model.kind}-{model.id}"

"""From the best checkpoint of a run to a model: scored on pictures it has not learned from, written, named by a row.

A kill leaves at most a folder that nobody names; the next attempt does all of it again, to the same weights.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import caution, scores, takeaway
from core.bundles import write_bundle
from core.caution import Caution
from core.familiar import Seen
from core.graphs import with_backbone
from core.learning import export
from core.learning.checkpoint import Checkpoints, write_weights
from core.learning.learner import load_best
from core.learning.networks import Network
from core.ports import Files
from core.recipe import Recipe
from core.records import Dataset, ModelKind, Run, RunState, Version, VersionImage
from core.runs import END, model_folders, model_prefix
from core.stores import Store
from core.words import of_hundred

Indices = NDArray[np.int64]
Floats = NDArray[np.float32]

log = logging.getLogger("trainer")


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What the run learned from and what it is measured on."""

    dataset: Dataset
    version: Version
    images: list[VersionImage]
    recipe: Recipe
    pixels: NDArray[np.uint8]  # (N, side, side, 3), a row an image
    targets: Indices  # (N,) class indices
    train: Indices  # rows it learned from
    validation: Indices  # rows; they chose the best epoch
    test: Indices  # rows nobody has looked at before; may be none
    seen: Seen | None  # by the packaged network, of a run whose own network began with nothing


def keep(
    files: Files, store: Store, run: Run, checkpoints: Checkpoints, material: Material, go_on: bool = True
) -> None:
    """Makes the run's model of its best checkpoint. With `go_on` the last weights are kept too, to train longer from.

    Raises:
        StudioError: there is none; the disk is full.
        Whatever `checkpoints.before_write` raises.
    """
    recipe, labels = material.recipe, material.version.labels
    network = load_best(checkpoints, labels, recipe)
    measured_on, rows = ("test", material.test) if len(material.test) else ("validation", material.validation)
    temperature = _calibrate(network, material)
    probabilities, vectors = export.predict(network, recipe, material.pixels, rows)
    known, careful = _caution(network, material, rows, probabilities, vectors)
    scored = scores.score(material.targets[rows], probabilities, labels)
    summary = _summary(scored, measured_on, len(material.images)) | {"temperature": temperature}
    manifest = {
        "dataset": material.dataset.name,
        "kind": str(ModelKind.TRAINED),
        "architecture": recipe.architecture,
        "labels": list(labels),
        "accuracy": scored.accuracy,
        "interval": list(scored.interval),
        "measured_on": measured_on,
        "measured_n": scored.images,
        "recipe": recipe.as_dict(),
        "version": {"id": material.version.id, "content_hash": material.version.content_hash},
        "began_with": _began_with(store, run.id),
        "run": run.id,
        "summary": summary,
        "caution": careful.as_dict(),
    }
    held_out: dict[str, NDArray[Any]] = {
        "image_id": np.array([material.images[row].image_id for row in rows], np.int64),
        "target": material.targets[rows],
        "probabilities": probabilities,
    }
    tensors = {name: value.numpy() for name, value in network.state_dict().items()}
    graph = export.export(network, recipe, labels)
    if material.seen is not None and careful.by == caution.BACKBONES:
        graph = with_backbone(graph, material.seen.network)
    folder = files.model(f"{model_prefix(run.id)}{run.attempt}")
    checkpoints.before_write()
    files.require_room(3 * len(graph))
    write_bundle(folder, manifest, tensors, graph, held_out, caution.as_arrays(known))
    if go_on:
        write_weights(files.run(run.id) / END, checkpoints.end())
    checkpoints.before_write()
    store.models.put(
        run.dataset_id,
        ModelKind.TRAINED,
        recipe.architecture,
        labels,
        scored.accuracy,
        scored.interval,
        measured_on,
        scored.images,
        folder.name,
        summary | {"caution": careful.as_dict()},
        run.id,
        material.version.id,
    )
    log.info("%s", summary["sentence"])


def _calibrate(network: Network, material: Material) -> float:
    """On the pictures that chose the best epoch, so that pictures for testing stay unseen. Gives the temperature."""
    probabilities, _ = export.predict(network, material.recipe, material.pixels, material.validation)
    found = caution.temperature(probabilities, material.targets[material.validation])
    export.calibrate(network, found)
    return found


def _caution(
    network: Network, material: Material, rows: Indices, probabilities: Floats, vectors: Floats
) -> tuple[Floats, Caution]:
    """What stands for everything it has learned from, vectors of length 1; and what caution comes to on `rows`.

    Args:
        probabilities, vectors: of the rows, by its own network.
    """
    learned = material.train[caution.choose(len(material.train), caution.MOST_KNOWN)]
    every, some = caution.some_first(len(rows), caution.MOST_MEASURED)
    measured = rows[every[:some]]
    seen = None
    if material.seen is not None:
        seen = material.seen.vectors([material.images[row].sha256 for row in (*learned, *measured)])
    if seen is not None:
        known, near, by = seen[: len(learned)], seen[len(learned) :], caution.BACKBONES
    else:
        _, known = export.predict(network, material.recipe, material.pixels, learned)
        near, by = vectors[every[:some]], caution.OWN
    known = caution.directions(known)
    familiar = caution.familiarity(known, near)
    return known, caution.measure(probabilities[every], material.targets[rows[every]], familiar, by)


def tidy(files: Files, store: Store, run_id: int) -> None:
    """Removes what a run that is over needs no more: checkpoints, and folders that its lost attempts left behind.

    Of a run that failed everything stays, to try again from there.
    """
    run = store.runs.get(run_id)
    if run.state not in (RunState.SUCCEEDED, RunState.CANCELLED):
        return
    takeaway.tidy(files.run(run_id), [END] if run.state is RunState.SUCCEEDED else [])
    named = store.models.get(run.model_id).folder if run.model_id is not None else None
    for folder in model_folders(files, run_id):
        if folder.name != named:
            shutil.rmtree(folder, ignore_errors=True)


def _began_with(store: Store, run_id: int) -> dict[str, Any] | None:
    """The weights, with their licence; None: those of an earlier run."""
    return next((event.data for event in store.runs.events(run_id) if event.kind == "weights"), None)


def _summary(scored: scores.Scores, measured_on: str, images: int) -> dict[str, Any]:
    right = of_hundred(scored.accuracy, scored.images)
    words = "never seen before" if measured_on == "test" else "held back, which also chose the best epoch"
    return {
        "labels": scored.as_dict()["labels"],
        "loss": scored.loss,
        "pictures": images,
        "sentence": f"Right about {right} pictures {words} ({scored.images:,} pictures).",
    }

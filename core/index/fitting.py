"""From a dataset's vectors and labels to an instant model that stands on disk and in the store."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from core import caution, scores
from core.bundles import HEAD, HeldOut, write_bundle
from core.caution import Caution
from core.graphs import with_head
from core.index import instant
from core.ports import Vectors
from core.records import Dataset, Label, Model, ModelKind, Split
from core.stores import LabelledImage
from core.studio import Studio

ARCHITECTURE = "efficientnet-lite0"
PREFIX = "instant-"
GRACE_S = 600.0  # a folder that no row names any more: somebody may still download it


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What can be learned from now: labelled pictures that have a vector."""

    labels: list[Label]  # with pictures to learn from, in order of position: the class indices
    images: list[LabelledImage]  # to learn from
    vectors: Vectors
    targets: instant.Integers
    tests: list[LabelledImage]  # only to score on, of these labels
    missing: int  # labelled pictures without a vector


def fit_dataset(studio: Studio, dataset: Dataset, backbone: bytes) -> Model | None:
    """Fits, writes the bundle, then the row. None when there is nothing to tell apart, or nothing to measure it on.

    Pictures for testing are never learned from. A kill leaves at most a folder that nobody names.

    Args:
        backbone: build/backbone.onnx, the same object each time.
    """
    material = gather(studio, dataset.id)
    if len(material.labels) < 2:
        return None
    # Threads that wait for each other lose everything to a machine that is busy; one takes half a second at most.
    with threadpool_limits(1):
        found = instant.fit(material.vectors, material.targets, len(material.labels))
        if not len(found.measured):
            return None
        return _publish(studio, dataset, material, found, backbone)


def sweep(studio: Studio, grace_s: float = GRACE_S) -> None:
    """Removes the folders of instant models that were replaced, or never got their row."""
    named = {model.folder for model in studio.store.models.all()}
    now = time.time()
    for folder in studio.files.model(PREFIX).parent.iterdir():
        mine = folder.name.removeprefix(".").startswith(PREFIX)
        if mine and folder.name not in named and now - folder.stat().st_mtime > grace_s:
            shutil.rmtree(folder, ignore_errors=True)


def gather(studio: Studio, dataset_id: int) -> Material:
    """Everything of a dataset that can be learned from now."""
    labelled = studio.store.images.labelled(dataset_id)
    rows = studio.store.vectors.rows([one.sha256 for one in labelled])
    known = [one for one in labelled if one.sha256 in rows]
    images = [one for one in known if one.split is not Split.TEST]
    present = {one.label_id for one in images}
    labels = [label for label in studio.store.datasets.labels(dataset_id) if label.id in present]
    index = {label.id: at for at, label in enumerate(labels)}
    images = [one for one in images if one.label_id in index]
    return Material(
        labels,
        images,
        studio.vectors.read([rows[one.sha256] for one in images]),
        np.array([index[one.label_id] for one in images], np.int64),
        [one for one in known if one.split is Split.TEST and one.label_id in index],
        len(labelled) - len(known),
    )


def _publish(studio: Studio, dataset: Dataset, material: Material, found: instant.Fit, backbone: bytes) -> Model:
    names = [label.name for label in material.labels]
    targets = material.targets[found.measured]
    scored = scores.score(targets, found.probabilities, names)
    known, careful = _caution(material, found)
    summary = {
        "labels": scored.as_dict()["labels"],
        "loss": scored.loss,
        "pictures": len(material.images),
        "missing": material.missing,
        "test": _test(studio, material, found, names),
        "notes": _notes(material),
        "caution": careful.as_dict(),
    }
    manifest = {
        "dataset": dataset.name,
        "kind": str(ModelKind.INSTANT),
        "architecture": ARCHITECTURE,
        "labels": names,
        "labels_revision": dataset.labels_revision,
        "accuracy": scored.accuracy,
        "interval": list(scored.interval),
        "measured_on": "cross-validation",
        "measured_n": scored.images,
        "recipe": {"head": "ridge regression", "strength": found.strength, "temperature": found.temperature},
        "summary": {name: value for name, value in summary.items() if name != "caution"},
        "caution": summary["caution"],
    }
    held_out: HeldOut = {
        "image_id": np.array([material.images[at].image_id for at in found.measured], np.int64),
        "target": targets,
        "probabilities": found.probabilities,
    }
    # A fit that was killed may have left the plain name behind.
    folder = f"{PREFIX}{dataset.id}-{dataset.labels_revision}-{secrets.token_hex(3)}"
    graph = with_head(backbone, found.weight, found.bias, names)
    tensors = dict(zip(HEAD, (found.weight, found.bias), strict=True))
    studio.files.require_room(len(graph))
    write_bundle(studio.files.model(folder), manifest, tensors, graph, held_out, caution.as_arrays(known))
    return studio.store.models.put(
        dataset.id,
        ModelKind.INSTANT,
        ARCHITECTURE,
        names,
        scored.accuracy,
        scored.interval,
        "cross-validation",
        scored.images,
        folder,
        summary,
    )


def _caution(material: Material, found: instant.Fit) -> tuple[instant.Floats, Caution]:
    """What stands for everything learned, and what caution comes to on pictures left out once."""
    at = caution.choose(len(material.vectors), caution.MOST_KNOWN)
    known = caution.directions(material.vectors[at])
    # Some of the measured first: what is familiar is measured on them alone.
    every, some = caution.some_first(len(found.measured), caution.MOST_MEASURED)
    pictures = found.measured[every[:some]]
    own = np.searchsorted(at, pictures).clip(0, len(at) - 1)
    own = np.where(at[own] == pictures, own, -1)
    familiar = caution.familiarity(known, material.vectors[pictures], own)
    targets = material.targets[found.measured]
    return known, caution.measure(found.probabilities[every], targets[every], familiar)


def _test(studio: Studio, material: Material, found: instant.Fit, names: Sequence[str]) -> dict[str, Any] | None:
    """Accuracy on the pictures that the person set aside for testing."""
    if not material.tests:
        return None
    rows = studio.store.vectors.rows([one.sha256 for one in material.tests])
    vectors = studio.vectors.read([rows[one.sha256] for one in material.tests])
    index = {label.id: at for at, label in enumerate(material.labels)}
    targets = np.array([index[one.label_id] for one in material.tests], np.int64)
    scored = scores.score(targets, instant.softmax(vectors @ found.weight.T + found.bias), names)
    return {"accuracy": scored.accuracy, "interval": list(scored.interval), "images": scored.images}


def _notes(material: Material) -> list[str]:
    """What a person should know about the number, in sentences."""
    counts = np.bincount(material.targets, minlength=len(material.labels))
    single = [label.name for label, count in zip(material.labels, counts, strict=True) if count == 1]
    notes = []
    if single:
        shown = ", ".join(f"“{name}”" for name in single[:3]) + (f" and {len(single) - 3} more" if single[3:] else "")
        notes.append(f"One picture is too few to measure a label: {shown}. Add more pictures of it.")
    if material.missing:
        plural = "picture was" if material.missing == 1 else "pictures were"
        notes.append(f"{material.missing:,} {plural} not looked at yet.")
    return notes

"""What a trained model knows of what it does not know: really trained on some of the pictures, held against others.

Three parts of each set: learned from; for the best epoch, the temperature and what is familiar; and held out, which
nobody looks at before it is measured here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from benchmarks import worlds
from core import architectures, caution
from core import recipe as recipes
from core.imaging.cache import open_cache
from core.imaging.pool import DecoderPool
from core.index import instant
from core.index.backbone import SIDE, Backbone, usable_cores
from core.learning import export
from core.learning.checkpoint import Checkpoints
from core.learning.learner import Head, load_best
from core.learning.loop import train
from core.learning.networks import Network
from core.recipe import Recipe
from core.records import TrainingSpec
from core.settings import Settings

PARTS = 5  # of the pictures: one is held out, one for the temperature, the others are learned from
OFF_TOPIC = 150  # pictures of each set that is not learned from


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A trained network on what it has not learned from."""

    right: float
    images: int
    before: NDArray[np.float32]  # (n, K) of the held-out part
    after: NDArray[np.float32]
    targets: NDArray[np.int64]
    refused: float  # share of the held-out part
    areas: Mapping[str, float]  # AUROC against each other set
    off_refused: Mapping[str, float]


def measure(name: str, others: Sequence[str], architecture: str, epochs: int, most: int, scratch: Path) -> Found:
    files = _files(name, most, scratch)
    labels = sorted({file.parent.name for file in files})
    targets = np.array([labels.index(file.parent.name) for file in files], np.int64)
    lot = np.random.default_rng(0).permutation(len(files)) % PARTS
    held, chose, learned = np.flatnonzero(lot == 0), np.flatnonzero(lot == 1), np.flatnonzero(lot > 1)
    spec = TrainingSpec(architecture, epochs, {"patience": 0})
    recipe = recipes.derive(spec, len(learned), len(labels), os.cpu_count() or 1)
    pixels = _pixels(files, recipe.side, scratch / "pixels")
    head = _head(pixels, targets, learned, len(labels)) if recipe.warm_start else None
    checkpoints = Checkpoints(scratch / f"checkpoints-{name}")
    for _ in train(pixels, targets, learned, chose, recipe, torch.device("cpu"), labels, checkpoints, head):
        pass
    network = load_best(checkpoints, labels, recipe)
    before, _ = export.predict(network, recipe, pixels, held)
    # From here on as the product does (core/keeping.py).
    probabilities, _ = export.predict(network, recipe, pixels, chose)
    export.calibrate(network, caution.temperature(probabilities, targets[chose]))
    vectors = _vectors(files, network, recipe, scratch)
    known = caution.directions(vectors[learned])
    probabilities, _ = export.predict(network, recipe, pixels, chose)
    careful = caution.measure(probabilities, targets[chose], caution.familiarity(known, vectors[chose]))
    after, _ = export.predict(network, recipe, pixels, held)
    familiar = caution.familiarity(known, vectors[held])
    areas, off_refused = {}, {}
    for other in others:
        strange = caution.familiarity(known, _vectors(_files(other, OFF_TOPIC, scratch), network, recipe, scratch))
        truth = np.r_[np.ones(len(familiar)), np.zeros(len(strange))]
        areas[other] = float(roc_auc_score(truth, np.r_[familiar, strange]))
        off_refused[other] = float((strange < careful.familiar).mean())
    right = float((after.argmax(1) == targets[held]).mean())
    refused = float((familiar < careful.familiar).mean())
    return Found(right, len(held), before, after, targets[held], refused, areas, off_refused)


def _vectors(files: list[Path], network: Network, recipe: Recipe, scratch: Path) -> NDArray[np.float32]:
    """By which the product tells what is familiar: the packaged network's, of a network that began with nothing."""
    if not architectures.get(recipe.architecture).pretrained:
        backbone = Backbone(Settings(Path()).backbone_path, usable_cores())
        return backbone.vectors(_pixels(files, SIDE, scratch / "pixels"))
    pixels = _pixels(files, recipe.side, scratch / "pixels")
    return export.predict(network, recipe, pixels, np.arange(len(pixels)))[1]


def _files(name: str, most: int, scratch: Path) -> list[Path]:
    found = worlds.pictures(worlds.unpack(name, scratch))
    return [found[at] for at in caution.choose(len(found), most).tolist()]


def _pixels(files: list[Path], side: int, folder: Path) -> NDArray[np.uint8]:
    folder.mkdir(exist_ok=True)
    with DecoderPool(usable_cores()) as decoder:
        return open_cache(folder, [(str(abs(hash(file))), file) for file in files], side, decoder).pixels


def _head(pixels: NDArray[np.uint8], targets: NDArray[np.int64], learned: NDArray[np.int64], labels: int) -> Head:
    backbone = Backbone(Settings(Path()).backbone_path, usable_cores())
    found = instant.fit(backbone.vectors(pixels[learned]), targets[learned], labels)
    return found.weight, found.bias

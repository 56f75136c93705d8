"""The instant model on real pictures, against the floors that the product promises."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from core.imaging.pool import DecoderPool
from core.index.backbone import SIDE, Backbone
from core.index.instant import Integers, fit, softmax
from core.ports import Vectors
from core.settings import Settings
from tests.worlds import shared_set

BACKBONE = Settings(Path()).backbone_path

pytestmark = pytest.mark.skipif(not BACKBONE.exists(), reason="build/backbone.onnx is missing; run `make setup`")


def split_of(folder: Path) -> dict[Path, bool]:
    """Each picture, and whether it is held out: by the set's own list, else a quarter by the hash of its name."""
    listed = folder / "SPLIT.csv"
    if listed.exists():
        with listed.open(encoding="utf-8") as file:
            return {folder / row["path"]: row["split"] == "test" for row in csv.DictReader(file)}
    pictures = sorted(path for path in folder.glob("*/*") if path.suffix in (".jpg", ".jpeg", ".png"))
    return {path: hashlib.sha256(path.name.encode()).digest()[0] % 4 == 0 for path in pictures}


def vectors_of(paths: Iterable[Path], decoder: DecoderPool) -> Vectors:
    paths = list(paths)
    pixels = dict(decoder.resized(paths, SIDE))
    found = [pixels[at] for at in range(len(paths))]
    return Backbone(BACKBONE, 2).vectors(np.stack([one for one in found if one is not None]))


@pytest.mark.parametrize(
    ("name", "floor"),
    [
        ("demo_clothes4", 0.90),
        pytest.param("caltech20", 0.98, marks=pytest.mark.slow),
        pytest.param("trash5", 0.88, marks=pytest.mark.slow),
    ],
)
def test_it_is_as_accurate_as_promised(name: str, floor: float, tmp_path: Path, decoder: DecoderPool) -> None:
    split = split_of(shared_set(name, tmp_path))
    vectors = vectors_of(split, decoder)
    labels = sorted({path.parent.name for path in split})
    targets: Integers = np.array([labels.index(path.parent.name) for path in split])
    held = np.array(list(split.values()))

    measured = fit(vectors, targets, len(labels))
    cross_validated = np.mean(measured.probabilities.argmax(1) == targets[measured.measured])
    learned = fit(vectors[~held], targets[~held], len(labels))
    said = softmax(vectors[held] @ learned.weight.T + learned.bias)
    held_out = np.mean(said.argmax(1) == targets[held])

    assert cross_validated >= floor
    assert held_out >= floor
    # It is as sure as it is right, give or take: nobody believes a model that is always certain.
    assert abs(measured.probabilities.max(1).mean() - cross_validated) < 0.05

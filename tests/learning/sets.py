"""Pictures made for tests: two labels that any network can tell apart, whichever way it looks at them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.learning.checkpoint import Checkpoints
from core.learning.events import Event
from core.learning.learner import Head
from core.learning.loop import train
from core.recipe import Recipe, derive
from core.records import TrainingSpec

LABELS = ("up", "down")
SIDES = {  # as small as goes, for speed
    "efficientnet-lite0": 64,
    "resnet18": 32,
    "mobilenetv3-small": 32,
    "plain-cnn": 16,
    "three-block-cnn": 16,
    "digit-cnn": 12,
    "mlp": 8,
}


def recipe(architecture: str = "mlp", epochs: int = 3, images: int = 24, **overrides: Any) -> Recipe:
    chosen = {"side": SIDES[architecture], "threads": 1, **overrides}
    return derive(TrainingSpec(architecture, epochs, chosen), images, len(LABELS), cores=1)


def pictures(side: int, count: int = 32, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(count, side, side, 3) and their labels: brighter above, or below, under noise."""
    random = np.random.default_rng(seed)
    targets = np.arange(count) % 2
    pixels = random.integers(40, 120, (count, side, side, 3))
    pixels[targets == 0, : side // 2] += 100
    pixels[targets == 1, side // 2 :] += 100
    return pixels.astype(np.uint8), targets.astype(np.int64)


def training(folder: Path, recipe: Recipe, count: int = 32, head: Head | None = None) -> Iterator[Event]:
    """The last quarter of `count` pictures is for validation."""
    pixels, targets = pictures(recipe.side, count)
    split = count * 3 // 4
    index = np.arange(count)
    device = torch.device("cpu")
    rest = index[split:]
    return train(
        pixels, targets, index[:split], rest, recipe, device, LABELS, Checkpoints(folder), head, strip=rest[:3]
    )

"""Records the curves beside this file by training on real pictures: `python -m tests.curves.record [NAME ...]`.

Each curve is what a screen would have: one row an epoch of [epoch, train loss, train accuracy, validation loss,
validation accuracy]; null is not a number.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from core import architectures
from core.errors import StudioError
from core.learning.checkpoint import Checkpoints
from core.learning.events import Finished, Validated
from core.learning.loop import train
from core.recipe import derive
from core.records import TrainingSpec

HERE = Path(__file__).parent
DATA = HERE.parents[2] / "shared" / "data"


@dataclass(frozen=True, slots=True)
class Lesson:
    """A training that goes one way or another."""

    pictures: str
    each: int  # pictures of a label, at most
    architecture: str
    epochs: int
    overrides: dict[str, Any] = field(default_factory=dict)


UNVARIED = {"augmentation": "none", "mirror": False, "dropout": 0.0, "label_smoothing": 0.0, "weight_decay": 0.0}
SGD = {"optimizer": "sgd"}
STEADY = {"schedule": "constant", "warmup_share": 0.0}
UNSTEADY = {**SGD, **STEADY, "patience": 0}
LESSONS = {
    "learning_well": Lesson("digits_mnist", 120, "digit-cnn", 12),
    "learning_well_small_network": Lesson("trash5", 120, "three-block-cnn", 14, {"side": 48}),
    "noisy_but_well": Lesson("demo_clothes4", 40, "three-block-cnn", 40, {"side": 64, "patience": 0}),
    "memorising": Lesson("trash5", 60, "plain-cnn", 30, {**UNVARIED, "side": 32, "schedule": "constant"}),
    "memorising_letters": Lesson("signdigits10", 20, "mlp", 60, {**UNVARIED, **STEADY, "learning_rate": 0.002}),
    "rate_too_high": Lesson("trash5", 80, "plain-cnn", 15, {**STEADY, "side": 32, "learning_rate": 0.3}),
    "rate_spoils_the_start": Lesson("digits_mnist", 60, "digit-cnn", 20, {**STEADY, "learning_rate": 0.03}),
    "rate_unstable": Lesson("digits_mnist", 60, "digit-cnn", 20, {**UNSTEADY, "learning_rate": 0.15}),
    "diverged": Lesson("trash5", 60, "mlp", 9, {**SGD, **STEADY, "learning_rate": 3.0}),
    "rate_too_low": Lesson("trash5", 80, "plain-cnn", 12, {**SGD, "side": 32, "learning_rate": 1e-6}),
    "too_few_pictures": Lesson("trash5", 5, "three-block-cnn", 30, {"side": 48}),
    "slow_and_steady": Lesson("signdigits10", 80, "mlp", 60, {"schedule": "constant", "augmentation": "light"}),
    "plateau": Lesson("trash5", 100, "mlp", 45, {**STEADY, "augmentation": "strong", "patience": 0}),
    "finished_early": Lesson("trash5", 60, "three-block-cnn", 60, {"side": 48, "patience": 5}),
    "cut_off": Lesson("digits_mnist", 60, "digit-cnn", 3, {"learning_rate": 2e-4, "schedule": "constant"}),
    "warm_start": Lesson("demo_clothes4", 40, "efficientnet-lite0", 5, {"side": 128}),
}  # fmt: skip


def main(wanted: list[str]) -> None:
    for name, lesson in LESSONS.items():
        if not wanted or name in wanted:
            (HERE / f"{name}.json").write_text(json.dumps(record(lesson)) + "\n", "utf-8")
            sys.stdout.write(f"{name}\n")
            sys.stdout.flush()


def record(lesson: Lesson) -> dict[str, Any]:
    side = int(lesson.overrides.get("side", architectures.get(lesson.architecture).side))
    pixels, targets, labels = pictures(lesson.pictures, lesson.each, side)
    order = np.random.default_rng(1).permutation(len(targets))
    cut = max(len(labels), len(order) // 5)
    validation, learned = order[:cut], order[cut:]
    spec = TrainingSpec(lesson.architecture, lesson.epochs, {"threads": 1, "warm_start": False, **lesson.overrides})
    recipe = derive(spec, len(learned), len(labels), cores=1)
    rows, reason = [], "diverged"
    with tempfile.TemporaryDirectory() as folder:
        device, checkpoints = torch.device("cpu"), Checkpoints(Path(folder))
        try:
            for event in train(pixels, targets, learned, validation, recipe, device, labels, checkpoints):
                if isinstance(event, Validated):
                    seen = (event.train_loss, event.train_accuracy, event.val_loss, event.val_accuracy)
                    rows.append([event.epoch, *(one if one is None else round(one, 5) for one in seen)])
                elif isinstance(event, Finished):
                    reason = str(event.reason)
        except StudioError:  # nothing to keep
            pass
    return {
        "pictures": lesson.pictures,
        "learned_from": len(learned),
        "labels": len(labels),
        "recipe": recipe.as_dict(),
        "reason": reason,
        "epochs": rows,
    }


def pictures(name: str, each: int, side: int) -> tuple[Any, Any, list[str]]:
    """(N, side, side, 3) uint8, (N,) class indices, labels; the label is the folder a picture lies in."""
    found: dict[str, list[str]] = {}
    with zipfile.ZipFile(DATA / f"{name}.zip") as archive:
        for entry in sorted(archive.namelist()):
            if entry.lower().endswith((".jpg", ".jpeg", ".png", ".webp")):
                found.setdefault(Path(entry).parent.name, []).append(entry)
        labels = sorted(found)
        chosen = [(at, entry) for at, label in enumerate(labels) for entry in found[label][:each]]
        pixels = [
            Image.open(io.BytesIO(archive.read(entry))).convert("RGB").resize((side, side)) for _, entry in chosen
        ]
    return np.stack([np.asarray(one) for one in pixels]), np.array([at for at, _ in chosen], np.int64), labels


if __name__ == "__main__":
    main(sys.argv[1:])

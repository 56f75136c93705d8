"""A training to be killed: `python -m tests.learning.victim FOLDER`. Says each event, at last what came of it."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import torch

from core.learning import loop
from core.learning.checkpoint import Checkpoints
from core.recipe import Recipe
from tests.learning import sets


def recipe() -> Recipe:
    return sets.recipe(
        "three-block-cnn", epochs=4, batch_size=4, ema=0.9, augmentation="strong", label_smoothing=0.1, patience=3
    )


def digest(folder: Path) -> str:
    """Of every bit a run resumes from and of its best weights."""
    found = Checkpoints(folder).load(torch.device("cpu"))
    assert found is not None
    state, best = found
    assert best is not None
    parts: list[bytes] = [repr((state["place"], state["best"], best[0])).encode(), state["sums"].numpy().tobytes()]
    for weights in (state["network"], state["averaged"], best[1]):
        parts += [weights[name].contiguous().numpy().tobytes() for name in sorted(weights)]
    for moments in state["optimizer"]["state"].values():
        parts += [value.numpy().tobytes() for value in moments.values() if isinstance(value, torch.Tensor)]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def main(folder: Path) -> None:
    loop.SAY_S = loop.SAVE_STEP_S = loop.SAVE_EPOCH_S = 0.0
    loop.SAVE_COST = 0
    for event in sets.training(folder, recipe()):
        sys.stdout.write(f"{event}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{digest(folder)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

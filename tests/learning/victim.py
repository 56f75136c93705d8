"""A training, killed again and again: `python -m tests.learning.victim FOLDER MOST...`.

Torch is loaded once; each attempt is a fork. After MOST events it stands still, so that on no machine does it come to
its end; shortly before that it is killed, wherever it is. One more goes on to the end. Says at which step each of them
began, at last what came of it.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import sys
from pathlib import Path

import torch

from core.learning import loop
from core.learning.checkpoint import Checkpoints
from core.learning.events import Prepared
from core.recipe import Recipe
from tests.learning import sets

AHEAD = 3  # events that a killed training may be further than was heard of it


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


def attempt(folder: Path, most: int | None) -> int:
    """Trains, and is killed within the last events of `most`. Gives the step it began at."""
    reads, writes = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reads)
        train(folder, most, writes)
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as told:
        began = int(told.readline())
        events = list(itertools.islice(told, most and most - AHEAD))
        if most is not None:
            assert len(events) == most - AHEAD, "it has ended"
            os.kill(pid, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == (0 if most is None else -signal.SIGKILL)
    return began


def train(folder: Path, most: int | None, tell: int) -> None:
    for number, event in enumerate(sets.training(folder, recipe())):
        os.write(tell, f"{event.resumed_at if isinstance(event, Prepared) else number}\n".encode())
        if number == most:
            signal.pause()


def main(folder: Path, lengths: list[int]) -> None:
    loop.SAY_S = loop.SAVE_STEP_S = loop.SAVE_EPOCH_S = 0.0
    loop.SAVE_COST = 0
    for most in (*lengths, None):
        sys.stdout.write(f"{attempt(folder, most)}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{digest(folder)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(most) for most in sys.argv[2:]])

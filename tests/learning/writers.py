"""Writers of checkpoints, killed while they write: `python -m tests.learning.writers FOLDER KILLS SEED`.

Torch is loaded once; each writer is a fork that saves one checkpoint after the other and tells when one is done. After
each kill the newest checkpoint must be whole, and none that was told of may be lost. Says `KILLS UNREADABLE LOST`.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from core.learning.checkpoint import Checkpoints

CPU = torch.device("cpu")
WIDTH = 200_000  # numbers; a checkpoint takes some milliseconds, of which a kill may hit any
PATIENCE_S = 0.03


def write(folder: Path, first: int, told: int) -> None:
    checkpoints = Checkpoints(folder)
    for step in range(first, first + 10_000):
        best = step - step % 3
        state = {"w": torch.full((WIDTH,), float(step)), "step": step}
        checkpoints.save(step, state, (best, {"w": torch.full((WIDTH,), float(best))}))
        os.write(told, step.to_bytes(8, "little"))


def whole(folder: Path) -> int:
    """The step of the newest checkpoint, all of which must be what was written; -1 where it is not."""
    found = Checkpoints(folder).load(CPU)
    if found is None:
        return 0
    state, best = found
    step = int(state["step"])
    right = bool((state["w"] == step).all()) and best is not None
    return step if right and best and best[0] == step - step % 3 and bool((best[1]["w"] == best[0]).all()) else -1


def main(folder: Path, kills: int, chance: random.Random) -> None:
    torch.set_num_threads(1)  # what forks must have no threads
    step = unreadable = lost = 0
    for _ in range(kills):
        reads, writes = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reads)
            write(folder, step + 1, writes)
            os._exit(0)
        os.close(writes)
        told = os.read(reads, 8)  # it is at work
        time.sleep(chance.uniform(0, PATIENCE_S))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        while more := os.read(reads, 8):
            told = more
        os.close(reads)
        found = whole(folder)
        unreadable += found < 1
        lost += found < int.from_bytes(told, "little")
        step = max(step, found)
    sys.stdout.write(f"{kills} {unreadable} {lost}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3])))

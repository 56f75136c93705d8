"""A trainer killed at any moment, again and again: weights, best model and curve are those of an undisturbed run."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.records import Metric, RunState, TrainingSpec
from core.running import handles
from core.running.processes import PROGRAM, environment
from tests.faults.lab import Lab

ACTIVE = (RunState.STARTING, RunState.RUNNING)
SPEC = TrainingSpec(
    "digit-cnn", 4, {"batch_size": 4, "threads": 1, "seed": 3, "patience": 0, "ema": 0.9, "augmentation": "light"}
)
# Its body begins with what the package knows: first the head alone learns, then all but the first stages.
FROZEN = TrainingSpec(
    "efficientnet-lite0",
    3,
    {"side": 64, "batch_size": 8, "threads": 1, "seed": 3, "ema": 0.9, "warm_start": False, "freeze_epochs": 1},
)
CLOCKED = ("images_per_s", "memory_mb", "utilisation")


class Nursery:
    """Attempts that begin in milliseconds; the scheduler's part is played by the test."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.handle = lab, ""
        self.length_s = 30.0  # that an attempt needs which nobody kills, as far as is known
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery", "0.05", "0.25"],
            cwd=PROGRAM,
            env=environment(lab.settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._read() == "ready"

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def begin(self, run_id: int) -> None:
        attempt = self.lab.store.runs.begin_attempt(run_id)
        self.handle = handles.identity(int(self._ask(f"{run_id} {attempt}")))

    def killed(self, run_id: int, after_s: float) -> bool:
        """False where it ended by itself before."""
        began_s = time.monotonic()
        deadline = began_s + after_s
        while handles.is_alive(self.handle) and time.monotonic() < deadline:
            time.sleep(0.005)
        if handles.is_alive(self.handle):
            os.kill(handles.pid_of(self.handle), signal.SIGKILL)
        code = int(self._ask(""))
        assert handles.clear_group(self.handle)
        if code != -signal.SIGKILL:
            assert code == 0, f"the trainer ended with {code}: {self.lab.run(run_id)}"
            self.length_s = min(self.length_s, time.monotonic() - began_s)
            return False
        # Killed between its last word and its end, it has succeeded.
        return self.lab.store.runs.cas(run_id, ACTIVE, state=RunState.QUEUED, handle=None)

    def _ask(self, line: str) -> str:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> str:
        assert self._process.stdout
        assert select.select([self._process.stdout], [], [], 600)[0], "the nursery does not answer"
        return self._process.stdout.readline().strip()


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    lab = Lab(tmp_path / "home", background=False)
    nursery = Nursery(lab)
    yield nursery
    nursery.close()
    lab.close()


def rows(lab: Lab, run_id: int) -> list[Metric]:
    return [metric for metric in lab.store.runs.metrics(run_id) if metric.key not in CLOCKED]


LONG = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.parametrize(
    ("spec", "kills"),
    [
        pytest.param(SPEC, 5, id="5"),
        pytest.param(SPEC, 200, marks=LONG, id="200"),
        pytest.param(FROZEN, 60, marks=LONG, id="60 with frozen stages"),
    ],
)
def test_kills_at_random_moments_change_neither_weights_nor_curve(
    spec: TrainingSpec, kills: int, nursery: Nursery
) -> None:
    """How the long ones went stands in docs/decisions.md."""
    lab, chance = nursery.lab, random.Random(11)
    where = lab.dataset()
    unbroken = lab.store.runs.submit(*where, "unbroken", spec).id
    nursery.begin(unbroken)
    assert not nursery.killed(unbroken, 120)
    weights, curve, done = lab.weights(unbroken), rows(lab, unbroken), 0
    while done < kills:
        run_id = lab.store.runs.submit(*where, "broken", spec).id
        nursery.begin(run_id)
        while nursery.killed(run_id, chance.uniform(0, nursery.length_s) if done < kills else 120):
            done += 1
            nursery.begin(run_id)
        assert lab.weights(run_id) == weights, f"after {done} kills"
        assert rows(lab, run_id) == curve, f"after {done} kills"

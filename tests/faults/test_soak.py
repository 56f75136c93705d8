"""Runs of several people while trainer, scheduler and web are killed at random: every run ends right."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from core.records import RunState
from core.running import handles
from core.running.processes import PROGRAM, environment
from tests.faults.lab import SLOW, Lab

WEB = """
    import sys, time
    from core.running.services import LocalServices
    from core.settings import read_settings
    from core.storage import LocalFiles, open_store
    settings = read_settings()
    store, services = open_store(settings.database), LocalServices(settings, LocalFiles(settings.home, 0))
    while True:
        services.wake()
        store.services.alive("web")
        time.sleep(0.3)
"""


def web(lab: Lab) -> subprocess.Popen[bytes]:
    """What an open screen does for the background processes."""
    command = [sys.executable, "-c", textwrap.dedent(WEB)]
    return subprocess.Popen(command, cwd=PROGRAM, env=environment(lab.settings), start_new_session=True)


def end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def at_work(lab: Lab) -> list[str]:
    """The trainers that got further than the attempt before them."""
    running = lab.store.runs.all(states=(RunState.RUNNING,))
    return [run.handle for run in running if run.handle and run.step > run.crash_step and handles.is_alive(run.handle)]


@pytest.mark.parametrize(
    "many",
    [
        pytest.param(3, marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
        pytest.param(10, marks=[pytest.mark.soak, pytest.mark.timeout(7200)]),
    ],
)
def test_whoever_is_killed_every_run_ends_right(many: int, lab: Lab, pictures: tuple[int, int], unbroken: str) -> None:
    chance, screen = random.Random(many), web(lab)
    owners = ("ann", "bob", "eve")
    runs = [lab.store.runs.submit(*pictures, f"run {n}", SLOW, owners[n % 3]).id for n in range(many)]
    try:
        while any(not lab.run(run_id).state.final for run_id in runs):
            time.sleep(chance.uniform(1, 6))
            if not (active := at_work(lab)):
                continue  # on a busy machine those killed last may not be back yet
            victim = chance.choice(["trainer", "scheduler", "web", "all"])
            for handle in active if victim in ("trainer", "all") else ():
                os.kill(handles.pid_of(handle), signal.SIGKILL)
            if victim in ("scheduler", "all"):
                lab.kill(lab.scheduler())
            if victim in ("web", "all"):
                end(screen)
                screen = web(lab)
    finally:
        end(screen)
    lab.services.wake()
    assert [lab.weights(run_id) for run_id in runs] == [unbroken] * many
    for run_id in runs:
        checks = [metric.step for metric in lab.store.runs.metrics(run_id) if metric.key == "val_loss"]
        assert len(checks) == len(set(checks)) == SLOW.epochs

"""The trainer that waits with everything loaded: it serves the next attempt, and its end harms nothing."""

from __future__ import annotations

import os
import sys

import psutil
import pytest

from core.records import RunState
from core.running import handles
from core.running.engine import WAIT
from core.trainer import LOADING_NICENESS, NICENESS
from tests.faults.lab import SHORT, Lab


def waiting(lab: Lab) -> int | None:
    """The pid of the trainer that waits."""
    return next((pid for pid, command in lab.processes().items() if command.endswith(WAIT)), None)


def test_a_trainer_that_waits_serves_the_next_attempt_and_its_death_harms_nothing(
    lab: Lab, pictures: tuple[int, int]
) -> None:
    cold = lab.weights(lab.submit(pictures, SHORT))
    assert waiting(lab) is None, "nobody was about to train"

    lab.services.expect_training()
    lab.until(lambda: waiting(lab), "a trainer waits")
    pid = waiting(lab)
    served = lab.submit(pictures, SHORT)
    handle = lab.wait_for_attempt(served, 1).handle
    assert handle and handles.pid_of(handle) == pid
    assert lab.weights(served) == cold
    assert "Preparing 72 pictures" in lab.log(served), "what it says stands in the log of the attempt"

    lab.until(lambda: waiting(lab) not in (None, pid), "another waits")
    pid = waiting(lab)
    assert pid
    lab.kill(handles.identity(pid))
    alone = lab.submit(pictures, SHORT)
    assert lab.weights(alone) == cold
    assert (lab.run(alone).attempt, lab.run(alone).crash_count, lab.run(alone).state) == (1, 0, RunState.SUCCEEDED)


def niceness(pid: int) -> set[int]:
    """Of its threads."""
    return {os.getpriority(os.PRIO_PROCESS, thread.id) for thread in psutil.Process(pid).threads()}


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a niceness of their own on Linux only")
def test_while_it_loads_it_steps_back_and_only_then(lab: Lab) -> None:
    lab.services.wake()
    lab.services.expect_training()
    lab.until(lambda: waiting(lab), "a trainer waits")
    pid = waiting(lab)
    assert pid

    lab.until(lambda: LOADING_NICENESS in niceness(pid), "it loads")
    assert os.getpriority(os.PRIO_PROCESS, pid) == NICENESS, "the thread that will train"
    lab.until(lambda: LOADING_NICENESS not in niceness(pid), "everything is loaded")


def test_it_leaves_when_there_is_no_scheduler_any_more(lab: Lab) -> None:
    lab.services.stop()
    lab.services.wake()
    lab.services.expect_training()
    lab.until(lambda: waiting(lab), "a trainer waits")

    lab.kill(lab.scheduler())

    lab.until(lambda: waiting(lab) is None, "it has left")
    lab.services.wake()
    lab.scheduler()  # it adopts the others, and ends them with the test

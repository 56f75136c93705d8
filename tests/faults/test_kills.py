"""kill -9 of any process at any moment: the run ends in the very weights of an undisturbed one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from core import bundles
from core.records import RunState, Wish
from core.running import handles
from core.running.processes import PROGRAM, environment
from core.running.scheduler import MAX_CRASHES
from tests.faults.lab import LABELS, PER_LABEL, SHORT, SLOW, Lab

Where = tuple[int, int]


def test_pausing_terminating_and_killing_a_trainer_do_not_change_the_model(
    lab: Lab, pictures: Where, unbroken: str
) -> None:
    run_id = lab.submit(pictures)
    handle = lab.wait_for_step(run_id, 30).handle
    assert handle and lab.store.runs.request(run_id, Wish.PAUSE)
    assert lab.wait_for(run_id, RunState.PAUSED).handle is None
    lab.wait_for_empty_group(handle)

    assert lab.store.runs.request(run_id, "resume")
    handle = lab.wait_for_step(run_id, 80, attempt=2).handle
    assert handle
    os.killpg(handles.pid_of(handle), signal.SIGTERM)  # as when the machine goes down

    lab.kill(lab.wait_for_step(run_id, 150, attempt=3).handle)
    assert lab.weights(run_id) == unbroken
    assert (lab.run(run_id).attempt, lab.run(run_id).crash_count) == (4, 1)
    checks = [metric.step for metric in lab.store.runs.metrics(run_id) if metric.key == "val_loss"]
    assert len(checks) == len(set(checks)) == SLOW.epochs


def test_a_run_outlives_web_scheduler_and_indexer(lab: Lab, pictures: Where, unbroken: str) -> None:
    lab.services.stop()
    program = """
        import sys, time
        from core.running.services import LocalServices
        from core.settings import read_settings
        from core.storage import LocalFiles, open_store
        from tests.faults.lab import SLOW
        settings = read_settings()
        store = open_store(settings.database)
        run = store.runs.submit(int(sys.argv[1]), int(sys.argv[2]), "from the web", SLOW)
        LocalServices(settings, LocalFiles(settings.home, 0)).wake()
        sys.stdout.write(f"{run.id}\\n")
        sys.stdout.flush()
        time.sleep(600)
    """
    arguments = [sys.executable, "-c", textwrap.dedent(program), *map(str, pictures)]
    web = subprocess.Popen(
        arguments, cwd=PROGRAM, env=environment(lab.settings), stdout=subprocess.PIPE, start_new_session=True
    )
    assert web.stdout
    with web.stdout:
        run_id = int(web.stdout.readline())
    step = lab.wait_for_step(run_id, 20).step
    os.killpg(web.pid, signal.SIGKILL)
    web.wait()
    lab.kill(lab.scheduler())
    lab.kill(lab.child("indexer"))
    lab.wait_for_step(run_id, step + 30)  # it goes on with nobody there
    lab.services.wake()
    lab.scheduler()
    assert lab.weights(run_id) == unbroken
    assert lab.run(run_id).attempt == 1


def test_a_stopped_run_keeps_its_best_model(lab: Lab, pictures: Where) -> None:
    run_id = lab.submit(pictures)
    lab.wait_for_step(run_id, 60)
    assert lab.store.runs.request(run_id, Wish.STOP)
    run = lab.wait_for(run_id, RunState.SUCCEEDED)
    assert run.step < run.total_steps and run.model_id is not None and run.wish is None
    model = lab.store.models.get(run.model_id)
    folder = lab.files.model(model.folder)
    assert bundles.read_manifest(folder)["labels"] == list(model.labels) == list(LABELS)
    assert (model.measured_on, model.measured_n) == ("test", PER_LABEL // 8 * len(LABELS))
    with np.load(folder / "held_out.npz", allow_pickle=False) as held:
        right = held["probabilities"].argmax(1) == held["target"]
        assert len(held["image_id"]) == model.measured_n
        assert model.accuracy == right.mean()
    left = lab.files.run(run_id)
    kept = ["end.pt", "run.json", "tensorboard"]
    lab.until(lambda: sorted(one.name for one in left.iterdir()) == kept, "checkpoints go")


@pytest.mark.slow
def test_a_run_stopped_while_all_are_dead_keeps_its_best_model(lab: Lab, pictures: Where) -> None:
    run_id = lab.submit(pictures)
    run = lab.wait_for_step(run_id, 100)
    lab.until(lambda: any(event.kind == "saved" for event in lab.store.runs.events(run_id)), "a checkpoint")
    lab.kill(lab.scheduler())
    lab.kill(run.handle)
    assert lab.store.runs.request(run_id, Wish.STOP)
    lab.services.wake()
    run = lab.wait_for(run_id, RunState.SUCCEEDED)
    assert run.model_id is not None and run.step < run.total_steps


def test_a_cancelled_run_leaves_no_model_and_no_process(lab: Lab, pictures: Where) -> None:
    run_id = lab.submit(pictures)
    handle = lab.wait_for_step(run_id, 1).handle
    assert handle and lab.store.runs.request(run_id, Wish.CANCEL)
    assert lab.wait_for(run_id, RunState.CANCELLED).model_id is None
    lab.wait_for_empty_group(handle)


def test_a_run_that_is_killed_every_time_fails_with_the_reason(lab: Lab, pictures: Where) -> None:
    run_id = lab.submit(pictures, SHORT)
    for attempt in range(1, MAX_CRASHES + 2):
        lab.kill(lab.wait_for_attempt(run_id, attempt).handle)
    run = lab.wait_for(run_id, RunState.FAILED)
    assert run.error and "before its first step" in run.error and "SIGKILL" in run.error
    assert run.handle is None and run.finished_at


@pytest.mark.slow
def test_a_frozen_trainer_is_replaced_when_its_lease_ends(lab: Lab, pictures: Where, unbroken: str) -> None:
    run_id = lab.submit(pictures)
    handle = lab.wait_for_step(run_id, 60).handle
    assert handle
    os.kill(handles.pid_of(handle), signal.SIGSTOP)
    lab.wait_for_step(run_id, 1, attempt=2)
    assert not handles.group_members(handle)
    assert lab.weights(run_id) == unbroken


@pytest.mark.slow
def test_twenty_kills_of_anybody_at_any_time_change_nothing(lab: Lab, pictures: Where, unbroken: str) -> None:
    chance = random.Random(1)
    kills = 0
    while kills < 20:
        run_id = lab.submit(pictures)
        # Each attempt gets further than the one before: a run that dies again and again at one step is given up.
        while (step := lab.run(run_id).step + chance.randint(20, 80)) <= 250 and kills < 20:
            lab.wait_for_step(run_id, step, attempt=lab.run(run_id).attempt)
            victim = chance.choice(["trainer", "scheduler", "both"])
            run = lab.run(run_id)
            if victim != "trainer":
                lab.kill(lab.scheduler())
            if victim != "scheduler" and run.handle and handles.is_alive(run.handle):
                lab.kill(run.handle)
                lab.services.wake()
                lab.wait_for_attempt(run_id, run.attempt + 1)
            lab.services.wake()
            kills += 1
        assert lab.weights(run_id) == unbroken

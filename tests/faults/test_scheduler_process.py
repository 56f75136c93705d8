"""The scheduler's process: one a data folder, there when it is needed, gone when it is not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.running import handles
from core.running.children import lock_is_free, read_handle
from core.running.processes import PROGRAM, environment
from core.running.services import LocalServices
from tests.faults.lab import Lab


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[Lab]:
    """Without indexer and predictor."""
    lab = Lab(tmp_path / "home", background=False)
    yield lab
    lab.close()
    assert lab.processes() == {}


def test_a_burst_of_wakes_starts_one_scheduler_and_a_second_one_leaves(quiet: Lab) -> None:
    for _ in range(20):
        quiet.services.wake()
    first = quiet.scheduler()
    assert len(quiet.processes()) == 1
    command = [sys.executable, "-m", "core.scheduler"]
    second = subprocess.run(
        command, cwd=PROGRAM, env=environment(quiet.settings), capture_output=True, text=True, timeout=120, check=False
    )
    assert second.returncode == 0 and "another scheduler" in second.stdout
    assert quiet.scheduler() == first
    quiet.services.stop()
    assert lock_is_free(quiet.files, "scheduler")
    quiet.services.stop()  # nothing to do


def test_a_scheduler_that_nobody_needs_leaves(quiet: Lab) -> None:
    LocalServices(replace(quiet.settings, idle_exit_s=1.0), quiet.files).wake()
    handle = quiet.scheduler()
    quiet.until(lambda: not handles.is_alive(handle), "it left")
    assert lock_is_free(quiet.files, "scheduler")


def test_a_screen_that_is_open_keeps_the_scheduler(quiet: Lab) -> None:
    quiet.services = LocalServices(replace(quiet.settings, idle_exit_s=5.0), quiet.files)
    quiet.services.wake()
    handle = quiet.scheduler()
    beats = 0

    def watched() -> bool:
        nonlocal beats
        quiet.store.services.alive("web")
        beats += 1
        return beats > 300  # 9 s, at least

    quiet.until(watched, "the screen was open for a while")
    assert handles.is_alive(handle)


def test_a_scheduler_whose_data_folder_is_gone_leaves(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "home", background=False)
    lab.services.wake()
    handle = lab.scheduler()
    shutil.rmtree(lab.settings.home)
    lab.until(lambda: not handles.is_alive(handle), "it left")
    assert lab.processes() == {}


def test_indexer_and_predictor_are_revived_adopted_and_ended(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "home")
    lab.services.wake()
    lab.scheduler()
    first = {name: lab.child(name) for name in ("indexer", "predictor")}
    lab.kill(first["indexer"])
    lab.until(lambda: lab.child("indexer") != first["indexer"], "another indexer")
    lab.kill(lab.scheduler())
    lab.services.wake()
    lab.scheduler()
    indexer = lab.child("indexer")
    assert lab.child("predictor") == first["predictor"]
    lab.services.stop()
    assert not handles.is_alive(indexer) and not handles.is_alive(first["predictor"])
    assert read_handle(lab.files, "indexer") == indexer  # adopted, not started anew
    assert lab.processes() == {}


def test_a_surveyor_comes_when_something_is_asked_for_and_again_after_a_kill(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "home", background=False)
    lab.services.wake()
    lab.scheduler()
    assert read_handle(lab.files, "surveyor") is None, "nobody is started for nothing"
    dataset_id, _ = lab.dataset()
    lab.store.surveys.want(dataset_id, "whatever")  # of a dataset not at rest: it waits
    first = lab.child("surveyor")
    lab.kill(first)
    lab.until(lambda: lab.child("surveyor") != first, "another surveyor")
    revision = lab.store.datasets.get(dataset_id).labels_revision
    lab.store.datasets.mark_fitted(dataset_id, revision)
    lab.until(lambda: not lab.store.surveys.due(), "it is dealt with")
    lab.close()
    assert lab.processes() == {}

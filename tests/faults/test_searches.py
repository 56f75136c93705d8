"""kill -9 of whoever carries on a search and of its trainers: the same trials, none twice, the winner trained fully."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest

from core.records import Run, RunState, Search, SearchKind, SearchState, Trial
from core.running import handles
from core.running.children import read_handle
from tests.faults.lab import Lab

SPACE: dict[str, list[Any]] = {
    "architecture": ["mlp", "digit-cnn"],
    "learning_rate": [0.1, 10.0],
    "augmentation": ["none", "light"],
}
FIXED = {"batch_size": 4, "threads": 1, "seed": 3, "precision": "fp32", "layout": "contiguous"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Without indexer and predictor, which a search of networks from scratch does not need."""
    lab = Lab(tmp_path_factory.mktemp("home"), background=False)
    yield lab
    lab.close()
    assert lab.processes() == {}


def begin(lab: Lab, where: tuple[int, int], most: int, seed: int = 1) -> Search:
    # Two epochs: nothing is ended early, so that what comes next depends on no moment.
    made = lab.store.searches.create(*where, SearchKind.TPE, SPACE, FIXED, 3600, 2, 3, most, seed, "ann")
    lab.services.wake()
    return made


def over(lab: Lab, search: Search) -> bool:
    return lab.store.searches.get(search.id).state.final


def trials(lab: Lab, search: Search) -> list[tuple[Trial, Run]]:
    return lab.store.searches.trials(search.id)


def told(lab: Lab, search: Search) -> list[tuple[object, object]]:
    """Of each trial its settings and, digit by digit, what it scored."""
    checks = lab.store.searches.checks(search.id)
    return [(trial.point, checks[run.id]) for trial, run in trials(lab, search)]


@pytest.mark.timeout(900)
def test_a_search_outlives_the_kill_of_its_searcher_and_of_a_trainer(lab: Lab, pictures: tuple[int, int]) -> None:
    search = begin(lab, pictures, most=2)
    lab.until(lambda: trials(lab, search), "a trial")
    lab.kill(lab.child("searcher"))
    killed = kill_one_at_work(lab, search)
    for number in range(1, search.most + 1):  # on a busy machine each may take minutes
        lab.until(lambda number=number: ended(lab, search) >= number, f"trial {number} is over")  # type: ignore[misc]
    lab.until(lambda: over(lab, search), "the search is over")
    done = lab.store.searches.get(search.id)
    assert done.state is SearchState.DONE and done.winner_run_id is not None
    assert [trial.number for trial, _ in trials(lab, search)] == [1, 2]
    winner = lab.run(done.winner_run_id)
    assert (winner.state, winner.epoch, winner.spec.epochs) == (RunState.SUCCEEDED, 3, 3)
    assert winner.model_id and [
        run.model_id is not None for trial, run in trials(lab, search) if trial.number == done.winner
    ] == [True]
    assert lab.run(killed).attempt >= 2  # a machine that is too busy for a heart may cost it another


def ended(lab: Lab, search: Search) -> int:
    return sum(run.state.final for _, run in trials(lab, search))


def kill_one_at_work(lab: Lab, search: Search) -> int:
    """Kills the trainer of a trial that is not over, however late the look at it comes; gives the run.

    A run ends with a write. Nobody else writes meanwhile, so it cannot end between the look and the blow.
    """
    while True:
        lab.until(lambda: at_work(lab, search) or over(lab, search), "a trainer at work")
        with lab.store.runs._db.write():  # type: ignore[attr-defined]
            for run_id, handle in at_work(lab, search)[:1]:
                lab.kill(handle)
                return run_id
        assert not over(lab, search), "no trainer was seen at work"


def at_work(lab: Lab, search: Search) -> list[tuple[int, str]]:
    """(run, handle) of the trials that live and are not over."""
    found = [(run.id, run.handle) for _, run in trials(lab, search) if run.handle and not run.state.final]
    return [(run_id, handle) for run_id, handle in found if handles.is_alive(handle)]


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_search_under_random_kills_is_the_search_that_nobody_disturbed(lab: Lab, pictures: tuple[int, int]) -> None:
    undisturbed = begin(lab, pictures, most=7)
    for number in range(1, undisturbed.most + 1):
        lab.until(lambda number=number: len(trials(lab, undisturbed)) >= number, f"trial {number}")  # type: ignore[misc]
    lab.until(lambda: over(lab, undisturbed), "the undisturbed search is over")
    disturbed = begin(lab, pictures, most=7)
    kills = 0
    for victim in itertools.cycle(["searcher", "trainer", "scheduler", "searcher"]):
        time.sleep(1.7)
        if over(lab, disturbed):
            break
        kills += strike(lab, disturbed, victim)
        lab.services.wake()
    assert kills >= 8
    assert told(lab, disturbed) == told(lab, undisturbed)
    one, other = (lab.store.searches.get(search.id) for search in (undisturbed, disturbed))
    assert (one.state, one.winner) == (other.state, other.winner) == (SearchState.DONE, one.winner)
    assert lab.weights(one.winner_run_id or 0) == lab.weights(other.winner_run_id or 0)


def strike(lab: Lab, search: Search, victim: str) -> int:
    """Kills it where it lives just now; a trainer that made no step yet is left alone: four such deaths end a run."""
    handle = read_handle(lab.files, victim)
    if victim == "trainer":
        at_work = [run for _, run in trials(lab, search) if run.state is RunState.RUNNING and run.step > run.crash_step]
        handle = at_work[0].handle if at_work else None
    if not handle or not handles.is_alive(handle):
        return 0
    lab.kill(handle)
    return 1

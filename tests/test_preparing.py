"""Pictures are made ready while torch loads, and the first word comes before it is there."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.preparing import Preparation, beside
from core.records import Run, RunState, TrainingSpec, Wish
from core.running.attempt import carry_out
from core.running.context import RunContext
from tests.faults.lab import SHORT, Lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path / "home", background=False)
    yield lab
    lab.close()


def carried(lab: Lab, spec: TrainingSpec, work: Callable[[Preparation, Run], None]) -> Run:
    """A run whose attempt does nothing but that."""
    run_id = lab.store.runs.submit(*lab.dataset(), "a run", spec).id
    number = lab.store.runs.begin_attempt(run_id)
    assert number is not None

    def works(run: Run, context: RunContext) -> None:
        work(Preparation(lab.settings, lab.files, lab.store, run, context), run)

    assert carry_out(lab.store.runs, run_id, number, works) == 0
    return lab.run(run_id)


def words(lab: Lab, run: Run) -> list[str]:
    return [event.kind for event in lab.store.runs.events(run.id)]


def test_the_trainer_itself_knows_no_torch() -> None:
    said = "import core.trainer, sys; sys.exit(any(name in sys.modules for name in ('torch', 'timm', 'torchvision')))"
    assert subprocess.run([sys.executable, "-c", said], check=False).returncode == 0


def test_pictures_are_ready_while_something_else_is_still_loading(lab: Lab) -> None:
    """What loads goes on only when the pictures are there: it would wait for ever if one came after the other."""
    ready = threading.Event()
    caught: list[int] = []

    def work(preparation: Preparation, run: Run) -> None:
        made = preparation.ahead

        def ahead() -> None:
            made()
            ready.set()

        preparation.ahead = ahead  # type: ignore[method-assign]
        beside(lambda: caught.append(ready.wait(60)), preparation)
        side = preparation.derive(run.spec).side
        assert preparation.pixels(side) is preparation.pixels(side), "they are not made twice"

    run = carried(lab, SHORT, work)
    assert caught == [True] and run.state is RunState.SUCCEEDED
    assert "preparing" in words(lab, run)


def test_what_fails_to_load_is_heard(lab: Lab) -> None:
    def broken() -> None:
        raise ModuleNotFoundError("No module named 'torch'")

    def work(preparation: Preparation, run: Run) -> None:
        with pytest.raises(ModuleNotFoundError):
            beside(broken, preparation)

    carried(lab, SHORT, work)


def test_nothing_is_made_ready_for_weights_that_somebody_may_be_asked_for(lab: Lab) -> None:
    spec = TrainingSpec("test_resnet.r160_in1k", 1, {"side": 64})
    assert "preparing" not in words(lab, carried(lab, spec, lambda preparation, _: preparation.ahead()))


def test_who_asks_a_run_to_end_while_it_prepares_is_obeyed(lab: Lab) -> None:
    def work(preparation: Preparation, run: Run) -> None:
        lab.store.runs.request(run.id, Wish.PAUSE)
        preparation._context.still_mine()
        beside(lambda: None, preparation)

    assert carried(lab, SHORT, work).state is RunState.PAUSED

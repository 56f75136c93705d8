"""How an attempt ends, and what it leaves in the run's row."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import DiskFull, StudioError, Unavailable, Undecided
from core.records import Hold, Metric, Run, RunState, Wish
from core.running.attempt import LOST, carry_out
from core.running.context import FENCED, MOST_METRICS, SHUTDOWN, RunContext, Stopped
from tests.running.test_scheduler import World

Work = Callable[[Run, RunContext], None]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def run_id(world: World) -> int:
    run_id = world.submit()
    assert world.store.runs.begin_attempt(run_id) == 1
    return run_id


@pytest.fixture(autouse=True)
def _sigterm_stays_ours() -> object:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def raising(error: Exception) -> Work:
    def work(_run: Run, _context: RunContext) -> None:
        raise error

    return work


def test_an_attempt_that_did_its_work_succeeds(world: World, run_id: int) -> None:
    assert carry_out(world.store.runs, run_id, 1, lambda run, context: context.advance(5, 5, 1)) == 0
    run = world.run(run_id)
    assert (run.state, run.step, run.handle, run.error) == (RunState.SUCCEEDED, 5, None, None)
    assert run.finished_at


@pytest.mark.parametrize(
    ("error", "state", "words"),
    [
        (Stopped(Wish.PAUSE), RunState.PAUSED, None),
        (Stopped(Wish.CANCEL), RunState.CANCELLED, None),
        (Stopped(Wish.STOP, "Nothing to keep."), RunState.CANCELLED, "Nothing to keep."),
        (Stopped(SHUTDOWN), RunState.QUEUED, None),
        (StudioError("The label is empty."), RunState.FAILED, "The label is empty."),
        (DiskFull("The disk is full."), RunState.PAUSED, "The disk is full."),
        (Undecided("No weights."), RunState.PAUSED, "No weights."),
        (OSError(errno.ENOSPC, "no space"), RunState.PAUSED, "Free some space"),
        (MemoryError(), RunState.FAILED, "smaller batch"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_an_ending_that_a_person_can_act_on_is_said_in_a_sentence(
    world: World, run_id: int, error: Exception, state: RunState, words: str | None
) -> None:
    assert carry_out(world.store.runs, run_id, 1, raising(error)) == 0
    run = world.run(run_id)
    assert (run.state, run.wish, run.handle) == (state, None, None)
    assert words in (run.error or "") if words else run.error is None


@pytest.mark.parametrize("error", [RuntimeError("a bug"), Unavailable("no decoder"), OSError(errno.EIO, "disk")])
def test_anything_else_is_a_loss_that_the_scheduler_judges(world: World, run_id: int, error: Exception) -> None:
    assert carry_out(world.store.runs, run_id, 1, raising(error)) == LOST
    assert world.run(run_id).state is RunState.RUNNING


@pytest.mark.parametrize(
    ("wish", "hold", "kept"),
    [(None, Hold.DISK, None), (Wish.PAUSE, None, None), (Wish.STOP, Hold.DISK, Wish.STOP)],
    ids=["nobody", "pause", "stop"],
)
def test_a_full_disk_holds_a_run_unless_a_person_paused_it_and_a_stop_is_not_forgotten(
    world: World, run_id: int, wish: Wish | None, hold: Hold | None, kept: Wish | None
) -> None:
    def work(_run: Run, context: RunContext) -> None:
        if wish:
            world.store.runs.request(run_id, wish)
            context.still_mine()
        raise DiskFull("The disk is full.")

    assert carry_out(world.store.runs, run_id, 1, work) == 0
    run = world.run(run_id)
    assert (run.state, run.hold, run.wish) == (RunState.PAUSED, hold, kept)


@pytest.mark.parametrize(
    ("wish", "state", "hold"),
    [(None, RunState.PAUSED, Hold.ANSWER), (Wish.PAUSE, RunState.PAUSED, None), (Wish.STOP, RunState.CANCELLED, None)],
    ids=["nobody", "pause", "stop"],
)
def test_what_cannot_begin_waits_for_an_answer_unless_a_person_said_already(
    world: World, run_id: int, wish: Wish | None, state: RunState, hold: Hold | None
) -> None:
    def work(_run: Run, context: RunContext) -> None:
        if wish:
            world.store.runs.request(run_id, wish)
            context.still_mine()
        raise Undecided("No weights.")

    assert carry_out(world.store.runs, run_id, 1, work) == 0
    run = world.run(run_id)
    assert (run.state, run.hold, run.wish) == (state, hold, None)


def test_what_is_salvaged_of_a_run_does_not_make_it_succeed(world: World, run_id: int) -> None:
    world.store.runs.cas(run_id, [RunState.STARTING], state=RunState.QUEUED, wish=Wish.SALVAGE, error="Lost 4 times.")
    assert world.store.runs.begin_attempt(run_id) == 2
    assert carry_out(world.store.runs, run_id, 2, lambda run, context: None) == 0
    run = world.run(run_id)
    assert (run.state, run.error, run.wish) == (RunState.FAILED, "Lost 4 times.", None)


def test_whatever_goes_wrong_a_cancelled_run_is_cancelled(world: World, run_id: int) -> None:
    def work(_run: Run, context: RunContext) -> None:
        world.store.runs.request(run_id, Wish.CANCEL)
        context.still_mine()
        raise DiskFull("The disk is full.")

    assert carry_out(world.store.runs, run_id, 1, work) == 0
    assert (world.run(run_id).state, world.run(run_id).error) == (RunState.CANCELLED, None)


def test_an_error_while_the_machine_goes_down_is_no_crash(world: World, run_id: int) -> None:
    def work(_run: Run, _context: RunContext) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        raise RuntimeError("a child was ended")

    assert carry_out(world.store.runs, run_id, 1, work) == 0
    assert (world.run(run_id).state, world.run(run_id).crash_count) == (RunState.QUEUED, 0)


def test_a_replaced_attempt_does_not_begin(world: World, run_id: int) -> None:
    world.store.runs.cas(run_id, [RunState.STARTING], state=RunState.QUEUED)
    assert world.store.runs.begin_attempt(run_id) == 2
    assert carry_out(world.store.runs, run_id, 1, raising(AssertionError("it began"))) == FENCED


def test_a_replaced_attempt_leaves_before_it_writes(world: World, run_id: int) -> None:
    left = threading.Event()
    context = RunContext(world.store.runs, world.run(run_id), 1, "here:1:b-1", left.set)
    context.flush()
    world.store.runs.cas(run_id, [RunState.RUNNING], state=RunState.QUEUED)
    world.store.runs.begin_attempt(run_id)
    context.measure(9, {"val_loss": 1.0})
    context.still_mine()
    assert left.is_set()
    assert world.store.runs.metrics(run_id) == []


class Away:
    """A store whose database cannot be reached for a while."""

    def __init__(self, world: World, failures: int) -> None:
        self._runs, self.failures = world.store.runs, failures

    def __getattr__(self, name: str) -> object:
        return getattr(self._runs, name)

    def beat(self, *arguments: object) -> Wish | None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the database is away")
        return self._runs.beat(*arguments)  # type: ignore[arg-type]


def test_what_was_told_while_the_database_was_away_arrives_later(world: World, run_id: int) -> None:
    away = Away(world, failures=3)
    context = RunContext(away, world.run(run_id), 1, "here:1:b-1")  # type: ignore[arg-type]
    for step in range(1, 4):
        context.advance(step, 10, 0)
        context.measure(step, {"train_loss": float(step)})
        context.say("saved", {"step": step})
        assert not context.flush()
    assert context.flush()
    assert world.store.runs.metrics(run_id) == [Metric(step, "train_loss", float(step)) for step in range(1, 4)]
    said = [event.data["step"] for event in world.store.runs.events(run_id) if event.kind == "saved"]
    assert said == [1, 2, 3]
    assert world.run(run_id).step == 3


def test_what_is_kept_for_a_database_that_stays_away_is_bounded(world: World, run_id: int) -> None:
    away = Away(world, failures=10)
    context = RunContext(away, world.run(run_id), 1, "here:1:b-1")  # type: ignore[arg-type]
    for step in range(3 * MOST_METRICS // 1000):
        context.measure(step, {f"key{n}": 0.0 for n in range(1000)})
        if step % 20 == 0:
            context.flush()
    context.flush()
    assert len(context._metrics) <= MOST_METRICS + 20_000


def test_a_persons_wish_is_stronger_than_a_signal(world: World, run_id: int) -> None:
    context = RunContext(world.store.runs, world.run(run_id), 1, "here:1:b-1")
    seen: list[object] = []
    context.shut_down()
    seen.append(context.wish)
    world.store.runs.beat(run_id, 1, "here:1:b-1", 0, 0, 0)
    world.store.runs.request(run_id, Wish.PAUSE)
    context.flush()
    seen.append(context.wish)
    context.shut_down()
    seen.append(context.wish)
    assert seen == [SHUTDOWN, Wish.PAUSE, Wish.PAUSE]

"""The scheduler's rules, with an engine and clocks of the test's own."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import update

from core.records import Choice, Hold, Run, RunState, Split, TrainingSpec, VersionImage, Wish
from core.running import scheduler
from core.running.scheduler import LEAVE_S, MAX_CRASHES, OBEY_S, ROOM_S, TERM_S, Scheduler
from core.storage import LocalFiles, open_store
from core.storage.schema import attempt as attempts
from core.stores import NewImage, Store

LEASE_S, STUCK_S = 15.0, 60.0
SHA = f"{1:064x}"


class FakeEngine:
    """Trainers that live until the test, or the scheduler, ends them."""

    def __init__(self) -> None:
        self.living: set[str] = set()
        self.started: list[tuple[int, int]] = []
        self.signals: list[tuple[str, str]] = []
        self.codes: dict[str, int] = {}
        self.immortal = self.unstartable = False

    def submit(self, run: Run, attempt: int) -> str:
        if self.unstartable:
            raise OSError("out of memory")
        self.started.append((run.id, attempt))
        self.living.add(handle := f"here:{run.id * 100 + attempt}:boot-1")
        return handle

    def alive(self, handle: str) -> bool:
        return handle in self.living

    def stop(self, handle: str, force: bool) -> None:
        self.signals.append((handle, "KILL" if force else "TERM"))

    def clear(self, handle: str) -> bool:
        if not self.immortal:
            self.living.discard(handle)
        return handle not in self.living

    def exit_code(self, handle: str) -> int | None:
        return self.codes.get(handle)

    def log_tail(self, run_id: int, attempt: int) -> str:
        return "first\nlast words\n"


class World:
    """A store, an engine, a scheduler, and clocks that the test moves."""

    def __init__(self, home: Path, slots: int = 1) -> None:
        self.store: Store = open_store(f"sqlite:///{home / 'darkroom.db'}")
        self.files, self.engine, self.slots = LocalFiles(home, 0), FakeEngine(), slots
        self.steady_s, self.wall_s = 1000.0, 5000.0
        self.scheduler = self.new_scheduler()
        dataset = self.store.datasets.create("d")
        image = NewImage(SHA, "a.jpg", "a", Split.AUTO, 1, 1, "JPEG", 1)
        (image_id,) = self.store.images.add(dataset.id, [image], "ann", "s").changed
        frozen = self.store.versions.freeze(dataset.id, "", ["a"], [VersionImage(image_id, SHA, 0, Split.TRAIN)])
        self.dataset_id, self.version_id = dataset.id, frozen.id

    def new_scheduler(self) -> Scheduler:
        clocks = {"clock": lambda: self.steady_s, "wall_clock": lambda: self.wall_s}
        return Scheduler(self.store, self.files, self.engine, self.slots, LEASE_S, STUCK_S, **clocks)

    def submit(self, owner: str = "", priority: int = 0) -> int:
        spec = TrainingSpec("mlp", 1)
        return self.store.runs.submit(self.dataset_id, self.version_id, "r", spec, owner, priority).id

    def finish(self, run_id: int) -> None:
        """It ends well after a while, and its process is gone."""
        self.beat(run_id, 1)
        run = self.run(run_id)
        with self.store.runs._db.write() as connection:  # type: ignore[attr-defined]
            earlier = attempts.c.started_at - 60
            connection.execute(update(attempts).where(attempts.c.run_id == run_id).values(started_at=earlier))
        self.store.runs.cas(run_id, [RunState.RUNNING], fence=run.attempt, state=RunState.SUCCEEDED)
        self.store.runs.end_attempt(run_id, run.attempt, 0, "succeeded")
        self.engine.living.discard(run.handle or "")

    def run(self, run_id: int) -> Run:
        return self.store.runs.get(run_id)

    def beat(self, run_id: int, step: int, epoch: int = 0) -> None:
        run = self.run(run_id)
        assert run.handle
        self.store.runs.beat(run_id, run.attempt, run.handle, step, 100, epoch)

    def tick(self, after_s: float = 0.2) -> None:
        self.steady_s += after_s
        self.wall_s += after_s
        self.scheduler.tick()

    def pass_time(self, seconds: float, beating: Sequence[int] = (), step: int = 1) -> None:
        """Ticks a second apart, with heartbeats of some runs that stay at one step."""
        for _ in range(int(seconds)):
            for run_id in beating:
                if self.run(run_id).state.active:
                    self.beat(run_id, step)
            self.tick(1.0)

    def started(self, step: int = 1) -> int:
        run_id = self.submit()
        self.tick()
        self.beat(run_id, step)
        self.tick()
        return run_id

    def die(self, run_id: int, code: int = -signal.SIGKILL) -> None:
        handle = self.run(run_id).handle
        assert handle
        self.engine.living.discard(handle)
        self.engine.codes[handle] = code


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_one_device_works_on_one_run_at_a_time_oldest_first(world: World) -> None:
    first, second = world.submit(), world.submit()
    world.tick()
    assert world.engine.started == [(first, 1)]
    assert (world.run(first).state, world.run(second).state) == (RunState.STARTING, RunState.QUEUED)


def test_one_persons_many_runs_do_not_keep_another_person_waiting(world: World) -> None:
    anns = [world.submit("ann") for _ in range(20)]
    bobs = world.submit("bob")
    order = []
    for _ in range(4):
        world.tick()
        (active,) = [run for run in world.store.runs.all() if run.state.active]
        order.append(active.id)
        world.finish(active.id)
        world.tick()
    assert order == [anns[0], bobs, anns[1], anns[2]]


def test_a_run_of_higher_priority_goes_first(world: World) -> None:
    world.submit("ann")
    urgent = world.submit("ann", priority=1)
    world.tick()
    assert world.run(urgent).state is RunState.STARTING


def test_priority_does_not_give_one_person_every_device(tmp_path: Path) -> None:
    world = World(tmp_path, slots=2)
    anns = [world.submit("ann", priority=9) for _ in range(2)]
    bobs = world.submit("bob")
    world.tick()
    assert [world.run(run_id).state.active for run_id in (*anns, bobs)] == [True, False, True]


def test_each_device_takes_a_run(tmp_path: Path) -> None:
    world = World(tmp_path, slots=2)
    runs = [world.submit() for _ in range(3)]
    world.tick()
    assert world.engine.started == [(runs[0], 1), (runs[1], 1)]


def test_a_dead_trainer_is_not_shown_as_running_after_the_next_tick(world: World) -> None:
    run_id = world.started()
    world.die(run_id)
    world.tick()
    run = world.run(run_id)
    assert (run.state, run.handle, run.crash_count) == (RunState.QUEUED, None, 1)
    assert world.store.runs.events(run_id)[-2].kind == "crashed"


def test_a_lost_run_waits_a_little_then_begins_its_next_attempt(world: World) -> None:
    run_id = world.started()
    world.die(run_id)
    world.tick()
    assert world.engine.started == [(run_id, 1)]
    world.tick(0.5)
    assert world.engine.started == [(run_id, 1), (run_id, 2)]


def test_a_run_that_ended_between_two_looks_is_not_taken_for_dead(world: World) -> None:
    run_id = world.started()
    world.store.runs.cas(run_id, [RunState.RUNNING], fence=1, state=RunState.SUCCEEDED)
    world.die(run_id)
    world.tick()
    assert world.run(run_id).state is RunState.SUCCEEDED


def test_a_trainer_without_heartbeat_for_the_lease_is_killed_and_its_run_queued(world: World) -> None:
    run_id = world.started()
    world.pass_time(LEASE_S - 1)
    assert world.run(run_id).attempt == 1
    world.pass_time(2)
    assert world.run(run_id).state is RunState.QUEUED
    assert not world.engine.living


def test_a_trainer_that_comes_up_slowly_is_waited_for_until_its_first_heartbeat(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "START_S", 3 * LEASE_S)
    run_id = world.submit()
    world.tick()
    world.pass_time(3 * LEASE_S - 1)
    assert (world.run(run_id).state, world.run(run_id).attempt) == (RunState.STARTING, 1)
    world.pass_time(4)
    assert world.run(run_id).crash_count == 1


def test_a_run_is_not_given_away_while_its_old_group_lives(world: World) -> None:
    run_id = world.started()
    world.engine.immortal = True
    world.pass_time(2 * LEASE_S)
    assert (world.run(run_id).state, world.run(run_id).attempt) == (RunState.RUNNING, 1)


def test_a_heartbeat_without_progress_is_stuck_in_the_end(world: World) -> None:
    run_id = world.started()
    world.pass_time(STUCK_S - 5, beating=[run_id])
    assert world.run(run_id).attempt == 1
    world.pass_time(8, beating=[run_id])
    assert world.run(run_id).crash_count == 1


def test_whoever_tells_something_makes_progress_without_a_step(world: World) -> None:
    run_id = world.started()
    before = world.run(run_id).progress_at
    world.store.runs.beat(run_id, 1, "h", 1, 100, 0, events=[("preparing", {"done": 3}, 0.0)])
    assert before is not None and (world.run(run_id).progress_at or 0) > before


def test_after_a_sleep_everybody_gets_a_new_grace(world: World) -> None:
    run_id = world.started()
    world.tick(10 * LEASE_S)
    world.pass_time(LEASE_S - 1)
    assert world.run(run_id).attempt == 1


def test_a_clock_that_jumps_harms_nobody(world: World) -> None:
    run_id = world.started()
    for jump in (86_400.0, -200_000.0):
        world.wall_s += jump
        world.pass_time(5, beating=[run_id])
    assert world.run(run_id).attempt == 1


def test_a_clock_set_back_does_not_keep_a_run_waiting(world: World) -> None:
    run_id = world.started()
    world.die(run_id)
    world.tick()
    world.wall_s -= 86_400
    world.tick()
    assert world.run(run_id).attempt == 2


def test_a_new_scheduler_adopts_what_lives(world: World) -> None:
    run_id = world.started()
    world.scheduler = world.new_scheduler()
    world.pass_time(5, beating=[run_id])
    assert (world.run(run_id).attempt, world.engine.started) == (1, [(run_id, 1)])


def test_a_new_scheduler_revives_what_died_meanwhile(world: World) -> None:
    run_id = world.started()
    world.die(run_id)
    world.scheduler = world.new_scheduler()
    world.tick()
    assert world.run(run_id).state is RunState.QUEUED


def test_an_attempt_whose_scheduler_died_before_starting_it_is_queued_again(world: World) -> None:
    run_id = world.submit()
    assert world.store.runs.begin_attempt(run_id) == 1
    world.pass_time(LEASE_S + 3)
    assert world.run(run_id).attempt == 2


def test_a_run_that_dies_again_and_again_fails_with_the_reason(world: World) -> None:
    run_id = world.started(step=7)
    for _ in range(MAX_CRASHES + 1):
        assert not world.run(run_id).state.final
        world.die(run_id)
        world.tick()
        world.tick(61)
    run = world.run(run_id)
    assert (run.state, run.attempt) == (RunState.FAILED, MAX_CRASHES + 1)
    assert run.error and "4 times at step 7" in run.error and "SIGKILL" in run.error and "last words" in run.error
    assert run.finished_at


def test_deaths_with_progress_in_between_are_forgiven(world: World) -> None:
    run_id = world.started()
    for step in range(10, 100, 10):
        world.beat(run_id, step)
        world.die(run_id)
        world.tick()
        world.tick(61)
    assert (world.run(run_id).state, world.run(run_id).crash_count) == (RunState.STARTING, 1)


def test_a_trainer_that_cannot_be_started_counts_as_lost(world: World) -> None:
    world.engine.unstartable = True
    run_id = world.submit()
    for _ in range(MAX_CRASHES + 1):
        world.tick(61)
    assert world.run(run_id).state is RunState.FAILED
    assert "could not start" in (world.run(run_id).error or "")


@pytest.mark.parametrize(
    ("wish", "state"),
    [(Wish.CANCEL, RunState.CANCELLED), (Wish.PAUSE, RunState.PAUSED), (Wish.STOP, RunState.QUEUED)],
)
def test_a_trainer_that_dies_while_it_should_stop_obeyed(world: World, wish: Wish, state: RunState) -> None:
    run_id = world.started()
    assert world.store.runs.request(run_id, wish)
    world.die(run_id)
    world.tick()
    # Stopping keeps the best model: that takes one more attempt, which sees the wish at once.
    assert (world.run(run_id).state, world.run(run_id).wish) == (state, wish if wish is Wish.STOP else None)


def test_a_deaf_trainer_is_asked_then_told_then_killed(world: World) -> None:
    run_id = world.started()
    world.store.runs.request(run_id, Wish.CANCEL)
    world.pass_time(OBEY_S - 1, beating=[run_id])
    assert world.engine.signals == []
    world.pass_time(3, beating=[run_id])
    assert {number for _, number in world.engine.signals} == {"TERM"}
    world.pass_time(TERM_S, beating=[run_id])
    assert world.engine.signals[-1][1] == "KILL"
    world.die(run_id)
    world.tick()
    assert world.run(run_id).state is RunState.CANCELLED
    assert world.store.runs.events(run_id)[-2].data["reason"] == "it did not stop when it was asked to"


def test_a_trainer_that_is_to_keep_its_best_has_the_time_it_needs(world: World) -> None:
    run_id = world.started()
    world.store.runs.request(run_id, Wish.STOP)
    for step in (2, 3, 4):
        world.pass_time(OBEY_S + TERM_S + 5, beating=[run_id], step=step)
    assert (world.engine.signals, world.run(run_id).attempt) == ([], 1)


def test_a_device_is_free_when_the_group_is_gone_not_when_the_run_is_over(world: World) -> None:
    first, second = world.started(), world.submit()
    world.store.runs.cas(first, [RunState.RUNNING], fence=1, state=RunState.SUCCEEDED)
    world.tick()
    assert world.run(second).state is RunState.QUEUED
    world.tick(LEAVE_S)
    assert not any("101" in handle for handle in world.engine.living)
    assert world.run(second).state is RunState.STARTING


def test_a_full_disk_pauses_the_run_with_a_sentence_and_it_goes_on_by_itself(world: World) -> None:
    world.files._reserve_bytes = 1 << 60
    run_id = world.submit()
    world.tick()
    run = world.run(run_id)
    assert (run.state, run.hold) == (RunState.PAUSED, Hold.DISK) and "Free some space" in (run.error or "")
    world.pass_time(10 * ROOM_S)
    assert world.run(run_id).state is RunState.PAUSED
    world.files._reserve_bytes = 0
    world.pass_time(ROOM_S)
    assert world.run(run_id).state is RunState.PAUSED, "room for a moment is no room"
    world.pass_time(2)
    run = world.run(run_id)
    assert (run.state, run.hold, run.error) == (RunState.STARTING, None, None)


def test_a_person_need_not_wait_until_there_is_room_by_itself(world: World) -> None:
    world.files._reserve_bytes = 1 << 60
    run_id = world.submit()
    world.tick()
    world.files._reserve_bytes = 0
    assert world.store.runs.request(run_id, "resume")
    world.tick()
    assert (world.run(run_id).state, world.run(run_id).error) == (RunState.STARTING, None)


def test_a_run_that_a_person_paused_stays_paused_however_much_room_there_is(world: World) -> None:
    run_id = world.submit()
    world.store.runs.request(run_id, Wish.PAUSE)
    world.pass_time(4 * ROOM_S)
    assert world.run(run_id).state is RunState.PAUSED


def test_a_run_that_dies_again_and_again_has_its_best_model_kept_before_it_has_failed(world: World) -> None:
    run_id = world.started(step=7)
    for _ in range(MAX_CRASHES + 1):
        world.beat(run_id, 7, epoch=1)
        world.die(run_id)
        world.tick()
        assert not world.run(run_id).state.final
        world.tick(61)
    run = world.run(run_id)
    assert (run.state, run.wish, run.attempt) == (RunState.STARTING, Wish.SALVAGE, MAX_CRASHES + 2)
    assert run.error and "4 times at step 7" in run.error
    world.die(run_id)
    world.tick()
    run = world.run(run_id)
    assert (run.state, run.wish) == (RunState.FAILED, None), "what cannot be salvaged is given up"
    assert run.error and "4 times at step 7" in run.error and run.finished_at


def test_stopping_a_paused_run_that_trained_queues_it_to_keep_its_best(world: World) -> None:
    run_id = world.started(step=5)
    world.store.runs.cas(run_id, [RunState.RUNNING], fence=1, state=RunState.PAUSED, handle=None)
    assert world.store.runs.request(run_id, Wish.STOP)
    assert (world.run(run_id).state, world.run(run_id).wish) == (RunState.QUEUED, Wish.STOP)
    assert world.store.runs.request(run_id, Wish.CANCEL)
    assert world.run(run_id).state is RunState.CANCELLED


def test_stopping_a_run_that_never_trained_cancels_it(world: World) -> None:
    run_id = world.submit()
    assert world.store.runs.request(run_id, Wish.STOP)
    assert world.run(run_id).state is RunState.CANCELLED


def test_a_waiting_run_can_be_paused(world: World) -> None:
    run_id = world.submit()
    assert world.store.runs.request(run_id, Wish.PAUSE)
    world.tick()
    assert (world.run(run_id).state, world.engine.started) == (RunState.PAUSED, [])


# ---- what waits for an answer


def test_a_run_that_waits_for_an_answer_holds_nobody_up_and_goes_on_by_a_person_alone(world: World) -> None:
    spec = TrainingSpec("resnet50.a1_in1k", 1)
    asking = world.store.runs.submit(world.dataset_id, world.version_id, "r", spec, question="No weights.")
    other = world.submit()
    world.tick()
    assert world.engine.started == [(other, 1)]
    world.scheduler = world.new_scheduler()  # whatever restarts
    world.pass_time(ROOM_S + 10, [other])
    held = world.run(asking.id)
    assert (held.state, held.hold, held.error, held.attempt) == (RunState.PAUSED, Hold.ANSWER, "No weights.", 0)
    world.finish(other)
    assert world.store.runs.answer(asking.id, Choice.SCRATCH, "r", TrainingSpec("resnet50", 1))
    world.pass_time(LEAVE_S + 2)
    assert world.engine.started == [(other, 1), (asking.id, 1)]
    assert world.run(asking.id).spec.architecture == "resnet50"
    assert not world.store.runs.answer(asking.id, Choice.SCRATCH, "r", TrainingSpec("resnet50", 1))

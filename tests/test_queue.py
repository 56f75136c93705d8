"""Who is next, and when: the rules alone."""

from __future__ import annotations

from dataclasses import replace

from core.queue import Turn, next_up, turns
from core.records import Run, RunState, TrainingSpec


def run(number: int, owner: str = "ann", priority: int = 0, state: RunState = RunState.QUEUED) -> Run:
    spec = TrainingSpec("mlp", 1)
    nothing = (None, None, None, None, 0.0, 0, -1, None, None)
    return Run(number, 1, 1, "r", spec, state, None, 0, None, 0, 0, 0, float(number), *nothing, owner, priority)


def test_the_oldest_of_equals_is_next() -> None:
    assert next_up([run(2), run(1), run(3)], {}, {}, 1).id == 1


def test_who_has_fewer_runs_at_work_is_next_then_who_used_less() -> None:
    waiting = [run(1, "ann"), run(2, "bob"), run(3, "eve")]
    assert next_up(waiting, {"ann": 1, "bob": 1}, {}, 4).owner == "eve"
    assert next_up(waiting, {}, {"ann": 60.0, "bob": 5.0, "eve": 6.0}, 4).owner == "bob"


def test_priority_is_stronger_than_fairness_within_half_of_the_devices() -> None:
    waiting = [run(1, "ann", 5), run(2, "bob")]
    assert next_up(waiting, {"ann": 1}, {"ann": 999.0}, 4).owner == "ann"
    assert next_up(waiting, {"ann": 2}, {"ann": 999.0}, 4).owner == "bob"
    assert next_up(waiting[:1], {"ann": 3}, {}, 4).owner == "ann", "nobody else wants it"


def test_a_turn_says_how_many_go_first_and_when_it_begins() -> None:
    active = [(run(1, "ann", state=RunState.RUNNING), 30.0)]
    waiting = [(run(2, "ann"), 100.0), (run(3, "ann"), 100.0), (run(4, "bob"), 50.0)]
    assert turns(active, waiting, {"ann": 30.0}, 1) == {4: Turn(1, 30.0), 2: Turn(2, 80.0), 3: Turn(3, 180.0)}


def test_with_a_free_device_the_next_begins_at_once() -> None:
    assert turns([], [(run(1), 10.0), (run(2), 10.0)], {}, 2) == {1: Turn(0, 0.0), 2: Turn(1, 0.0)}


def trial(number: int, owner: str = "ann", priority: int = 0) -> Run:
    return replace(run(number, owner, priority), search_id=1)


def test_no_run_waits_for_more_than_one_trial_however_much_its_owner_used() -> None:
    used = {"bob": 9999.0}
    assert next_up([run(1, "bob"), trial(2)], {}, used, 1).owner == "bob", "it was there before the trial"
    assert next_up([trial(2), run(3, "bob")], {}, used, 1).owner == "ann", "one trial, and then it is his turn"
    assert next_up([run(1, "bob", priority=-1), trial(2)], {}, used, 1).owner == "ann"


def test_a_search_is_not_starved_by_those_who_come_after_its_trial() -> None:
    assert next_up([trial(1), *(run(n, "bob") for n in range(2, 9))], {}, {"bob": 60.0}, 1).owner == "ann"


def test_trials_of_two_people_take_turns() -> None:
    waiting = [trial(1, "ann"), trial(2, "bob")]
    assert next_up(waiting, {}, {"ann": 60.0}, 1).owner == "bob"

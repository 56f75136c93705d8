from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from core import curves
from core.records import Metric, RunState
from core.studio import Studio
from tests.test_runs import queued


def beat(studio: Studio, run_id: int, step: int, metrics: list[Metric], total: int = 100, epoch: int = 0) -> None:
    run = studio.store.runs.get(run_id)
    attempt = run.attempt or studio.store.runs.begin_attempt(run_id) or 1
    studio.store.runs.beat(run_id, attempt, "h", step, total, epoch, metrics)


def test_the_x_axis_counts_epochs(studio: Studio) -> None:
    run = queued(studio, epochs=4)
    beat(studio, run.id, 50, [Metric(25, "train_loss", 2.0), Metric(50, "train_loss", 1.0)])
    assert curves.curve(studio, run.id).points["train_loss"] == [(1.0, 2.0), (2.0, 1.0)]


def test_only_what_may_be_new_is_given_but_the_best_is_of_the_whole_run(studio: Studio) -> None:
    run = queued(studio, epochs=4)
    early = [Metric(25, "val_loss", 0.5), Metric(25, "val_accuracy", 0.9)]
    beat(studio, run.id, 50, [*early, Metric(50, "val_loss", 0.9), Metric(50, "val_accuracy", 0.8)])
    curve = curves.curve(studio, run.id, since_step=25)
    assert curve.points["val_loss"] == [(1.0, 0.5), (2.0, 0.9)]
    assert curve.best == curves.Best(1.0, 0.5, 0.9)
    assert curve.last_step == 50
    assert curves.curve(studio, run.id, since_step=51).points == {}


def test_the_best_of_few_validation_pictures_is_a_count_and_the_coach_knows_how_many_there_were(studio: Studio) -> None:
    run = queued(studio, epochs=4)
    attempt = studio.store.runs.begin_attempt(run.id) or 1
    split = ("split", {"train": 48, "validation": 12, "test": 0}, 1.0)
    found = [Metric(25, "val_loss", 0.1), Metric(25, "val_accuracy", 1.0)]
    studio.store.runs.beat(run.id, attempt, "h", 25, 100, 1, found, [split])
    curve = curves.curve(studio, run.id)
    assert curve.right == "12 of 12" and curve.few == 12
    assert curve.advice is not None and "12 of 12 validation pictures right" in curve.advice.sentence


def test_what_validation_says_of_a_step_is_not_missed_by_who_saw_its_training(studio: Studio) -> None:
    run = queued(studio, epochs=4)
    follower = curves.Follower(studio, run.id)
    beat(studio, run.id, 25, [Metric(24, "train_loss", 0.5), Metric(25, "train_loss", 0.4)])
    seen = follower.look().curve()
    beat(studio, run.id, 25, [Metric(25, "val_loss", 0.6), Metric(25, "val_accuracy", 0.8)], epoch=1)
    assert follower.look().curve(seen.last_step).points["val_loss"] == [(1.0, 0.6)]


def test_a_follower_sees_what_a_newcomer_sees_after_every_beat(studio: Studio) -> None:
    run = queued(studio, epochs=4)
    follower = curves.Follower(studio, run.id)
    for step in range(1, 80):
        metrics = [Metric(step, "train_loss", 1 / step)]
        if step % 25 == 0:
            metrics += [Metric(step, "val_loss", 1 / step), Metric(step, "val_accuracy", step / 100)]
        beat(studio, run.id, step, metrics, epoch=step // 25)
        assert follower.look().curve() == curves.curve(studio, run.id)


def test_a_run_that_was_taken_up_at_an_older_checkpoint_is_read_anew(studio: Studio) -> None:
    run = queued(studio, epochs=4)
    follower = curves.Follower(studio, run.id)
    beat(studio, run.id, 50, [Metric(step, "train_loss", 1.0) for step in range(1, 51)])
    follower.look()
    studio.store.runs.cas(run.id, [RunState.RUNNING], state=RunState.QUEUED)
    second = studio.store.runs.begin_attempt(run.id) or 0
    studio.store.runs.beat(run.id, second, "h", 30, 100, 1, (), [("resumed", {"step": 30}, 1.0)])
    studio.store.runs.drop_metrics_after(run.id, second, 30)
    studio.store.runs.beat(run.id, second, "h", 60, 100, 2, [Metric(60, "train_loss", 0.5)])
    found = follower.look().curve()
    assert found.points["train_loss"][-2:] == [(1.2, 1.0), (2.4, 0.5)]
    assert found.lives == 1


def test_not_a_number_is_a_gap_and_never_the_best(studio: Studio) -> None:
    run = queued(studio, epochs=4)
    beat(studio, run.id, 25, [Metric(25, "val_loss", math.nan), Metric(25, "val_accuracy", math.nan)])
    curve = curves.curve(studio, run.id)
    assert curve.points["val_loss"] == [(1.0, None)]
    assert curve.best is None


def test_of_equal_accuracies_the_lower_loss_is_the_best() -> None:
    losses = {1: 0.5, 2: 0.4, 3: 0.4}
    assert curves.best(losses, dict.fromkeys(losses, 0.9), 1.0) == curves.Best(2.0, 0.4, 0.9)


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=5000), st.integers(4, 400))
def test_thinning_keeps_the_ends_the_highest_and_the_lowest(values: list[float | None], most: int) -> None:
    points: list[curves.Point] = [(float(i), value) for i, value in enumerate(values)]
    kept = curves.thin(points, most)
    assert len(kept) <= most + 3
    assert kept == sorted(kept, key=lambda point: point[0])
    assert kept[-1] == points[-1]
    numbers = [value for value in values if value is not None]
    if numbers:
        assert {max(numbers), min(numbers)} <= {value for _, value in kept}

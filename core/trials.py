"""Trials: what each run of a search has shown so far, read from the runs themselves. Nothing of it is kept anywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.records import Metric, Run, RunState, Search, Trial
from core.spaces import Point
from core.studio import Studio

TIE = 1e-4  # of two that get as many right the one with the lower loss is better: it counts up to so much


class Outcome(StrEnum):
    OPEN = "open"
    WHOLE = "whole"  # it ran to its end
    CUT = "cut"  # it was ended early, with what it had shown by then
    LOST = "lost"  # its settings do not work: they count as the worst there are
    VOID = "void"  # a person took it away: nothing is learned from it


@dataclass(frozen=True, slots=True)
class Tried:
    """As much of a trial as the next one is chosen by."""

    point: Point
    scores: Mapping[int, float]  # epoch, from 1 -> higher is better
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Shown:
    trial: Trial
    run: Run
    tried: Tried
    accuracy: Mapping[int, float]  # epoch, from 1 -> 0..1 on the validation pictures
    seconds: float  # that it had a device

    @property
    def best(self) -> float | None:
        """0..1, of its best epoch; None before the first is over."""
        return max(self.accuracy.values(), default=None)

    @property
    def score(self) -> float:
        return max(self.tried.scores.values(), default=-math.inf)

    @property
    def waits(self) -> bool:
        """A person paused it, and will let it go on; what waits for room on the disk goes on by itself."""
        return self.run.state is RunState.PAUSED and not self.run.hold


def read(studio: Studio, search: Search) -> list[Shown]:
    """By number."""
    checks, seconds = studio.store.searches.checks(search.id), studio.store.searches.seconds(search.id)
    found = []
    for trial, run in studio.store.searches.trials(search.id):
        accuracy, loss = _by_epoch(run, checks.get(run.id, []))
        scores = {epoch: value - TIE * _squashed(loss.get(epoch)) for epoch, value in accuracy.items()}
        outcome = _outcome(run, scores)
        if trial.pruned_at is not None:
            # How far it came until it obeyed is a matter of moments: the next trial must not depend on it.
            scores = {epoch: score for epoch, score in scores.items() if epoch <= trial.pruned_at}
            outcome = Outcome.CUT if outcome is Outcome.WHOLE else outcome
        tried = Tried(trial.point, scores, outcome)
        found.append(Shown(trial, run, tried, accuracy, seconds.get(run.id, 0.0)))
    return found


def best(shown: Sequence[Shown]) -> Shown | None:
    """The one that scored highest, of equals the first; one whose run failed has not won."""
    able = [one for one in shown if one.tried.scores and one.tried.outcome not in (Outcome.LOST, Outcome.VOID)]
    return max(able, key=lambda one: (one.score, -one.trial.number), default=None)


def _by_epoch(run: Run, checks: Sequence[Metric]) -> tuple[dict[int, float], dict[int, float]]:
    """Accuracy and loss by whole epoch. What a run begins with (epoch 0) is the same for all and says nothing."""
    found: dict[str, dict[int, float]] = {"val_accuracy": {}, "val_loss": {}}
    for check in checks:
        epoch = round(check.step * run.spec.epochs / run.total_steps) if run.total_steps else 0
        if epoch and math.isfinite(check.value):
            found[check.key][epoch] = check.value
    return found["val_accuracy"], found["val_loss"]


def _squashed(loss: float | None) -> float:
    """0..1, growing with the loss."""
    return 1.0 if loss is None else loss / (1 + loss)


def _outcome(run: Run, scores: Mapping[int, float]) -> Outcome:
    if not run.state.final:
        return Outcome.OPEN
    if run.state is RunState.FAILED:
        return Outcome.LOST
    if run.state is RunState.CANCELLED or not scores:
        return Outcome.VOID
    return Outcome.WHOLE if max(scores) >= run.spec.epochs else Outcome.CUT

"""Curves: a run's metrics as lines that can be drawn, thinned so that no best epoch ever disappears."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core import coach, words
from core.coach import Advice
from core.records import Run
from core.studio import Studio

MAX_POINTS = 300  # a line
DIGITS = 5
FACTS = ("recipe", "split", "training", "machine", "finished")
BACK = ("resumed", "went_back")  # the run goes on from an older place
VALIDATION_KEYS = ("val_loss", "val_accuracy")
Point = tuple[float, float | None]  # (epochs, value); None: not a number


@dataclass(frozen=True, slots=True)
class Best:
    """The epoch whose weights are kept."""

    epoch: float
    val_loss: float
    val_accuracy: float


@dataclass(frozen=True, slots=True)
class Curve:
    """What a screen draws of a run."""

    run: Run
    points: dict[str, list[Point]]
    best: Best | None
    right: str  # the best: *93.4 %*, rounded down; *11 of 12* where there are too few for a share; empty without one
    few: int  # validation pictures where they are too few for a share; else 0
    images_per_s: float | None
    seconds_left: float | None
    last_step: int
    device: str  # empty before it is known
    lives: int  # how often it went back to a checkpoint: what was drawn of another life is void
    advice: Advice | None  # the coach's; None before there is anything to say


def curve(studio: Studio, run_id: int, since_step: int = -1) -> Curve:
    """The lines of a run from `since_step` on; best, speed, time left and advice are of all of it. Raises NotFound."""
    return Follower(studio, run_id).look().curve(since_step)


class Follower:
    """Reads the curves of one run as they grow: each look costs what is new since the last one."""

    def __init__(self, studio: Studio, run_id: int) -> None:
        self._studio, self._run_id = studio, run_id
        self._facts: dict[str, dict[str, Any]] = {}  # the newest event of each of `FACTS`
        self._last_event, self._lives = 0, 0
        self._forget()

    def _forget(self) -> None:
        self._lines: dict[str, dict[int, float]] = defaultdict(dict)  # key -> step -> value, by step
        self._last_step = -1
        self._coached: tuple[object, Advice | None] = (None, None)

    def look(self) -> Follower:
        """Raises NotFound."""
        runs = self._studio.store.runs
        self.run = runs.get(self._run_id)
        for event in runs.events(self._run_id, self._last_event):
            self._last_event = event.id
            if event.kind in FACTS:
                self._facts[event.kind] = event.data
            elif event.kind in BACK:
                self._lives += 1
                self._forget()  # what came after the checkpoint is void, and done anew
        if self.run.step < self._last_step:
            self._forget()
        # The newest step may get more to it: what validation says of a step comes after what training said.
        for metric in runs.metrics(self._run_id, self._last_step - 1):
            self._lines[metric.key][metric.step] = metric.value
            self._last_step = metric.step
        return self

    def curve(self, since_step: int = -1) -> Curve:
        """As of the last look."""
        each = steps_per_epoch(self.run)
        lines = {key: _since(line, since_step) for key, line in self._lines.items()}
        top = best(self._lines["val_loss"], self._lines["val_accuracy"], each)
        return Curve(
            run=self.run,
            points={key: _points(key, line, each) for key, line in lines.items() if line},
            best=top,
            right=words.share_of(top.val_accuracy, self._checked_on, 1) if top else "",
            few=(self._checked_on or 0) * words.too_few(self._checked_on),
            images_per_s=_latest(self._lines["images_per_s"]),
            seconds_left=_seconds_left(self.run),
            last_step=max(self._last_step, since_step),
            device=str(self._facts.get("machine", {}).get("device", "")),
            lives=self._lives,
            advice=self._advice(),
        )

    @property
    def _checked_on(self) -> int | None:
        """Validation pictures; None before that is known."""
        split = self._facts.get("split")
        return int(split["validation"]) if split else None

    def _advice(self) -> Advice | None:
        """Worked out anew when there is a new validation, or another state."""
        mark = (len(self._lines["val_loss"]), self.run.state, len(self._facts))
        if self._coached[0] != mark:
            self._coached = (mark, coach.advise(self.epochs(), self._situation()))
        return self._coached[1]

    def _situation(self) -> coach.Situation:
        version = self._studio.store.versions.get(self.run.version_id)
        recipe = self._facts.get("recipe", {}).get("recipe", {})
        return coach.Situation(
            planned=self.run.spec.epochs,
            labels=len(version.labels),
            learned_from=int(self._facts.get("training", {}).get("images", 0)) or version.images,
            checked_on=self._checked_on,
            learning_rate=float(recipe.get("learning_rate", 0.0)),
            patience=int(recipe.get("patience", 0)),
            ended=str(self._facts.get("finished", {}).get("reason", "stopped")) if self.run.state.final else "",
        )

    def epochs(self) -> list[coach.Epoch]:
        """A row for each validation; training is the mean of what was said in that epoch."""
        each, found, before = steps_per_epoch(self.run), [], 0
        said = [
            (list(line), list(line.values())) for line in (self._lines["train_loss"], self._lines["train_accuracy"])
        ]
        for step, loss in self._lines["val_loss"].items():
            mean_loss, mean_accuracy = (
                _mean(values[bisect_right(at, before) : bisect_right(at, step)]) for at, values in said
            )
            accuracy = self._lines["val_accuracy"].get(step, math.nan)
            found.append(coach.Epoch(round(step / each), mean_loss, mean_accuracy, _real(loss), _real(accuracy)))
            before = step
        return found


def best(losses: Mapping[int, float], accuracies: Mapping[int, float], steps_per_epoch: float) -> Best | None:
    """The validation of highest accuracy; among equals the lowest loss, then the earliest: the loop's own rule.

    Args:
        losses, accuracies: step -> value.
    """
    ranked = [(value, -losses.get(step, math.inf), -step) for step, value in accuracies.items() if math.isfinite(value)]
    if not ranked:
        return None
    accuracy, minus_loss, minus_step = max(ranked)
    return Best(round(-minus_step / steps_per_epoch, 3), round(-minus_loss, DIGITS), round(accuracy, DIGITS))


def thin(points: Sequence[Point], most: int = MAX_POINTS) -> list[Point]:
    """At most about `most` points: of each stretch its lowest and its highest, so that no peak is lost."""
    if len(points) <= most:
        return list(points)
    size = math.ceil(len(points) / (most / 2))
    kept: list[Point] = []
    for start in range(0, len(points), size):
        stretch = range(start, min(start + size, len(points)))
        numbers = [i for i in stretch if points[i][1] is not None] or [start]
        low = min(numbers, key=lambda i: points[i][1] or 0.0)
        high = max(numbers, key=lambda i: points[i][1] or 0.0)
        kept += [points[i] for i in sorted({low, high})]
    return kept if kept[-1] == points[-1] else [*kept, points[-1]]


def _since(line: dict[int, float], step: int) -> dict[int, float]:
    """The end of a line, found from its end: who comes back wants little of it."""
    fresh: dict[int, float] = {}
    for at in reversed(line):
        if at < step:
            break
        fresh[at] = line[at]
    return dict(reversed(fresh.items()))


def _points(key: str, line: dict[int, float], steps_per_epoch: float) -> list[Point]:
    points = [
        (round(step / steps_per_epoch, 4), round(value, DIGITS) if math.isfinite(value) else None)
        for step, value in line.items()
    ]
    # Validation points are few and are what the best epoch is chosen by: none is ever left out.
    return points if key in VALIDATION_KEYS else thin(points)


def _mean(values: Sequence[float]) -> float | None:
    return _real(sum(values) / len(values)) if values else None


def _real(value: float) -> float | None:
    return value if math.isfinite(value) else None


def steps_per_epoch(run: Run) -> float:
    """1 before the trainer knows how many there are."""
    return max(run.total_steps / run.spec.epochs, 1.0) if run.total_steps else 1.0


def _latest(line: dict[int, float]) -> float | None:
    found = next((value for value in reversed(line.values()) if math.isfinite(value)), None)
    return round(found, 1) if found is not None else None


def _seconds_left(run: Run) -> float | None:
    if not (run.state.active and run.started_at and run.progress_at and run.step and run.total_steps):
        return None
    per_step = max(run.progress_at - run.started_at, 0.0) / run.step
    return round(per_step * (run.total_steps - run.step), 1)

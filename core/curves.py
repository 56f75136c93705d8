"""Curves: a run's metrics as lines that can be drawn, thinned so that no best epoch ever disappears."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from core.records import Metric, Run
from core.studio import Studio

MAX_POINTS = 300  # a line
DIGITS = 5
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
    images_per_s: float | None
    seconds_left: float | None
    last_step: int


def curve(studio: Studio, run_id: int, since_step: int = -1) -> Curve:
    """The lines of a run after `since_step`; best, speed and time left are of the whole run. Raises NotFound."""
    run = studio.store.runs.get(run_id)
    metrics = studio.store.runs.metrics(run_id)
    fresh = [metric for metric in metrics if metric.step > since_step]
    return Curve(
        run=run,
        points=_lines(fresh, _steps_per_epoch(run)),
        best=best(metrics, _steps_per_epoch(run)),
        images_per_s=_latest(metrics, "images_per_s"),
        seconds_left=_seconds_left(run),
        last_step=max((metric.step for metric in fresh), default=since_step),
    )


def best(metrics: Sequence[Metric], steps_per_epoch: float) -> Best | None:
    """The validation of highest accuracy; among equals the lowest loss, then the earliest: the loop's own rule."""
    losses = {m.step: m.value for m in metrics if m.key == "val_loss"}
    accuracies = [(m.value, -losses.get(m.step, math.inf), -m.step) for m in metrics if m.key == "val_accuracy"]
    real = [one for one in accuracies if math.isfinite(one[0])]
    if not real:
        return None
    accuracy, minus_loss, minus_step = max(real)
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


def _lines(metrics: Sequence[Metric], steps_per_epoch: float) -> dict[str, list[Point]]:
    lines: dict[str, list[Point]] = defaultdict(list)
    for metric in metrics:
        value = round(metric.value, DIGITS) if math.isfinite(metric.value) else None
        lines[metric.key].append((round(metric.step / steps_per_epoch, 4), value))
    # Validation points are few and are what the best epoch is chosen by: none is ever left out.
    return {key: line if key in VALIDATION_KEYS else thin(line) for key, line in lines.items()}


def _steps_per_epoch(run: Run) -> float:
    return max(run.total_steps / run.spec.epochs, 1.0) if run.total_steps else 1.0


def _latest(metrics: Sequence[Metric], key: str) -> float | None:
    found = [m.value for m in metrics if m.key == key and math.isfinite(m.value)]
    return round(found[-1], 1) if found else None


def _seconds_left(run: Run) -> float | None:
    if not (run.state.active and run.started_at and run.progress_at and run.step and run.total_steps):
        return None
    per_step = max(run.progress_at - run.started_at, 0.0) / run.step
    return round(per_step * (run.total_steps - run.step), 1)

"""Estimates: how long a training will take on this server, and what that is known from."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from statistics import median

from core import architectures, queue, runs
from core.queue import Turn
from core.records import Model, Run, RunState
from core.studio import Studio
from core.words import count, duration

_SIDE_KEY = "side"
_START_S = 8.0  # a trainer's first words: libraries, cache, first validation


_LAST = 3  # runs that a history is told of


@dataclass(frozen=True, slots=True)
class Estimate:
    seconds: float | None  # None: nobody has measured this network yet
    measured: bool  # on this server, in an earlier run; else from the card, measured on two CPU cores


@dataclass(frozen=True, slots=True)
class History:
    """What the last runs of an architecture on a dataset took and came to."""

    runs: int
    epoch_s: float  # of the run in the middle, all told
    best: Model | None  # the most accurate that they left


def speeds(studio: Studio, most: int = 30) -> dict[str, float]:
    """Training images/s of the newest run of each architecture that was trained at its own picture side."""
    found: dict[str, float] = {}
    for run in runs.all_of(studio)[:most]:
        name = run.spec.architecture
        if name in found or run.state in (RunState.QUEUED, RunState.STARTING) or _SIDE_KEY in run.spec.overrides:
            continue
        if speed := studio.store.runs.latest(run.id, "images_per_s"):
            found[name] = speed
    return found


def estimate(card: architectures.Architecture, images: int, epochs: int, speeds: dict[str, float]) -> Estimate:
    """Of a run over `images` labelled images; a fifth of them is only looked at, which is quicker."""
    speed = speeds.get(card.name)
    cost_s = 1 / speed if speed else card.cost_s
    return Estimate(None if cost_s is None else _START_S + images * epochs * cost_s, speed is not None)


def guess_s(card: architectures.Architecture, images: int, epochs: int, speeds: dict[str, float]) -> float:
    """For plans, which need a number: what nobody has measured is taken for the packaged network."""
    found = estimate(card, images, epochs, speeds).seconds
    if found is None:
        found = estimate(architectures.get(architectures.PACKAGED), images, epochs, speeds).seconds
    assert found is not None
    return found


def histories(studio: Studio, dataset_id: int) -> dict[str, History]:
    """Architecture -> its last runs on this dataset that went through in one go."""
    models = {model.id: model for model in studio.store.models.all(dataset_id)}
    found: dict[str, list[Run]] = defaultdict(list)
    for run in runs.all_of(studio, dataset_id):
        whole = run.state is RunState.SUCCEEDED and run.attempt == 1 and run.epoch and run.started_at
        if whole and len(found[run.spec.architecture]) < _LAST:
            found[run.spec.architecture].append(run)
    return {name: _history(some, models) for name, some in found.items() if some}


def _history(some: list[Run], models: dict[int, Model]) -> History:
    epochs_s = [((run.finished_at or 0) - (run.started_at or 0)) / run.epoch for run in some]
    left = [models[run.model_id] for run in some if run.model_id in models]
    return History(len(some), median(epochs_s), max(left, key=lambda model: model.accuracy, default=None))


def turn(studio: Studio, run: Run) -> Turn | None:
    """When a waiting run will begin, by the queue's own rules; None where it does not wait."""
    everything = [one for one in runs.active(studio) if one.state is not RunState.PAUSED]
    if run.state is not RunState.QUEUED or run.id not in {one.id for one in everything}:
        return None
    known = speeds(studio)
    needs = [(one, _left_s(studio, one, known)) for one in everything]
    scheduler = studio.store.services.all().get("scheduler")
    slots = int(scheduler.detail.get("slots", 1)) if scheduler else 1
    used = studio.store.runs.used(time.time() - queue.MEMORY_S)
    active = [one for one in needs if one[0].state.active]
    return queue.turns(active, [one for one in needs if not one[0].state.active], used, slots).get(run.id)


def sentence(turn: Turn) -> str:
    """*2 before you, about 3 minutes.*"""
    if not turn.before:
        return "Next in the queue; it begins in a moment."
    if turn.starts_in_s < 2:
        return f"{count(turn.before)} before you; it begins in a moment."
    return f"{count(turn.before)} before you, {duration(turn.starts_in_s)}."


def _left_s(studio: Studio, run: Run, known: dict[str, float]) -> float:
    """That a run still needs a device."""
    images = studio.store.versions.get(run.version_id).images
    whole = guess_s(architectures.get(run.spec.architecture), images, run.spec.epochs, known)
    return whole * (1 - run.step / run.total_steps if run.total_steps else 1)

"""Estimates: how long a training will take on this server, and what that is known from."""

from __future__ import annotations

import time
from dataclasses import dataclass

from core import architectures, queue, runs
from core.queue import Turn
from core.records import Run, RunState
from core.studio import Studio
from core.words import count, duration

_SIDE_KEY = "side"
_START_S = 8.0  # a trainer's first words: libraries, cache, first validation


@dataclass(frozen=True, slots=True)
class Estimate:
    seconds: float
    measured: bool  # on this server, in an earlier run; else from the card, measured on two CPU cores


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
    seconds = images * epochs * (1 / speed if speed else card.cost_s)
    return Estimate(_START_S + seconds, speed is not None)


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
    whole = estimate(architectures.get(run.spec.architecture), images, run.spec.epochs, known).seconds
    return whole * (1 - run.step / run.total_steps if run.total_steps else 1)

"""Estimates: how long a training will take on this server, and what that is known from."""

from __future__ import annotations

from dataclasses import dataclass

from core import architectures, curves, runs
from core.records import RunState
from core.studio import Studio

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
        if speed := curves.curve(studio, run.id).images_per_s:
            found[name] = speed
    return found


def estimate(card: architectures.Architecture, images: int, epochs: int, speeds: dict[str, float]) -> Estimate:
    """Of a run over `images` labelled images; a fifth of them is only looked at, which is quicker."""
    speed = speeds.get(card.name)
    seconds = images * epochs * (1 / speed if speed else card.cost_s)
    return Estimate(_START_S + seconds, speed is not None)

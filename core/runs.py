"""Runs: one training each, queued or done. Starting, steering and describing them; the training is elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core import architectures, recipe, versions
from core.errors import Conflict, NotFound, Refused
from core.records import Run, RunState, TrainingSpec, Wish
from core.studio import Studio

MAX_EPOCHS = 1000
WORDS = {
    RunState.QUEUED: "waiting",
    RunState.STARTING: "starting",
    RunState.RUNNING: "training",
    RunState.PAUSED: "paused",
    RunState.SUCCEEDED: "done",
    RunState.FAILED: "failed",
    RunState.CANCELLED: "cancelled",
}


def start(
    studio: Studio, dataset_id: int, architecture: str, epochs: int, overrides: Mapping[str, Any] | None = None
) -> Run:
    """Freezes a version of the dataset and puts a run on it into the queue.

    Raises:
        NotFound: no such dataset or architecture.
        Refused: a setting out of range, or a dataset that cannot be trained on (says why).
        DiskFull.
    """
    dataset = studio.store.datasets.get(dataset_id)
    card = architectures.get(architecture)
    if not 1 <= epochs <= MAX_EPOCHS:
        raise Refused(f"{epochs} epochs? Please choose between 1 and {MAX_EPOCHS:,}.", "epochs")
    studio.files.require_room()
    spec = TrainingSpec(card.name, epochs, dict(overrides or {}))
    derived = recipe.derive(spec, dataset.images, max(dataset.labels, 2), os.cpu_count() or 1)
    version = versions.freeze(studio, dataset_id, derived.validation_share, derived.seed)
    run = studio.store.runs.submit(dataset_id, version.id, f"{card.title}, {epochs} epochs", spec)
    studio.services.wake()
    return run


def get(studio: Studio, run_id: int) -> Run:
    """Raises NotFound."""
    return studio.store.runs.get(run_id)


def all_of(studio: Studio, dataset_id: int | None = None) -> list[Run]:
    """Newest first."""
    return studio.store.runs.all(dataset_id)


def active(studio: Studio) -> list[Run]:
    """Queued, paused or being trained, oldest first."""
    return [run for run in reversed(all_of(studio)) if not run.state.final]


def before(studio: Studio, run: Run) -> int:
    """How many runs are before this one in the queue."""
    return sum(
        other.id < run.id and not other.state.final and other.state is not RunState.PAUSED for other in active(studio)
    )


def stop(studio: Studio, run_id: int) -> Run:
    """Ends a run between two steps and keeps its best model; one that still waits is cancelled."""
    return _ask(studio, run_id, Wish.STOP)


def pause(studio: Studio, run_id: int) -> Run:
    """Saves a checkpoint and gives the device free."""
    return _ask(studio, run_id, Wish.PAUSE)


def cancel(studio: Studio, run_id: int) -> Run:
    """Ends a run and keeps nothing."""
    return _ask(studio, run_id, Wish.CANCEL)


def resume(studio: Studio, run_id: int) -> Run:
    """Queues a paused run again; it goes on at the very step it was paused at."""
    run = get(studio, run_id)
    if not studio.store.runs.request(run_id, "resume"):
        raise Conflict(f"Run {run_id} is {WORDS[run.state]}, so there is nothing to resume.")
    studio.services.wake()
    return get(studio, run_id)


def _ask(studio: Studio, run_id: int, wish: Wish) -> Run:
    run = get(studio, run_id)
    if run.state.final:
        raise Conflict(f"Run {run_id} is over already: {WORDS[run.state]}.")
    studio.store.runs.request(run_id, wish)
    studio.services.wake()
    return get(studio, run_id)


def find(studio: Studio, text: str) -> Run:
    """By its number as typed. Raises NotFound."""
    if not text.isdecimal():
        raise NotFound(f"There is no run “{text}”. Runs have numbers: `python -m core runs` lists them.")
    return get(studio, int(text))


def log_file(studio: Studio, run_id: int) -> Path:
    """The newest attempt's log; there is no such file before the attempt has begun. Raises NotFound (the run)."""
    run = get(studio, run_id)
    return studio.files.log(f"run-{run.id}.{run.attempt}")


def log_tail(studio: Studio, run_id: int, limit_bytes: int = 20_000) -> str:
    """The end of the newest attempt's log; '' before there is one."""
    file = log_file(studio, run_id)
    if not file.exists():
        return ""
    with file.open("rb") as source:
        source.seek(max(0, file.stat().st_size - limit_bytes))
        return source.read().decode("utf-8", "replace")

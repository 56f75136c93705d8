"""Runs: one training each, queued or done. Starting, steering and describing them; the training is elsewhere."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import architectures, events, recipe, versions, weights
from core.errors import Conflict, NotFound, Refused
from core.ports import Files
from core.records import Begin, Choice, Hold, Run, RunState, TrainingSpec, Wish
from core.studio import Studio
from core.words import count

MAX_EPOCHS = 1000
PRIORITIES = (-9, 9)
END = "end.pt"  # in a run's folder: the weights that it ended with, which are seldom its best
WORDS = {
    RunState.QUEUED: "waiting",
    RunState.STARTING: "starting",
    RunState.RUNNING: "training",
    RunState.PAUSED: "paused",
    RunState.SUCCEEDED: "done",
    RunState.FAILED: "failed",
    RunState.CANCELLED: "cancelled",
}
HELD = {Hold.ANSWER: "waits for your answer", Hold.DISK: "waits for room on the disk"}


def word(run: Run) -> str:
    """What it does or waits for, in a word or a few."""
    return HELD[run.hold] if run.hold else WORDS[run.state]


def start(
    studio: Studio,
    dataset_id: int,
    architecture: str,
    epochs: int,
    overrides: Mapping[str, Any] | None = None,
    like: int | None = None,
    fetch: bool = False,
) -> Run:
    """Freezes a version of the dataset and puts a run on it into the queue; `like` is the run it was made from.

    Where the weights it is to begin with are not at hand, and nobody said that they may be fetched, the run waits for
    an answer first (`answer`).

    Raises:
        NotFound: no such dataset or architecture.
        Refused: a setting out of range, or a dataset that cannot be trained on (says why).
        DiskFull.
    """
    dataset = studio.store.datasets.get(dataset_id)
    card = architectures.get(architecture)
    _require_epochs(epochs)
    studio.files.require_room()
    spec = TrainingSpec(card.name, epochs, dict(overrides or {}), fetch=fetch)
    derived = recipe.derive(spec, dataset.images, max(dataset.labels, 2), os.cpu_count() or 1)
    version = versions.freeze(studio, dataset_id, derived.validation_share, derived.seed)
    question = None if weights.at_hand(studio.files, card) or fetch else weights.missing(card)
    return _submit(studio, dataset_id, version.id, _name(spec), spec, like, question)


def answer(studio: Studio, run_id: int, choice: Choice) -> Run:
    """What is done instead, of a run whose weights cannot be had; it goes into the queue.

    Raises:
        NotFound.
        Conflict: it does not wait for an answer.
        Refused: that answer cannot be given.
    """
    run = get(studio, run_id)
    if run.hold is not Hold.ANSWER:
        raise Conflict(f"Run {run_id} is {WORDS[run.state]} and waits for no answer.")
    if choice not in (possible := weights.choices(studio.settings, architectures.get(run.spec.architecture))):
        raise Refused(f"These weights cannot be downloaded. Answer one of: {', '.join(possible)}.", "answer")
    spec = weights.chosen(run.spec, choice)
    if not studio.store.runs.answer(run_id, choice, _name(spec), spec):
        raise Conflict(f"Run {run_id} was answered already.")
    studio.services.wake()
    return get(studio, run_id)


def _name(spec: TrainingSpec) -> str:
    return f"{architectures.get(spec.architecture).title}, {count(spec.epochs, 'epoch')}"


def retry(studio: Studio, run_id: int) -> Run:
    """A new run with the settings and the very pictures of one that ended without success.

    One that failed goes on at its last checkpoint where there is one; one that was cancelled kept none.

    Raises:
        NotFound, DiskFull.
        Conflict: it has not ended, or it succeeded.
    """
    run = get(studio, run_id)
    if run.state not in (RunState.FAILED, RunState.CANCELLED):
        raise Conflict(f"Run {run_id} is {WORDS[run.state]}, so there is nothing to try again.")
    studio.files.require_room()
    again = dataclasses.replace(run.spec, begin=str(Begin.AGAIN))
    return _submit(studio, run.dataset_id, run.version_id, run.name, again, run.id)


@dataclass(frozen=True, slots=True)
class Longer:
    """How a run would be trained longer."""

    spec: TrainingSpec
    sentence: str  # the schedule, in words


def plan_longer(studio: Studio, run: Run, epochs: int, begin: Begin) -> Longer:
    """More epochs on the very pictures of `run`, from its end or from its best.

    The rate warms up to half of what it was at its highest: where the old schedule ended it is too low to learn.

    Raises:
        Conflict: that run left nothing to go on from.
        Refused: the epochs are out of range.
    """
    _require_epochs(epochs)
    recorded = events.last(studio, run.id, "recipe")
    if begin not in begins(studio, run) or recorded is None:
        raise Conflict(f"Run {run.id} left nothing to go on from. Start a new run with its settings instead.")
    rate = recorded.data["recipe"]["learning_rate"] / 2
    overrides = {**run.spec.overrides, "learning_rate": rate, "warm_start": False, "freeze_epochs": 0}
    spec = TrainingSpec(run.spec.architecture, epochs, overrides, str(begin))
    schedule = recorded.data["recipe"]["schedule"]
    then = "stays there" if schedule == "constant" else "falls again over these epochs"
    place = "where it ended" if begin is Begin.END else "its best epoch"
    return Longer(
        spec,
        f"{count(epochs, 'epoch')} more from {place}, on the same pictures: the learning rate warms up to half of what "
        f"it was, {rate:.2g}, and {then}. The best epoch is kept, the one it begins with included.",
    )


def model_prefix(run_id: int) -> str:
    """What the names of its models' folders begin with; the attempt follows."""
    return f"run-{run_id}-"


def model_folders(files: Files, run_id: int) -> list[Path]:
    """Every folder that an attempt of it has made for a model, half-made ones included."""
    there = files.model(f"{model_prefix(run_id)}0").parent
    found = there.iterdir() if there.is_dir() else ()
    return [folder for folder in found if folder.name.removeprefix(".").startswith(model_prefix(run_id))]


def begins(studio: Studio, run: Run) -> list[Begin]:
    """Where training longer may begin; nowhere unless it left a model."""
    if not run.state.final or run.model_id is None:
        return []
    return [Begin.END, Begin.BEST] if (studio.files.run(run.id) / END).exists() else [Begin.BEST]


def longer(studio: Studio, run_id: int, epochs: int, begin: Begin) -> Run:
    """Queues what `plan_longer` says, as a run of its own. Raises like it; DiskFull."""
    run = get(studio, run_id)
    plan = plan_longer(studio, run, epochs, begin)
    studio.files.require_room()
    title = architectures.get(run.spec.architecture).title
    return _submit(studio, run.dataset_id, run.version_id, f"{title}, {epochs} epochs more", plan.spec, run.id)


def prefer(studio: Studio, run_id: int, priority: int) -> Run:
    """Lets a run go before others of lower priority. Raises NotFound, Refused."""
    low, high = PRIORITIES
    if not low <= priority <= high:
        raise Refused(f"A priority is a whole number from {low} to {high}; 0 is everybody's.", "priority")
    studio.store.runs.prefer(get(studio, run_id).id, priority)
    return get(studio, run_id)


def _submit(
    studio: Studio,
    dataset_id: int,
    version_id: int,
    name: str,
    spec: TrainingSpec,
    parent_id: int | None,
    question: str | None = None,
) -> Run:
    run = studio.store.runs.submit(dataset_id, version_id, name, spec, studio.who, 0, parent_id, question)
    studio.services.wake()
    return run


def _require_epochs(epochs: int) -> None:
    if not 1 <= epochs <= MAX_EPOCHS:
        raise Refused(f"{epochs} epochs? Please choose between 1 and {MAX_EPOCHS:,}.", "epochs")


def get(studio: Studio, run_id: int) -> Run:
    """Raises NotFound."""
    return studio.store.runs.get(run_id)


def all_of(studio: Studio, dataset_id: int | None = None) -> list[Run]:
    """Newest first."""
    return studio.store.runs.all(dataset_id)


def active(studio: Studio) -> list[Run]:
    """Queued, paused or being trained, oldest first."""
    return [run for run in reversed(all_of(studio)) if not run.state.final]


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

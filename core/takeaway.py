"""What a run leaves to engineers: `run.json`, which says all there is to know of it, and a log for TensorBoard.

Both are made of the facts and of nothing else, so they can be had at any time; a run that is over also leaves them in
its folder, where `tensorboard --logdir` finds all runs beside each other.
"""

from __future__ import annotations

import json
import math
import shutil
from collections import defaultdict
from collections.abc import Collection
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core import curves, tensorboard
from core.ports import Files
from core.records import Run, RunState
from core.stores import Store

FORMAT = 1
RUN_JSON, TENSORBOARD = "run.json", "tensorboard"
NAMES = {  # as TensorBoard groups them
    "train_loss": "loss/train",
    "val_loss": "loss/validation",
    "train_accuracy": "accuracy/train",
    "val_accuracy": "accuracy/validation",
    "memory_mb": "machine/memory_mb",
    "utilisation": "machine/utilisation",
}
OVER = (RunState.SUCCEEDED, RunState.FAILED)  # a cancelled run leaves nothing
FACTS = ("recipe", "weights", "machine", "finished")


def run_json(store: Store, run_id: int) -> bytes:
    """The run as JSON. Raises NotFound."""
    text = json.dumps(_plain(describe(store, run_id)), ensure_ascii=False, indent=1, allow_nan=False)
    return text.encode() + b"\n"


def describe(store: Store, run_id: int) -> dict[str, Any]:
    """What was asked, what was derived, on which data and machine, what came of it, and every number on the way."""
    run, facts = store.runs.get(run_id), _facts(store, run_id)
    version = store.versions.get(run.version_id)
    lines: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for metric in store.runs.metrics(run_id):
        lines[metric.key].append((metric.step, metric.value))
    best = curves.best(
        dict(lines.get("val_loss", ())), dict(lines.get("val_accuracy", ())), curves.steps_per_epoch(run)
    )
    return {
        "format": FORMAT,
        "run": {
            "id": run.id,
            "name": run.name,
            "state": str(run.state),
            "epochs_done": run.epoch,
            "steps": run.step,
            "attempts": run.attempt,
            "error": run.error,
            "queued_at": _time(run.queued_at),
            "started_at": _time(run.started_at),
            "finished_at": _time(run.finished_at),
            **facts.get("finished", {}),
        },
        "dataset": store.datasets.get(run.dataset_id).name,
        "version": {
            "id": version.id,
            "content_hash": version.content_hash,
            "labels": list(version.labels),
            "images": version.images,
        },
        "spec": asdict(run.spec),
        "recipe": facts.get("recipe", {}).get("recipe"),
        "weights": facts.get("weights"),  # that it began with, and their licence
        "machine": facts.get("machine"),
        "best": asdict(best) if best else None,
        "scores": _scores(store, run),
        "steps_per_epoch": curves.steps_per_epoch(run),
        "metrics": lines,  # key -> [[step, value], ...]
    }


def _facts(store: Store, run_id: int) -> dict[str, dict[str, Any]]:
    return {event.kind: event.data for event in store.runs.events(run_id) if event.kind in FACTS}


def _scores(store: Store, run: Run) -> dict[str, Any] | None:
    if run.model_id is None:
        return None
    model = store.models.get(run.model_id)
    named = ("accuracy", "interval", "measured_on", "measured_n", "summary")
    return {name: getattr(model, name) for name in named}


def _time(at: float | None) -> str | None:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") if at is not None else None


def _plain(value: Any) -> Any:
    """As JSON can say it: what is no number becomes null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


# ---- for TensorBoard


def event_file(store: Store, run_id: int) -> tuple[str, bytes]:
    """(file name, content). Raises NotFound."""
    run = store.runs.get(run_id)
    scalars: dict[int, dict[str, float]] = defaultdict(dict)
    for metric in store.runs.metrics(run_id):
        scalars[metric.step][NAMES.get(metric.key, metric.key)] = metric.value
    started = run.started_at or run.queued_at
    ended = run.finished_at or run.progress_at or started
    # Numbers are kept by step, not by time: they are told as if all steps had taken equally long.
    times = {step: started + (ended - started) * step / max(run.step, 1) for step in scalars}
    return tensorboard.file_name(started, run_id), tensorboard.event_file(started, scalars, times)


# ---- in the folder of the run


def leave(files: Files, store: Store, run_id: int) -> None:
    """Puts both into the folder of a run that is over. Done again it gives the same files."""
    if store.runs.get(run_id).state not in OVER:
        return
    folder = files.run(run_id)
    (folder / TENSORBOARD).mkdir(parents=True, exist_ok=True)
    name, content = event_file(store, run_id)
    files.write(folder / TENSORBOARD / name, content)
    files.write(folder / RUN_JSON, run_json(store, run_id))


def tidy(folder: Path, but: Collection[str] = ()) -> None:
    """Removes everything else from the folder of a run; the folder too when nothing is left to anybody."""
    if not folder.is_dir():
        return
    for part in folder.iterdir():
        if part.name in (RUN_JSON, TENSORBOARD, *but):
            continue
        shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()

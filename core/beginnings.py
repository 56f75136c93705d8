"""Where a run begins that has a parent: pinned by its first attempt, so that all attempts begin there.

What the parent left may go away later; what is pinned stays with the run.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from core.errors import NotFound, StudioError
from core.learning.checkpoint import Weights, read_weights, write_weights
from core.records import Begin, Run
from core.runs import END
from core.studio import Files, Store

PINNED = "begin.pt"


def take_over(files: Files, run: Run) -> bool:
    """Everything that the parent had to go on with becomes this run's; False where the parent left nothing.

    Killed in between, it is done again from the start.
    """
    assert run.parent_id is not None
    theirs, ours = files.run(run.parent_id), files.run(run.id)
    if not any((theirs / "checkpoints").glob("step-*.json")):
        return False
    shutil.rmtree(ours, ignore_errors=True)
    shutil.copytree(theirs, ours)
    return True


def pin(files: Files, store: Store, run: Run) -> None:
    """Copies the weights to begin with. Raises StudioError when they are gone."""
    assert run.parent_id is not None
    source = files.run(run.parent_id) / END
    if run.spec.begin == Begin.BEST:
        source = _model(files, store, run.parent_id)
    if not source.exists():
        raise StudioError(
            f"The weights of run {run.parent_id}, to go on from, are gone. Start a new run with its settings instead."
        )
    network = read_weights(source)
    write_weights(files.run(run.id) / PINNED, network)


def pinned(files: Files, run: Run) -> dict[str, Weights | None]:
    """{network, averaged} to begin with."""
    return read_weights(files.run(run.id) / PINNED)


def _model(files: Files, store: Store, run_id: int) -> Path:
    model_id = store.runs.get(run_id).model_id
    try:
        folder = store.models.get(model_id or 0).folder
    except NotFound:
        return Path("gone")
    return files.model(folder) / "weights.safetensors"

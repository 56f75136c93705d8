"""Where a run begins that has a parent: pinned by its first attempt, so that all attempts begin there.

What the parent left may go away later; what is pinned stays with the run.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from core.errors import NotFound, StudioError
from core.learning.checkpoint import Weights, read_weights, write_weights
from core.ports import Files
from core.records import Begin, Run
from core.runs import END
from core.stores import Store

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
    source, temperature = files.run(run.parent_id) / END, 1.0
    if run.spec.begin == Begin.BEST:
        source, temperature = _model(files, store, run.parent_id)
    if not source.exists():
        raise StudioError(
            f"The weights of run {run.parent_id}, to go on from, are gone. Start a new run with its settings instead."
        )
    weights = read_weights(source)
    if network := weights["network"]:
        # A model's last layer is divided by its temperature; this run begins with what was learned.
        for name in ("last.weight", "last.bias"):
            network[name] = network[name] * temperature
    write_weights(files.run(run.id) / PINNED, weights)


def pinned(files: Files, run: Run) -> dict[str, Weights | None]:
    """{network, averaged} to begin with."""
    return read_weights(files.run(run.id) / PINNED)


def _model(files: Files, store: Store, run_id: int) -> tuple[Path, float]:
    """The weights of the run's model, and the temperature that is in them."""
    try:
        model = store.models.get(store.runs.get(run_id).model_id or 0)
    except NotFound:
        return Path("gone"), 1.0
    return files.model(model.folder) / "weights.safetensors", float(model.summary.get("temperature", 1.0))

"""The live curves of a run: loss and accuracy, with progress, asked for by the browser itself."""

from __future__ import annotations

from typing import Any

from pages.components.mounting import component
from pages.parts.theme import TRAINING, VALIDATION

_mount = component("curves", triggers=("finished",), min_height=480)


def curves(key: str, run_id: int, refresh_s: float | None = 1.0) -> dict[str, Any] | None:
    """Draws the curves of a run and keeps them moving, without any run of the page.

    Gives `{"state": "succeeded" | "failed" | "cancelled"}` in the one run after the training ended, else None.

    Args:
        refresh_s: seconds between two looks while the run is not over; None draws what there is, once.
    """
    data = {"run_id": run_id, "refresh_s": refresh_s, "colors": {"training": TRAINING, "validation": VALIDATION}}
    finished: dict[str, Any] | None = _mount(key, data, needs=("plotly.js",))["finished"]
    return finished

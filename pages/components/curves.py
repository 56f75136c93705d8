"""The live curves of a run: how it goes in one sentence, loss and accuracy, and what it takes of the machine."""

from __future__ import annotations

from collections.abc import Mapping

from pages.components.mounting import component
from pages.parts.theme import LABEL_COLOURS, TRAINING, VALIDATION

_mount = component("curves", triggers=("changed",), min_height=560)


def curves(
    key: str, run_id: int, drawn: Mapping[str, object], others: Mapping[int, str] | None = None, refresh_s: float = 1.0
) -> dict[str, object] | None:
    """Draws the curves of a run and keeps them moving, without any run of the page.

    The page runs again when the run went on to something else than was drawn: another state, another wish of a person,
    or its first step. Gives what it is then, in that one run of the page.

    Args:
        drawn: `state`, `wish` and `begun` (it made its first step) of the run as the page shows it.
        others: id -> name of runs that can be laid over it.
        refresh_s: seconds between two looks while the run is not over.
    """
    data = {
        "run_id": run_id,
        "drawn": dict(drawn),
        "others": [{"id": other, "name": name} for other, name in (others or {}).items()],
        "refresh_s": refresh_s,
        "colors": {"training": TRAINING, "validation": VALIDATION, "others": LABEL_COLOURS[:6]},
    }
    changed: dict[str, object] | None = _mount(key, data, needs=("plotly.js", "charts.js"))["changed"]
    return changed

"""Watch it learn: a few held-back pictures, what the network said of them after each epoch, and where it saw it."""

from __future__ import annotations

from collections.abc import Sequence

from pages.components.mounting import component

_mount = component("filmstrip", triggers=(), min_height=1)


def filmstrip(key: str, run_id: int, colors: Sequence[str], live: bool, refresh_s: float = 2.0) -> None:
    """Draws the film strip of a run with its scrubber; while `live`, the newest epoch is shown as it comes.

    Args:
        colors: of the labels, in the order of the run's classes.
        refresh_s: seconds between two looks while `live`.
    """
    _mount(key, {"run_id": run_id, "live": live, "colors": list(colors), "refresh_s": refresh_s})

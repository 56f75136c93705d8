"""Plotly figures that are drawn anew in place as their numbers grow: a zoom is never lost, and nothing jumps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pages.components.mounting import component

_mount = component("figures", triggers=("opened",), min_height=380)


def figures(key: str, drawn: Sequence[Mapping[str, Any]]) -> int | None:
    """Draws them beside one another; gives the number behind the point that a person clicked, in that run alone.

    Args:
        drawn: {title, help, height, traces, layout} each, as Plotly has them. The colours "ink" and "quiet" stand for
            the theme's; a point's `customdata` is the number that a click gives.
    """
    opened = _mount(key, {"figures": list(drawn)}, needs=("plotly.js", "charts.js"))["opened"]
    return int(opened["number"]) if opened else None

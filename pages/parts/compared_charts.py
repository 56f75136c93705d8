"""Two models in one chart."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from core.comparing import Comparison, Ranking
from pages.parts.matrix import plain
from pages.parts.theme import TRAINING, VALIDATION, plotly_template

POINTS = 120
AXES = {
    True: ("Called so though it is not", "Found"),
    False: ("Found (recall)", "Right when it says so (precision)"),
}


def answered(found: Comparison, names: tuple[str, str], ink: str) -> go.Figure:
    """The share right over the share answered, of both: who knows better what it does not know."""
    figure = go.Figure()
    sides = (
        (names[0], found.right_before, found.sure_before, TRAINING, 2),
        (names[1], found.right_after, found.sure_after, VALIDATION, 3),
    )
    for name, right, sure, colour, width in sides:
        order = np.argsort(-sure, kind="stable")
        shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
        at = np.unique(np.linspace(max(len(order) // 20, 1) - 1, len(order) - 1, POINTS).round().astype(int))
        figure.add_scatter(
            x=(100 * (at + 1) / len(order)).round(2).tolist(),
            y=(100 * shares[at]).round(2).tolist(),
            mode="lines",
            name=plain(name),
            line={"color": colour, "width": width},
            hovertemplate="%{x:.0f} of 100 answered, %{y:.1f} % right<extra></extra>",
        )
    figure.update_layout(
        template=plotly_template(),
        height=360,
        font={"color": ink},
        dragmode=False,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": {"text": "Answered, of 100 pictures"}, "range": [101, 0], "fixedrange": True},
        yaxis={"title": {"text": "Right, of 100 answers"}, "fixedrange": True},
    )
    return figure


def ranked(both: tuple[Ranking, Ranking], names: tuple[str, str], roc: bool, ink: str) -> go.Figure:
    """ROC, or precision against recall, of one label: both models in one square."""
    figure = go.Figure()
    for one, name, colour, width in zip(both, names, (TRAINING, VALIDATION), (2, 3), strict=True):
        x, y = (one.wrong, one.found) if roc else (one.found, one.precision)
        at = np.unique(np.linspace(0, len(x) - 1, POINTS).round().astype(int))
        figure.add_scatter(
            x=(100 * x[at]).round(2).tolist(),
            y=(100 * y[at]).round(2).tolist(),
            mode="lines",
            name=plain(f"{name}, area {one.area:.3f}" if roc else name),
            line={"color": colour, "width": width},
            hovertemplate="%{x:.0f} %, %{y:.0f} %<extra></extra>",
        )
    axis = {"range": [-2, 103], "ticksuffix": " %", "fixedrange": True}
    figure.update_layout(
        template=plotly_template(),
        height=400,
        font={"color": ink},
        dragmode=False,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={**axis, "title": {"text": AXES[roc][0]}},
        yaxis={**axis, "title": {"text": AXES[roc][1]}},
    )
    return figure

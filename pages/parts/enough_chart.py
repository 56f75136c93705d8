"""The learning curve: what was measured, with error bars, and what more pictures should give, as a band."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from core.enough import Band
from pages.parts.text import count
from pages.parts.theme import PLOTLY_CONFIG, TRAINING, VALIDATION, plotly_template

CONFIG = {**PLOTLY_CONFIG, "modeBarButtons": [["toImage"]]}
_BAND = "rgba(127,163,181,0.22)"


def learning_curve(measured: Band, ahead: Band, now: int, ink: str) -> go.Figure:
    """Percent right over pictures learned from; `now` is where the dataset is."""
    places = [row[0] for row in ahead]
    figure = go.Figure(
        [
            go.Scatter(x=places, y=_percent(ahead, 3), mode="lines", line={"width": 0}, hoverinfo="skip"),
            go.Scatter(
                x=places,
                y=_percent(ahead, 1),
                mode="lines",
                line={"width": 0},
                fill="tonexty",
                fillcolor=_BAND,
                hoverinfo="skip",
            ),
            go.Scatter(
                x=places,
                y=_percent(ahead, 2),
                mode="lines",
                line={"width": 2, "color": TRAINING, "dash": "dot"},
                hovertext=[_words(row, "should be right") for row in ahead],
                hoverinfo="text",
            ),
            go.Scatter(
                x=[row[0] for row in measured],
                y=_percent(measured, 2),
                mode="lines+markers",
                line={"width": 3, "color": VALIDATION},
                marker={"size": 8},
                error_y={
                    "type": "data",
                    "array": [100 * (row[3] - row[2]) for row in measured],
                    "arrayminus": [100 * (row[2] - row[1]) for row in measured],
                    "color": VALIDATION,
                    "thickness": 1.4,
                    "width": 5,
                },
                hovertext=[_words(row, "are right") for row in measured],
                hoverinfo="text",
            ),
        ]
    )
    low = min((row[1] for row in (*measured, *ahead)), default=0)
    figure.add_vline(x=now, line={"color": ink, "width": 1, "dash": "dot"}, opacity=0.5)
    figure.add_annotation(
        x=now, y=1.02, yref="paper", text=f"you have {count(now)}", showarrow=False, font={"color": ink}
    )
    figure.update_layout(
        template=plotly_template(),
        height=380,
        font={"color": ink},
        showlegend=False,
        xaxis={"title": {"text": "Labelled pictures to learn from"}, "rangemode": "tozero", "fixedrange": True},
        yaxis={"title": {"text": "Right, of 100"}, "range": [max(0, 100 * low - 4), 101], "fixedrange": True},
        dragmode=False,
    )
    return figure


def _percent(band: Band, column: int) -> Sequence[float]:
    return [round(100 * row[column], 2) for row in band]


def _words(row: tuple[float, float, float, float], what: str) -> str:
    low, middle, high = (100 * share for share in row[1:])
    return f"With {count(round(row[0]))} pictures {middle:.0f} of 100 {what} ({low:.0f} to {high:.0f})"

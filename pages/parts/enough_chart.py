"""The learning curve: what was measured, with error bars, and what more pictures should give, as a band."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from core.enough import Band
from pages.parts.text import count
from pages.parts.theme import PLOTLY_CONFIG, TRAINING, VALIDATION, plotly_template

CONFIG = {**PLOTLY_CONFIG, "modeBarButtons": [["toImage"]]}
WIDE = 10  # times as many pictures as were measured with few: on an even axis those would stand on one another
_BAND = "rgba(127,163,181,0.22)"


def learning_curve(measured: Band, ahead: Band, now: int, ink: str) -> go.Figure:
    """Percent right over pictures learned from; `now` is where the dataset is."""
    further = [row[0] for row in ahead]
    figure = go.Figure(
        [
            go.Scatter(x=further, y=_percent(ahead, 3), mode="lines", line={"width": 0}, hoverinfo="skip"),
            go.Scatter(
                x=further,
                y=_percent(ahead, 1),
                mode="lines",
                line={"width": 0},
                fill="tonexty",
                fillcolor=_BAND,
                hoverinfo="skip",
            ),
            go.Scatter(
                x=further,
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
    places = sorted({row[0] for row in (*measured, *ahead)} | {float(now)})
    wide = places[-1] > WIDE * places[0] > 0
    figure.add_vline(x=now, line={"color": ink, "width": 1, "dash": "dot"}, opacity=0.5)
    figure.add_annotation(
        x=math.log10(now) if wide else now,  # where plotly wants it on such an axis; the line it wants as it is
        y=1.02,
        yref="paper",
        text=f"you have {count(now)}",
        showarrow=False,
        font={"color": ink},
    )
    axis = _logarithmic(places[0], places[-1]) if wide else {"rangemode": "tozero"}
    figure.update_layout(
        template=plotly_template(),
        height=380,
        font={"color": ink},
        showlegend=False,
        xaxis={"title": {"text": "Labelled pictures to learn from"}, "fixedrange": True, **axis},
        yaxis={"title": {"text": "Right, of 100"}, "range": [max(0, 100 * low - 4), 101], "fixedrange": True},
        dragmode=False,
    )
    return figure


def _logarithmic(first: float, last: float) -> dict[str, object]:
    """An axis with its ticks at 1, 2 and 5 times powers of ten, written out."""
    ticks = [digit * 10**power for power in range(math.ceil(math.log10(last)) + 1) for digit in (1, 2, 5)]
    shown = [tick for tick in ticks if first <= tick <= last]
    return {"type": "log", "tickvals": shown, "ticktext": [count(tick) for tick in shown]}


def _percent(band: Band, column: int) -> Sequence[float]:
    return [round(100 * row[column], 2) for row in band]


def _words(row: tuple[float, float, float, float], what: str) -> str:
    low, middle, high = (100 * share for share in row[1:])
    return f"With {count(round(row[0]))} pictures {middle:.0f} of 100 {what} ({low:.0f} to {high:.0f})"

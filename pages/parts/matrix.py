"""The confusion matrix: rows are what pictures show, columns what the model said. A click on a cell tells which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from pages.parts.text import count
from pages.parts.theme import PLOTLY_CONFIG, plotly_template

SHORT = 18  # characters of a label beside an axis
NUMBERS_UP_TO = 16  # labels; with more of them the cells are too small to read in
COLOURS = [[0, "rgba(138,131,123,0.10)"], [0.001, "rgba(242,85,61,0.10)"], [1, "#F2553D"]]
ON_ACCENT = "#131110"
BRIGHT = 0.75  # share from which a cell is bright enough for dark numbers; on paper they are dark anyway
CONFIG = {**PLOTLY_CONFIG, "modeBarButtons": [["toImage"]]}


def matrix(confusion: NDArray[np.int64], labels: Sequence[str], ink: str) -> go.Figure:
    """`confusion[true, said]` pictures. Colour is the share of a row: large labels do not outshine small ones."""
    places = np.array([str(place) for place in range(len(labels))])
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    heat = go.Heatmap(
        x=places,
        y=places,
        z=shares,
        zmin=0,
        zmax=1,
        xgap=2,
        ygap=2,
        showscale=False,
        hoverinfo="skip",
        colorscale=COLOURS,
    )
    true, said = np.nonzero(confusion)
    small = len(labels) <= NUMBERS_UP_TO
    numbers = [
        _numbers(confusion, true[strong], said[strong], colour)
        for strong, colour in ((shares[true, said] > BRIGHT, ON_ACCENT), (shares[true, said] <= BRIGHT, ink))
    ]
    # Heat map cells cannot be selected: what is clicked is an unseen marker over each one.
    cells = go.Scatter(
        x=places[said],
        y=places[true],
        mode="markers",
        marker={"symbol": "square", "size": 34 if small else 12, "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        hovertext=[
            _words(int(confusion[t, s]), labels[t], labels[s])
            for t, s in zip(true.tolist(), said.tolist(), strict=True)
        ],
        hoverinfo="text",
    )
    axis: dict[str, Any] = {
        # Categories, because of those Plotly leaves out as many names as there is no room for, on every window.
        "type": "category",
        "categoryorder": "array",
        "categoryarray": places,
        "labelalias": {str(place): short(label) for place, label in enumerate(labels)},
        "showgrid": False,
        "zeroline": False,
        "range": [-0.5, len(labels) - 0.5],
        "tickfont": {"color": ink},
        "fixedrange": True,
    }
    figure = go.Figure([heat, *(numbers if small else []), cells])
    figure.update_layout(
        template=plotly_template(),
        height=max(340, min(900, 110 + 46 * len(labels))),
        font={"color": ink},
        xaxis={**axis, "side": "top", "title": {"text": "The model says"}},
        yaxis={**axis, "autorange": False, "range": [len(labels) - 0.5, -0.5], "title": {"text": "The picture shows"}},
        showlegend=False,
        clickmode="event+select",
        dragmode=False,
    )
    return figure


def clicked(event: Any) -> tuple[int, int] | None:
    """(true, said) of the cell in a selection of `st.plotly_chart`."""
    points = event.selection.points if event else []
    if not points:
        return None
    return int(points[0]["y"]), int(points[0]["x"])


def _numbers(confusion: NDArray[np.int64], true: NDArray[np.int64], said: NDArray[np.int64], colour: str) -> go.Scatter:
    """The counts of some cells in one colour, which a selection does not fade."""
    texts = [count(int(confusion[t, s])) for t, s in zip(true, said, strict=True)]
    font = {"color": colour, "size": 14}
    keep = {"textfont": {"color": colour}}
    return go.Scatter(
        x=said.astype(str),
        y=true.astype(str),
        mode="text",
        text=texts,
        textfont=font,
        hoverinfo="skip",
        selected=keep,
        unselected=keep,
    )


def _words(pictures: int, true: str, said: str) -> str:
    if true == said:
        return f"{count(pictures, 'picture')} of {plain(true)}, and it says so"
    return f"{count(pictures, 'picture')} of {plain(true)}, taken for {plain(said)}"


def short(label: str) -> str:
    return plain(label if len(label) <= SHORT else f"{label[: SHORT - 1]}…")


def plain(text: str) -> str:
    """Plotly reads some HTML in its texts; a label is none."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

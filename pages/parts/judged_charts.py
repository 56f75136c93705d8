"""Charts of a judgement: a bar for what is found and what is right of each label, reliability, ROC and the like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from core.caution import Point
from core.evaluation import Choice
from core.judgements import Bin, LabelJudgement
from core.scores import Scores, wilson_interval
from pages.parts.matrix import plain, short
from pages.parts.text import count, percent
from pages.parts.theme import TRAINING, VALIDATION, label_colour, plotly_template

Read = Callable[[Mapping[str, Any]], Choice]  # a clicked point -> the pictures it stands for
MOST_CURVES = 12  # labels; more are a thicket: those with the smallest area are drawn
MOST_BARS = 30  # labels
FOUND, RIGHT = "found", "right"


def worst(found: Scores) -> list[int]:
    """The labels that have bars, by their places in the model: all of them, or of very many those it knows least."""
    places = range(len(found.labels))
    if len(places) <= MOST_BARS:
        return list(places)
    return sorted(sorted(places, key=lambda at: found.labels[at].f1 or 0.0)[:MOST_BARS])


def bars(found: Scores, places: Sequence[int], ink: str) -> go.Figure:
    """For some labels what share of each is found, and how often it is right when it says so, with Wilson intervals."""
    figure = go.Figure()
    rows = list(range(len(places)))
    counts = [[sum(row) for row in found.confusion], [sum(column) for column in zip(*found.confusion, strict=True)]]
    for at, (name, said, colour) in enumerate(
        ((FOUND, "of its pictures are found", VALIDATION), (RIGHT, "are right when it says so", TRAINING))
    ):
        right, of = [found.confusion[place][place] for place in places], [counts[at][place] for place in places]
        ends = [wilson_interval(one, many) for one, many in zip(right, of, strict=True)]
        shares = [one / many if many else 0.0 for one, many in zip(right, of, strict=True)]
        figure.add_bar(
            y=rows,
            x=[100 * share for share in shares],
            orientation="h",
            name="Found (recall)" if name == FOUND else "Right when it says so (precision)",
            marker={"color": colour},
            customdata=[name] * len(rows),
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
            error_x={
                "type": "data",
                "array": [100 * (end[1] - share) for end, share in zip(ends, shares, strict=True)],
                "arrayminus": [100 * (share - end[0]) for end, share in zip(ends, shares, strict=True)],
                "color": ink,
                "thickness": 1,
                "width": 3,
            },
            hovertext=[
                f"{plain(found.labels[place].label)}: {percent(share)} {said} ({percent(end[0])} to {percent(end[1])})"
                for place, share, end in zip(places, shares, ends, strict=True)
            ],
            hoverinfo="text",
        )
    figure.update_layout(
        template=plotly_template(),
        height=max(300, 120 + 40 * len(rows)),
        font={"color": ink},
        barmode="group",
        bargap=0.35,
        xaxis={"range": [0, 104], "ticksuffix": " %", "fixedrange": True},
        yaxis={
            "tickvals": rows,
            "ticktext": [short(found.labels[place].label) for place in places],
            "autorange": "reversed",
            "fixedrange": True,
            "showgrid": False,
        },
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        clickmode="event+select",
        dragmode=False,
    )
    return figure


def read_bar(places: Sequence[int]) -> Read:
    def read(point: Mapping[str, Any]) -> Choice:
        label = places[int(point["point_index"])]  # `y` is where the bar stands, which is beside its label
        data = point.get("customdata")
        name = data[0] if isinstance(data, list | tuple) else data
        found = name == FOUND if name is not None else point.get("curve_number", 0) == 0
        return Choice(true=label) if found else Choice(predicted=label)

    return read


def reliability(bins: Sequence[Bin], ink: str) -> go.Figure:
    """How often answers are right that are about as sure as each other; on the diagonal sure means right."""
    figure = go.Figure(
        [
            _diagonal(ink),
            go.Scatter(
                x=[100 * one.sure for one in bins],
                y=[100 * one.right.value for one in bins],
                mode="lines+markers",
                line={"color": VALIDATION, "width": 3},
                marker={"size": [9 + 12 * (one.images / max(b.images for b in bins)) ** 0.5 for one in bins]},
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": 1}},
                error_y={
                    "type": "data",
                    "array": [100 * (one.right.high - one.right.value) for one in bins],
                    "arrayminus": [100 * (one.right.value - one.right.low) for one in bins],
                    "color": VALIDATION,
                    "thickness": 1.2,
                    "width": 4,
                },
                hovertext=[
                    f"{count(one.images, 'answer')}, {percent(one.sure)} sure: {percent(one.right.value)} right"
                    for one in bins
                ],
                hoverinfo="text",
            ),
        ]
    )
    return _square(figure, ink, "How sure it is", "How often it is right")


def read_bin(bins: Sequence[Bin]) -> Read:
    def read(point: Mapping[str, Any]) -> Choice:
        nearest = min(bins, key=lambda one: abs(100 * one.sure - float(point["x"])))
        return Choice(sure=(nearest.low, nearest.high))

    return read


def curves(labels: Sequence[LabelJudgement], roc: bool, ink: str) -> go.Figure:
    """A curve for each label, in its colour; of many labels those with the smallest area."""
    figure = go.Figure([_diagonal(ink)] if roc else [])
    known = [
        (area.value, at, one)
        for at, one in enumerate(labels)
        if (area := one.auc if roc else one.average_precision) is not None
    ]
    for value, at, one in sorted(known, key=lambda pair: pair[0])[:MOST_CURVES]:
        x, y = one.roc if roc else one.precision_recall
        figure.add_scatter(
            x=[100 * v for v in x],
            y=[100 * v for v in y],
            mode="lines",
            name=f"{short(one.label)} {value:.3f}",
            line={"color": label_colour(at), "width": 2},
            hovertemplate=f"{plain(one.label)}<br>%{{x:.0f}} %, %{{y:.0f}} %<extra></extra>",
        )
    names = ("Called so though it is not", "Found") if roc else ("Found (recall)", "Right when it says so (precision)")
    figure = _square(figure, ink, *names)
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": -0.25, "font": {"size": 12}}, height=460)
    return figure


def answering(points: Sequence[Point], chosen: Point, ink: str) -> go.Figure:
    """The share right over the share answered, with its interval, and where one stands."""
    x = [100 * one.answered for one in points]
    figure = go.Figure(
        [
            go.Scatter(x=x, y=[100 * one.interval[1] for one in points], mode="lines", line={"width": 0}),
            go.Scatter(
                x=x,
                y=[100 * one.interval[0] for one in points],
                mode="lines",
                line={"width": 0},
                fill="tonexty",
                fillcolor="rgba(127,163,181,0.22)",
            ),
            go.Scatter(x=x, y=[100 * one.right for one in points], mode="lines", line={"color": TRAINING, "width": 2}),
            go.Scatter(
                x=[100 * chosen.answered],
                y=[100 * chosen.right],
                mode="markers",
                cliponaxis=False,  # at 100 it would be half a ring
                marker={"size": 14, "color": "rgba(0,0,0,0)", "line": {"color": VALIDATION, "width": 3}},
            ),
        ]
    )
    figure.update_traces(hovertemplate="%{x:.0f} % answered, %{y:.1f} %<extra></extra>")
    low = min(one.interval[0] for one in points)
    figure.update_layout(
        template=plotly_template(),
        height=320,
        font={"color": ink},
        showlegend=False,
        dragmode=False,
        xaxis={"title": {"text": "Answered, of 100 pictures"}, "range": [101, min(x) - 1], "fixedrange": True},
        yaxis={"title": {"text": "Right, of 100 answers"}, "range": [max(0, 100 * low - 2), 100.4], "fixedrange": True},
    )
    return figure


def _diagonal(ink: str) -> go.Scatter:
    line = {"color": ink, "width": 1, "dash": "dot"}
    return go.Scatter(x=[0, 100], y=[0, 100], mode="lines", line=line, opacity=0.5, hoverinfo="skip", showlegend=False)


def _square(figure: go.Figure, ink: str, x: str, y: str) -> go.Figure:
    axis = {"range": [-2, 103], "ticksuffix": " %", "fixedrange": True}
    figure.update_layout(
        template=plotly_template(),
        height=420,
        margin={"l": 48, "r": 24, "t": 52, "b": 40},  # the toolbar would lie on the surest answers
        font={"color": ink},
        showlegend=False,
        clickmode="event+select",
        dragmode=False,
        xaxis={**axis, "title": {"text": x}},
        yaxis={**axis, "title": {"text": y}},
    )
    return figure

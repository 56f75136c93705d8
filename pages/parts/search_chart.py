"""The picture of a search: what each trial reached, the best so far, and what the good ones have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from core import spaces
from core.records import Search
from core.searches import Standing
from core.trials import Outcome, Shown
from pages.parts.theme import TRAINING, VALIDATION

Figure = dict[str, Any]
ENOUGH = 5  # trials before anything can be said of what the good ones have in common
GOOD = 0.25  # the share of trials that counts as good
LOST_WORDS = {Outcome.OPEN: "at work", Outcome.WHOLE: "", Outcome.CUT: "ended early", Outcome.LOST: "failed"}


def figures(search: Search, standing: Standing) -> list[Figure]:
    """Of the trials that got through an epoch; none before the first did."""
    reached = [one for one in standing.shown if one.best is not None and one.tried.outcome is not Outcome.VOID]
    if not reached:
        return []
    ended = [one for one in reached if one.tried.outcome is not Outcome.OPEN]
    drawn = [_progress(search, reached, standing)]
    if len(ended) >= ENOUGH and len(search.space) > 1:
        drawn.append(_in_common(search, standing, ended))
    return [*drawn, _mattered(search)] if len(search.importance) > 1 else drawn


# ---- value over trial --------------------------------------------------------------------------------


def _progress(search: Search, reached: Sequence[Shown], standing: Standing) -> Figure:
    kinds = {outcome: [one for one in reached if one.tried.outcome is outcome] for outcome in Outcome}
    lowest = min(100 * (one.best or 0.0) for one in reached)
    highest = 100 * max(standing.interval[1] if standing.pictures else 0.0, max(one.best or 0.0 for one in reached))
    room = max(1.5, 0.12 * (highest - lowest))
    last = max(standing.expected, reached[-1].trial.number)
    return {
        "title": "Trials",
        "help": "What each trial gets right of 100 pictures held back. The line is the best so far, its bracket "
        "how far chance reaches. A cross ended early. A click opens the run.",
        "height": 320,
        "traces": [
            _best_so_far(reached),
            _points(standing, kinds[Outcome.WHOLE], {"size": 10, "color": TRAINING}),
            _points(
                standing, kinds[Outcome.CUT], {"size": 9, "symbol": "x-thin", "line": {"width": 2, "color": TRAINING}}
            ),
            _points(standing, kinds[Outcome.LOST], {"size": 9, "symbol": "triangle-down-open", "color": "quiet"}),
            _points(standing, kinds[Outcome.OPEN], {"size": 10, "symbol": "circle-open", "color": VALIDATION}),
            _ring(standing),
        ],
        "layout": {
            "uirevision": search.id,
            "xaxis": {"title": {"text": "trial"}, "range": [0.5, last + 0.5], "dtick": max(1, last // 10)},
            "yaxis": {"range": [max(0.0, lowest - room), min(101.0, highest + room)], "ticksuffix": " %"},
        },
    }


def _best_so_far(reached: Sequence[Shown]) -> Figure:
    line: list[float] = []
    for one in reached:
        line.append(max(100 * (one.best or 0.0), line[-1] if line else 0.0))
    places = [one.trial.number for one in reached]
    look = {"shape": "hv", "width": 3, "color": VALIDATION}
    return {"x": places, "y": _rounded(line), "mode": "lines", "line": look, "hoverinfo": "skip"}


def _points(standing: Standing, trials: Sequence[Shown], marker: Mapping[str, Any]) -> Figure:
    return {
        "x": [one.trial.number for one in trials],
        "y": _rounded(100 * (one.best or 0.0) for one in trials),
        "mode": "markers",
        "marker": marker,
        "customdata": [one.run.id for one in trials],
        "text": [words(standing, one) for one in trials],
        "hovertemplate": "%{text}<extra></extra>",
        "cliponaxis": False,
    }


def _ring(standing: Standing) -> Figure:
    best = standing.best
    if best is None or best.best is None:
        return {"x": [], "y": [], "mode": "markers"}
    at = 100 * best.best
    low, high = (100 * end for end in standing.interval)
    reach = {"array": [round(high - at, 2)], "arrayminus": [round(at - low, 2)], "color": VALIDATION, "thickness": 1.4}
    return {
        "x": [best.trial.number],
        "y": [round(at, 2)],
        "mode": "markers",
        "hoverinfo": "skip",
        "marker": {"symbol": "circle-open", "size": 18, "color": "ink", "line": {"width": 2, "color": "ink"}},
        "error_y": {"type": "data", "width": 6, **reach} if standing.pictures else {},
        "cliponaxis": False,
    }


# ---- parallel coordinates ----------------------------------------------------------------------------


def _in_common(search: Search, standing: Standing, ended: Sequence[Shown]) -> Figure:
    """Drawn as plain lines: Plotly's own parallel coordinates compile code in the browser, which our policy forbids."""
    dials = [name for name, values in search.space.items() if len(values) > 1]
    ranked = sorted(ended, key=lambda one: -one.score)
    good = max(1, round(GOOD * len(ranked)))
    notes = [note for place, name in enumerate(dials) for note in _stops(search, name, place)]
    return {
        "title": "What the good ones have in common",
        "help": "A line a trial, from dial to dial. The best quarter is drawn strong: where its lines meet, the dial "
        "matters; where they scatter, it hardly does.",
        "height": 340,
        "least_width": 116 * len(dials),
        "traces": [
            _lines(search, standing, dials, ranked[good:], {"width": 1, "color": TRAINING}, 0.45),
            _lines(search, standing, dials, ranked[:good], {"width": 2.5, "color": VALIDATION}, 0.95),
        ],
        "layout": {
            "uirevision": search.id,
            "margin": {"l": 46, "r": 46, "t": 16, "b": 40},
            "annotations": notes,
            "xaxis": {
                "tickvals": list(range(len(dials))),
                "ticktext": [spaces.BY_NAME[name].title for name in dials],
                "range": [-0.25, len(dials) - 0.5],
                "fixedrange": True,
            },
            "yaxis": {"range": [-0.08, 1.08], "visible": False, "fixedrange": True},
        },
    }


def _lines(
    search: Search,
    standing: Standing,
    dials: Sequence[str],
    trials: Sequence[Shown],
    line: Mapping[str, Any],
    ink: float,
) -> Figure:
    """One trace for all, with gaps in between."""
    x: list[int | None] = []
    y: list[float | None] = []
    said: list[str] = []
    runs: list[int | None] = []
    for one in trials:
        x += [*range(len(dials)), None]
        y += [*(round(place(search, name, one.trial.point[name]), 4) for name in dials), None]
        said += [words(standing, one)] * (len(dials) + 1)
        runs += [one.run.id] * (len(dials) + 1)
    look = {"mode": "lines+markers", "line": line, "marker": {"size": 6, "color": line["color"]}, "opacity": ink}
    return {"x": x, "y": y, "text": said, "customdata": runs, "hovertemplate": "%{text}<extra></extra>", **look}


def place(search: Search, name: str, value: Any) -> float:
    """Where a dial stands between its ends, 0..1."""
    values = search.space[name]
    if spaces.is_range(search.kind, name):
        low, high = (math.log(end) for end in values)
        return (math.log(value) - low) / (high - low)
    return values.index(value) / max(1, len(values) - 1)


def _stops(search: Search, name: str, at: int) -> list[Figure]:
    """What the ends of a dial are, and what lies between them."""
    values = search.space[name]
    if spaces.is_range(search.kind, name):
        values = [values[0], math.sqrt(values[0] * values[1]), values[1]]
    shown = [(place(search, name, value), spaces.value(name, value)) for value in values]
    look = {"showarrow": False, "xanchor": "left", "xshift": 9, "font": {"size": 11, "color": "quiet"}}
    return [{"x": at, "y": height, "text": _plain(text), **look} for height, text in shown]


# ---- which dial mattered -----------------------------------------------------------------------------


def _mattered(search: Search) -> Figure:
    ranked = sorted(search.importance.items(), key=lambda found: found[1])  # the first is drawn lowest
    shares = _rounded(100 * share for _, share in ranked)
    return {
        "title": "Which dial mattered",
        "help": "How much of the differences between trials goes back to each dial (functional ANOVA). A dial that "
        "hardly mattered may stay as the recipe has it.",
        "height": 90 + 34 * len(ranked),
        "traces": [
            {
                "type": "bar",
                "orientation": "h",
                "x": shares,
                "y": [spaces.BY_NAME[name].title for name, _ in ranked],
                "text": [f"{share:.0f} %" for share in shares],
                "textposition": "outside",
                "hoverinfo": "skip",
                "marker": {"color": VALIDATION},
                "cliponaxis": False,
            }
        ],
        "layout": {
            "uirevision": search.id,
            "margin": {"l": 130, "r": 46, "t": 16, "b": 40},
            "xaxis": {"range": [0, max(100.0, *shares)], "ticksuffix": " %", "fixedrange": True},
            "yaxis": {"fixedrange": True, "ticksuffix": "  "},
        },
    }


def words(standing: Standing, one: Shown) -> str:
    """A trial, for who points at it."""
    end = LOST_WORDS.get(one.tried.outcome, "")
    reached = ", ".join(filter(None, (standing.right(one), end)))
    dials = "<br>".join(_plain(part) for part in spaces.words(one.trial.point).split(", "))
    return f"<b>Trial {one.trial.number}: {reached}</b><br>{dials}"


def _plain(text: str) -> str:
    return text.replace("<", "&lt;")


def _rounded(values: Any) -> list[float]:
    return [round(value, 2) for value in values]

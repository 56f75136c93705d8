"""Enough: have I labelled enough? What more pictures of each label should give, from the dataset's own learning curve.

A survey works it out (`core.index.advising`); screens and the command line read it here and say it in sentences.
*Cannot tell yet* is an answer: an advice that is no better than a guess is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core import surveys
from core.records import Survey
from core.studio import Studio

KIND = "enough"
LEAST_TO_TELL = 8  # pictures of a label: below, no split says anything of it

Verdict = Literal["more", "finished", "unclear"]
Band = tuple[tuple[float, float, float, float], ...]  # (pictures, low, middle, high)


@dataclass(frozen=True, slots=True)
class Advice:
    """What is said of one label."""

    label: str
    pictures: int
    verdict: Verdict
    more: int  # pictures that the gain is for
    gain: tuple[float, float, float]  # low, middle, high: what `more` should add to the share right, over all labels,
    # nine times in ten


@dataclass(frozen=True, slots=True)
class Enough:
    """The answer; shares are of pictures not learned from."""

    pictures: int  # with a label and a vector, not for testing
    used: int  # of them, for the curve
    curve: Band  # what was measured
    ahead: Band  # what is expected
    advice: tuple[Advice, ...]  # the largest gain first, then what is unclear, then what is finished
    any: Advice  # of pictures of whatever label, as they come; its label is empty

    @property
    def sentence(self) -> str:
        """The one thing to do next: what gives most for each picture."""
        more = [one for one in (*self.advice, self.any) if one.verdict == "more"]
        finished = [one for one in self.advice if one.verdict == "finished"]
        if more:
            return sentence(max(more, key=lambda one: one.gain[1] / one.more))
        if len(finished) == len(self.advice):
            return "More pictures of these labels would hardly help: every label is finished."
        if finished:
            rest = len(self.advice) - len(finished)
            which = "one other" if rest == 1 else f"the other {rest}"
            return f"{_names(finished)} finished; of {which} nobody can tell yet."
        return "Cannot tell yet what more pictures would give. Label some more, of every label."


def sentence(advice: Advice) -> str:
    """What is said of one label, as a sentence."""
    name = f"“{advice.label}”" if advice.label else "any label"
    if not advice.label and advice.verdict == "finished":
        return "More pictures as they come, of whatever label, would hardly help."
    if advice.verdict == "finished":
        return f"{name} is finished: more of it would hardly help."
    if advice.verdict == "more":
        low, middle, high = (100 * gain for gain in advice.gain)
        said = f"{advice.more:,} more of {name} should give about +{_points(middle)}"
        return f"{said} ({max(low, 0):.1f} to {high:.1f})."
    if advice.pictures < LEAST_TO_TELL:
        return f"{name}: cannot tell yet, {LEAST_TO_TELL} pictures are the least to tell from."
    return f"{name}: cannot tell yet; {advice.more:,} more could give {_between(advice.gain)}."


def _between(gain: tuple[float, float, float]) -> str:
    low, _, high = (f"{100 * one:+z.1f}".replace("+0.0", "0.0") for one in gain)
    return f"anything from {low} to {high} points".replace("-", "\N{MINUS SIGN}")


def _points(points: float) -> str:
    said = f"{points:.0f}" if points >= 3 else f"{points:.1f}"
    return f"{said} point{'' if said == '1' else 's'}"


def _names(some: Sequence[Advice]) -> str:
    named = [f"“{one.label}”" for one in some[:3]]
    if len(some) > 3:
        return f"{', '.join(named)} and {len(some) - 3} more are"
    return f"{named[0]} is" if len(some) == 1 else f"{', '.join(named[:-1])} and {named[-1]} are"


def as_content(enough: Enough) -> dict[str, Any]:
    """For a survey's JSON."""
    return {
        "pictures": enough.pictures,
        "used": enough.used,
        "curve": [list(row) for row in enough.curve],
        "ahead": [list(row) for row in enough.ahead],
        "advice": [
            {"label": one.label, "pictures": one.pictures, "verdict": one.verdict, "more": one.more}
            | {"gain": list(one.gain), "sentence": sentence(one)}
            for one in (*enough.advice, enough.any)
        ],
    }


def of(studio: Studio, dataset_id: int) -> tuple[Survey, Enough | None]:
    """The survey, which is asked for where there is none of the labels as they are, and what the last one says."""
    survey = surveys.latest(studio, dataset_id, KIND)
    return survey, read(survey)


def read(survey: Survey) -> Enough | None:
    """What a survey found; None while there is none."""
    if not survey.ready:
        return None
    content: Mapping[str, Any] = survey.content
    said = [
        Advice(one["label"], one["pictures"], one["verdict"], one["more"], tuple(one["gain"]))
        for one in content["advice"]
    ]
    curve, ahead = (tuple(tuple(row) for row in content[name]) for name in ("curve", "ahead"))
    return Enough(content["pictures"], content["used"], curve, ahead, tuple(said[:-1]), said[-1])

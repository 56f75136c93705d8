"""From vectors and labels to an advice: what more pictures of each label should give."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from core.enough import LEAST_TO_TELL, Advice, Band, Enough, Verdict, as_content
from core.errors import Refused
from core.index import gains, learning_curve
from core.index.fitting import gather
from core.index.instant import Integers
from core.ports import Vectors
from core.records import Dataset
from core.studio import Studio

LEAST = 4  # pictures of a label that counts: one held back, and something left to leave out
LEAST_IN_ALL = 20
STEPS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)  # how many more is said in round numbers
FINISHED = 0.01  # of the share right: doubling a label would, nine times in ten, add less than this
FINISHED_FROM, FINISHED_WRONG = 20, 0.05  # pictures of it, and the share of them missed or taken by mistake
REACH = 2.0  # how far the curve is drawn beyond what there is, as a multiple
AHEAD = 12  # points it is drawn with


def survey(studio: Studio, dataset: Dataset, tell: Callable[[float], None]) -> Mapping[str, Any]:
    """The survey of kind *enough*. Raises Refused."""
    material = gather(studio, dataset.id)
    with threadpool_limits(1):
        return as_content(work_out(material.vectors, material.targets, [one.name for one in material.labels], tell))


def work_out(
    vectors: Vectors,
    targets: Integers,
    labels: Sequence[str],
    tell: Callable[[float], None] = lambda _: None,
) -> Enough:
    """From vectors (N, 1280) and label indices (N,).

    Raises:
        Refused: there is too little to measure anything on, and what is missing.
    """
    counts = np.bincount(targets, minlength=len(labels))
    counted = np.flatnonzero(counts >= LEAST)
    if len(counted) < 2 or counts[counted].sum() < LEAST_IN_ALL:
        raise Refused(
            f"Cannot tell yet: it takes {LEAST_IN_ALL} labelled pictures and two labels with {LEAST} each.", "too_few"
        )
    kept = np.isin(targets, counted)
    place = np.searchsorted(counted, targets[kept])
    found = learning_curve.measure(vectors[kept], place, len(counted), tell)
    law = learning_curve.law(found)
    advice = [_advise(found.mistakes, counts[counted], at, labels[int(label)]) for at, label in enumerate(counted)]
    advice += [
        Advice(name, int(count), "unclear", _round(int(count)), (0.0, 0.0, 0.0))
        for name, count in zip(labels, counts, strict=True)
        if 0 < count < LEAST
    ]
    order = {"more": 0, "unclear": 1, "finished": 2}
    advice.sort(key=lambda one: (order[one.verdict], -one.gain[1], one.label))
    return Enough(
        int(counts.sum()),
        found.used,
        _measured(found),
        _ahead(found, law, int(kept.sum())),
        tuple(advice),
        _of_any(found.mistakes, counts[counted]),
    )


def _advise(mistakes: learning_curve.Numbers, counts: Integers, at: int, label: str) -> Advice:
    count = int(counts[at])
    more = _round(count)
    if count < LEAST_TO_TELL:
        return Advice(label, count, "unclear", more, (0.0, 0.0, 0.0))
    gain = gains.of_label(mistakes, counts, at)
    confused = mistakes[at].sum() + mistakes[:, at].sum() - 2 * mistakes[at, at]
    verdict: Verdict = "unclear"
    if gain[0] > 0:
        verdict = "more"
    elif gain[2] < FINISHED and count >= FINISHED_FROM and confused <= FINISHED_WRONG * count / int(counts.sum()):
        verdict = "finished"
    return Advice(label, count, verdict, more, gain)


def _of_any(mistakes: learning_curve.Numbers, counts: Integers) -> Advice:
    """Of more pictures as they come, of whatever label."""
    pictures = int(counts.sum())
    more = _round(pictures // 3)
    gain = gains.of_any(mistakes, counts, more)
    verdict: Verdict = "more" if gain[0] > 0 else "unclear"
    if gains.of_any(mistakes, counts, pictures)[2] < FINISHED:
        verdict = "finished"
    return Advice("", pictures, verdict, more, gain)


def _round(count: int) -> int:
    """As many more as there are, in a round number: further ahead nobody can look."""
    return max([step for step in STEPS if step <= count], default=STEPS[0])


def _measured(found: learning_curve.Measured) -> Band:
    """Mean and error bar of each share."""
    unsure = found.right.std(0, ddof=1) * math.sqrt(1 / len(found.right) + learning_curve.HELD)
    reach = 1.645 * unsure
    rows = zip(found.pictures, found.right.mean(0), reach, strict=True)
    return tuple((float(n), float(max(r - w, 0)), float(r), float(min(r + w, 1))) for n, r, w in rows)


def _ahead(found: learning_curve.Measured, law: learning_curve.Law, pictures: int) -> Band:
    """From what was measured to `REACH` times what there is; as unsure as the advice, where nothing was measured."""
    end = max(pictures, found.pictures[-1]) * REACH
    places = np.geomspace(found.pictures[0], end, AHEAD)
    errors = 1 - float(np.trace(found.mistakes)) + 1 / pictures
    beyond = gains.any_chance(errors, pictures) * np.clip(3 * (places / pictures - 1), 0, 1)
    rows = []
    for place, more, column in zip(places, beyond, law.right(places).T, strict=True):
        low, middle, high = learning_curve.interval(column)
        rows.append((float(place), float(max(low - more, 0)), middle, float(min(high + more, 1))))
    return tuple(rows)

"""Caution: when a model rather says *I don't know*: it is unsure, or the picture is unlike anything it has learned.

Two numbers of an answer decide. *Confidence* is the probability of its best label, calibrated on held-out pictures
(Guo et al. 2017, temperature scaling). *Familiarity* is the mean cosine between the picture's vector and the nearest
few of what the model has learned from (Sun et al. 2022, k nearest neighbours). What either means is measured on the
held-out pictures and kept with the model: everybody who answers with it is cautious in the same way.

The vector is the model's own where its network knew photographs before it learned these. A network that began with
nothing has only learned to look at what tells its labels apart, and what is strange may differ in nothing of that: it
is told by the packaged network's vector, which its model.onnx gives as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.records import Model, Verdict
from core.scores import wilson_interval
from core.words import FEW as TOO_FEW

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

OWN, BACKBONES = "vector", "backbone_vector"  # outputs of model.onnx that familiarity may be told by
NEAREST = 5  # of the known vectors
MOST_KNOWN = 1500  # vectors that stand for everything learned; they travel with the model, 4 MB at most
MOST_MEASURED = 1000  # held-out pictures are plenty to know what is familiar
UNFAMILIAR = 0.01  # of the held-out pictures are less familiar than what is answered at all
FEW = 100  # held-out pictures; fewer have no hundredth part, and are taken with room below them
LEAST_SHARE = 50  # percent that can be asked for
SURE = 1e-12


@dataclass(frozen=True, slots=True)
class Point:
    """What answering only the surest pictures comes to, on held-out ones."""

    wished: int  # percent that shall be answered
    answered: float  # share that is: less where too few are familiar, more where several are equally sure
    right: float  # share of the answered
    interval: tuple[float, float]  # of `right`, 95 %, Wilson
    confidence: float  # the least that is answered


@dataclass(frozen=True, slots=True)
class Caution:
    pictures: int  # held-out ones it was measured on
    familiar: float  # the least familiarity that is answered; -1: everything is
    points: tuple[Point, ...]  # from 100 percent down to LEAST_SHARE
    by: str = OWN  # or BACKBONES: the output of model.onnx that familiarity is told by

    def at(self, share: float) -> Point:
        """What is closest to answering `share` (0..1) of the pictures."""
        return min(self.points, key=lambda point: abs(point.wished - 100 * share))

    def verdict(self, share: float, confidence: float, familiarity: float | None) -> Verdict:
        if familiarity is not None and familiarity < self.familiar:
            return Verdict.UNLIKE
        return Verdict.UNSURE if confidence < self.at(share).confidence else Verdict.ANSWERED

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        points = [
            [p.wished, round(p.answered, 5), round(p.right, 5), *(round(i, 5) for i in p.interval), p.confidence]
            for p in self.points
        ]
        told = {"pictures": self.pictures, "familiar": self.familiar, "nearest": NEAREST, "by": self.by}
        return {**told, "points": points}


def read(told: Mapping[str, Any] | None) -> Caution | None:
    """From `as_dict`; None of a model that was made without."""
    if not told:
        return None
    points = tuple(Point(p[0], p[1], p[2], (p[3], p[4]), p[5]) for p in told["points"])
    return Caution(told["pictures"], told["familiar"], points, told.get("by", OWN))


def of(model: Model) -> Caution | None:
    return read(model.summary.get("caution"))


def sentence(model: Model) -> str:
    """What it does at the share that was chosen, in business words; empty of a model without caution, or with one
    that was measured on too few pictures to promise anything."""
    found = of(model)
    return words(found.at(model.answer_share)) if found and found.pictures >= TOO_FEW else ""


def words(point: Point) -> str:
    answered = int(100 * point.answered + 1e-9)
    right = int(100 * point.right + 1e-9)  # never rounded up
    return f"Answers {answered} of 100 pictures, {right} % of those right; sends {100 - answered} of 100 to a person."


# ---- calibration -------------------------------------------------------------------------------------


def temperature(probabilities: Floats, targets: Integers) -> float:
    """The T by which the logits are to be divided so that the probabilities surprise least; 1 where nothing is known.

    Args:
        probabilities: (N, K), targets: (N,) class indices.
    """
    if len(targets) < 2:
        return 1.0
    logits = np.log(np.maximum(probabilities.astype(np.float64), SURE))

    def surprise(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        scaled -= scaled.max(1, keepdims=True)
        return float((np.log(np.exp(scaled).sum(1)) - scaled[np.arange(len(targets)), targets]).mean())

    middle, reach = 0.0, 2.0  # e**-2 to e**2; it is convex in 1 / T: look coarsely, then closely around the lowest
    for _ in range(4):
        steps = np.linspace(max(middle - reach, -2.0), min(middle + reach, 2.0), 21)
        middle = min((surprise(float(one)), float(one)) for one in steps)[1]
        reach /= 8
    return float(np.exp(middle))


def tempered(probabilities: Floats, by: float) -> Floats:
    """The probabilities of logits divided by `by`."""
    logits = np.log(np.maximum(probabilities, np.float32(SURE))) / np.float32(by)
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)


# ---- familiarity -------------------------------------------------------------------------------------


def choose(count: int, most: int) -> Integers:
    """At most so many of `count` places, ascending, as good as drawn by lot and the same every time."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).permutation(count)[:most])


def some_first(count: int, most: int) -> tuple[Integers, int]:
    """All of `count` places, those of `choose` before the others; and how many these are."""
    first = choose(count, most)
    return np.concatenate([first, np.setdiff1d(np.arange(count), first)]), len(first)


def directions(vectors: Floats) -> Floats:
    """(N, D) of length 1."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), SURE), np.float32)


def familiarity(known: Floats, vectors: Floats, own: Integers | None = None) -> Floats:
    """(N,) of vectors (N, D): the mean cosine to the NEAREST of `known` (M, D), which are of length 1.

    Args:
        own: (N,) the place among `known` of the very same picture, which does not count; -1: it is not there.
    """
    if not len(known):
        return np.full(len(vectors), -1, np.float32)
    cosines = directions(vectors) @ known.T
    if own is not None:
        there = np.flatnonzero(own >= 0)
        cosines[there, own[there]] = -1
    few = max(min(NEAREST, len(known) - (own is not None)), 1)
    return np.asarray(np.partition(cosines, -few, axis=1)[:, -few:].mean(1), np.float32)


def measure(probabilities: Floats, targets: Integers, familiar: Floats, by: str = OWN) -> Caution:
    """What caution comes to on held-out pictures.

    Args:
        probabilities: (N, K), targets: (N,), familiar: (N,) of the first N pictures, or fewer where that is not known.
        by: the output of model.onnx whose vectors `familiar` is of.
    """
    least = _least_familiar(familiar)
    sure = probabilities.max(1).astype(np.float64)
    right = probabilities.argmax(1) == targets
    known = np.ones(len(targets), bool)
    known[: len(familiar)] = familiar >= least
    points = tuple(_point(wished, sure, right, known) for wished in range(100, LEAST_SHARE - 1, -1))
    return Caution(len(targets), least, points, by)


def _least_familiar(familiar: Floats) -> float:
    if len(familiar) < 2:
        return -1.0
    low = float(np.quantile(familiar, UNFAMILIAR))
    if len(familiar) < FEW:
        low = min(low, float(familiar.mean() - 3 * familiar.std()))
    return max(low, -1.0)


def _point(wished: int, sure: NDArray[np.float64], right: NDArray[np.bool_], known: NDArray[np.bool_]) -> Point:
    among = np.sort(sure[known])[::-1]
    wanted = max(int(np.ceil(wished / 100 * len(sure))), 1)
    # As many as that are not familiar: then whatever is familiar is answered.
    confidence = float(among[wanted - 1]) if wanted < len(among) else 0.0
    answered = known & (sure >= confidence)
    many, good = int(answered.sum()), int(right[answered].sum())
    return Point(wished, many / max(len(sure), 1), good / max(many, 1), wilson_interval(good, many), confidence)


def said(verdict: Verdict) -> str:
    """In words; empty for an answer."""
    return {
        Verdict.UNLIKE: "I don't know: this is unlike anything I have learned.",
        Verdict.UNSURE: "I am not sure: a person should look.",
    }.get(verdict, "")


def as_arrays(known: Floats) -> dict[str, NDArray[Any]]:
    """For `known.npz`: half the bytes, and no familiarity moves by more than a thousandth."""
    return {"vectors": known.astype(np.float16)}

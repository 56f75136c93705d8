"""How much better the instant model became with more pictures, and how far that goes on.

The head is fitted on several shares of the pictures and scored on a part it has not seen, in many repeated stratified
splits.

The error follows an inverse power law of the number of pictures, `a + b n^-c`, with a the error that stays (Cortes et
al., 1994, "Learning curves: asymptotic values and rate of convergence"; Hestness et al., 2017, arXiv 1712.00409). The
repeats share their pictures, so their spread understates how unsure their mean is: it is widened as by Nadeau and
Bengio, 2003, "Inference for the generalization error".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from core.index.instant import CONSTANT, Floats, Integers, fit, label_weights, solve
from core.ports import Vectors

Numbers = NDArray[np.float64]

SHARES = (0.25, 0.4, 0.55, 0.75, 1.0)  # of what is learned from, over all labels
SAME = 0.9  # similarity from which on two pictures are as good as one: they stay on one side of a split
HELD = 0.25  # of each label, to be scored on
REPEATS = (12, 40)  # the second for few pictures, whose splits differ most
REPEATS_FOR = 12000  # pictures looked at in all repeats together
MOST = 2500  # pictures; of more, a stratified sample: one factorisation grows with the cube
EXPONENTS = np.linspace(0.3, 1.2, 10)
DRAWS = 400  # of the bootstrap over repeats
SURE = 0.9  # of an interval


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Shares right on pictures not learned from; one row a repeat."""

    pictures: Numbers  # (S,) learned from, on average
    right: Numbers  # (R, S) in 0..1
    mistakes: Numbers  # (K, K) share of the pictures that are of one label and taken for another, cross-validated
    used: int  # pictures in all


@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """Draws of the inverse power law: each row one that the repeats do not contradict."""

    stays: Numbers  # (D,) a
    falls: Numbers  # (D,) b
    exponent: Numbers  # (D,) c

    def right(self, pictures: Numbers) -> Numbers:
        """(D, n)."""
        powers = np.power(pictures[None, :], -self.exponent[:, None])
        found: Numbers = np.clip(1 - self.stays[:, None] - self.falls[:, None] * powers, 0, 1)
        return found


def measure(
    vectors: Vectors, targets: Integers, label_count: int, tell: Callable[[float], None] = lambda _: None, seed: int = 0
) -> Measured:
    """Fits and scores over and over; the same input gives the same answer.

    Args:
        vectors: (N, 1280).
        targets: (N,) in 0 .. label_count - 1; at least two labels with four pictures each.
    """
    rng = np.random.default_rng(seed)
    if len(targets) > MOST:
        kept = np.concatenate(_parts(targets, label_count, MOST / len(targets), rng, least=4)[0])
        vectors, targets = vectors[kept], targets[kept]
    head = Head(vectors, targets, label_count)
    repeats = int(np.clip(REPEATS_FOR // len(targets), *REPEATS))
    right = np.full((repeats, len(SHARES)), np.nan)
    pictures = np.zeros(len(SHARES))
    for repeat in range(repeats):
        held, learned = _parts(targets, label_count, HELD, rng, groups=head.groups)
        test = np.concatenate(held)
        for at, share in enumerate(SHARES):
            some = [mine[: _size(len(mine), share)] for mine in learned]
            right[repeat, at] = head.right(np.concatenate(some), test)
            pictures[at] += sum(map(len, some)) / repeats
        tell((repeat + 1) / repeats)
    return Measured(pictures, right, head.mistakes, len(targets))


class Head:
    """The instant model's head, fitted on a few hundred subsets of the same pictures: what they have in common, how
    alike every two pictures are, is worked out once. One strength, and one centre, serve them all."""

    def __init__(self, vectors: Vectors, targets: Integers, label_count: int) -> None:
        self._targets = targets
        self._wanted = np.eye(label_count, dtype=np.float32)[targets]
        self._label_count = label_count
        found = fit(vectors, targets, label_count)
        self.mistakes: Numbers = np.zeros((label_count, label_count))
        guessed = found.probabilities.argmax(1)
        np.add.at(self.mistakes, (targets[found.measured], guessed), 1 / max(len(guessed), 1))
        centred = vectors - vectors.mean(0)
        variance = max(float(np.mean(np.square(centred))), 1e-6)
        self._ridge = found.strength * variance  # for each picture
        alike = centred @ centred.T
        lengths = np.sqrt(np.maximum(alike.diagonal(), 1e-9))
        same = alike / lengths / lengths[:, None] > SAME
        self.groups: Integers = connected_components(csr_array(same), directed=False)[1].astype(np.int64)
        self._alike: Floats = alike + np.float32(CONSTANT**2 * variance)

    def right(self, train: Integers, test: Integers) -> float:
        """The share of `test` that a head fitted on `train` gets right."""
        weights = label_weights(self._targets[train], self._label_count)[:, None]
        square = self._alike[np.ix_(train, train)] * (weights * weights.T)
        found = solve(square, self._wanted[train] * weights, self._ridge * len(train))
        said = self._alike[np.ix_(test, train)] @ (found * weights)
        return float(np.mean(said.argmax(1) == self._targets[test]))


def _size(many: int, share: float) -> int:
    return min(many, max(1, round(many * share)))


def _parts(
    targets: Integers,
    label_count: int,
    share: float,
    rng: np.random.Generator,
    least: int = 1,
    groups: Integers | None = None,
) -> tuple[list[Integers], list[Integers]]:
    """Indices of each label: so great a share of it drawn by lot, and the rest. A lone picture is in the rest.

    Pictures of one group stand together: whoever cuts the lists cuts one group at most.
    """
    drawn, rest = [], []
    turn = rng.permutation(len(targets) if groups is None else int(groups.max()) + 1)
    for label in range(label_count):
        mine = np.flatnonzero(targets == label)
        mine = mine[np.argsort(turn[mine if groups is None else groups[mine]], kind="stable")]
        many = min(max(least, round(share * len(mine))), len(mine)) if len(mine) > 1 else 0
        drawn.append(mine[:many])
        rest.append(mine[many:])
    return drawn, rest


def law(found: Measured, seed: int = 0) -> Law:
    """The power laws that the repeats allow: fitted to the mean of repeats drawn again and again."""
    rng = np.random.default_rng(seed)
    errors = 1 - found.right
    middle = errors.mean(0)
    widened = middle + (errors - middle) * _widening(len(errors))
    drawn = rng.integers(0, len(errors), (DRAWS, len(errors)))
    fitted = np.array([_fit(found.pictures, widened[rows].mean(0)) for rows in drawn])
    return Law(fitted[:, 0], fitted[:, 1], fitted[:, 2])


def _fit(pictures: Numbers, errors: Numbers) -> tuple[float, float, float]:
    """(a, b, c) of least squares, a and b not below zero."""
    best = (np.inf, 0.0, 0.0, 0.0)
    for exponent in EXPONENTS:
        powers = pictures**-exponent
        slope = float(np.cov(powers, errors, bias=True)[0, 1] / np.var(powers))
        stays = float(errors.mean() - slope * powers.mean())
        if slope < 0:
            stays, slope = float(errors.mean()), 0.0
        elif stays < 0:
            stays, slope = 0.0, float(powers @ errors / (powers @ powers))
        missed = float(np.sum((errors - stays - slope * powers) ** 2))
        if missed < best[0] - 1e-12:
            best = (missed, stays, slope, float(exponent))
    return best[1:]


def _widening(repeats: int) -> float:
    """By how much the standard error of a mean over repeated splits must grow (Nadeau and Bengio)."""
    return float(np.sqrt(1 + repeats * HELD / (1 - HELD)))


def interval(draws: Numbers) -> tuple[float, float, float]:
    """(low, middle, high) of draws, `SURE` of them between low and high."""
    low, middle, high = np.quantile(draws, [(1 - SURE) / 2, 0.5, (1 + SURE) / 2])
    return float(low), float(middle), float(high)

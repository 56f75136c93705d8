"""The instant model's head: a linear map from vectors to labels, with the probabilities of every picture it was not
fitted on.

A ridge regression on one-hot labels, scaled to probabilities by one temperature. On the sets we measured it is as
accurate as a logistic regression or better, and it is solved instead of searched: every fold of the cross-validation
costs one factorisation of a matrix that the folds share, so that measuring is nearly free (docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from core.ports import Vectors

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

STRENGTHS = (0.1, 0.3, 1.0, 3.0)  # of the ridge, in mean feature variances per picture
FOLDS = (5, 10)  # from MANY pictures on, and below: few pictures need every one of them
MANY = 200
CONSTANT = 10.0  # the intercept's column, in standard deviations: large, so that the ridge hardly shrinks it
USUAL_TEMPERATURE, DOUBT = 10.0, 2.0  # few pictures cannot say how sure to be: this many say the usual
CALIBRATION_ROWS = 5000  # are plenty for one number
UNMEASURED = -1  # the fold of what is always fitted on


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    weight: Floats  # (K, 1280); softmax(vectors @ weight.T + bias) are the probabilities
    bias: Floats  # (K,)
    measured: Integers  # (M,) indices of the pictures that could be held out once
    probabilities: Floats  # (M, K) of each of them, by a head that had not seen it
    strength: float  # of the ridge, the one of STRENGTHS that gave the best probabilities
    temperature: float


def fit(vectors: Vectors, targets: Integers, label_count: int) -> Fit:
    """Fits on all pictures and measures on each: stratified folds, each picture held out once.

    Args:
        vectors: (N, 1280).
        targets: (N,) in 0 .. label_count - 1; at least two of them occur.

    A label's only picture is never held out (nobody could know it then), so it is not measured. Frequent labels
    weigh less: by the root of how frequent they are. The same input gives the same answer.
    """
    folds = assign_folds(targets, label_count)
    weights = label_weights(targets, label_count)
    centre = vectors.mean(0)
    design = np.empty((len(vectors), vectors.shape[1] + 1), np.float32)  # filled in place: it may be large
    np.subtract(vectors, centre, out=design[:, :-1])
    variance = max(float(np.einsum("ij,ij->", design[:, :-1], design[:, :-1])) / vectors.size, 1e-6)
    constant = design[:, -1] = np.float32(CONSTANT * np.sqrt(variance))
    design *= weights[:, None]
    wanted = np.eye(label_count, dtype=np.float32)[targets] * weights[:, None]
    system = _Primal(design, wanted, folds) if len(design) > design.shape[1] else _Dual(design, wanted, folds)

    measured = np.flatnonzero(folds != UNMEASURED)

    def attempt(strength: float) -> tuple[float, float, float, Floats]:
        scores = system.out_of_fold(strength * variance * len(design))[measured] / weights[measured, None]
        temperature, surprise = _calibrate(scores, targets[measured])
        return surprise, strength, temperature, softmax(scores * temperature)

    _, strength, temperature, probabilities = _downhill(attempt)
    solution = system.solution(strength * variance * len(design)) * np.float32(temperature)
    weight = np.ascontiguousarray(solution[:-1].T)
    return Fit(weight, solution[-1] * constant - weight @ centre, measured, probabilities, strength, temperature)


def _downhill(attempt: Callable[[float], tuple[float, float, float, Floats]]) -> tuple[float, float, float, Floats]:
    """The attempt of least surprise, from the middle of STRENGTHS in the direction that gets better."""
    middle = len(STRENGTHS) // 2
    weaker, stronger = attempt(STRENGTHS[middle - 1]), attempt(STRENGTHS[middle])
    best, rest = (
        (weaker, STRENGTHS[: middle - 1][::-1]) if weaker[0] <= stronger[0] else (stronger, STRENGTHS[middle + 1 :])
    )
    for strength in rest:
        if (further := attempt(strength))[0] >= best[0]:
            break
        best = further
    return best


def softmax(scores: Floats) -> Floats:
    """(N, K) to probabilities, row by row."""
    powers = np.exp(scores - scores.max(1, keepdims=True))
    shares: Floats = powers / powers.sum(1, keepdims=True)
    return shares


def assign_folds(targets: Integers, label_count: int) -> Integers:
    """(N,) the fold of each picture; every label is spread over all folds as evenly as it goes."""
    folds = np.full(len(targets), UNMEASURED, np.int64)
    count = min(FOLDS[0] if len(targets) >= MANY else FOLDS[1], len(targets))
    shuffled = np.random.default_rng(0).permutation(len(targets))
    turn = 0
    for label in range(label_count):
        mine = shuffled[targets[shuffled] == label]
        if len(mine) > 1:
            folds[mine] = (np.arange(len(mine)) + turn) % count
            turn += len(mine)
    return folds


def label_weights(targets: Integers, label_count: int) -> Floats:
    """(N,) the root of each picture's weight, which is 1 in the mean over labels of equal size."""
    counts = np.bincount(targets, minlength=label_count)
    present = np.count_nonzero(counts)
    shares = len(targets) / present / np.maximum(counts, 1)
    return np.power(shares, 0.25)[targets].astype(np.float32)


def _calibrate(scores: Floats, targets: Integers) -> tuple[float, float]:
    """(temperature, mean surprise in nats) of the temperature that suits the scores best."""
    step = max(1, len(scores) // CALIBRATION_ROWS)
    scores, targets = scores[::step], targets[::step]
    if not len(scores):
        return USUAL_TEMPERATURE, np.inf

    def surprise(log_temperature: float) -> float:
        shares = softmax(scores * np.float32(np.exp(log_temperature)))[np.arange(len(targets)), targets]
        doubt = DOUBT * (log_temperature - np.log(USUAL_TEMPERATURE)) ** 2
        return float((-np.log(np.maximum(shares, 1e-9)).sum() + doubt) / len(targets))

    middle, reach = 2.5, 2.5
    for _ in range(2):  # it has one lowest point: look coarsely, then closely around it
        steps = np.linspace(middle - reach, middle + reach, 11)
        least, middle = min((surprise(float(one)), float(one)) for one in steps)
        reach /= 5
    return float(np.exp(middle)), least


class _Primal:
    """More pictures than features: one equation a feature. What a fold adds to the equations is kept apart, so that
    fitting without it means taking it away."""

    def __init__(self, design: Floats, wanted: Floats, folds: Integers) -> None:
        self._design, self._folds = design, folds
        self._parts = {}
        for fold in np.unique(folds):
            rows = design[folds == fold]
            self._parts[int(fold)] = (rows.T @ rows, rows.T @ wanted[folds == fold])
        self._all = sum(p[0] for p in self._parts.values()), sum(p[1] for p in self._parts.values())

    def out_of_fold(self, ridge: float) -> Floats:
        """(N, K); rows of unmeasured pictures are zero."""
        scores = np.zeros((len(self._design), self._all[1].shape[1]), np.float32)
        for fold, (square, product) in self._parts.items():
            if fold != UNMEASURED:
                solution = solve(self._all[0] - square, self._all[1] - product, ridge)
                scores[self._folds == fold] = self._design[self._folds == fold] @ solution
        return scores

    def solution(self, ridge: float) -> Floats:
        """(features, K)."""
        return solve(self._all[0].copy(), self._all[1], ridge)


class _Dual:
    """More features than pictures: one equation a picture. Fitting without a fold means leaving out its equations."""

    def __init__(self, design: Floats, wanted: Floats, folds: Integers) -> None:
        self._design, self._wanted, self._folds = design, wanted, folds
        self._kernel: Floats = design @ design.T

    def out_of_fold(self, ridge: float) -> Floats:
        """(N, K); rows of unmeasured pictures are zero."""
        scores = np.zeros_like(self._wanted)
        for fold in np.unique(self._folds[self._folds != UNMEASURED]):
            out, into = np.flatnonzero(self._folds == fold), np.flatnonzero(self._folds != fold)
            share = solve(self._kernel[np.ix_(into, into)], self._wanted[into], ridge)
            scores[out] = self._kernel[np.ix_(out, into)] @ share
        return scores

    def solution(self, ridge: float) -> Floats:
        """(features, K)."""
        found: Floats = self._design.T @ solve(self._kernel.copy(), self._wanted, ridge)
        return found


def solve(square: Floats, product: Floats, ridge: float) -> Floats:
    """Solves (square + ridge) X = product; overwrites `square`."""
    square[np.diag_indices_from(square)] += np.float32(ridge)
    # Transposed, the same matrix lies in memory as LAPACK wants it: no copy, and a third quicker.
    factor = cho_factor(square.T, lower=True, overwrite_a=True, check_finite=False)
    found: Floats = cho_solve(factor, product, check_finite=False)
    return found

"""What more pictures should add to the share right: estimates whose intervals were held against what really happened.

How a label's own curve rises says nothing of what more of it gives: over 2,220 additions on six sets the two had no
correlation, for a rise of half a point is less than one part of the pictures differs from another. What can be known
beforehand is little, and is shrunk accordingly: a label that is rarer than the others, of a model that errs, gains;
one that is missed more often than others are taken for it gains; the rest is chance, the more of it the more the model
errs and the fewer pictures there are. The factors are of least squares over those additions; the widths hold nine of
ten, checked set by set with factors from the other five (docs/decisions.md, `benchmarks/data.py enough`).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

MISSED = 0.10  # of what a label is missed more often than taken by mistake
KNOWN = 0.05  # of a label's part of the errors
RARE = 0.48  # of the same, for each power of e by which a label is rarer than the mean one
# Half the width of nine in ten, in roots of a label's part of the errors over the fourth root of pictures.
CHANCE = 0.22
ANY, ANY_CHANCE = 0.207, 0.162  # the same of pictures as they come, for twice as many

Gain = tuple[float, float, float]  # low, middle, high: of the share right, over all labels


def of_label(mistakes: NDArray[np.float64], counts: NDArray[np.int64], label: int) -> Gain:
    """Of about as many more pictures of a label as there are.

    Args:
        mistakes: (K, K) which share of all pictures is of one label and taken for another, by a model that had not
            learned from them; the diagonal counts for nothing.
        counts: (K,) pictures of each label.
    """
    part = _errors(mistakes, counts) / len(counts)
    wrong = mistakes - np.diag(np.diag(mistakes))
    rarer = math.log(counts.mean() / counts[label])
    middle = MISSED * (wrong[label].sum() - wrong[:, label].sum()) + (KNOWN + RARE * rarer) * part
    return _around(float(middle), CHANCE * math.sqrt(part / math.sqrt(counts[label])))


def of_any(mistakes: NDArray[np.float64], counts: NDArray[np.int64], more: int) -> Gain:
    """Of `more` pictures, at most as many as there are, of whatever label, as they come."""
    errors, pictures = _errors(mistakes, counts), int(counts.sum())
    return _around(ANY * errors * math.log2(1 + more / pictures), any_chance(errors, pictures))


def any_chance(errors: float, pictures: int) -> float:
    return ANY_CHANCE * math.sqrt(errors / math.sqrt(pictures))


def _errors(mistakes: NDArray[np.float64], counts: NDArray[np.int64]) -> float:
    """No mistake among a hundred pictures may be one among the next hundred."""
    return float(mistakes.sum() - np.trace(mistakes)) + 1 / int(counts.sum())


def _around(middle: float, chance: float) -> Gain:
    return middle - chance, middle, middle + chance

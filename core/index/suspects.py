"""Labels that are probably wrong, by the probabilities of models that had not learned from the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.index.instant import Floats, Integers


def suspects(probabilities: Floats, targets: Integers) -> tuple[Integers, NDArray[np.float64]]:
    """(rows, margins): pictures that a held-out model calls otherwise, most suspicious first; margins are 0..1.

    Ranked by the normalised margin of Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in
    Dataset Labels (2021): how much likelier the model finds another label than the given one.

    Args:
        probabilities: (N, K) out of fold.
        targets: (N,) the given labels.
    """
    at = np.arange(len(targets))
    given = probabilities[at, targets].astype(np.float64)
    others = probabilities.astype(np.float64)
    others[at, targets] = -1.0
    margins = others.max(1) - given
    wrong = np.flatnonzero(margins > 0)
    order = wrong[np.argsort(-margins[wrong], kind="stable")]
    return order.astype(np.int64), margins[order]

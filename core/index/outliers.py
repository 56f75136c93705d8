"""Pictures unlike the rest: far from everything, measured by the distance to the k-th neighbour in vector space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.index.twins import Floats

NEIGHBOUR = 5
SAMPLE = 4096  # rows to compare with; a random part of a large set tells near from far as well as all of it
BLOCK = 1024
LONELY = 2.0  # robust standard deviations beyond the median: cosines end at -1, so distances have no long tail
FEWEST = 30  # below, there is no rest to be unlike


def strangeness(vectors: Floats) -> NDArray[np.float64]:
    """(N,) how far each picture is from its NEIGHBOUR-th nearest, in robust standard deviations of all of them.

    Ramaswamy, Rastogi and Shim, Efficient Algorithms for Mining Outliers from Large Data Sets (2000), on directions.

    Args:
        vectors: (N, F) of length 1.
    """
    count = len(vectors)
    if count < FEWEST:
        return np.zeros(count)
    sample = np.sort(np.random.default_rng(0).permutation(count)[:SAMPLE])
    others = vectors[sample]
    # In a part of the set the nearest few stand for more.
    rank = max(round(NEIGHBOUR * len(sample) / count), 1)
    distance = np.empty(count)
    for start in range(0, count, BLOCK):
        cosines = vectors[start : start + BLOCK] @ others.T
        own = np.searchsorted(sample, np.arange(start, start + len(cosines)))
        own_there = (own < len(sample)) & (
            sample[np.minimum(own, len(sample) - 1)] == np.arange(start, start + len(own))
        )
        cosines[np.flatnonzero(own_there), own[own_there]] = -2.0
        distance[start : start + BLOCK] = 1 - np.partition(cosines, -rank, axis=1)[:, -rank]
    middle = np.median(distance)
    spread = 1.4826 * np.median(np.abs(distance - middle))
    scaled: NDArray[np.float64] = (distance - middle) / max(spread, 1e-6)
    return scaled

"""Which pictures are worth a label most: the ones the model is unsure of, no two of them alike.

Unsure: the margin between its two best answers (Scheffer et al., 2001, "Active hidden Markov models for information
extraction"). Alike: greedy k-centre in the space of vectors, each next picture the farthest from all chosen (Gonzalez,
1985; as a way to choose what to label: Sener and Savarese, 2018, "A core-set approach", arXiv 1708.00489).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from core.ports import Vectors

POOL = 8  # unsure pictures looked at for each that is chosen: among them, different counts


def margins(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N,) how far the best answer is ahead of the second, 0..1; of one answer alone, how sure it is."""
    if probabilities.shape[1] < 2:
        return np.asarray(probabilities[:, 0])
    second, best = np.partition(probabilities, -2, axis=1)[:, -2:].T
    return np.asarray(best - second)


def unsure(margin: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Indices of the `POOL * count` smallest margins, smallest first."""
    return np.argsort(margin, kind="stable")[: POOL * count].astype(np.int64)


def spread(vectors: Vectors, margin: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Indices of `count` pictures, the most unsure first, then always the one that is farthest from those chosen.

    Args:
        vectors: (N, features).
        margin: (N,); the distance counts the less, the surer the model is.
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions = vectors / np.maximum(lengths, 1e-9)
    doubt = 1 - margin
    chosen = [int(np.argmax(doubt))] if len(vectors) else []
    apart = np.full(len(vectors), np.inf, np.float32)
    while chosen and len(chosen) < min(count, len(vectors)):
        apart = np.minimum(apart, 1 - directions @ directions[chosen[-1]])
        worth = apart * doubt
        worth[chosen] = -np.inf
        chosen.append(int(np.argmax(worth)))
    return np.array(chosen, np.int64)


SKETCH = 64  # numbers


def sketch(vector: NDArray[np.float32]) -> bytes:
    """A vector's direction in few bytes: two sketches are about as far apart as the vectors.

    A random projection (Johnson and Lindenstrauss, 1984), the same for every vector of a length.
    """
    direction = vector / max(float(np.linalg.norm(vector)), 1e-9)
    return bytes((direction @ _projection(len(vector))).astype(np.float16).tobytes())


def sketched(kept: Sequence[bytes | None]) -> Vectors:
    """(N, SKETCH); of a picture without one a zero, which is equally far from all."""
    rows = [np.frombuffer(one, np.float16) if one else np.zeros(SKETCH, np.float16) for one in kept]
    return np.array(rows, np.float32).reshape(-1, SKETCH)


@cache
def _projection(features: int) -> NDArray[np.float32]:
    drawn = np.random.default_rng(0).standard_normal((features, SKETCH)) / SKETCH**0.5
    return np.asarray(drawn, np.float32)

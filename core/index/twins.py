"""Pairs of pictures that are one picture: resized, recompressed, relit or cropped a little.

Two passes over blocks of rows, so that memory grows with the pictures and never with their pairs: the perceptual hashes
find what is framed alike, the vectors what shows the same. What either brings is then laid over one another, miniature
upon miniature, as they are and with up to a tenth cut away at each side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.ports import Vectors

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

BLOCK_BYTES = 64 << 20  # of one block of similarities
FEATURES = 192  # directions of the vectors that are kept: all that tells pictures apart, at a seventh of the work
BASIS_ROWS = 8192  # are plenty to find them
SAME_BITS = 8  # of 63: as far as resizing, recompressing and relighting move a hash
SAME_COSINE = 0.7  # around the mean picture: as far as a small crop moves a vector
MOST_A_PICTURE = 40  # candidates by vector, and as many by hash: a film of one scene has thousands
CUTS = (0.0, 0.05, 0.1)  # shares of a side
OVERLAY, TOGETHER, BIT = 0.9, 1.5, 0.02  # least correlation; least correlation + cosine - BIT x different bits
ALIKE, ALIKE_BITS = 0.985, 4  # the very same frame, whatever the vectors say (of small pictures they say little)
FLAT = 3.0  # grey levels of a miniature's standard deviation: below, all pictures are alike
PAIRS = 4096  # laid over one another at a time


@dataclass(frozen=True, slots=True)
class Pair:
    first: int
    second: int
    likeness: float  # 0..1


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """Vectors are seen from their mean, along what varies most."""

    centre: Floats  # (1280,)
    axes: Floats  # (1280, at most FEATURES)

    @staticmethod
    def of(sample: Vectors) -> Basis:
        some = sample.astype(np.float64)
        centre = some.mean(0)
        some -= centre
        axes = np.linalg.eigh(some.T @ some)[1]
        return Basis(centre.astype(np.float32), axes[:, -FEATURES:].astype(np.float32))

    def directions(self, rows: Vectors) -> Floats:
        """(N, FEATURES) of length 1."""
        found: Floats = ((rows - self.centre) @ self.axes).astype(np.float32)
        found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)
        return found


def near(vectors: Floats, looks: Sequence[str], minis: Sequence[bytes], tell: Callable[[float], None]) -> list[Pair]:
    """The pairs, most alike first.

    Args:
        vectors: (N, F) of `Basis.directions`.
        looks: the perceptual hashes. minis: the miniatures.
        tell: is told how far it is, 0..1.
    """
    frames = np.stack([np.frombuffer(mini, np.uint8).reshape(16, 16) for mini in minis]).astype(np.float32)
    flat = frames.std(axis=(1, 2)) < FLAT
    hashes = np.array([int(look, 16) for look in looks], np.uint64)
    candidates = _candidates(vectors, hashes, flat, tell)
    found: list[Pair] = []
    for start in range(0, len(candidates), PAIRS):
        some = candidates[start : start + PAIRS]
        cosines = np.einsum("ij,ij->i", vectors[some[:, 0]], vectors[some[:, 1]])
        over = overlay(frames[some[:, 0]], frames[some[:, 1]])
        bits = np.bitwise_count(hashes[some[:, 0]] ^ hashes[some[:, 1]]).astype(np.float32)
        same = (over >= OVERLAY) & (over + cosines - BIT * bits >= TOGETHER)
        same |= (over >= ALIKE) & (bits <= ALIKE_BITS)
        found += [
            Pair(int(a), int(b), float(likeness))
            for (a, b), likeness in zip(some[same], ((over + np.clip(cosines, 0, 1)) / 2)[same], strict=True)
        ]
        tell(0.8 + 0.2 * min(start + PAIRS, len(candidates)) / len(candidates))
    return sorted(found, key=lambda pair: (-pair.likeness, pair.first, pair.second))


def _candidates(
    vectors: Floats, looks: NDArray[np.uint64], flat: NDArray[np.bool_], tell: Callable[[float], None]
) -> Indices:
    """(M, 2) of rows, the first below the second."""
    # A hash as 64 signs: the product of two says how many bits agree, and products are what machines do best.
    bits = np.unpackbits(looks.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1)
    signs = np.where(flat[:, None], 0, 2.0 * bits - 1).astype(np.float32)
    seen = np.where(flat[:, None], np.float32(0), vectors)
    found = [np.empty((0, 2), np.int64)]
    for start, stop in _blocks(len(looks)):
        cosines, agreements = seen[start:stop] @ seen[start:].T, signs[start:stop] @ signs[start:].T
        rows, columns = np.nonzero((cosines >= SAME_COSINE) | (agreements >= 64 - 2 * SAME_BITS))
        after = columns > rows
        rows, columns = rows[after], columns[after]
        # The best by either: of small pictures on one plain ground hundreds have a higher cosine than a true copy.
        kept = np.union1d(_best(rows, cosines[rows, columns]), _best(rows, agreements[rows, columns]))
        found.append(np.stack([rows[kept], columns[kept]], axis=1) + start)
        tell(0.8 * stop / len(looks))
    return np.concatenate(found)


def _best(rows: Indices, cosines: Floats) -> Indices:
    """Where the MOST_A_PICTURE most alike of each row stand."""
    order = np.lexsort((-cosines, rows))
    place = np.arange(len(rows)) - np.searchsorted(rows[order], rows[order], side="left")
    return np.sort(order[place < MOST_A_PICTURE])


def _blocks(count: int) -> Iterator[tuple[int, int]]:
    size = max(BLOCK_BYTES // (8 * max(count, 1)), 1)
    for start in range(0, count, size):
        yield start, min(start + size, count)


# ---- one miniature over another ----------------------------------------------------------------------


def _windows(side: int) -> Floats:
    """(W, side, side): what a line of `side` pixels becomes when a share is cut away and the rest is stretched."""
    found = []
    for cut in CUTS:
        for place in (0.0, 0.5, 1.0) if cut else (0.0,):
            edges = side * (cut * place + (1 - cut) * np.arange(side + 1) / side)
            low, high = edges[:-1, None], edges[1:, None]
            pixel = np.arange(side)[None]
            found.append(np.clip(np.minimum(high, pixel + 1) - np.maximum(low, pixel), 0, None) / (high - low))
    return np.array(found, np.float32)


_WINDOWS = _windows(16)


def overlay(first: Floats, second: Floats) -> Floats:
    """(M,) the best correlation of two miniatures over all cuts of the one or of the other, -1..1; light is nothing.

    Args:
        first, second: (M, 16, 16).
    """
    return np.maximum(_cut_over(first, second), _cut_over(second, first))


def _cut_over(cut: Floats, whole: Floats) -> Floats:
    target = _standard(whole).reshape(len(whole), -1, 1)
    best = np.full(len(cut), -1.0, np.float32)
    for down in _WINDOWS:
        rows = down @ cut  # (M, 16, 16)
        for across in _WINDOWS:
            moved = _standard(rows @ across.T).reshape(len(cut), 1, -1)
            np.maximum(best, (moved @ target)[:, 0, 0], out=best)
    return best


def _standard(frames: Floats) -> Floats:
    frames = frames - frames.mean(axis=(1, 2), keepdims=True)
    shares: Floats = frames / np.maximum(np.sqrt((frames * frames).sum(axis=(1, 2), keepdims=True)), 1e-6)
    return shares


def joined(count: int, pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The groups that pairs make, each in order, by their first member."""
    above = list(range(count))

    def top(one: int) -> int:
        while above[one] != one:
            above[one] = above[above[one]]
            one = above[one]
        return one

    for a, b in pairs:
        low, high = sorted((top(a), top(b)))
        above[high] = low
    groups: dict[int, list[int]] = {}
    for one in sorted({member for pair in pairs for member in pair}):
        groups.setdefault(top(one), []).append(one)
    return list(groups.values())

"""Pairs of pictures that are one picture."""

from __future__ import annotations

import numpy as np
import pytest

from core.index import twins


@pytest.mark.parametrize("cosine", [0.3, 0.6])
def test_a_true_copy_is_found_among_hundreds_that_the_network_finds_more_alike(cosine: float) -> None:
    """Hands on one plain ground, and the first of them once more, half as large: of so small a picture the network
    says little, but every bit of its hash is the same."""
    rng = np.random.default_rng(0)
    many = 5 * twins.MOST_A_PICTURE
    directions = rng.normal(0, 1, (many + 2, twins.FEATURES)).astype(np.float32)
    directions[:, 0] = 0
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    alike = np.array([1.0, *[0.8] * many, cosine], np.float32)
    directions *= np.sqrt(1 - alike**2)[:, None]
    directions[:, 0] = alike
    minis = rng.integers(0, 255, (many + 1, 256), dtype=np.uint8)
    looks = rng.integers(0, 1 << 62, many + 1)
    found = twins.near(
        directions,
        [f"{look:016x}" for look in (*looks, looks[0])],
        [mini.tobytes() for mini in (*minis, minis[0])],
        lambda share: None,
    )
    assert [(pair.first, pair.second) for pair in found] == [(0, many + 1)]

"""What is unlike the rest stands out, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest

from core.index import outliers
from core.index.twins import Floats


def clouds(numbers: int, strangers: int, seed: int = 0) -> Floats:
    """Directions of two groups; the last `strangers` of them belong to none."""
    rng = np.random.default_rng(seed)
    found = rng.normal(0, 0.4 / np.sqrt(64), (numbers + strangers, 64)).astype(np.float32)
    found[: numbers // 2, 0] += 1
    found[numbers // 2 : numbers, 1] += 1
    found[numbers:] = rng.normal(0, 1, (strangers, 64))
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


@pytest.mark.parametrize("numbers", [60, 9000])  # compared with every other one, and with a random part
def test_strangers_are_the_strangest_and_beyond_the_limit(numbers: int) -> None:
    strange = outliers.strangeness(clouds(numbers, 4))
    assert set(np.argsort(-strange)[:4]) == set(range(numbers, numbers + 4))
    assert strange[numbers:].min() > max(outliers.LONELY, 5 * strange[:numbers].max())
    assert (strange[:numbers] > outliers.LONELY).mean() < 0.05


def test_among_too_few_nobody_is_a_stranger() -> None:
    assert not outliers.strangeness(clouds(outliers.FEWEST - 5, 4)).any()

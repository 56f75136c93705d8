"""How often somebody may ask."""

from __future__ import annotations

import pytest

from core.errors import TooMany
from core.serving import limits
from core.serving.limits import Limit, Together


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_burst_is_allowed_then_the_steady_pace_and_each_has_an_own_one() -> None:
    clock = Clock()
    limit = Limit(60, 3, clock)
    for _ in range(3):
        limit.take("ann")
    with pytest.raises(TooMany) as refused:
        limit.take("ann")
    assert refused.value.wait_s == pytest.approx(1.0)
    limit.take("bob")
    clock.now_s += refused.value.wait_s
    limit.take("ann")
    with pytest.raises(TooMany):
        limit.take("ann")


def test_looking_takes_nothing() -> None:
    limit = Limit(60, 1, Clock())
    limit.check("ann")
    limit.take("ann")
    with pytest.raises(TooMany):
        limit.check("ann")


def test_memory_is_bounded_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_KEYS", 10)
    limit = Limit(60, 1, Clock())
    for n in range(1000):
        limit.take(n)
    assert len(limit._left) == 10


def test_no_more_at_the_same_time_than_allowed_and_a_failure_frees_the_place() -> None:
    together = Together(2)
    with together.one("ann"), together.one("ann"), together.one("bob"), pytest.raises(TooMany), together.one("ann"):
        pass
    for _ in range(5):
        with pytest.raises(ValueError, match="failed"), together.one("ann"):
            raise ValueError("failed")
    assert not together._running

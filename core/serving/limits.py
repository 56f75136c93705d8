"""How often somebody may ask: a bucket that fills steadily and is emptied a question at a time."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from core.errors import TooMany

MOST_KEYS = 10_000  # remembered at once; who was longest away begins anew


class Limit:
    """`per_minute` questions from each, `burst` of them at once. In memory: a restart forgives. Thread-safe."""

    def __init__(self, per_minute: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._burst, self._clock = per_minute / 60, float(burst), clock
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()  # key -> (questions left, when)
        self._lock = threading.Lock()

    def take(self, key: Hashable) -> None:
        """Raises TooMany."""
        with self._lock:
            left = self._now(key)
            if left < 1:
                wait_s = (1 - left) / self._per_s
                raise TooMany("That is more than may be asked at once. Please wait a moment and go on.", wait_s)
            self._keep(key, left - 1)

    def check(self, key: Hashable) -> None:
        """As `take`, but takes nothing. Raises TooMany."""
        with self._lock:
            if (left := self._now(key)) < 1:
                raise TooMany("That failed too often. Please wait a moment.", (1 - left) / self._per_s)

    def _now(self, key: Hashable) -> float:
        left, at_s = self._left.get(key, (self._burst, self._clock()))
        return min(self._burst, left + (self._clock() - at_s) * self._per_s)

    def _keep(self, key: Hashable, left: float) -> None:
        self._left[key] = (left, self._clock())
        self._left.move_to_end(key)
        if len(self._left) > MOST_KEYS:
            self._left.popitem(last=False)


class Together:
    """At most so many questions of one at the same time: each holds a picture in memory. Thread-safe."""

    def __init__(self, most: int) -> None:
        self._most, self._running, self._lock = most, Counter[Hashable](), threading.Lock()

    @contextmanager
    def one(self, key: Hashable) -> Iterator[None]:
        """Raises TooMany."""
        with self._lock:
            if self._running[key] >= self._most:
                raise TooMany(f"At most {self._most} pictures are answered at the same time. Send the next later.", 1)
            self._running[key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[key] -= 1
                if not self._running[key]:
                    del self._running[key]

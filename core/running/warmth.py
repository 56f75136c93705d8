"""When a trainer waits with everything loaded: for a while after somebody was about to train, or did.

It costs nothing but memory meanwhile, and gives that back. The next attempt is then served at once instead of after
the seconds that torch takes to come.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from core.ports import Files
from core.running.scheduler import Watch


class Warmable(Protocol):
    def warm(self) -> None:
        """Has a trainer wait, where a device is free for it and none waits yet. Cheap when one does."""

    def cool(self) -> None:
        """Ends the one that waits. Cheap when none does."""


def _place(files: Files) -> Path:
    return files.lock("training.expected")


def expect(files: Files) -> None:
    """Somebody is about to train. Cheap: it is said at every look at the screen."""
    _place(files).touch()


class Warmth:
    def __init__(
        self, files: Files, engine: Warmable, keep_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`keep_s`: how long one waits for the next run; 0: none ever does."""
        self._place, self._engine, self._keep_s, self._clock = _place(files), engine, keep_s, clock
        self._watch = Watch()

    def tick(self, busy: bool) -> None:
        """`busy`: a run is at work; the end of one is another sign that somebody trains."""
        try:
            expected: float | None = self._place.stat().st_mtime
        except FileNotFoundError:
            expected = None
        # Not compared with the time of day: what counts is how long the sign did not change.
        unchanged_s = self._watch.unchanged_s("expected", (expected, busy), self._clock())
        if expected is not None and unchanged_s < self._keep_s:
            self._engine.warm()
        elif not busy:
            self._engine.cool()

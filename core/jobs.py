"""Work that was asked for in the store and is done in the background, one piece at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from core.errors import StudioError

TELL_S = 0.3  # between two words about progress
Tell = Callable[[float], None]  # how far it is, 0..1; raises Interrupted
T = TypeVar("T")


class Interrupted(Exception):
    """Ordinary control flow: the process was told to end. The work stays asked for."""


class Worker:
    """Does what is due. `clock` is steady, in seconds."""

    def __init__(self, log: logging.Logger, unforeseen: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`unforeseen`: what a person reads where nobody knows what went wrong."""
        self._log, self._unforeseen, self._clock = log, unforeseen, clock
        self.stopped = False
        self.busy_since_s: float | None = None

    def tick(self) -> bool:
        """Does the piece that was asked for first. False when there was none."""
        raise NotImplementedError

    def _do(
        self,
        what: str,
        work: Callable[[Tell], T],
        put: Callable[[T, float], object],
        fail: Callable[[str], object],
        say: Callable[[float], object] = lambda _progress: None,
    ) -> None:
        """Ends in `put`, with the seconds it took, or in `fail`, with a sentence.

        Raises:
            Interrupted.
        """
        began_s = told_s = self.busy_since_s = self._clock()

        def tell(progress: float) -> None:
            nonlocal told_s
            if self.stopped:
                raise Interrupted
            if self._clock() - told_s >= TELL_S:
                say(min(max(progress, 0.0), 1.0))
                told_s = self._clock()

        try:
            found = work(tell)
        except Interrupted:
            raise
        except StudioError as error:
            fail(str(error))
        except Exception:  # noqa: BLE001 - said in the log, and to who asked
            self._log.exception("%s failed", what)
            fail(self._unforeseen)
        else:
            seconds = self._clock() - began_s
            put(found, seconds)
            self._log.info("%s in %.2f s", what, seconds)
        finally:
            self.busy_since_s = None

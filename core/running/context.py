"""What an attempt sees of the world while it trains: it tells, and now and then asks whether to go on.

A thread of its own sends heartbeat, progress, metrics and events in one fenced transaction every half second, and
brings back what a person wished. The database may be away: everything is kept and sent later.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Literal

from core.records import Frame, Metric, Run, Wish
from core.stores import RunStore

BEAT_S = 0.5
FENCED = 75  # exit code of an attempt that was replaced
MOST_METRICS = 50_000  # kept while the database is away; beyond that every other one
PATIENCE_S = 600.0  # to send the last points and the outcome

log = logging.getLogger("trainer")


class Shutdown(StrEnum):
    """SIGTERM without a wish of a person: the machine goes down, and the run goes back to the queue."""

    SHUTDOWN = "shutdown"


SHUTDOWN: Literal[Shutdown.SHUTDOWN] = Shutdown.SHUTDOWN
Stop = Wish | Shutdown


class Stopped(Exception):
    """Ordinary control flow: the attempt ends here, because of `wish`; `reason` is for the person, if there is more."""

    def __init__(self, wish: Stop, reason: str | None = None) -> None:
        super().__init__(wish)
        self.wish, self.reason = wish, reason


def _leave() -> None:
    # Without any tidying: the run's files and rows belong to another attempt now.
    os._exit(FENCED)


class RunContext:
    def __init__(self, runs: RunStore, run: Run, attempt: int, handle: str, leave: Callable[[], None] = _leave) -> None:
        self._runs, self._run_id, self._attempt, self._handle, self._leave = runs, run.id, attempt, handle, leave
        self._step, self._total_steps, self._epoch = run.step, run.total_steps, run.epoch
        self._metrics: list[Metric] = []
        self._events: list[tuple[str, dict[str, Any], float]] = []
        self._frames: list[Frame] = []
        self._wish: Stop | None = run.wish
        self._lock, self._sending, self._closed = threading.Lock(), threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._send_for_ever, name="heartbeat", daemon=True)

    def __enter__(self) -> RunContext:
        self.flush()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Waits until everything told has arrived: the last points of a curve are worth it."""
        self._closed.set()
        self._thread.join()
        deadline = time.monotonic() + PATIENCE_S
        while not self.flush() and time.monotonic() < deadline:
            time.sleep(1)

    # ---- telling ----

    def advance(self, step: int, total_steps: int, epoch: int) -> None:
        """Optimizer steps done and to do, whole epochs done."""
        with self._lock:
            self._step, self._total_steps, self._epoch = step, total_steps, epoch

    def measure(self, step: int, values: Mapping[str, float]) -> None:
        with self._lock:
            self._metrics += [Metric(step, key, value) for key, value in values.items()]

    def say(self, kind: str, data: Mapping[str, Any] | None = None) -> None:
        with self._lock:
            self._events.append((kind, dict(data or {}), time.time()))

    def show(self, frame: Frame) -> None:
        with self._lock:
            self._frames.append(frame)

    # ---- asking ----

    @property
    def wish(self) -> Stop | None:
        """What ends this attempt, as far as is known: at most half a second old."""
        return self._wish

    def shut_down(self) -> None:
        """The signal handler's word. A person's wish is stronger, whenever it comes."""
        self._wish = self._wish or SHUTDOWN

    def still_mine(self) -> None:
        """Returns only while this is the newest attempt: asked right before anything that others rely on is written."""
        while not self.flush():
            time.sleep(0.5)  # without the database nobody knows whose run it is

    # ---- the wire ----

    def flush(self) -> bool:
        """Sends everything there is; False when it could not be sent, and is kept."""
        with self._sending:
            with self._lock:
                metrics, self._metrics = self._metrics, []
                events, self._events = self._events, []
                frames, self._frames = self._frames, []
                progress = (self._step, self._total_steps, self._epoch)
            try:
                wish = self._runs.beat(self._run_id, self._attempt, self._handle, *progress, metrics, events, frames)
            except PermissionError:
                log.info("This attempt was replaced; it leaves everything to the newer one.")
                self._leave()
                return True
            except Exception:
                log.exception("The database cannot be reached; everything is kept and sent later.")
                with self._lock:
                    kept = metrics + self._metrics
                    self._metrics = kept[::2] if len(kept) > MOST_METRICS else kept
                    self._events = events + self._events
                    self._frames = frames + self._frames
                return False
        self._wish = wish or self._wish
        return True

    def _send_for_ever(self) -> None:
        while not self._closed.wait(BEAT_S):
            self.flush()

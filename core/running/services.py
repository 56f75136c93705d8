"""Waking the background processes, and ending them: what the web process and the command line hold."""

from __future__ import annotations

import os
import signal
import time

from core.errors import Unavailable
from core.ports import Files
from core.running import handles
from core.running.children import lock_is_free, read_handle
from core.running.processes import Detached, spawn
from core.running.warmth import expect
from core.settings import Settings

START_S = 15.0  # a scheduler that we started has this long to take its lock


class LocalServices:
    def __init__(self, settings: Settings, files: Files) -> None:
        self._settings, self._files = settings, files
        self._started: Detached | None = None
        self._started_s = 0.0

    def wake(self) -> None:
        """Starts a scheduler where none holds the lock. One too many does no harm: it finds it taken and leaves."""
        if self._scheduler() or self._is_starting() or not lock_is_free(self._files, "scheduler"):
            return
        self._started = spawn(self._settings, ["core.scheduler"], self._files.log("scheduler"))
        self._started_s = time.monotonic()

    def expect_training(self) -> None:
        expect(self._files)

    def stop(self, trainers: bool = False, wait_s: float = 30.0) -> None:
        """Ends the scheduler, the indexer and the predictor; nothing to do where none runs.

        Trainers go on by themselves and are adopted by the next scheduler, unless `trainers`: then each saves, ends,
        and its run waits in the queue.

        Raises:
            Unavailable: it did not end within `wait_s`.
        """
        deadline = time.monotonic() + wait_s
        while self._is_starting() and time.monotonic() < deadline:
            time.sleep(0.05)  # so that there is somebody to tell
        while not lock_is_free(self._files, "scheduler"):
            if time.monotonic() > deadline:
                raise Unavailable("The background processes do not end. Please try again in a minute.")
            if handle := self._scheduler():
                os.kill(handles.pid_of(handle), signal.SIGINT if trainers else signal.SIGTERM)
            time.sleep(0.1)
        if self._started is not None:
            self._started.wait()
            self._started = None

    def _scheduler(self) -> str | None:
        """The handle of the living scheduler; a lock says the same, more slowly."""
        handle = read_handle(self._files, "scheduler")
        return handle if handle and handles.is_alive(handle) else None

    def _is_starting(self) -> bool:
        """We started one that lives and has not had the time to take its lock."""
        if self._started is None:
            return False
        if self._started.poll() is not None:
            self._started = None
            return False
        return time.monotonic() - self._started_s < START_S and self._scheduler() is None

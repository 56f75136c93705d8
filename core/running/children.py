"""The children of the scheduler that are no trainers: started, adopted, revived and ended here."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from filelock import FileLock, Timeout

from core.ports import Files
from core.records import Service
from core.running import handles
from core.running.processes import Detached, spawn
from core.running.scheduler import Watch
from core.settings import Settings

NAMES = ("indexer", "predictor")  # always there
ON_DEMAND = (
    "surveyor",
    "searcher",
    "explainer",
)  # started when there is work for it, ends by itself when there is none
BACK_OFF_S = (0.5, 30.0)  # first, longest
HEALTHY_S = 30.0  # one that lived so long starts again without back-off
HUNG_S = 120.0  # one whose heartbeat does not move for so long is killed
LOOK_S = 1.0  # between two looks at a lock that somebody else holds
END_S = 10.0  # to leave after SIGTERM

log = logging.getLogger("scheduler")


def lock_is_free(files: Files, name: str) -> bool:
    """Nobody holds the OS lock of this process. Looking takes it for an instant, so its takers wait for a moment."""
    try:
        with FileLock(files.lock(name), timeout=0):
            return True
    except Timeout:
        return False


def write_handle(files: Files, name: str, handle: str) -> None:
    files.lock(f"{name}.handle").write_text(handle, "utf-8")


def read_handle(files: Files, name: str) -> str | None:
    """The handle of the process that was last started under this name, dead or alive."""
    try:
        return files.lock(f"{name}.handle").read_text("utf-8") or None
    except FileNotFoundError:
        return None


@dataclass
class _Child:
    handle: str | None = None
    process: Detached | None = None  # only where we started it ourselves
    started_s: float = 0.0
    not_before_s: float = 0.0
    failures: int = 0


class Children:
    def __init__(self, settings: Settings, files: Files, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._files, self._clock = settings, files, clock
        self._children = {name: _Child(read_handle(files, name)) for name in (*NAMES, *ON_DEMAND)}
        self._watch, self._last_tick = Watch(), clock()

    def tick(self, services: Mapping[str, Service], demanded: Collection[str] = ()) -> None:
        """`demanded`: those of ON_DEMAND for which there is work."""
        now = self._clock()
        if now - self._last_tick > HUNG_S / 2:  # we slept, and so did they
            self._watch.forget()
        self._last_tick = now
        for name, child in self._children.items():
            beat = services[name].heartbeat_at if name in services else None
            if self._unchanged_s(name, child, beat, now) > HUNG_S and child.handle and _lives(child):
                log.warning("the %s hangs and is started anew", name)
                handles.clear_group(child.handle)
            if not _lives(child) and (name in NAMES or name in demanded):
                self._revive(name, child, now)

    def end(self) -> None:
        """SIGTERM, patience, SIGKILL; returns when none is left."""
        living = [child.handle for child in self._children.values() if _lives(child) and child.handle]
        for handle in living:
            handles.terminate(handle)
        deadline = self._clock() + END_S
        while self._clock() < deadline and any(_lives(child) for child in self._children.values()):
            time.sleep(0.05)
        for handle in living:
            handles.clear_group(handle)

    def _unchanged_s(self, name: str, child: _Child, beat: float | None, now: float) -> float:
        return self._watch.unchanged_s(name, (child.handle, beat), now)

    def _revive(self, name: str, child: _Child, now: float) -> None:
        if child.handle:
            handles.clear_group(child.handle)  # what it started itself and left behind
            child.failures = 0 if now - child.started_s > HEALTHY_S or _left(child) else child.failures + 1
            first, longest = BACK_OFF_S
            child.not_before_s = now + min(longest, first * 2**child.failures) if child.failures else now
            child.handle = child.process = None
        if now < child.not_before_s:
            return
        if not lock_is_free(self._files, name):
            # Somebody started one by hand, or it is just starting: ours would only leave again.
            child.not_before_s = now + LOOK_S
            return
        child.process = spawn(self._settings, [f"core.{name}"], self._files.log(name))
        child.handle, child.started_s = handles.identity(child.process.pid), now
        write_handle(self._files, name, child.handle)
        log.info("%s started as %s", name, child.handle)


def _left(child: _Child) -> bool:
    """It ended because there was nothing left to do."""
    return child.process is not None and child.process.poll() == 0


def _lives(child: _Child) -> bool:
    if child.process is not None:
        return child.process.poll() is None  # asking also reaps the zombie
    return child.handle is not None and handles.is_alive(child.handle)

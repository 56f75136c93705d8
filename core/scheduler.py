"""The scheduler's process: `python -m core.scheduler`. One a data folder; a second one finds the lock taken and leaves.

SIGTERM ends it with indexer and predictor, and leaves trainers to themselves: the next scheduler adopts them. SIGINT
(Ctrl-C) also has every trainer save and go back to the queue. It ends by itself when nobody needs it any more.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import sys
import time

from filelock import FileLock, Timeout

from core.records import Hold, RunState, Service
from core.running import handles
from core.running.children import Children, read_handle, write_handle
from core.running.devices import find_devices
from core.running.engine import LocalEngine
from core.running.processes import cap_logs
from core.running.scheduler import Scheduler, Watch
from core.running.warmth import Warmth
from core.settings import Settings, read_settings
from core.storage import LocalFiles, open_store
from core.stores import Store

TICK_S = 0.2
IDLE_BEAT_S = 2.0
LOGS_S = 30.0
LOCK_S = 3.0  # somebody who looks whether the lock is free holds it for an instant
SCREENS = ("web", "cli")  # services whose heartbeat says that somebody is there

log = logging.getLogger("scheduler")


class Process:
    """The loop around the rules: heartbeat, children, logs, and when to leave."""

    def __init__(self, settings: Settings, files: LocalFiles, store: Store) -> None:
        self._settings, self._files, self._store = settings, files, store
        self._devices = find_devices(settings)
        engine = LocalEngine(settings, files, self._devices)
        slots = len(self._devices)
        self._rules = Scheduler(store, files, engine, slots, settings.lease_s, settings.stuck_s)
        self._children = Children(settings, files)
        self._engine, self._warmth = engine, Warmth(files, engine, settings.warm_s)
        self._handle = handles.identity(os.getpid())
        self._beat_s = self._logs_s = -1e9
        self._idle = Idle(store, settings.idle_exit_s)
        self._services: dict[str, Service] = {}
        self.wish: signal.Signals | None = None
        self._busy = False

    def run(self) -> bool:
        """True when it ended because nobody needed it; False when it was told to, or has nowhere to be."""
        idle = False
        write_handle(self._files, "scheduler", self._handle)
        while self.wish is None:
            if not self._at_home():
                log.warning("the data folder is gone")
                break
            try:
                self._tick()
                if idle := self._idle.over():
                    log.info("nobody needs the background processes any more")
                    break
            except Exception:
                # The database is away, or something nobody foresaw: decide nothing, say it, try again.
                log.exception("a tick failed")
                time.sleep(1)
            time.sleep(TICK_S)
        self._leave()
        return idle

    def stop(self, received: int, _frame: object) -> None:
        self.wish = signal.Signals(received)

    def _tick(self) -> None:
        now = time.monotonic()
        # With runs at work the write is frequent: it shows at once when the database takes none, see Scheduler.tick.
        if now - self._beat_s >= (min(1.0, self._settings.lease_s / 5) if self._busy else IDLE_BEAT_S):
            self._store.services.alive("scheduler", self._detail())
            self._services = self._store.services.all()
            self._idle.look(self._services)
            self._busy = bool(self._store.runs.all(states=(RunState.STARTING, RunState.RUNNING)))
            self._beat_s = time.monotonic()
        self._children.tick(self._services, self._demanded())
        self._rules.tick()
        self._warmth.tick(self._busy)
        if now - self._logs_s >= LOGS_S:
            cap_logs(self._files.log("scheduler").parent)
            self._logs_s = now

    def _demanded(self) -> list[str]:
        store = self._store
        surveys = store.surveys.due() or store.packages.due() or store.incoming.due()
        named = {"surveyor": surveys, "searcher": store.searches.due(), "explainer": store.explanations.due()}
        return [name for name, work in named.items() if work]

    def _detail(self) -> dict[str, object]:
        return {"handle": self._handle, "devices": list(self._devices), "slots": len(self._devices)}

    def _at_home(self) -> bool:
        """The folder is there, and it is the one we began in."""
        return read_handle(self._files, "scheduler") == self._handle

    def _leave(self) -> None:
        if self.wish is signal.SIGINT:
            self._rules.stop_trainers()
        self._engine.cool()
        self._children.end()


class Idle:
    """Whether anybody still needs the background processes."""

    def __init__(self, store: Store, limit_s: float) -> None:
        self._store, self._limit_s = store, limit_s
        self._watch, self._needed_s = Watch(), time.monotonic()

    def look(self, services: dict[str, Service]) -> None:
        now = time.monotonic()
        beats = [(name, services[name].heartbeat_at) for name in SCREENS if name in services]
        if self.work() or any(self._watch.unchanged_s(name, beat, now) == 0 for name, beat in beats):
            self._needed_s = now

    def over(self) -> bool:
        return 0 < self._limit_s < time.monotonic() - self._needed_s

    def work(self) -> bool:
        store = self._store
        open_runs = store.runs.all(states=(RunState.QUEUED, RunState.STARTING, RunState.RUNNING, RunState.PAUSED))
        return (
            # A paused run waits for a person, unless it waits for room on the disk.
            any(run.state is not RunState.PAUSED or run.hold is Hold.DISK for run in open_runs)
            or any(one.open for one in store.errands.unfinished())
            or bool(store.versions.due(math.inf))
            or bool(store.uploads.waiting())
            or store.vectors.todo_count() > 0
            or bool(store.datasets.stale())
            or bool(store.surveys.due() or store.packages.due() or store.incoming.due())
            or bool(store.searches.due() or store.explanations.due())
            or bool(store.batches.due(1))
        )


def main() -> int:
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s")
    settings = read_settings()
    files = LocalFiles(settings.home, settings.disk_reserve_bytes)
    lock = FileLock(files.lock("scheduler"))  # freed by the system the moment this process dies
    while True:
        try:
            lock.acquire(timeout=LOCK_S)
        except Timeout:
            log.info("another scheduler works here; this one leaves")
            return 0
        store = open_store(settings.database)
        with lock:
            process = Process(settings, files, store)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, process.stop)
            idle = process.run()
        # Whoever asked for something while we left saw the lock taken, and woke nobody.
        if not (idle and Idle(store, settings.idle_exit_s).work()):
            return 0


if __name__ == "__main__":
    sys.exit(main())

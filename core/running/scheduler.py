"""The scheduler's rules: reap what died, enforce stops, hand free devices to the queue.

Everything it must know is in the store; its memory holds grace periods alone, so killing it harms nothing. Times of
others are never compared with a clock of ours: what counts is how long, on our own steady clock, a value did not move.
"""

from __future__ import annotations

import logging
import signal
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

from core import queue
from core.errors import DiskFull
from core.ports import Engine, Files
from core.records import Hold, Run, RunState, Wish
from core.stores import Store

ACTIVE = (RunState.STARTING, RunState.RUNNING)
MAX_CRASHES = 3  # deaths in a row without a step in between; one more and the run has failed
BACK_OFF_S = (0.4, 60.0)  # first, longest
OBEY_S = 30.0  # a trainer has this long to obey a wish, then SIGTERM
KEEP_S = 300.0  # this long without progress where it is to keep its best model: that is work, and may need a new start
START_S = 120.0  # a trainer has this long until its first heartbeat: on a busy machine it comes up slowly
TERM_S = 10.0  # to obey SIGTERM, then SIGKILL to its group
LEAVE_S = 10.0  # a trainer has this long to exit after it ended its run
# A run that waits for room on the disk goes on when there is so much more than the reserve, for so long.
ROOM_BYTES, ROOM_S = 64 << 20, 3.0
KEEPING = (Wish.STOP, Wish.SALVAGE)

log = logging.getLogger("scheduler")


class Watch:
    """How long ago, on a steady clock, a value was last seen to move."""

    def __init__(self) -> None:
        self._seen: dict[Hashable, tuple[object, float]] = {}

    def unchanged_s(self, key: Hashable, value: object, now_s: float) -> float:
        if key not in self._seen or self._seen[key][0] != value:
            self._seen[key] = (value, now_s)
        return now_s - self._seen[key][1]

    def forget(self, keep: Callable[[Hashable], bool] = lambda key: False) -> None:
        """All but `keep`: the others start a new grace."""
        self._seen = {key: seen for key, seen in self._seen.items() if keep(key)}


@dataclass(frozen=True, slots=True)
class Loss:
    """Why an attempt is over although its trainer did not say so."""

    kind: str  # "died", "silent", "stuck", "deaf", "not started"
    exit_code: int | None = None

    @property
    def sentence(self) -> str:
        if self.kind == "silent":
            return "it gave no sign of life any more"
        if self.kind == "stuck":
            return "it made no progress any more"
        if self.kind == "deaf":
            return "it did not stop when it was asked to"
        if self.kind == "not started":
            return "the system could not start it"
        if self.exit_code is None:
            return "it disappeared"
        if self.exit_code >= 0:
            return f"it ended with exit code {self.exit_code}"
        name = _signal_name(-self.exit_code)
        return f"it was ended by {name}" + (", as happens when memory runs out" if name == "SIGKILL" else "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class Scheduler:
    """One tick after the other. A tick that raises decided nothing that the next one would not decide again."""

    def __init__(
        self,
        store: Store,
        files: Files,
        engine: Engine,
        slots: int,
        lease_s: float,
        stuck_s: float,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._files, self._engine, self._slots = store, files, engine, slots
        self._lease_s, self._stuck_s = lease_s, stuck_s
        self._clock, self._wall_clock = clock, wall_clock
        self._watch, self._last_tick = Watch(), clock()
        self._leaving: dict[str, float] = {}  # handle of a trainer whose run is over -> since when
        self._held: dict[str, int] = {}  # handle -> run, as of the last tick
        self._deaf: set[str] = set()  # handles of trainers that we killed because they did not stop

    def tick(self) -> None:
        """The caller wrote to the database just before: had it taken no writes, that would have shown as a gap here."""
        now = self._clock()
        if now - self._last_tick > self._lease_s / 2:
            # The machine slept, or we did, or the database was away: the trainers could not be heard meanwhile.
            self._watch.forget()
        self._last_tick = now
        open_runs = self._store.runs.all(states=(*ACTIVE, RunState.QUEUED, RunState.PAUSED))
        active = [run for run in open_runs if run.state.active]
        held = [run for run in open_runs if run.hold is Hold.DISK]
        self._let_go(held, now)
        for run in active:
            if not self._reap(run, now):
                self._enforce_stop(run, now)
        self._let_leave(active, now)
        if any(run.state is RunState.QUEUED for run in open_runs):
            self._dispatch()
        live = {(run.id, run.attempt) for run in (*active, *held)}
        self._watch.forget(keep=lambda key: isinstance(key, tuple) and key[:2] in live)

    def stop_trainers(self) -> None:
        """SIGTERM to every trainer: each saves, and its run waits in the queue for the next scheduler."""
        for run in self._store.runs.all(states=ACTIVE):
            if run.handle:
                self._engine.stop(run.handle, force=False)

    # ---- reap ----

    def _reap(self, run: Run, now: float) -> bool:
        starting = run.state is RunState.STARTING and run.handle
        lease_s = max(self._lease_s, START_S) if starting else self._lease_s
        silent_s = self._watch.unchanged_s((run.id, run.attempt, "heartbeat"), run.heartbeat_at, now)
        still_s = self._watch.unchanged_s((run.id, run.attempt, "progress"), run.progress_at, now)
        if run.handle and not self._engine.alive(run.handle):
            kind = "deaf" if run.handle in self._deaf else "died"
            loss = Loss(kind, self._engine.exit_code(run.handle))
        elif silent_s > lease_s:
            loss = Loss("silent")
        elif still_s > self._stuck_s:
            loss = Loss("stuck")
        else:
            return False
        # Kill the group and see it empty before anybody else may have the run; never the other way round.
        if run.handle and not self._engine.clear(run.handle):
            return False
        run = self._store.runs.get(run.id)  # it may have ended properly between our two looks
        if run.state.active:
            self._after_loss(run, loss)
        return True

    def _after_loss(self, run: Run, loss: Loss) -> None:
        values: dict[str, object] = {"handle": None}
        if run.wish in (Wish.CANCEL, Wish.PAUSE):
            state = RunState.CANCELLED if run.wish is Wish.CANCEL else RunState.PAUSED
            values["wish"] = None
        elif run.wish is Wish.SALVAGE:
            state = RunState.FAILED  # it says why already
        else:  # a wish to stop stays: the next attempt obeys it at once, with the best model of the checkpoint
            crashes = 1 if run.step > run.crash_step else run.crash_count + 1
            values |= {"crash_count": crashes, "crash_step": run.step}
            state = RunState.FAILED if crashes > MAX_CRASHES else RunState.QUEUED
            if state is RunState.FAILED:
                values["error"] = self._reason(run, loss, crashes)
                if run.epoch and run.wish is None:  # one more attempt, which trains no more, keeps the best model
                    state, values["wish"] = RunState.QUEUED, Wish.SALVAGE
            first, longest = BACK_OFF_S
            values["not_before"] = self._wall_clock() + min(longest, first * 2 ** (crashes - 1))
        if state.final:
            values |= {"finished_at": self._wall_clock(), "wish": None}
        # Told before the move, so that nobody sees a run wait without knowing why.
        told = {"reason": loss.sentence, "step": run.step}
        self._store.runs.log_event(run.id, run.attempt, "crashed", told)
        self._store.runs.end_attempt(run.id, run.attempt, loss.exit_code, loss.kind)
        if self._store.runs.cas(run.id, ACTIVE, fence=run.attempt, state=state, **values):
            log.info("run %d attempt %d: %s at step %d -> %s", run.id, run.attempt, loss.sentence, run.step, state)

    def _reason(self, run: Run, loss: Loss, crashes: int) -> str:
        lines = [line.strip() for line in self._engine.log_tail(run.id, run.attempt).splitlines() if line.strip()]
        where = f"at step {run.step}" if run.step else "before its first step"
        last = f" Its last words: {lines[-1][:200]}" if lines else ""
        return (
            f"The training process was lost {crashes} times {where}, the last time because {loss.sentence}. "
            f"Try a smaller batch or image size, or look at the log of the run.{last}"
        )

    # ---- stops ----

    def _enforce_stop(self, run: Run, now: float) -> None:
        """The trainer obeys a wish by itself; the signals are for one that does not."""
        if run.wish is None or run.handle is None:
            return
        keeps = run.wish in KEEPING
        asked_s = self._watch.unchanged_s(
            (run.id, run.attempt, "wish"), (run.wish, run.progress_at if keeps else None), now
        )
        patience_s = KEEP_S if keeps else OBEY_S
        if asked_s > patience_s + TERM_S:
            self._deaf.add(run.handle)
            self._engine.stop(run.handle, force=True)
        elif asked_s > patience_s:
            self._engine.stop(run.handle, force=False)

    def _let_leave(self, active: Iterable[Run], now: float) -> None:
        """A device is free again when the group that held it is gone, not when its run is over."""
        held = {run.handle: run.id for run in active if run.handle}
        for handle in self._held.keys() - held.keys():
            self._leaving.setdefault(handle, now)
        self._held = held
        for handle, since in list(self._leaving.items()):
            if self._engine.alive(handle) and now - since < LEAVE_S:
                continue
            if self._engine.clear(handle):
                del self._leaving[handle]
                self._deaf.discard(handle)

    # ---- dispatch ----

    def _let_go(self, held: Iterable[Run], now: float) -> None:
        """What waits for room on the disk goes on when there is some, at its old place in the queue."""
        for run in held:
            try:
                self._files.require_room(ROOM_BYTES)
                room = True
            except DiskFull:
                room = False
            if self._watch.unchanged_s((run.id, run.attempt, "room"), room, now) >= ROOM_S and room:
                fresh: dict[str, Any] = {"hold": None, "error": None, "not_before": 0.0, "crash_count": 0}
                self._store.runs.cas(run.id, [RunState.PAUSED], state=RunState.QUEUED, **fresh)

    def _dispatch(self) -> None:
        open_runs = self._store.runs.all(states=(*ACTIVE, RunState.QUEUED))
        active = [run for run in open_runs if run.state.active]
        free = self._slots - len(self._leaving) - len(active)
        due = [run for run in open_runs if self._is_due(run)]
        if free <= 0 or not due:
            return
        working = Counter(run.owner for run in active)
        used = self._store.runs.used(self._wall_clock() - queue.MEMORY_S)
        for _ in range(min(free, len(due))):
            run = queue.next_up(due, working, used, self._slots)
            due.remove(run)
            working[run.owner] += 1
            self._start(run)

    def _is_due(self, run: Run) -> bool:
        wait_s = run.not_before - self._wall_clock()
        # Further away than any back-off: somebody set the clock back.
        return run.state is RunState.QUEUED and (wait_s <= 0 or wait_s > BACK_OFF_S[1])

    def _start(self, run: Run) -> None:
        try:
            self._files.require_room()
        except DiskFull as error:
            self._store.runs.cas(run.id, [RunState.QUEUED], state=RunState.PAUSED, error=str(error), hold=Hold.DISK)
            return
        if (attempt := self._store.runs.begin_attempt(run.id)) is None:
            return
        try:
            handle = self._engine.submit(run, attempt)
        except OSError:
            log.exception("run %d attempt %d cannot be started", run.id, attempt)
            self._after_loss(self._store.runs.get(run.id), Loss("not started"))
            return
        self._store.runs.cas(run.id, ACTIVE, fence=attempt, handle=handle)
        log.info("run %d attempt %d started as %s", run.id, attempt, handle)

"""One attempt of a run, from first heartbeat to last word: whatever happens in between, the row of the run says it."""

from __future__ import annotations

import errno
import logging
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from core.errors import DiskFull, StudioError, Unavailable, Undecided
from core.records import Hold, Run, RunState, Wish
from core.running import handles
from core.running.context import FENCED, SHUTDOWN, RunContext, Stopped
from core.stores import RunStore

LOST = 70  # exit code: it ended unexpectedly, and the scheduler decides what becomes of the run
DISK_FULL = "The disk is full. What was learned so far is safe. Free some space."
NO_MEMORY = "There was not enough memory to train. Choose a smaller batch size or picture size, then start again."
STATES = {
    Wish.PAUSE: RunState.PAUSED,
    Wish.CANCEL: RunState.CANCELLED,
    Wish.STOP: RunState.CANCELLED,  # when it comes before there is anything to keep
    Wish.SALVAGE: RunState.FAILED,
    SHUTDOWN: RunState.QUEUED,
}
Ending = dict[str, Any]  # columns of the run's row

log = logging.getLogger("trainer")


def carry_out(runs: RunStore, run_id: int, attempt: int, work: Callable[[Run, RunContext], None]) -> int:
    """Does the work of an attempt and records how it ended; gives the exit code of the process.

    `work` returns when there is a model, and raises otherwise: Stopped for a wish obeyed, StudioError for what a person
    can mend. Anything else is a loss: the run is tried again, as after a kill.
    """
    run = runs.get(run_id)
    if run.attempt != attempt or not run.state.active:
        log.info("Attempt %d of run %d was replaced before it began.", attempt, run_id)
        return FENCED
    context = RunContext(runs, run, attempt, handles.identity(os.getpid()))
    signal.signal(signal.SIGTERM, lambda *_: context.shut_down())
    ending = _work(run, context, work)
    if ending is None:
        return LOST
    _tell(runs, run_id, attempt, ending)
    return 0


def _work(run: Run, context: RunContext, work: Callable[[Run, RunContext], None]) -> Ending | None:
    try:
        with context:
            work(run, context)
        if context.wish is Wish.SALVAGE:
            return {"state": RunState.FAILED}  # its row says why already
        return {"state": RunState.SUCCEEDED, "error": None}
    except Stopped as stopped:
        log.info("Stopped: %s.", stopped.wish)
        why = {} if stopped.wish is Wish.SALVAGE else {"error": stopped.reason}
        return {"state": STATES[stopped.wish], **why}
    except StudioError as error:
        log.error("%s", error)
        ending = _judge(error)
    except Exception as error:
        log.exception("The training was lost.")
        ending = _judge(error)
    if context.wish is Wish.CANCEL:
        return {"state": RunState.CANCELLED}  # who cancels does not care how it ends
    if ending and ending.get("hold") is Hold.ANSWER and context.wish in (Wish.STOP, Wish.SALVAGE):
        return {"state": STATES[Wish.STOP]}  # nothing was learned, and nobody waits for it to be
    if ending and ending.get("hold"):
        # Who asked for a pause means it; a wish to keep the best model is obeyed once there is room.
        asked = context.wish
        ending |= {"hold": None} if asked is Wish.PAUSE else {"wish": asked if asked is not SHUTDOWN else None}
    # SIGTERM to the whole group, as when the machine goes down, looks like all kinds of errors in here.
    return ending or ({"state": RunState.QUEUED} if context.wish is SHUTDOWN else None)


def _judge(error: Exception) -> Ending | None:
    """What a person can mend ends the run, or pauses it. None for anything else: it is tried again, as after a kill."""
    if isinstance(error, DiskFull):
        return {"state": RunState.PAUSED, "error": str(error), "hold": Hold.DISK}
    if isinstance(error, Undecided):
        return {"state": RunState.PAUSED, "error": str(error), "hold": Hold.ANSWER}
    if isinstance(error, StudioError) and not isinstance(error, Unavailable):  # what is away may come back
        return {"state": RunState.FAILED, "error": str(error)}
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return {"state": RunState.PAUSED, "error": DISK_FULL, "hold": Hold.DISK}
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch has its own
        return {"state": RunState.FAILED, "error": NO_MEMORY}
    return None


def _tell(runs: RunStore, run_id: int, attempt: int, ending: Ending) -> None:
    """However long the database takes to listen."""
    ending = {"wish": None, "handle": None, **ending}
    if ending["state"].final:
        ending["finished_at"] = time.time()
    while True:
        try:
            runs.cas(run_id, [RunState.RUNNING], fence=attempt, **ending)
            runs.end_attempt(run_id, attempt, 0, str(ending["state"]))
            break
        except Exception:
            log.exception("The database cannot be reached; trying again.")
            time.sleep(1)
    log.info("The run is %s now.", ending["state"])

"""The trainer's process: `python -m core.trainer RUN ATTEMPT` is one attempt of one run, started by the scheduler.

With `--wait` it loads everything first and then reads from standard input which attempt it is, in which log to say so;
when nobody is there to tell it any more, it leaves.

It may be killed at any moment: what it acknowledged is in the store, and the next attempt goes on from the last
checkpoint and ends in the same weights. Exit codes: 0 the run says how it ended; 70 it ended unexpectedly and the
scheduler decides what comes next; 75 another attempt has replaced this one.
"""

from __future__ import annotations

import faulthandler
import importlib
import logging
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

from core.preparing import Preparation, beside
from core.records import Run
from core.running.attempt import carry_out
from core.running.context import RunContext
from core.running.engine import WAIT
from core.settings import read_settings
from core.storage import LocalFiles, open_store

LOADED = "Everything is loaded."  # what a trainer without orders says when it is ready
NICENESS = 5  # the predictor and the screens answer while a run trains
LOADING_NICENESS = 15  # somebody is opening the training screen just then
PER_THREAD = sys.platform == "linux"  # elsewhere niceness is of a whole process, and most may not take it back

log = logging.getLogger("trainer")


def _load() -> None:
    """Loads everything, out of the way of those who wait for a screen."""
    if PER_THREAD:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOADING_NICENESS)
    importlib.import_module("core.training")
    _hurry()
    log.info(LOADED)


def _hurry() -> None:
    """Somebody waits for it now. Threads that libraries began while they were loaded came as slow as the loader."""
    for thread in Path("/proc/self/task").iterdir() if PER_THREAD else ():
        with suppress(PermissionError, ProcessLookupError):  # only root may; it may have ended meanwhile
            os.setpriority(os.PRIO_PROCESS, int(thread.name), NICENESS)


def _await_orders() -> tuple[int, int] | None:
    """(run, attempt), with what we say from now on in the log of that attempt. None: there will be no orders."""
    # What takes so long, done beforehand; beside us, because orders may come sooner and the heart must beat then.
    threading.Thread(target=_load, daemon=True).start()
    numbers, log_file = sys.stdin.readline().split(), sys.stdin.readline().removesuffix("\n")
    _hurry()
    if not log_file:
        return None
    descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(descriptor, stream.fileno())
    os.close(descriptor)
    return int(numbers[0]), int(numbers[1])


def main() -> int:
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s")
    logging.captureWarnings(True)
    faulthandler.enable()  # a crash in native code says where, in the log
    os.nice(NICENESS)
    settings = read_settings()
    files = LocalFiles(settings.home, settings.disk_reserve_bytes)
    store = open_store(settings.database)

    def work(run: Run, context: RunContext) -> None:
        preparation = Preparation(settings, files, store, run, context)
        # Torch takes seconds to come: the heart beats already, and pictures are decoded by other processes meanwhile.
        beside(lambda: importlib.import_module("core.training"), preparation)
        from core.training import Training

        Training(settings, files, store, run, context, preparation).work()

    if sys.argv[1:] == [WAIT]:
        if (orders := _await_orders()) is None:
            return 0
        run_id, attempt = orders
    else:
        run_id, attempt = int(sys.argv[1]), int(sys.argv[2])
    code = carry_out(store.runs, run_id, attempt, work)
    if code == 0:
        from core.keeping import tidy
        from core.takeaway import leave

        tidy(files, store, run_id)  # first: it makes room
        leave(files, store, run_id)
    return code


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    # Everything is on disk; torch alone would take seconds to tidy up, and the device waits for the next run.
    os._exit(code)

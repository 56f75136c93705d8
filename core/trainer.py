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

from core.records import Run
from core.running.attempt import carry_out
from core.running.context import RunContext
from core.running.engine import WAIT
from core.settings import read_settings
from core.storage import LocalFiles, open_store

LOADED = "Everything is loaded."  # what a trainer without orders says when it is ready
NICENESS = 5  # the predictor and the screens answer while a run trains

log = logging.getLogger("trainer")


def _load() -> None:
    importlib.import_module("core.training")
    log.info(LOADED)


def _await_orders() -> tuple[int, int] | None:
    """(run, attempt), with what we say from now on in the log of that attempt. None: there will be no orders."""
    # What takes so long, done beforehand; beside us, because orders may come sooner and the heart must beat then.
    threading.Thread(target=_load, daemon=True).start()
    numbers, log_file = sys.stdin.readline().split(), sys.stdin.readline().removesuffix("\n")
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
        from core.training import Training  # torch takes seconds to come: the heart beats already

        Training(settings, files, store, run, context).work()

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

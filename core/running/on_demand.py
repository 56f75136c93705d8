"""The loop of a process that is started when something is asked and leaves when nothing was for a while."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from core.jobs import Interrupted, Worker
from core.running.alone import when_told_to_end
from core.studio import Studio

BEAT_S = 2.0
PAUSE_S = 2.0  # after something went wrong


def work_on_demand(
    studio: Studio,
    name: str,
    workers: Sequence[Worker],
    poll_s: float,
    idle_s: float,
    longest_s: float,
    waits: Callable[[], bool] = lambda: False,
) -> None:
    """Works until SIGTERM, until there is nothing to do for `idle_s`, or until the data folder is gone.

    Args:
        name: of the process and its lock.
        workers: in the order in which their work goes first.
        longest_s: a piece of work that takes longer hangs: no heartbeat, and the scheduler starts anew.
        waits: something is asked for that cannot be done just yet.
    """
    log = logging.getLogger(name)
    stopped = threading.Event()

    def stop(_received: int, _frame: object) -> None:
        stopped.set()
        for worker in workers:
            worker.stopped = True

    when_told_to_end(stop)
    beat = (studio, name, workers, longest_s, stopped)
    threading.Thread(target=_beat, args=beat, name="heartbeat", daemon=True).start()
    idle_since_s = time.monotonic()
    while not stopped.is_set() and studio.files.lock(name).exists():
        try:
            worked = any(worker.tick() for worker in workers)
            if worked or waits():
                idle_since_s = time.monotonic()
            elif time.monotonic() - idle_since_s > idle_s:
                return
            if not worked:
                time.sleep(poll_s)
        except Interrupted:
            return
        except Exception:
            # The database is away: decide nothing, say it, try again.
            log.exception("a round failed")
            time.sleep(PAUSE_S)


def _beat(studio: Studio, name: str, workers: Sequence[Worker], longest_s: float, stopped: threading.Event) -> None:
    while not stopped.is_set():
        since_s = next((worker.busy_since_s for worker in workers if worker.busy_since_s is not None), None)
        if since_s is None or time.monotonic() - since_s < longest_s:
            try:
                studio.store.services.alive(name, {"busy": since_s is not None})
            except Exception:
                logging.getLogger(name).exception("the heartbeat could not be written")
        time.sleep(BEAT_S)

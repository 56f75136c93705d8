"""The main function of a process of which there is one a data folder: a second one finds the lock taken and leaves."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable

from filelock import FileLock, Timeout

from core.studio import Studio

LOCK_S = 3.0  # somebody who looks whether the lock is free holds it for an instant


def alone(studio: Studio, name: str, serve: Callable[[Studio], None], niceness: int = 0) -> int:
    """Holds the lock `name` while `serve` works, and closes the studio's children behind it. Gives the exit code.

    Args:
        niceness: how much others go first, 0..19.
    """
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s")
    if niceness and hasattr(os, "nice"):
        os.nice(niceness)
    try:
        with FileLock(studio.files.lock(name)).acquire(timeout=LOCK_S):
            serve(studio)
    except Timeout:
        logging.getLogger(name).info("another %s works here; this one leaves", name)
    finally:
        studio.decoder.close()
    return 0


def when_told_to_end(stop: Callable[[int, object], object]) -> None:
    """`stop` is called at SIGTERM and at Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)

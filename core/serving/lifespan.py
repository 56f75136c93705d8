"""What the web process does beside answering: says that it is there, keeps the scheduler awake, tidies its memory."""

from __future__ import annotations

import gc
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from logging.handlers import RotatingFileHandler

from threadpoolctl import threadpool_limits

from core.errors import StudioError
from core.studio import Studio

log = logging.getLogger(__name__)

BEAT_S = 5.0
COLLECT_EVERY = 12  # beats; Streamlit itself no longer collects after each run of a script


def lifespan(studio: Studio) -> Callable[[object], AbstractAsyncContextManager[None]]:
    """The life of the web process around its requests."""

    @asynccontextmanager
    async def life(_app: object) -> AsyncIterator[None]:
        handler = _log_file(studio)
        done = threading.Event()
        heart = threading.Thread(target=beat, args=(studio, done), name="darkroom-heart", daemon=True)
        gc.collect()
        gc.freeze()  # what was imported stays for ever: later collections need not look at it
        heart.start()
        try:
            with threadpool_limits(1):  # threads that share a small sum wait for each other and take others' cores
                yield
        finally:
            done.set()
            heart.join(timeout=2)
            gc.unfreeze()
            studio.decoder.close()
            logging.getLogger("core").removeHandler(handler)
            handler.close()

    return life


def beat(studio: Studio, done: threading.Event, every_s: float = BEAT_S) -> None:
    """Until `done`: writes the heartbeat of the service "web" and wakes the scheduler."""
    beats = 0
    while True:
        try:
            studio.store.services.alive("web", {"pid": os.getpid()})
            studio.services.wake()
        except Exception as error:  # a full disk or a locked database passes; the heart must still beat then
            log.error("The heartbeat failed: %s", error, exc_info=not isinstance(error, StudioError))
        beats += 1
        if beats % COLLECT_EVERY == 0:
            gc.collect()
        if done.wait(every_s):
            return


def _log_file(studio: Studio) -> logging.Handler:
    handler = RotatingFileHandler(studio.files.log("web"), maxBytes=5 << 20, backupCount=2, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger("core").addHandler(handler)
    return handler

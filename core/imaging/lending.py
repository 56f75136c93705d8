"""`Lender`: decoded pictures where their child has left them, for who waits for one.

The pool hands a picture on from thread to thread, and its pixels through a pipe. Here whoever asks speaks with a child
himself, and looks at the pixels in the memory that the two share; the child is his until he is done with them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import Refused
from core.imaging.memory import KEPT_BYTES, shared_memory
from core.imaging.pool import CLOSED, CPU_S, IDLE_S, NO_CHILD, PICTURES_PER_CHILD, TOO_COSTLY
from core.imaging.process import END_S, ChildDied, ChildProcess, lost_from_outside
from core.ports import Opened

REST_S = 10.0
TRIES = 2  # a child that was lost may have been ended from outside


class Lender:
    """Implements `core.ports.Opener`. Any number of threads may ask; at most `children` hold a picture at once."""

    def __init__(self, children: int, picture_limit_bytes: int, cpu_s: int = CPU_S, idle_s: float = IDLE_S) -> None:
        self._most, self._limit_bytes = children, picture_limit_bytes
        self._cpu_s, self._idle_s = cpu_s, idle_s
        self._idle: list[ChildProcess] = []  # the one that worked last is the last
        self._grown: dict[ChildProcess, float] = {}  # those that keep what large pictures took -> when last
        self._living = 0  # idle, lent, and those just starting
        self._closed = False
        self._changed = threading.Condition()
        # A child dies with the thread that started it: this one lives as long as we do.
        self._starter = ThreadPoolExecutor(1, "decoder")

    @contextmanager
    def open(self, source: Path | bytes) -> Iterator[Opened]:
        """See `Opener.open`."""
        child, opened = self._opened(source)
        try:
            yield opened
        finally:
            if max(opened.pixels.nbytes, len(source) if isinstance(source, bytes) else 0) > KEPT_BYTES:
                self._grown[child] = time.monotonic()
            self._take_back(child)

    def rest(self) -> None:
        """Gives back the memory that children keep who have seen no large picture for `REST_S`. To be called now and
        then: fresh memory costs more than decoding into it, so they keep theirs between two pictures."""
        with self._changed:
            long_ago = time.monotonic() - REST_S
            found = [child for child in self._idle if self._grown.get(child, long_ago + 1) <= long_ago]
            self._idle = [child for child in self._idle if child not in found]
        for child in found:
            del self._grown[child]
            try:
                child.send({"job": "rest"}, None, self._idle_s)
                child.receive(self._idle_s)
            except (ChildDied, TimeoutError, BrokenPipeError):
                self._lose(child)
                continue
            if child.memory:
                child.memory.shrink()
            self._take_back(child)

    def close(self) -> None:
        """Ends the children that nobody holds; the others as soon as they come back. May be called again."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        for child in idle:
            _end(child)
        self._starter.shutdown()

    @property
    def pids(self) -> tuple[int, ...]:
        """The children that nobody holds."""
        with self._changed:
            return tuple(child.pid for child in self._idle)

    def _opened(self, source: Path | bytes) -> tuple[ChildProcess, Opened]:
        for tried in range(TRIES):
            child = self._borrow(fresh=tried > 0)
            try:
                facts, content = self._ask(child, source)
                child.looked_at += 1
                if "reason" in facts:
                    self._grown[child] = time.monotonic()  # nobody says how far it came
                    self._take_back(child)
                    raise Refused(facts["reason"], facts["kind"])
                rows = child.memory.bytes if child.memory else content
                pixels = np.frombuffer(rows, np.uint8, 3 * facts["height"] * facts["width"])
                pixels.flags.writeable = False
                return child, Opened(
                    pixels.reshape(facts["height"], facts["width"], 3), facts["format"], *facts["original"]
                )
            except Refused:
                raise
            except (ChildDied, TimeoutError) as end:
                self._lose(child)
                if not lost_from_outside(end):
                    break
            except BaseException:  # nobody knows what it is doing now
                self._lose(child)
                raise
        raise TOO_COSTLY

    def _ask(self, child: ChildProcess, source: Path | bytes) -> tuple[dict[str, Any], bytearray]:
        job: dict[str, Any] = {"job": "lend" if child.memory else "pixels"}
        content = None
        if isinstance(source, Path):
            job["path"] = str(source.absolute())
        elif child.memory and len(source) <= self._limit_bytes:
            child.memory.put_file(source)
            job["shared"] = len(source)
        else:
            content = source
        with suppress(BrokenPipeError):  # what became of the child comes out of `receive`
            child.send(job, content, self._idle_s)
        return child.receive(self._idle_s)

    # ---- children ------------------------------------------------------------------------------------

    def _borrow(self, fresh: bool = False) -> ChildProcess:
        """`fresh`: one that has looked at nothing yet: what it has no memory for does not fit. Raises Unavailable."""
        with self._changed:
            self._changed.wait_for(lambda: self._idle or self._living < self._most or self._closed)
            if self._closed:
                raise CLOSED
            worn = self._idle.pop() if self._idle else None
            if worn is not None and not fresh:
                return worn
            self._living += 1
        if worn is not None:
            self._lose(worn, END_S)
        try:
            return self._starter.submit(self._start).result()
        except BaseException:
            self._forget()
            raise

    def _start(self) -> ChildProcess:
        memory = shared_memory(self._limit_bytes)
        try:
            child = ChildProcess(self._limit_bytes, self._cpu_s, memory)
        except OSError:
            if memory:
                memory.close()
            raise NO_CHILD from None
        try:
            child.wait_until_ready()
        except (ChildDied, TimeoutError):
            _end(child, 0)
            raise NO_CHILD from None
        return child

    def _take_back(self, child: ChildProcess) -> None:
        with self._changed:
            if not self._closed and child.looked_at < PICTURES_PER_CHILD:
                self._idle.append(child)
                self._changed.notify()
                return
        self._lose(child, END_S)

    def _lose(self, child: ChildProcess, patience_s: float = 0) -> None:
        self._grown.pop(child, None)
        _end(child, patience_s)
        self._forget()

    def _forget(self) -> None:
        """There is room for another."""
        with self._changed:
            self._living -= 1
            self._changed.notify()


def _end(child: ChildProcess, patience_s: float = END_S) -> None:
    child.end(patience_s)
    if child.memory:
        child.memory.close()

"""`DecoderPool`: the Decoder that everything is handed. Cheap to import; its children start with the first picture.

One thread a child takes jobs from one queue and keeps some in its child's hands, so that no child waits for us. What
kills its child or takes too much time is refused by itself; the child is replaced and the rest goes on.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from core.errors import Refused, Unavailable
from core.imaging.disk import write_failure
from core.imaging.groups import Look, grouped, request
from core.imaging.process import ChildDied, ChildProcess, lost_from_outside
from core.ports import Checked, Drawn, Pixels
from core.records import PictureFacts

MIB = 1 << 20
MOST_CHILDREN = 8
IN_HAND = 8  # jobs a child holds: one it does, the others it finds without waiting for us, however small they are
AHEAD = 32  # jobs per child that one caller may have open; bounds memory for endless sources
CPU_S, IDLE_S = 4, 15.0  # processor time of one job; how long a child may do nothing
PICTURES_PER_CHILD = 20_000  # then a fresh one: memory that long use left in pieces must not decide about a picture
TOO_COSTLY = Refused(
    "Reading this picture takes too much time or memory. Please open it and save it again as an ordinary JPEG or PNG.",
    "too_costly",
)
CLOSED = Unavailable("Pictures cannot be read just now, because Darkroom is closing. Please try again.")
APART = Refused("One of these pictures ended its child: each is looked at by itself.", "apart")
NO_CHILD = Unavailable("The process that reads pictures does not start. Run `python -m core doctor` to see why.")

Reply = tuple[dict[str, Any], bytearray]


class _Call:
    """One caller's open jobs, and where their answers arrive."""

    def __init__(self) -> None:
        self.answers: queue.SimpleQueue[tuple[_Job, Reply | Exception]] = queue.SimpleQueue()
        self.open = 0


@dataclass(slots=True, eq=False)
class _Job:
    call: _Call
    request: dict[str, Any]
    content: bytes | None = None
    tag: Any = None  # what the caller knows it by
    deaths: int = field(default=0)  # children that ended while they had it in hand

    @property
    def pictures(self) -> int:
        return len(self.request.get("files", "1"))

    def answer(self, answer: Reply | Exception) -> None:
        self.call.answers.put((self, answer))


class DecoderPool:
    """Implements `core.ports.Decoder`. Any number of threads may call at once.

    `children` 0: one a core, at most 8. A job may use `cpu_s` seconds of processor time, and a child
    may do nothing for `idle_s`, however much else the machine has to do meanwhile.
    """

    def __init__(
        self, children: int = 0, picture_limit_bytes: int = 50 * MIB, cpu_s: int = CPU_S, idle_s: float = IDLE_S
    ) -> None:
        self._most = children or min(_cores(), MOST_CHILDREN)
        self._limit_bytes = picture_limit_bytes
        self._cpu_s = cpu_s
        self._idle_s = idle_s
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._idle = 0  # threads that wait for a job
        self._threads: list[threading.Thread] = []
        self._pids: dict[int, int] = {}  # thread -> child
        self._closed = False

    # ---- the port ------------------------------------------------------------------------------------

    def check(
        self, sources: Iterable[Path], copies: Mapping[Path, Path] | None = None, keep: Path | None = None
    ) -> Iterator[Checked]:
        """See `Decoder.check`. Raises DiskFull or Unavailable when the results cannot be kept."""
        for job, answer in self._stream(grouped(sources, copies, str(keep) if keep else None)):
            if isinstance(answer, Exception):
                yield from (_checked(look, answer) for look in job.tag)
            elif "fault" in answer[0]:
                raise write_failure(answer[0]["fault"])
            else:
                yield from (_checked(look, told) for look, told in zip(job.tag, answer[0]["told"], strict=True))

    def pixels(self, source: Path | bytes) -> Pixels:
        """See `Decoder.pixels`. Above 25 megapixels both sides come divided by a whole number."""
        facts, content = self._ask({"job": "pixels"}, source)
        return np.frombuffer(content, np.uint8).reshape(facts["height"], facts["width"], 3)

    def resized(self, sources: Sequence[Path], side: int) -> Iterator[tuple[int, Pixels | None]]:
        """See `Decoder.resized`. The whole picture is squashed to the square, antialiased bilinear."""
        wanted = (
            ({"job": "resized", "side": side, "path": str(path.absolute())}, at) for at, path in enumerate(sources)
        )
        for at, answer in self._each(wanted):
            yield at, answer and np.frombuffer(answer[1], np.uint8).reshape(side, side, 3)

    def draw(self, wanted: Sequence[tuple[Path, Path]], side: int) -> Iterator[tuple[int, Drawn | None]]:
        """See `Decoder.draw`. Raises DiskFull or Unavailable when a thumbnail cannot be kept."""
        jobs = (
            ({"job": "draw", "side": side, "path": str(path.absolute()), "thumb": str(thumb.absolute())}, at)
            for at, (path, thumb) in enumerate(wanted)
        )
        for at, answer in self._each(jobs):
            if answer is None:
                yield at, None
            elif "fault" in answer[0]:
                raise write_failure(answer[0]["fault"])
            else:
                pixels = np.frombuffer(answer[1], np.uint8).reshape(side, side, 3)
                yield at, Drawn(pixels, _facts(answer[0]["facts"]))

    def measured(self, sources: Sequence[Path]) -> Iterator[tuple[int, PictureFacts | None]]:
        """See `Decoder.measured`."""
        wanted = (({"job": "measure", "path": str(path.absolute())}, at) for at, path in enumerate(sources))
        for at, answer in self._each(wanted):
            yield at, answer and _facts(answer[0]["facts"])

    def view(self, source: Path | bytes, longest_side: int) -> bytes:
        """See `Decoder.view`. A smaller picture is not enlarged."""
        return bytes(self._ask({"job": "view", "side": longest_side}, source)[1])

    def png(self, source: Path | bytes) -> bytes:
        """See `Decoder.png`."""
        return bytes(self._ask({"job": "png"}, source)[1])

    def close(self) -> None:
        """Ends the children; open calls raise Unavailable. May be called again."""
        with self._changed:
            self._closed = True
            left = list(self._jobs)
            self._jobs.clear()
            self._changed.notify_all()
        for job in left:
            job.answer(CLOSED)
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """The children alive now."""
        return tuple(self._pids.values())

    # ---- callers -------------------------------------------------------------------------------------

    def _ask(self, request: dict[str, Any], source: Path | bytes) -> Reply:
        """One job, ahead of all streams: somebody looks at the screen. Raises Refused, Unavailable."""
        call = _Call()
        if isinstance(source, bytes):
            self._submit(_Job(call, request, source), urgent=True)
        else:
            self._submit(_Job(call, {**request, "path": str(source.absolute())}), urgent=True)
        _, answer = call.answers.get()
        if isinstance(answer, Exception):
            raise answer
        if "reason" in answer[0]:
            raise Refused(answer[0]["reason"], answer[0]["kind"])
        return answer

    def _stream(self, wanted: Iterable[tuple[dict[str, Any], Any]]) -> Iterator[tuple[_Job, Reply | Exception]]:
        """Answers in any order; never more than `AHEAD` jobs a child are open. What falls apart is asked one by one."""
        call = _Call()
        rest = iter(wanted)
        single: deque[tuple[dict[str, Any], Any]] = deque()
        try:
            while True:
                while call.open < AHEAD * self._most:
                    next_one = single.popleft() if single else next(rest, None)
                    if next_one is None:
                        break
                    self._submit(_Job(call, next_one[0], tag=next_one[1]))
                if not call.open:
                    return
                job, answer = call.answers.get()
                call.open -= 1
                if answer is APART:
                    single.extend((request([look], job.request["keep"]), [look]) for look in job.tag)
                    continue
                if not isinstance(answer, Exception) and "reason" in answer[0]:
                    answer = Refused(answer[0]["reason"], answer[0]["kind"])
                yield job, answer
        finally:
            self._drop(call)

    def _each(self, wanted: Iterable[tuple[dict[str, Any], int]]) -> Iterator[tuple[int, Reply | None]]:
        """(tag, answer) of each; None for what is refused."""
        for job, answer in self._stream(wanted):
            if isinstance(answer, Exception) and not isinstance(answer, Refused):
                raise answer
            yield job.tag, None if isinstance(answer, Refused) else answer

    def _submit(self, job: _Job, urgent: bool = False) -> None:
        with self._changed:
            if self._closed:
                raise CLOSED
            job.call.open += 1
            if urgent:
                self._jobs.appendleft(job)
            else:
                self._jobs.append(job)
            if len(self._jobs) > self._idle and len(self._threads) < self._most:
                thread = threading.Thread(target=self._work, name="decoder", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify()

    def _drop(self, call: _Call) -> None:
        """Takes back what no child has yet and waits for the rest, so that nothing is written after we return."""
        with self._changed:
            kept = [job for job in self._jobs if job.call is not call]
            call.open -= len(self._jobs) - len(kept)
            self._jobs = deque(kept)
        while call.open:
            call.answers.get()
            call.open -= 1

    # ---- one thread a child --------------------------------------------------------------------------

    def _take(self, wait: bool) -> _Job | None:
        """The next job; None when there is none (or, with `wait`, when the pool closes)."""
        with self._changed:
            if wait:
                self._idle += 1
                self._changed.wait_for(lambda: self._jobs or self._closed)
                self._idle -= 1
            if not self._jobs or self._closed:
                return None
            # A picture sent through the pipe could block us while the child blocks on an answer: only to a free child.
            return self._jobs.popleft() if wait or self._jobs[0].content is None else None

    def _put_back(self, jobs: Iterable[_Job]) -> None:
        with self._changed:
            if not self._closed:
                self._jobs.extendleft(reversed(list(jobs)))
                self._changed.notify_all()
                return
        for job in jobs:
            job.answer(CLOSED)

    def _work(self) -> None:
        child: ChildProcess | None = None
        while (job := self._take(wait=True)) is not None:
            if child is None:
                child = self._start(job)
                if child is None:
                    continue
            if not self._serve(child, job):
                self._pids.pop(threading.get_ident(), None)
                child = None
        if child is not None:
            child.end()
            self._pids.pop(threading.get_ident(), None)

    def _start(self, job: _Job) -> ChildProcess | None:
        try:
            child = ChildProcess(self._limit_bytes, self._cpu_s)
        except OSError:
            job.answer(NO_CHILD)
            return None
        self._pids[threading.get_ident()] = child.pid
        try:
            child.wait_until_ready()
            return child
        except (ChildDied, TimeoutError):
            child.end(0)
            self._pids.pop(threading.get_ident(), None)
            self._blame(job, lost=True, instead=NO_CHILD)
            return None

    def _serve(self, child: ChildProcess, first: _Job) -> bool:
        """Keeps the child busy until there is nothing to do; False when it has ended."""
        in_hand: deque[_Job] = deque()
        job: _Job | None = first
        while True:
            while job is not None:
                in_hand.append(job)
                listens = _send(child, job, self._idle_s)
                job = self._take(wait=False) if listens and len(in_hand) < IN_HAND else None
            if not in_hand:
                return True
            try:
                reply = child.receive(self._idle_s)
            except (ChildDied, TimeoutError) as end:
                child.end(0)
                self._blame(in_hand.popleft(), lost=lost_from_outside(end))
                self._put_back(in_hand)
                return False
            done = in_hand.popleft()
            child.looked_at += done.pictures
            done.answer(reply)
            if child.looked_at < PICTURES_PER_CHILD:
                job = self._take(wait=False)
            elif not in_hand:
                child.end()
                return False

    def _blame(self, job: _Job, lost: bool, instead: Exception = TOO_COSTLY) -> None:
        """Its child ended. A loss that may have come from outside is tried once more; a limit has said all."""
        job.deaths += 1
        if job.pictures > 1:
            job.answer(APART)
        elif lost and job.deaths < 2:
            self._put_back([job])
        else:
            job.answer(instead)


def _send(child: ChildProcess, job: _Job, idle_s: float) -> bool:
    """False when the child no longer listens; what it still says comes out of `receive`."""
    try:
        child.send(job.request, job.content, idle_s)
    except (BrokenPipeError, TimeoutError):
        return False
    return True


def _checked(look: Look, told: dict[str, Any] | Exception) -> Checked:
    if isinstance(told, Refused):
        look.clear()
        return Checked(look.source, reason=str(told), kind=told.kind)
    if isinstance(told, Exception):
        raise told
    if "reason" in told:
        return Checked(look.source, reason=told["reason"], kind=told["kind"])
    known = (told["sha256"], told["size"], told["format"], told["width"], told["height"])
    facts = _facts(told["facts"]) if told["facts"] else None
    return Checked(look.source, *known, facts=facts, kept=told["kept"])


def _facts(told: dict[str, Any]) -> PictureFacts:
    return PictureFacts(**{**told, "mini": bytes.fromhex(told["mini"]), "border": tuple(told["border"])})


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""One decoding child as its parent sees it: start it, send it jobs, receive answers before a deadline, end it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from core.imaging.memory import SharedMemory

ROOT = Path(__file__).parents[2]
COMMAND = ("-m", "core.imaging.child")
START_S = 60.0  # an interpreter on a busy machine
END_S = 2.0
SOON_MS = 50  # most are done by then, and nobody need look how much they worked
WORKING = 0.01  # share of a core: a child that got less does nothing
PIPE_BYTES = 1 << 20
MOST_ANSWER_BYTES = 160_000_000  # a picture of 50 megapixels and some; a child that says more has gone mad
KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
}
# Fresh pages of memory cost more than decoding into them: one that lends keeps what it has had until it rests.
KEEPS_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),  # the most that glibc takes
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
}


class ChildDied(Exception):
    """The child is gone. `exit_code` as in subprocess: negative is a signal."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(f"exit code {exit_code}")
        self.exit_code = exit_code


def lost_from_outside(end: ChildDied | TimeoutError) -> bool:
    """Not by a limit of ours: then the same picture may do no harm to another child."""
    return isinstance(end, ChildDied) and end.exit_code != -signal.SIGXCPU


class ChildProcess:
    """For one thread at a time; the one that starts it must live as long as it does."""

    def __init__(self, limit_bytes: int, cpu_s: int, memory: SharedMemory | None = None) -> None:
        """Raises OSError when no process can be started. The child may still be starting when this returns."""
        environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        shared = [memory.descriptor] if memory else []
        self._process = subprocess.Popen(
            [sys.executable, "-E", "-s", "-B", *COMMAND, *map(str, (limit_bytes, cpu_s, *shared))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd=ROOT,
            env=environment | ONE_THREAD | (KEEPS_MEMORY if memory else {}),
            pass_fds=shared,
        )
        assert self._process.stdin and self._process.stdout
        self.pid = self._process.pid
        self._jobs = self._process.stdin.fileno()
        self._answers = self._process.stdout.fileno()
        self.memory = memory
        self.looked_at = 0  # pictures; whoever sends them counts
        self._read = bytearray()
        os.set_blocking(self._jobs, False)
        os.set_blocking(self._answers, False)
        for end in (self._jobs, self._answers):
            with contextlib.suppress(AttributeError, OSError):  # larger pipes are Linux's, and only a matter of speed
                fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def wait_until_ready(self) -> None:
        """Raises ChildDied, TimeoutError."""
        self.receive(START_S)

    def send(self, job: dict[str, Any], content: bytes | None, patience_s: float) -> None:
        """Raises BrokenPipeError when the child is gone, TimeoutError when it neither listens nor works."""
        header = job if content is None else {**job, "bytes": len(content)}
        for part in (json.dumps(header).encode() + b"\n", content or b""):
            rest = memoryview(part)
            while rest:
                self._wait(self._jobs, select.POLLOUT, patience_s)
                with contextlib.suppress(BlockingIOError):
                    rest = rest[os.write(self._jobs, rest) :]

    def receive(self, patience_s: float) -> tuple[dict[str, Any], bytearray]:
        """The next answer: its facts and its raw bytes.

        Raises ChildDied; TimeoutError when for so long the child neither said anything nor worked. One that works is
        waited for, however little of the processor a busy machine leaves it: its own limit ends it
        (`confining.allow_cpu`).
        """
        while (end := self._read.find(b"\n")) < 0:
            self._wait(self._answers, select.POLLIN, patience_s)
            with contextlib.suppress(BlockingIOError):
                if not (chunk := os.read(self._answers, 65536)):
                    raise ChildDied(self.end(0.5))
                self._read += chunk
        try:
            facts = json.loads(self._read[:end])
            size = int(facts.pop("bytes"))
        except (ValueError, KeyError, AttributeError):
            size = -1
        if not 0 <= size <= MOST_ANSWER_BYTES:
            raise ChildDied(self.end(0))
        content = bytearray(size)
        head = self._read[end + 1 : end + 1 + size]
        content[: len(head)] = head
        self._read = self._read[end + 1 + size :]
        self._fill(memoryview(content)[len(head) :], patience_s)
        return facts, content

    def _fill(self, rest: memoryview, patience_s: float) -> None:
        while rest:
            self._wait(self._answers, select.POLLIN, patience_s)
            with contextlib.suppress(BlockingIOError):
                if not (count := os.readv(self._answers, [rest])):
                    raise ChildDied(self.end(0.5))
                rest = rest[count:]

    def _wait(self, descriptor: int, event: int, patience_s: float) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        if poll.poll(SOON_MS):
            return
        worked_s = self._worked_s()
        while not poll.poll(patience_s * 1000):
            before_s, worked_s = worked_s, self._worked_s()
            if worked_s - before_s < WORKING * patience_s:
                raise TimeoutError

    def _worked_s(self) -> float:
        """Processor time it has had so far; 0 where the system does not say."""
        try:
            return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9
        except (OSError, ValueError, IndexError):
            return 0.0

    def end(self, patience_s: float = END_S) -> int:
        """Closes its input, waits, kills; the exit code. May be called again."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.stdout.close()
        return self._process.wait()

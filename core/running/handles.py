"""Handles: the name of one process for ever, and what is left of the group it led.

A pid alone is reused, and a start time in seconds moves when somebody sets the clock. A handle is
`host:pid:boot-ticks`: the system's boot and the start time in ticks since it. Every process here leads a session of its
own, so that its children can be found, and ended, after it died.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

_HAS_PROC = Path("/proc/self/stat").exists()
_ENDED = ("Z", "X")  # states there: a process that only waits to be reaped


def identity(pid: int) -> str:
    """The handle of a process of this machine. Raises ProcessLookupError."""
    return f"{socket.gethostname()}:{pid}:{_birth(pid)}"


def pid_of(handle: str) -> int:
    return int(handle.rsplit(":", 2)[1])


def is_alive(handle: str) -> bool:
    """The very process of this handle still runs. The host's name may have changed meanwhile; its boot has not."""
    try:
        return _look(pid_of(handle)) == (True, handle.rpartition(":")[2])
    except ProcessLookupError:
        return False


def group_members(handle: str) -> list[int]:
    """Pids of the living processes of the session that this handle's process led, itself included."""
    leader, born = pid_of(handle), handle.rpartition(":")[2]
    if born.partition("-")[0] != _boot():
        return []
    try:
        if _birth(leader) != born:
            return []  # the pid is a stranger's; the system keeps a pid back while its group lives, so that is empty
    except ProcessLookupError:
        pass  # dead, but its children may live
    return [pid for pid in psutil.pids() if _belongs(pid, leader)]


def terminate(handle: str) -> None:
    """SIGTERM to the process itself: its children must live until it has saved."""
    if is_alive(handle):
        _send(pid_of(handle), signal.SIGTERM)


def kill_group(handle: str) -> None:
    """SIGKILL to whatever lives in the group."""
    for pid in group_members(handle):
        _send(pid, signal.SIGKILL)


def clear_group(handle: str, wait_s: float = 5.0) -> bool:
    """Kills until the group is seen empty; False when something in it cannot be killed within `wait_s`."""
    deadline = time.monotonic() + wait_s
    while group_members(handle):
        if time.monotonic() > deadline:
            return False
        kill_group(handle)  # again each time: a member may have forked in between
        time.sleep(0.02)
    return True


def _belongs(pid: int, leader: int) -> bool:
    try:
        return (os.getsid(pid) == leader or os.getpgid(pid) == leader) and _look(pid)[0]
    except (ProcessLookupError, PermissionError):
        return False


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # gone meanwhile, which is what was wanted
        os.kill(pid, number)


def _birth(pid: int) -> str:
    """`boot-ticks` of a process, be it a zombie. Raises ProcessLookupError."""
    return _look(pid)[1]


def _look(pid: int) -> tuple[bool, str]:
    """(it lives and is more than a zombie, `boot-ticks`). Raises ProcessLookupError."""
    if _HAS_PROC:
        try:
            # The name, in brackets, may hold anything, brackets too.
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].decode().split()
        except (FileNotFoundError, ProcessLookupError):
            raise ProcessLookupError(pid) from None
        # While other threads of it still end, its locks may be held and nobody can reap it: that is not dead yet.
        ended = fields[0] in _ENDED and int(fields[17]) <= 1
        return not ended, f"{_boot()}-{fields[19]}"
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE, f"{_boot()}-{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        raise ProcessLookupError(pid) from None


@cache
def _boot() -> str:
    """Eight hexadecimal digits that change with every boot; constant where the system tells none."""
    file = Path("/proc/sys/kernel/random/boot_id")
    return file.read_text()[:8] if file.exists() else "0" * 8

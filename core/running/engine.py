"""The local engine: an attempt is a process group on this machine, on a device of its own.

A trainer may have been started before there was an attempt for it (`warm`): it has everything loaded, holds no device
yet, reads its orders from a pipe, and leaves when that is closed, so that it never outlives this engine unused.
"""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from core.ports import Files
from core.records import Run
from core.running import handles
from core.running.devices import CPU
from core.running.processes import Detached, spawn, tail
from core.settings import Settings

TRAINER = {
    # A thread of torch that waits gives its core away: spinning costs several times the CPU once anybody else works.
    "OMP_WAIT_POLICY": "passive",
    # Memory freed is kept for the next step: the system would have to clear the same gigabytes at every step anew.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
}
_DEVICE = "CUDA_VISIBLE_DEVICES"
WAIT = "--wait"  # instead of run and attempt: they come on standard input
LOG_TAIL_BYTES = 2000
EXIT_S = 2.0
WARM_AGAIN_S = 60.0  # after one that waited was lost

log = logging.getLogger("scheduler")


class LocalEngine:
    def __init__(self, settings: Settings, files: Files, devices: Sequence[str] = CPU) -> None:
        self._settings, self._files, self.devices = settings, files, tuple(devices)
        self._children: dict[str, Detached] = {}  # ours only; adopted trainers are not in it
        self._handles: dict[tuple[int, int], str] = {}
        self._device: dict[str, str] = {}  # handle -> the device it works on
        self._codes: dict[str, int] = {}
        self._waiting: tuple[Detached, str] | None = None  # a trainer without orders, and the device meant for it
        self._lost_s = -WARM_AGAIN_S

    def submit(self, run: Run, attempt: int) -> str:
        if (known := self._handles.get((run.id, attempt))) is not None:
            return known
        device = self._free_device()
        child = self._order(run.id, attempt, device) or self._spawn(device, [str(run.id), str(attempt)])
        handle = handles.identity(child.pid)
        self._children[handle], self._handles[run.id, attempt], self._device[handle] = child, handle, device
        return handle

    def warm(self) -> None:
        """Has a trainer wait, where a device is free for it and none waits yet. Cheap when one does."""
        if self._waiting is not None and self._waiting[0].poll() is not None:
            self._waiting, self._lost_s = None, time.monotonic()
        lately = time.monotonic() - self._lost_s < WARM_AGAIN_S
        if self._waiting is None and not lately and (free := self._free_devices()):
            self._waiting = self._spawn(free[0], [WAIT], orders=True), free[0]

    def cool(self) -> None:
        """Ends the one that waits. Cheap when none does."""
        if self._waiting is not None:
            child, _ = self._waiting
            child.kill()  # it has done nothing yet that could be lost
            child.wait()
            self._waiting = None

    def alive(self, handle: str) -> bool:
        self._reap()
        living = handles.is_alive(handle)
        if living and handle not in self._device:
            self._device[handle] = _device_of(handle)
        return living

    def stop(self, handle: str, force: bool) -> None:
        if force:
            handles.kill_group(handle)
        else:
            handles.terminate(handle)

    def clear(self, handle: str) -> bool:
        empty = handles.clear_group(handle)
        self._reap()
        if empty:
            self._device.pop(handle, None)
        return empty

    def exit_code(self, handle: str) -> int | None:
        if child := self._children.get(handle):
            # Its main thread is gone, the others may take a moment: until then there is no exit code.
            with suppress(subprocess.TimeoutExpired):
                child.wait(EXIT_S)
        self._reap()
        return self._codes.get(handle)

    def log_tail(self, run_id: int, attempt: int) -> str:
        return tail(self._log(run_id, attempt), LOG_TAIL_BYTES).decode("utf-8", "replace")

    def _order(self, run_id: int, attempt: int, device: str) -> Detached | None:
        """Gives the attempt to the trainer that waits; None: there is none, or it waits for another device."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return None
        child, meant = waiting
        assert child.stdin is not None
        try:
            if meant == device and child.poll() is None:
                with child.stdin as pipe:
                    pipe.write(f"{run_id} {attempt}\n{self._log(run_id, attempt)}\n".encode())
                return child
        except OSError:
            log.info("the trainer that waited is gone; another is started")
        child.kill()
        child.wait()
        return None

    def _spawn(self, device: str, arguments: Sequence[str], orders: bool = False) -> Detached:
        # A number is a CUDA device: the trainer sees that one and no other.
        extra = TRAINER | ({_DEVICE: device} if device.isdigit() else {})
        where = self._files.log("trainer") if orders else self._log(int(arguments[0]), int(arguments[1]))
        return spawn(self._settings, ["core.trainer", *arguments], where, extra, orders)

    def _log(self, run_id: int, attempt: int) -> Path:
        return self._files.log(f"run-{run_id}.{attempt}")

    def _free_device(self) -> str:
        free = self._free_devices()
        return free[0] if free else self.devices[0]

    def _free_devices(self) -> list[str]:
        taken = [device for handle, device in self._device.items() if handles.group_members(handle)]
        return [device for device in self.devices if device not in taken]

    def _reap(self) -> None:
        for handle, child in list(self._children.items()):
            if (code := child.poll()) is not None:
                self._codes[handle] = code
                del self._children[handle]


def _device_of(handle: str) -> str:
    """The device of a trainer that another scheduler started, from what it was told."""
    try:
        return str(psutil.Process(handles.pid_of(handle)).environ().get(_DEVICE, ""))
    except psutil.Error:
        return ""

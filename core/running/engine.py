"""The local engine: an attempt is a process group on this machine, on a device of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from contextlib import suppress

import psutil

from core.records import Run
from core.running import handles
from core.running.devices import CPU
from core.running.processes import Detached, spawn, tail
from core.settings import Settings
from core.studio import Files

_TRAINER = {
    # A thread of torch that waits gives its core away: spinning costs several times the CPU once anybody else works.
    "OMP_WAIT_POLICY": "passive",
    # Memory freed is kept for the next step: the system would have to clear the same gigabytes at every step anew.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
}
_DEVICE = "CUDA_VISIBLE_DEVICES"
LOG_TAIL_BYTES = 2000
EXIT_S = 2.0


class LocalEngine:
    def __init__(self, settings: Settings, files: Files, devices: Sequence[str] = CPU) -> None:
        self._settings, self._files, self.devices = settings, files, tuple(devices)
        self._children: dict[str, Detached] = {}  # ours only; adopted trainers are not in it
        self._handles: dict[tuple[int, int], str] = {}
        self._device: dict[str, str] = {}  # handle -> the device it works on
        self._codes: dict[str, int] = {}

    def submit(self, run: Run, attempt: int) -> str:
        if (known := self._handles.get((run.id, attempt))) is not None:
            return known
        device = self._free_device()
        log = self._files.log(f"run-{run.id}.{attempt}")
        # A number is a CUDA device: the trainer sees that one and no other.
        extra = _TRAINER | ({_DEVICE: device} if device.isdigit() else {})
        child = spawn(self._settings, ["core.trainer", str(run.id), str(attempt)], log, extra)
        handle = handles.identity(child.pid)
        self._children[handle], self._handles[run.id, attempt], self._device[handle] = child, handle, device
        return handle

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
        return tail(self._files.log(f"run-{run_id}.{attempt}"), LOG_TAIL_BYTES).decode("utf-8", "replace")

    def _free_device(self) -> str:
        taken = [device for handle, device in self._device.items() if handles.group_members(handle)]
        free = [device for device in self.devices if device not in taken]
        return free[0] if free else self.devices[0]

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

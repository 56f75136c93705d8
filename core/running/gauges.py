"""What this process takes of the machine: memory, and the share of its cores."""

from __future__ import annotations

import os
import platform
import time
from typing import Any

import psutil

EVERY_S = 1.0  # between two looks: a gauge is a curve of its own, not a row for each step


class Gauges:
    """Looks at the process at most once a second."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._process, self._every_s = psutil.Process(), every_s
        self._looked_s, self._busy_s = time.monotonic(), self._busy()

    def due(self) -> bool:
        return time.monotonic() - self._looked_s >= self._every_s

    def read(self) -> tuple[float, float]:
        """(memory of its own in MB, share of all cores 0..1 since the last look)."""
        now_s, busy_s = time.monotonic(), self._busy()
        passed_s = max(now_s - self._looked_s, 1e-3)
        share = (busy_s - self._busy_s) / passed_s / (os.cpu_count() or 1)
        self._looked_s, self._busy_s = now_s, busy_s
        memory = self._process.memory_info()
        # Pages of the pictures' cache are shared with the system, which takes them back as it likes.
        own = memory.rss - getattr(memory, "shared", 0)
        return own / 1e6, min(max(share, 0.0), 1.0)

    def _busy(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


def free_memory_bytes() -> int:
    """That can be taken without pushing anybody else out."""
    return int(psutil.virtual_memory().available)


def machine() -> dict[str, Any]:
    """What runs are compared by; no name and no address of it."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": os.cpu_count() or 1,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
    }

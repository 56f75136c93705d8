"""The clock of a race: seconds and CPU-seconds, without what measuring takes. Stands alone."""

from __future__ import annotations

import json
import resource
import time


def cpu_s() -> float:
    """Of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


class Clock:
    """Stands still while the accuracy is measured."""

    def __init__(self) -> None:
        self.began_s, self.began_cpu_s = time.monotonic(), cpu_s()
        self.paused_s = self.paused_cpu_s = 0.0

    def pause(self) -> None:
        """Asked again without `resume`: what was done between was work."""
        self.paused_s, self.paused_cpu_s = time.monotonic(), cpu_s()

    def resume(self) -> None:
        self.began_s += time.monotonic() - self.paused_s
        self.began_cpu_s += cpu_s() - self.paused_cpu_s

    def say(self, epoch: int, accuracy: float) -> None:
        """To be called while paused."""
        said = {
            "epoch": epoch,
            "seconds": self.paused_s - self.began_s,
            "cpu_s": self.paused_cpu_s - self.began_cpu_s,
            "accuracy": accuracy,
        }
        print(json.dumps(said), flush=True)

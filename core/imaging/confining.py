"""What a decoding child may do to the machine: so much memory and processor time, no longer than its parent lives."""

from __future__ import annotations

import ctypes
import math
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1


def limit(what: int, soft: int) -> None:
    """Lowers a limit of this process; a system that knows no such limit keeps its own."""
    _, hard = resource.getrlimit(what)
    try:
        resource.setrlimit(what, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    except (OSError, ValueError):
        return


def allow_cpu(seconds: int) -> None:
    """So much processor time from now on; then SIGXCPU ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime) + seconds)


def give_back_memory() -> None:
    """Of what was freed; where the C library keeps none there is nothing to do."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


def die_with_parent() -> None:
    """On Linux at once. Elsewhere at the next job, when standard input turns out to be closed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

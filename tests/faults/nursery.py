"""Trainers to be killed, by the hundred: `python -m tests.faults.nursery` with the lab's environment.

Torch is loaded once; each attempt is a fork of this process, a session of its own, and does what `core.trainer` does.
Reads `RUN ATTEMPT` lines and answers each with the pid; an empty line waits for the last one and answers its exit code.
"""

from __future__ import annotations

import os
import sys

from core import trainer, training  # noqa: F401 - what a trainer imports late is there before the fork
from core.learning import loop


def main() -> None:
    loop.SAY_S = float(sys.argv[1])
    loop.SAVE_EPOCH_S = loop.SAVE_STEP_S = float(sys.argv[2])
    loop.SAVE_COST = 0
    _say("ready")
    pid = 0
    for line in sys.stdin:
        if line.strip():
            pid = os.fork()
            if not pid:
                _work(line.split())
            _say(str(pid))
        else:
            _say(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))


def _work(arguments: list[str]) -> None:
    os.setsid()
    log = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(log, stream)
    sys.argv = ["core.trainer", *arguments]
    os._exit(trainer.main())


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

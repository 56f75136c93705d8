"""Work that wants libraries which nobody else should load, done in a process of its own and waited for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

from core.errors import StudioError
from core.ports import REFUSED_ASIDE
from core.running.processes import PROGRAM, environment
from core.settings import Settings

LONGEST_S = 1800.0
TOO_LONG = "This took longer than half an hour and was ended. The model is safe. Try again when the machine is free."


class LocalAside:
    """See `core.ports.Aside`. What the process says besides goes where ours goes: into the log."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, arguments: Sequence[str]) -> None:
        # In our own group: whoever clears up behind us clears up behind it.
        try:
            done = subprocess.run(
                [sys.executable, "-m", *arguments],
                cwd=PROGRAM,
                env=environment(self._settings),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                timeout=LONGEST_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise StudioError(TOO_LONG) from None
        if done.returncode == REFUSED_ASIDE:
            raise StudioError(str(json.loads(done.stdout.splitlines()[-1])["problem"]))
        if done.returncode:
            raise RuntimeError(f"{arguments[0]} ended with exit code {done.returncode}")

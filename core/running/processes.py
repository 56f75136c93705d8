"""Starting `python -m core...` so that it outlives whoever started it, and keeping its log small."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from core.settings import Settings

PROGRAM = Path(__file__).resolve().parents[2]
LOG_LIMIT_BYTES = 4 << 20
LOG_KEPT_BYTES = 1 << 20


class Detached(subprocess.Popen[bytes]):
    """A child that may outlive whoever started it: to let go of it is no mistake to be warned of."""

    def __del__(self) -> None:
        if self.returncode is None:
            self.poll()  # takes its exit code, if it has one, so that no zombie stays


def environment(settings: Settings) -> dict[str, str]:
    """The variables from which a child reads these very settings, wherever ours came from."""
    ours = {f"DARKROOM_{field.name.upper()}": str(getattr(settings, field.name)) for field in fields(settings)}
    return {**os.environ, **ours, "PYTHONUNBUFFERED": "1"}


def spawn(
    settings: Settings,
    arguments: Sequence[str],
    log: Path,
    extra: Mapping[str, str] | None = None,
    orders: bool = False,
) -> Detached:
    """Starts `python -m ARGUMENTS` as the leader of a session of its own; what it says is appended to `log`.

    With `orders` its standard input is a pipe from us.
    """
    with log.open("ab") as file:
        return Detached(
            [sys.executable, "-m", *arguments],
            cwd=PROGRAM,
            env={**environment(settings), **(extra or {})},
            stdin=subprocess.PIPE if orders else subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


def cap_logs(folder: Path) -> None:
    """Shortens each long log to its end. The writers append, so they go on behind what is kept."""
    for path in folder.glob("*.log"):
        if path.stat().st_size > LOG_LIMIT_BYTES:
            end = tail(path, LOG_KEPT_BYTES)
            with path.open("r+b") as file:
                file.write(end)
                file.truncate()


def tail(path: Path, limit_bytes: int) -> bytes:
    """The last whole lines that fit; nothing where there is no log."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limit_bytes))
            end = file.read(limit_bytes)
    except FileNotFoundError:
        return b""
    return end if size <= limit_bytes else end.partition(b"\n")[2]

"""Which devices runs may be put on, found without torch."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess

from core.settings import Settings

CPU = ("cpu",)


def find_devices(settings: Settings) -> tuple[str, ...]:
    """One entry per run that may work at the same time: the CUDA devices' numbers, or `mps`, or `cpu`."""
    if settings.device in ("auto", "cuda") and (found := _cuda()):
        return found
    if settings.device in ("auto", "mps") and platform.system() == "Darwin" and platform.machine() == "arm64":
        return ("mps",)
    return CPU


def _cuda() -> tuple[str, ...]:
    """What `CUDA_VISIBLE_DEVICES` may be set to, one each; empty without a driver."""
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return tuple(name.strip() for name in visible.split(",") if name.strip() not in ("", "-1"))
    if not (program := shutil.which("nvidia-smi")):
        return ()
    command = [program, "--query-gpu=index", "--format=csv,noheader"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in listed.splitlines() if line.strip().isdigit())

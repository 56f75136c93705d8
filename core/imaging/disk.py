"""What a failing disk is called in words for people."""

from __future__ import annotations

import errno
import os

from core.errors import DiskFull, StudioError, Unavailable


def write_failure(code: int) -> StudioError:
    """The error to raise when writing failed with this `errno`."""
    if code in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull("The disk is full. Please free some space; nothing that was accepted is lost.")
    return Unavailable(f"The data folder cannot be written to: {os.strerror(code)}. Please check the disk.")

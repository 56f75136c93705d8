"""The trash: what was deleted can be put back for thirty days; then it is removed for good, its files too."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from core.records import Image
from core.studio import Studio

DAYS = 30
DAY_S = 86_400.0
PIECE = 500  # images in one transaction
FRESH_S = 3600.0  # bytes that arrived again lately: their row may be on its way


def days_left(image: Image, now: float | None = None) -> int:
    """Whole days, rounded up, until an image in the trash is removed for good; 0: any moment."""
    assert image.deleted_at is not None
    ends = image.deleted_at + DAYS * DAY_S
    return max(0, math.ceil((ends - (time.time() if now is None else now)) / DAY_S))


def sweep(studio: Studio, clock: Callable[[], float] = time.time) -> int:
    """Removes for good what is in the trash for longer than `DAYS`, and files that no picture, upload or prediction
    names any more; gives the number of images. What a version holds stays: a run may train on it.

    Args:
        clock: seconds since the epoch.
    """
    removed = 0
    while some := studio.store.images.purge(clock() - DAYS * DAY_S, PIECE):
        removed += some
    _remove_files(studio, clock())
    return removed


def _remove_files(studio: Studio, now: float) -> None:
    """A kill between row and file leaves the bytes on the list of leftovers: they go the next time."""
    files, images = studio.files, studio.store.images
    while leftovers := images.leftovers(PIECE):
        done = []
        for sha256 in leftovers:
            picture = files.picture(sha256)
            if not images.known(sha256):
                if picture.exists() and now - picture.stat().st_mtime < FRESH_S:
                    continue
                for path in (picture, files.thumb(sha256), files.view(sha256), files.spool(sha256)):
                    path.unlink(missing_ok=True)
            done.append(sha256)
        if not done:
            return
        images.forget(done)

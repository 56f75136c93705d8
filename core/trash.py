"""The trash: what was deleted can be put back for thirty days; then it is removed for good, its files too."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable

from core.records import Image
from core.studio import Studio

DAYS = 30
DAY_S = 86_400.0
PIECE = 500  # images in one transaction
STRAY_S = DAY_S  # no upload, import or batch leaves a picture without a row for so long
_SHA256 = re.compile(r"[0-9a-f]{64}")
FRESH_S = 3600.0  # bytes that arrived again lately: their row may be on its way


def days_left(image: Image, now: float | None = None) -> int:
    """Whole days, rounded up, until an image in the trash is removed for good; 0: any moment."""
    assert image.deleted_at is not None
    ends = image.deleted_at + DAYS * DAY_S
    return max(0, math.ceil((ends - (time.time() if now is None else now)) / DAY_S))


def sweep(studio: Studio, clock: Callable[[], float] = time.time) -> int:
    """Removes for good what is in the trash for longer than `DAYS`, the images of datasets that were removed as long
    ago, and files that no picture, upload or prediction names any more; gives the number of images. What a version
    of a dataset that is there holds stays: a run may train on it.

    Args:
        clock: seconds since the epoch.
    """
    removed = 0
    while some := studio.store.images.purge(clock() - DAYS * DAY_S, PIECE):
        removed += some
    while some := studio.store.images.purge_removed(clock() - DAYS * DAY_S, PIECE):
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


def sweep_strays(studio: Studio, shard: int, clock: Callable[[], float] = time.time) -> int:
    """Files of one folder of pictures that nothing names and that have lain there for a day become leftovers, which
    `sweep` removes; gives how many. A kill between file and row leaves them, and so do halves of files.
    """
    halves, whole = [], []
    for path, wanted_at in studio.files.pictures_of(shard):
        if clock() - wanted_at < STRAY_S:
            continue  # its row may be on its way
        if _SHA256.fullmatch(path.name):
            whole.append(path.name)
        elif path.name.endswith(".part"):
            halves.append(path)
    for path in halves:
        path.unlink(missing_ok=True)
    strays = studio.store.images.unnamed(whole)
    if strays:
        studio.store.images.leave(strays)
    return len(strays) + len(halves)

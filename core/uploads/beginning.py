"""Opening an upload, ending it, and what is left of those that nobody ended."""

from __future__ import annotations

import shutil
import time

from core import names
from core.errors import Conflict, NotFound
from core.records import Upload, UploadState
from core.studio import Studio

ABANDONED_S = 24 * 3600.0  # without a byte, an answer or a yes
_OPEN = (UploadState.RECEIVING, UploadState.IMPORTING, UploadState.CHECKING, UploadState.READY)


def begin(studio: Studio, dataset_id: int | None, name: str, add_when_ready: bool = False) -> Upload:
    """Opens an upload into a dataset, or (None) into a new one called `name`.

    Raises:
        NotFound: no such dataset. Conflict: the new name is taken. DiskFull.
    """
    studio.files.require_room()
    if dataset_id is not None:
        name = studio.store.datasets.get(dataset_id).name
    else:
        name = names.require(name, "dataset")
        if studio.store.datasets.find(name):
            raise Conflict(f"There is a dataset called “{name}” already. Choose another name, or add to that one.")
    upload = studio.store.uploads.create(dataset_id, name, add_when_ready)
    studio.files.upload(upload.id).mkdir()
    return upload


def get(studio: Studio, upload_id: str) -> Upload:
    """Raises NotFound."""
    return studio.store.uploads.get(upload_id)


def finish(studio: Studio, upload_id: str) -> None:
    """Everything was sent."""
    get(studio, upload_id)
    studio.store.uploads.move(upload_id, [UploadState.RECEIVING, UploadState.IMPORTING], UploadState.CHECKING)


def cancel(studio: Studio, upload_id: str) -> None:
    """Forgets an upload that was not added. Doing so twice is no error."""
    if studio.store.uploads.move(upload_id, _OPEN, UploadState.CANCELLED):
        shutil.rmtree(studio.files.upload(upload_id), ignore_errors=True)


def sweep(studio: Studio) -> None:
    """Cancels what nobody has touched for a day, and forgets the items of what is over."""
    oldest = time.time() - ABANDONED_S
    for folder in studio.files.upload("x").parent.iterdir():
        if folder.stat().st_mtime < oldest:
            try:
                cancel(studio, folder.name)
            except NotFound:
                shutil.rmtree(folder, ignore_errors=True)
    for upload in studio.store.uploads.closed(oldest):
        shutil.rmtree(studio.files.upload(upload.id), ignore_errors=True)
        studio.store.uploads.forget(upload.id)

"""Accepted items become images of a dataset."""

from __future__ import annotations

import shutil

from core import names
from core.errors import Refused
from core.records import ItemState, Upload, UploadState
from core.studio import NewImage, Studio


def add(studio: Studio, upload_id: str, summary: str = "") -> tuple[int, int]:
    """Makes the accepted items images of the dataset (made when there is none yet); gives (dataset id, images added).

    Raises:
        Refused: nothing to add, or not everything is checked yet. Conflict: the name was taken meanwhile.
    """
    upload = studio.store.uploads.get(upload_id)
    if upload.state is UploadState.ADDED and upload.dataset_id is not None:
        return upload.dataset_id, 0  # the click came twice
    if upload.state is not UploadState.READY:
        raise Refused("Some files are still being looked at. Please wait a moment.", "not_ready")
    items = studio.store.uploads.items(upload_id, ItemState.ACCEPTED)
    if not items:
        raise Refused("There is no picture to add. Drop a folder that holds JPEG, PNG, WebP or HEIC pictures.", "empty")
    dataset_id = upload.dataset_id or _make_dataset(studio, upload)
    items.sort(key=lambda item: (names.natural_key(item.label or ""), item.path))
    new = [NewImage(str(i.sha256), i.path, i.label, i.split, i.width, i.height, i.format, i.bytes) for i in items]
    outcome = studio.store.images.add(dataset_id, new, studio.who, summary or f"Added {len(new):,} pictures")
    studio.store.uploads.move(upload_id, [UploadState.READY], UploadState.ADDED, dataset_id)
    shutil.rmtree(studio.files.upload(upload_id), ignore_errors=True)
    return dataset_id, len(outcome.changed)


def _make_dataset(studio: Studio, upload: Upload) -> int:
    dataset_id = studio.store.datasets.create(upload.name).id
    # Said at once, so that a crash between here and the images leaves an upload that goes into this dataset.
    studio.store.uploads.move(upload.id, [UploadState.READY], UploadState.READY, dataset_id)
    return dataset_id

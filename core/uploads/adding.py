"""Accepted items become images of a dataset: a bounded piece at a time, so that nobody waits for a long transaction."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping

from core import names
from core.errors import Refused
from core.records import Upload, UploadState
from core.studio import Studio

PIECE = 2000  # images in one transaction
_WORKING = (UploadState.READY, UploadState.ADDING)
NOTHING = "There is no picture to add. Drop a folder that holds JPEG, PNG, WebP or HEIC pictures."
Mapped = Mapping[str, str | None]


def accept(studio: Studio, upload_id: str, labels: Mapped | None = None) -> Upload:
    """The person's yes; the indexer then adds. Saying it twice is no error.

    `labels` says what labels are called from now on: two that get one name are merged, None leaves a label's pictures
    out, and '' stands for pictures without one.

    Raises:
        Refused: nothing to add, not everything is checked yet, or a name that cannot be seen.
    """
    upload = studio.store.uploads.get(upload_id)
    if upload.state in (UploadState.ADDED, UploadState.ADDING):
        return upload  # the click came twice
    if upload.state is not UploadState.READY:
        raise Refused("Some files are still being looked at. Please wait a moment.", "not_ready")
    mapped = {old: None if new is None else names.require(new, "label") for old, new in (labels or {}).items()}
    if not kept(studio, upload_id, mapped):
        raise Refused(NOTHING, "empty")
    studio.store.uploads.plan(upload_id, {**upload.plan, "labels": mapped, "who": studio.who})
    studio.store.uploads.move(upload_id, [UploadState.READY], UploadState.ADDING)
    studio.services.wake()
    return studio.store.uploads.get(upload_id)


def kept(studio: Studio, upload_id: str, mapped: Mapped) -> dict[str | None, int]:
    """How many pictures each label will get, in natural order; those without a label last."""
    counts: dict[str | None, int] = {}
    for label, _, n in studio.store.uploads.labels(upload_id):
        if not _left_out(label, mapped):
            new = mapped.get(label or "", label)
            counts[new] = counts.get(new, 0) + n
    return dict(sorted(counts.items(), key=lambda one: (one[0] is None, names.natural_key(one[0] or ""))))


def add(studio: Studio, upload_id: str, summary: str = "", budget_s: float = 3600.0) -> tuple[int, int]:
    """Makes the accepted items images of the dataset (made when there is none yet); gives (dataset id, images added).

    When the time is over before the end the upload stays as it is; the next call goes on.

    Raises:
        Refused: nothing to add, or not everything is checked yet. Conflict: the name was taken meanwhile.
    """
    upload = studio.store.uploads.get(upload_id)
    if upload.state is UploadState.ADDED and upload.dataset_id is not None:
        return upload.dataset_id, 0
    if upload.state not in _WORKING:
        raise Refused("Some files are still being looked at. Please wait a moment.", "not_ready")
    counts = kept(studio, upload_id, upload.plan.get("labels", {}))
    if not counts:
        raise Refused(NOTHING, "empty")
    dataset_id = upload.dataset_id or _make_dataset(studio, upload)
    summary = summary or f"Added {sum(counts.values()):,} pictures"
    who = upload.plan.get("who", studio.who)  # whoever said yes, not the process that adds
    labels, mapped = [label for label in counts if label], upload.plan.get("labels", {})
    ends_at, added, cursor = time.monotonic() + budget_s, upload.added, upload.plan.get("cursor", 0)
    take_in = studio.store.images.take_in
    while (done := take_in(dataset_id, upload_id, cursor, PIECE, labels, mapped, who, summary)) is not None:
        cursor, added = done
        studio.store.uploads.went_on(upload_id, {**upload.plan, "cursor": cursor}, added)
        if time.monotonic() > ends_at:
            return dataset_id, added
    studio.store.uploads.move(upload_id, _WORKING, UploadState.ADDED, dataset_id)
    shutil.rmtree(studio.files.upload(upload_id), ignore_errors=True)
    return dataset_id, added


def _left_out(label: str | None, mapped: Mapped) -> bool:
    return (label or "") in mapped and mapped[label or ""] is None


def _make_dataset(studio: Studio, upload: Upload) -> int:
    dataset_id = studio.store.datasets.create(upload.name).id
    # Said at once, so that a crash between here and the images leaves an upload that goes into this dataset.
    studio.store.uploads.move(upload.id, [upload.state], upload.state, dataset_id)
    return dataset_id

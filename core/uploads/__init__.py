"""Uploads: from bytes on the wire to images in a dataset, every file named that does not make it.

receive (web: files go straight to disk) -> check (indexer or command line: the picture gate looks at each) ->
understood (what a person reads before saying yes) -> add. Any step may be repeated; nothing is added twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core import layouts, names
from core.errors import Conflict, NotFound, Refused
from core.records import Dataset, ItemState, Upload, UploadItem, UploadState
from core.studio import Studio
from core.uploads.adding import add
from core.uploads.checking import check
from core.uploads.receiving import Receiver, append_archive, archive_size, finish_archive
from core.uploads.staging import SETTLE_EVERY, chunks, ignored, staged
from core.uploads.understanding import Understood, nothing, understood

__all__ = [
    "Imported",
    "Receiver",
    "Understood",
    "add",
    "append_archive",
    "archive_size",
    "begin",
    "cancel",
    "check",
    "finish",
    "finish_archive",
    "get",
    "import_path",
    "understood",
]
_OPEN = (UploadState.RECEIVING, UploadState.IMPORTING, UploadState.CHECKING, UploadState.READY)


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a folder or zip that the command line imported."""

    dataset: Dataset
    accepted: int
    duplicates: int
    left_out: tuple[UploadItem, ...]
    labels: dict[str, int]


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


def import_path(
    studio: Studio, path: Path, dataset_name: str, progress: Callable[[int, int], None] | None = None
) -> Imported:
    """A folder or a zip from this machine into a dataset, by the same rules as an upload.

    `progress` is told (files looked at, files found).

    Raises:
        NotFound: no such path. Refused: no picture in it. DiskFull.
    """
    if not path.exists():
        raise NotFound(f"There is no file or folder {path}.")
    found = studio.store.datasets.find(names.require(dataset_name, "dataset"))
    upload = begin(studio, found.id if found else None, dataset_name)
    studio.store.uploads.move(upload.id, [UploadState.RECEIVING], UploadState.IMPORTING)
    try:
        files = list(_from_disk(path))
        for some in chunks(files, SETTLE_EVERY * 8):
            _stage(studio, upload.id, some)
            check(studio, upload.id)
            if progress:
                progress(get(studio, upload.id).checked, len(files))
        finish(studio, upload.id)
        check(studio, upload.id)
        return _conclude(studio, upload.id, found, path.name)
    finally:
        cancel(studio, upload.id)


def _conclude(studio: Studio, upload_id: str, into: Dataset | None, source: str) -> Imported:
    result = understood(studio, upload_id)
    left_out = tuple(item for item in _left_out(studio, upload_id))
    duplicates = result.counts[ItemState.DUPLICATE]
    if not result.can_add and not (duplicates and into):
        raise Refused(nothing(left_out), "empty")
    if not result.can_add and into:
        return Imported(into, 0, duplicates, left_out, {})
    dataset_id, added = add(studio, upload_id, f"Imported {source}")
    return Imported(studio.store.datasets.get(dataset_id), added, duplicates, left_out, result.labels)


def _left_out(studio: Studio, upload_id: str) -> Iterator[UploadItem]:
    """Refused items, and side files; system files and the zip itself are nobody's loss."""
    yield from studio.store.uploads.items(upload_id, ItemState.REFUSED)
    for item in studio.store.uploads.items(upload_id, ItemState.IGNORED):
        if not layouts.is_system(item.path) and layouts.is_side_file(item.path):
            yield item


def _from_disk(path: Path) -> Iterator[tuple[str, Path]]:
    """(path as a browser would send it, file); links are not followed."""
    if path.is_file():
        yield path.name, path
        return
    for file in sorted(path.rglob("*")):
        if file.is_file() and not file.is_symlink():
            yield f"{path.name}/{file.relative_to(path).as_posix()}", file


def _stage(studio: Studio, upload_id: str, files: Sequence[tuple[str, Path]]) -> None:
    items = []
    for name, file in files:
        item = UploadItem(upload_id, name, ItemState.RECEIVED, file.stat().st_size)
        if ignored(item) is None:
            shutil.copyfile(file, staged(studio, upload_id, name))
        items.append(item)
    studio.files.require_room()
    studio.store.uploads.receive(upload_id, items)

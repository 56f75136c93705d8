"""A folder or a zip of this machine becomes a dataset, by the same rules as an upload."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from core import layouts, names
from core.errors import NotFound, Refused
from core.records import Dataset, ItemState, Upload, UploadItem, UploadState
from core.studio import Studio
from core.uploads.adding import Mapped, add, kept
from core.uploads.beginning import begin, cancel, finish
from core.uploads.checking import Look, check
from core.uploads.staging import LOOK_AT, ignored, staged
from core.uploads.understanding import Understood, nothing, understood

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a folder or zip that the command line imported."""

    dataset: Dataset | None  # None when it was only looked at
    accepted: int
    duplicates: int
    left_out: tuple[UploadItem, ...]
    labels: dict[str, int]
    understood: Understood


def import_path(
    studio: Studio,
    path: Path,
    dataset_name: str,
    progress: Progress | None = None,
    labels: Mapped | None = None,
    reading: str = "",
    look_only: bool = False,
) -> Imported:
    """A folder or a zip from this machine into a dataset, by the same rules as an upload.

    Args:
        progress: is told (files looked at, files found).
        labels: as in `uploads.accept`.
        reading: a word of `layouts.Kind`; '' for what fits best.
        look_only: adds nothing and only says what was understood.

    Raises:
        NotFound: no such path. Refused: no picture in it, or no such reading or label. DiskFull.
    """
    if not path.exists():
        raise NotFound(f"There is no file or folder {path}.")
    found = studio.store.datasets.find(names.require(dataset_name, "dataset"))
    upload = begin(studio, found.id if found else None, dataset_name)
    studio.store.uploads.move(upload.id, [UploadState.RECEIVING], UploadState.IMPORTING)
    studio.store.uploads.plan(upload.id, {"wish": reading, "labels": dict(labels or {})})
    try:
        _look(studio, upload, path, progress)
        finish(studio, upload.id)
        check(studio, upload.id)
        return _conclude(studio, upload.id, found, path.name, look_only)
    finally:
        cancel(studio, upload.id)


def _look(studio: Studio, upload: Upload, path: Path, progress: Progress | None) -> None:
    if path.is_file():
        studio.files.require_room(path.stat().st_size)
        shutil.copyfile(path, staged(studio, upload.id, path.name))
        studio.store.uploads.receive(
            upload.id, [UploadItem(upload.id, path.name, ItemState.RECEIVED, path.stat().st_size)]
        )
        check(studio, upload.id)
        return
    total = _count(str(path)) if progress else 0
    look = Look(studio, upload, here=True, told=(lambda done: progress(done, total)) if progress else None)
    look.at(_with_room(studio, upload, path))


def _with_room(studio: Studio, upload: Upload, path: Path) -> Iterator[tuple[UploadItem, str]]:
    """(item, its file). Raises DiskFull before the next files would not fit."""
    files = _walk(str(path), f"{path.name}/")
    while some := list(islice(files, LOOK_AT)):
        items = [(UploadItem(upload.id, name, ItemState.RECEIVED, size), file) for name, file, size in some]
        studio.files.require_room(sum(item.bytes for item, _ in items if ignored(item) is None))
        yield from items


def _walk(root: str, below: str) -> Iterator[tuple[str, str, int]]:
    """(`below` and the path below the root, file, bytes), in the order of names; links are not followed."""
    with os.scandir(root) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, f"{below}{entry.name}/")
        elif entry.is_file(follow_symlinks=False):
            yield f"{below}{entry.name}", entry.path, entry.stat(follow_symlinks=False).st_size


def _count(root: str) -> int:
    """How many files `_walk` finds."""
    many = 0
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                many += _count(entry.path)
            else:
                many += entry.is_file(follow_symlinks=False)
    return many


def _conclude(studio: Studio, upload_id: str, into: Dataset | None, source: str, look_only: bool) -> Imported:
    told = understood(studio, upload_id)
    left_out = tuple(_left_out(studio, upload_id))
    duplicates = told.counts[ItemState.DUPLICATE]
    if not told.can_add and not (duplicates and into):
        raise Refused(nothing(left_out), "empty")
    _require_known(told)
    if look_only:
        return Imported(None, told.counts[ItemState.ACCEPTED], duplicates, left_out, told.mapped, told)
    if into and duplicates and not kept(studio, upload_id, told.upload.plan.get("labels", {})):
        return Imported(into, 0, duplicates, left_out, {}, told)
    dataset_id, added = add(studio, upload_id, f"Imported {source}")
    dataset = studio.store.datasets.get(dataset_id)
    return Imported(dataset, added, duplicates, left_out, told.mapped, told)


def _require_known(told: Understood) -> None:
    """A word that was misspelt must not pass in silence."""
    plan: Mapping[str, object] = told.upload.plan
    if plan.get("wish") and plan["wish"] != plan.get("reading"):
        ways = ", ".join(choice["kind"] for choice in told.choices) or "folders"
        raise Refused(f"The labels cannot be read that way here. What fits: {ways}.", "reading")
    mapped: Mapping[str, object] = told.upload.plan.get("labels", {})
    read = told.upload.plan.get("read", [])
    if unknown := [name for name in mapped if name and name not in read]:
        known = ", ".join(read[:20])
        raise Refused(f"There is no label “{unknown[0]}” in it. The labels are: {known}.", "label")


def _left_out(studio: Studio, upload_id: str) -> Iterator[UploadItem]:
    """Refused items, and side files; system files and the zip itself are nobody's loss."""
    yield from studio.store.uploads.items(upload_id, ItemState.REFUSED)
    for item in studio.store.uploads.items(upload_id, ItemState.IGNORED):
        if not layouts.is_system(item.path) and layouts.is_side_file(item.path):
            yield item

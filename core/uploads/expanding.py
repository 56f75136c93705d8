"""A zip becomes items, some files at a time: whoever is interrupted goes on with the next one."""

from __future__ import annotations

import time
from dataclasses import replace
from zipfile import ZipFile

from core import archives, layouts
from core.archives import Entry
from core.errors import Refused
from core.records import ItemState, UploadItem
from core.studio import Studio
from core.uploads.staging import PATH_LIMIT, chunks, ignored, staged

_PIECE = 64  # entries between two looks at the clock


def is_archive(item: UploadItem) -> bool:
    return item.format == "ZIP" or (item.path.casefold().endswith(".zip") and len(layouts.parts(item.path)) == 1)


def expand(studio: Studio, archive: UploadItem, ends_at: float) -> int:
    """Takes files out of a zip until all are out or the time is over; 1 when it is done, else 0.

    An entry is called like a file in a folder with the zip's name, so that two zips never meet.
    """
    file = staged(studio, archive.upload_id, archive.path)
    try:
        with archives.opened(file, studio.settings.upload_limit_bytes) as (source, entries):
            if not _take_all_out(studio, archive, source, entries, ends_at):
                return 0
    except Refused as refusal:
        done = replace(archive, state=ItemState.REFUSED, reason=str(refusal))
    else:
        done = replace(archive, state=ItemState.IGNORED, reason=f"A zip with {len(entries):,} files.")
    studio.store.uploads.settle(archive.upload_id, [done])
    file.unlink(missing_ok=True)
    return 1


def _take_all_out(studio: Studio, archive: UploadItem, source: ZipFile, entries: list[Entry], ends_at: float) -> bool:
    """False when the time was over before the end."""
    studio.files.require_room(sum(entry.bytes for entry in entries if entry.reason is None))
    items = _items(archive, entries)
    for some in chunks(items, 1000):
        todo = studio.store.uploads.missing(archive.upload_id, [(item.path, item.bytes) for item, _ in some])
        for piece in chunks([some[at] for at in todo], _PIECE):
            taken = [_take_out(studio, source, item, entry) for item, entry in piece]
            studio.store.uploads.receive(archive.upload_id, taken)
            if time.monotonic() > ends_at:
                return False
    return True


def _items(archive: UploadItem, entries: list[Entry]) -> list[tuple[UploadItem, Entry]]:
    """Two entries of one name are two files: the second is told apart by a number."""
    found: list[tuple[UploadItem, Entry]] = []
    seen: set[str] = set()
    for entry in entries:
        path = fitting(f"{archive.path}/{entry.path}")
        number = 1
        while path in seen:
            number += 1
            folder, _, name = path.rpartition("/")
            path = f"{folder}/{number} {name}"
        seen.add(path)
        found.append((UploadItem(archive.upload_id, path, ItemState.RECEIVED, entry.bytes), entry))
    return found


def fitting(path: str) -> str:
    """A path as long as is kept. Folders stay whole where they can, for they are the label."""
    if len(path) <= PATH_LIMIT:
        return path
    folder, _, name = path.rpartition("/")
    return f"{folder[: PATH_LIMIT - 200]}/{name[-199:]}"


def _take_out(studio: Studio, source: ZipFile, item: UploadItem, entry: Entry) -> UploadItem:
    skipped = ignored(item)
    if skipped is not None and not (layouts.is_table(item.path) and entry.reason is None):
        return skipped
    reason = entry.reason
    if reason is None:
        target = staged(studio, item.upload_id, item.path)
        reason = archives.unpack(source, entry, target, studio.settings.picture_limit_bytes + 1)
        if reason:
            target.unlink(missing_ok=True)
    if skipped is not None:
        return skipped
    return replace(item, state=ItemState.REFUSED, reason=reason) if reason else item

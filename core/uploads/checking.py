"""The picture gate looks at what arrived; every item gets a verdict, every file left out a reason."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

from core import archives, layouts
from core.errors import Refused
from core.records import ItemState, Upload, UploadItem, UploadState
from core.studio import Checked, Studio
from core.uploads.adding import add
from core.uploads.staging import PATH_LIMIT, SETTLE_EVERY, chunks, ignored, staged

Verdict = tuple[UploadItem, Checked | None]
_CHECKED = (UploadState.RECEIVING, UploadState.CHECKING, UploadState.IMPORTING)


def check(studio: Studio, upload_id: str, budget_s: float = 3600.0) -> int:
    """Looks at received items until none is left or the time is over; gives how many it settled."""
    upload, ends_at, settled = studio.store.uploads.get(upload_id), time.monotonic() + budget_s, 0
    while upload.state in _CHECKED and time.monotonic() < ends_at:
        waiting = studio.store.uploads.items(upload_id, ItemState.RECEIVED, SETTLE_EVERY * 8)
        if not waiting:
            break
        for archive in [item for item in waiting if _is_archive(item)]:
            _expand(studio, archive)
            settled += 1
        settled += _check_items(studio, upload, [item for item in waiting if not _is_archive(item)])
        upload = studio.store.uploads.get(upload_id)
    if upload.state is UploadState.CHECKING and upload.checked == upload.received:
        _place_items(studio, upload_id)
        studio.store.uploads.move(upload_id, [UploadState.CHECKING], UploadState.READY)
    if upload.add_when_ready and studio.store.uploads.get(upload_id).state is UploadState.READY:
        add(studio, upload_id)
    return settled


def _check_items(studio: Studio, upload: Upload, items: Sequence[UploadItem]) -> int:
    verdicts: dict[str, Verdict] = {}
    sources: dict[Path, UploadItem] = {}
    for item in items:
        source = staged(studio, upload.id, item.path)
        if (skipped := ignored(item)) is not None:
            source.unlink(missing_ok=True)
            verdicts[item.path] = skipped, None
        elif not source.exists() or source.stat().st_size != item.bytes:
            missing = "This file did not arrive whole. Please send it again."
            verdicts[item.path] = replace(item, state=ItemState.REFUSED, reason=missing), None
        else:
            sources[source] = item
    waiting = deque(item.path for item in items)
    for checked in studio.decoder.check(sources):
        item = sources[checked.source]
        verdicts[item.path] = _verdict(item, checked), checked
        if len(verdicts) >= SETTLE_EVERY:
            _settle(studio, upload, _next(waiting, verdicts))
    _settle(studio, upload, _next(waiting, verdicts))
    return len(items)


def _next(waiting: deque[str], verdicts: dict[str, Verdict]) -> list[Verdict]:
    """Takes verdicts in order of arrival, so that of two equal pictures always the same one is kept."""
    taken = []
    while waiting and waiting[0] in verdicts:
        taken.append(verdicts.pop(waiting.popleft()))
    return taken


def _settle(studio: Studio, upload: Upload, settled: Sequence[Verdict]) -> None:
    """Files first, rows after: a row never names a file that is not there."""
    if not settled:
        return
    accepted = {c.sha256: (item, c) for item, c in reversed(settled) if c and c.accepted}
    twins = _twins(studio, upload, list(accepted))
    keep = [checked for sha, (_, checked) in accepted.items() if sha not in twins]
    studio.files.keep_pictures(keep)
    rows = []
    for item, checked in settled:
        if checked and checked.accepted and accepted[checked.sha256][0].path != item.path:
            item = _duplicate(item, accepted[checked.sha256][0])
        elif checked and checked.accepted and (twin := twins.get(checked.sha256)) and twin.path != item.path:
            item = _duplicate(item, twin)
        rows.append(item)
    studio.store.facts.put({checked.sha256: checked.facts for checked in keep if checked.facts})
    studio.store.uploads.settle(upload.id, rows)
    # Only now: whoever is killed before the rows are written finds the files again.
    for checked in (checked for _, checked in settled if checked):
        for ending in ("", ".thumb", ".rgb"):
            checked.source.with_name(checked.source.name + ending).unlink(missing_ok=True)


def _twins(studio: Studio, upload: Upload, sha256s: Sequence[str]) -> dict[str, UploadItem]:
    """Pictures that this upload or the dataset holds already, by their bytes."""
    known = studio.store.uploads.by_sha(upload.id, sha256s)
    if upload.dataset_id is not None:
        for sha, image in studio.store.images.by_sha(upload.dataset_id, sha256s).items():
            known[sha] = UploadItem(upload.id, "", ItemState.ACCEPTED, 0, sha, image.label)
    return known


def _verdict(item: UploadItem, checked: Checked) -> UploadItem:
    if not checked.accepted:
        return replace(item, state=ItemState.REFUSED, reason=checked.reason)
    return replace(
        item,
        state=ItemState.ACCEPTED,
        sha256=checked.sha256,
        bytes=checked.bytes,
        format=checked.format,
        width=checked.width,
        height=checked.height,
        reason=None,
    )


def _duplicate(item: UploadItem, twin: UploadItem) -> UploadItem:
    where = f"as {twin.path}" if twin.path else "in the dataset"
    return replace(item, state=ItemState.DUPLICATE, reason=f"The same picture is there already, {where}.")


def _is_archive(item: UploadItem) -> bool:
    return item.format == "ZIP" or (item.path.casefold().endswith(".zip") and len(layouts.parts(item.path)) == 1)


def _expand(studio: Studio, archive: UploadItem) -> None:
    """Turns a zip into items. Entries already taken out by a killed try replace themselves."""
    file = staged(studio, archive.upload_id, archive.path)
    found: list[UploadItem] = []
    try:
        with archives.opened(file, studio.settings.upload_limit_bytes) as (source, entries):
            studio.files.require_room(sum(entry.bytes for entry in entries))
            for entry in entries:
                found.append(_take_out(studio, archive, source, entry))
    except Refused as refusal:
        done = replace(archive, state=ItemState.REFUSED, reason=str(refusal))
    else:
        done = replace(archive, state=ItemState.IGNORED, reason=f"A zip with {len(entries):,} files.")
    for some in chunks(found, 1000):
        studio.store.uploads.receive(archive.upload_id, some)
    studio.store.uploads.settle(archive.upload_id, [done])
    file.unlink(missing_ok=True)


def _take_out(studio: Studio, archive: UploadItem, source: ZipFile, entry: archives.Entry) -> UploadItem:
    item = UploadItem(archive.upload_id, entry.path[:PATH_LIMIT], ItemState.RECEIVED, entry.bytes)
    if (skipped := ignored(item)) is not None:
        return skipped
    reason = entry.reason
    if reason is None:
        target = staged(studio, archive.upload_id, item.path)
        reason = archives.unpack(source, entry, target, studio.settings.picture_limit_bytes + 1)
        if reason:
            target.unlink(missing_ok=True)
    return replace(item, state=ItemState.REFUSED, reason=reason) if reason else item


def _place_items(studio: Studio, upload_id: str) -> None:
    """Labels and splits, once all paths are known."""
    items = studio.store.uploads.items(upload_id)
    accepted = [item for item in items if item.state in (ItemState.ACCEPTED, ItemState.DUPLICATE)]
    places = layouts.read([item.path for item in accepted])
    placed = [replace(i, label=places[i.path].label, split=places[i.path].split) for i in accepted]
    for some in chunks(placed, 1000):
        studio.store.uploads.receive(upload_id, some)

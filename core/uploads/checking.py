"""The picture gate looks at what arrived; every item gets a verdict, every file left out a reason."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from core import label_tables, layouts
from core.records import ItemState, Upload, UploadItem, UploadState
from core.studio import Checked, Studio
from core.uploads.adding import add
from core.uploads.expanding import expand, is_archive
from core.uploads.placing import place
from core.uploads.staging import LOOK_AT, SETTLE_EVERY, ignored, staged_name

Verdict = tuple[UploadItem, Checked | None]
_CHECKED = (UploadState.RECEIVING, UploadState.CHECKING, UploadState.IMPORTING)


def check(studio: Studio, upload_id: str, budget_s: float = 3600.0) -> int:
    """Looks at received items until none is left or the time is over; gives how many it settled."""
    upload, ends_at, settled = studio.store.uploads.get(upload_id), time.monotonic() + budget_s, 0
    while upload.state in _CHECKED and time.monotonic() < ends_at:
        waiting = studio.store.uploads.items(upload_id, ItemState.RECEIVED, LOOK_AT)
        if not waiting:
            break
        files = [item for item in waiting if not is_archive(item)]
        settled += check_items(studio, upload, files)
        for archive in [item for item in waiting if is_archive(item)]:
            settled += expand(studio, archive, ends_at)
        upload = studio.store.uploads.get(upload_id)
    if upload.state is UploadState.CHECKING and upload.checked == upload.received:
        place(studio, upload)
        studio.store.uploads.move(upload_id, [UploadState.CHECKING], UploadState.READY)
        upload = studio.store.uploads.get(upload_id)
    if upload.state is UploadState.ADDING or (upload.add_when_ready and upload.state is UploadState.READY):
        add(studio, upload_id, budget_s=ends_at - time.monotonic())
    return settled


def check_items(
    studio: Studio, upload: Upload, items: Sequence[UploadItem], originals: Mapping[str, Path] | None = None
) -> int:
    """Looks at files that were sent, or (`originals`, by path) at files of this machine: good ones are copied."""
    verdicts: dict[str, Verdict] = {}
    sources: dict[Path, Path] = {}  # what is looked at -> where it waits
    here: dict[Path, UploadItem] = {}
    folder = studio.files.upload(upload.id)
    for item in items:
        waits = folder / staged_name(item.path)
        source = originals[item.path] if originals else waits
        if (skipped := ignored(item)) is not None:
            _leave(item, source, waits)
            verdicts[item.path] = skipped, None
        elif source.is_file() and source.stat().st_size == item.bytes:
            sources[source] = waits
            here[waits] = item
        else:
            missing = "This file did not arrive whole. Please send it again."
            verdicts[item.path] = replace(item, state=ItemState.REFUSED, reason=missing), None
    waiting = deque(item.path for item in items)
    for checked in studio.decoder.check(sources, sources if originals else None):
        item = here[checked.source]
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
        for ending in ("", ".thumb", ".rgb") if checked.drawn else ("",):
            Path(f"{checked.source}{ending}").unlink(missing_ok=True)


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


def _leave(item: UploadItem, source: Path, waits: Path) -> None:
    """A table may say the labels: it waits for the others. The rest is nobody's picture."""
    if not layouts.is_table(item.path) or layouts.is_system(item.path):
        waits.unlink(missing_ok=True)
    elif source != waits and item.bytes <= label_tables.MOST_BYTES:
        shutil.copyfile(source, waits)

"""The picture gate looks at what arrived; every item gets a verdict, every file left out a reason."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from core import label_tables, layouts
from core.ports import Checked
from core.records import ItemState, Upload, UploadItem, UploadState
from core.studio import Studio
from core.uploads.adding import add
from core.uploads.expanding import expand, is_archive
from core.uploads.placing import place
from core.uploads.staging import LOOK_AT, SETTLE_EVERY, SETTLE_MOST, SETTLE_S, ignored, staged_name

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


def check_items(studio: Studio, upload: Upload, items: Sequence[UploadItem]) -> int:
    """Looks at files that were sent."""
    look = Look(studio, upload)
    look.at((item, look.waits(item)) for item in items)
    return len(items)


class Look:
    """One pass over files of an upload: while children decode, what they have said is settled.

    With `here` the files are this machine's own: they stay where they are, good ones are copied, and an item is first
    heard of with its verdict.
    """

    def __init__(
        self, studio: Studio, upload: Upload, here: bool = False, told: Callable[[int], None] | None = None
    ) -> None:
        self._studio, self._upload, self._here, self._told = studio, upload, here, told
        self._folder = str(studio.files.upload(upload.id))
        self._waiting: deque[str] = deque()  # paths, in order of arrival
        self._verdicts: dict[str, Verdict] = {}
        self._open: dict[Path, UploadItem] = {}
        self._copies: dict[Path, Path] = {}
        self._settled_at, self.settled = time.monotonic(), 0

    def waits(self, item: UploadItem) -> str:
        """The file that was sent for an item."""
        return f"{self._folder}/{staged_name(item.path)}"

    def at(self, found: Iterable[tuple[UploadItem, str]]) -> None:
        """Looks at (item, its file) and settles all of them."""
        keep = self._studio.files.pictures if self._here else None
        for checked in self._studio.decoder.check(self._sources(found), self._copies, keep):
            item = self._open.pop(checked.source)
            self._copies.pop(checked.source, None)
            self._verdicts[item.path] = _verdict(item, checked), checked
            many, waited_s = len(self._verdicts), time.monotonic() - self._settled_at
            if many >= SETTLE_MOST or (many >= SETTLE_EVERY and waited_s > SETTLE_S):
                self._settle()
        self._settle()

    def _sources(self, found: Iterable[tuple[UploadItem, str]]) -> Iterator[Path]:
        """The files that must be opened; the verdict on the others is clear."""
        for item, file in found:
            self._waiting.append(item.path)
            if (skipped := ignored(item)) is not None:
                _leave(item, file, self.waits(item))
                self._verdicts[item.path] = skipped, None
            elif _size(file) != item.bytes:
                missing = "This file did not arrive whole. Please send it again."
                self._verdicts[item.path] = replace(item, state=ItemState.REFUSED, reason=missing), None
            else:
                source = Path(file)
                self._open[source] = item
                if self._here:
                    self._copies[source] = Path(self.waits(item))
                yield source

    def _settle(self) -> None:
        """Takes verdicts in order of arrival, so that of two equal pictures always the same one is kept."""
        taken: list[Verdict] = []
        while self._waiting and self._waiting[0] in self._verdicts:
            taken.append(self._verdicts.pop(self._waiting.popleft()))
        if taken:
            _settle(self._studio, self._upload, [self._placed(*verdict) for verdict in taken], self._here)
        self._settled_at = time.monotonic()
        self.settled += len(taken)
        if self._told:
            self._told(self.settled)

    def _placed(self, item: UploadItem, checked: Checked | None) -> Verdict:
        """With the place where the store finds the file, if it must be linked from there."""
        if checked and self._here and checked.accepted and not checked.kept:
            checked = replace(checked, source=Path(self.waits(item)))
        return item, checked


def _size(file: str) -> int:
    """Bytes of a plain file; -1: there is none."""
    try:
        facts = os.stat(file)  # noqa: PTH116 - a Path costs more than the question
    except OSError:
        return -1
    return facts.st_size if stat.S_ISREG(facts.st_mode) else -1


def _settle(studio: Studio, upload: Upload, settled: Sequence[Verdict], new: bool) -> None:
    """Files first, rows after: a row never names a file that is not there. `new`: there are no rows yet."""
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
    if facts := {checked.sha256: checked.facts for checked in keep if checked.facts}:
        studio.store.facts.put(facts)
    (studio.store.uploads.receive if new else studio.store.uploads.settle)(upload.id, rows)
    # Only now: whoever is killed before the rows are written finds the files again.
    for checked in (checked for _, checked in settled if checked):
        if checked.kept or (new and not checked.accepted):
            continue  # nothing of it was left anywhere but in the store
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


def _leave(item: UploadItem, source: str, waits: str) -> None:
    """A table may say the labels: it waits for the others. The rest is nobody's picture."""
    if not layouts.is_table(item.path) or layouts.is_system(item.path):
        Path(waits).unlink(missing_ok=True)
    elif source != waits and item.bytes <= label_tables.MOST_BYTES:
        shutil.copyfile(source, waits)

"""Batches: many pictures dropped at once, answered in the background, looked through, and made part of the dataset."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath, PurePosixPath
from typing import Any, Literal

import numpy as np

from core import exports, models, names, predictions, zips
from core.errors import Refused, StudioError
from core.index import useful
from core.records import Batch, BatchItem, Holding, Prediction, Split
from core.stores import Asked
from core.studio import Studio

MOST = 20_000  # pictures in one batch
MOST_RANKED = 2000  # predictions that are ranked by their worth; the surest of all the others follow
FIRST = 200  # of them, no two alike
UNREADABLE = "What was sent is not what it says. Please send it again."


@dataclass(frozen=True, slots=True)
class Table:
    """One page of predictions."""

    rows: tuple[Prediction, ...]
    total: int
    labels: Mapping[str, int]  # of all that match, whatever their label


def begin(studio: Studio, model_id: int, name: str, expected: int) -> Batch:
    """A batch for so many pictures, which are to be sent now. Raises NotFound, Refused (none, or too many)."""
    model = models.get(studio, model_id)
    if not 1 <= expected <= MOST:
        raise Refused(f"A batch takes from 1 to {MOST:,} pictures. Please drop them in parts.", "too_many")
    studio.files.require_room()
    return studio.store.batches.begin(model.dataset_id, model.id, names.clean(name), studio.who, expected)


def receive(studio: Studio, batch_id: int, content: bytes) -> Batch:
    """Takes some pictures: u32 length | JSON [{place, path, size}] | the bytes in that order. Sent twice, kept once.

    Raises NotFound, Refused, DiskFull.
    """
    batch = studio.store.batches.get(batch_id)
    if batch.cancelled:
        raise Refused("This batch was stopped. Drop the pictures again to begin anew.", "cancelled")
    studio.files.require_room(len(content))
    items, bytes_of = [], {}
    for entry, picture in _unpacked(content, batch.expected):
        sha256 = hashlib.sha256(picture).hexdigest()
        name = names.clean(PurePath(entry["path"].replace("\\", "/")).name) or "picture"
        items.append((entry["place"], name, sha256))
        bytes_of[sha256] = picture
    predictions.keep_pictures(studio, bytes_of)
    found = studio.store.batches.receive(batch_id, items)
    studio.services.wake()
    return found


def _unpacked(content: bytes, expected: int) -> Iterator[tuple[dict[str, Any], memoryview]]:
    try:
        (length,) = struct.unpack_from("<I", content)
        entries = json.loads(content[4 : 4 + length])
    except (struct.error, ValueError, RecursionError):
        raise Refused(UNREADABLE, "batch") from None
    at = 4 + length
    if not isinstance(entries, list) or not all(_is_entry(one, expected) for one in entries):
        raise Refused(UNREADABLE, "batch")
    if at + sum(one["size"] for one in entries) != len(content):
        raise Refused(UNREADABLE, "batch")
    view = memoryview(content)  # no second copy of what was sent
    for one in entries:
        yield one, view[at : at + one["size"]]
        at += one["size"]


def _is_entry(one: object, expected: int) -> bool:
    if not isinstance(one, dict) or not isinstance(one.get("path"), str):
        return False
    place, size = one.get("place"), one.get("size")
    return type(place) is int and 0 <= place < expected and type(size) is int and size >= 0


def get(studio: Studio, batch_id: int) -> Batch:
    """Raises NotFound."""
    return studio.store.batches.get(batch_id)


def refused(studio: Studio, batch_id: int, limit: int = 200) -> list[BatchItem]:
    """The pictures that could not be answered, each with its reason."""
    return studio.store.batches.refused(batch_id, limit)


def cancel(studio: Studio, batch_id: int) -> Batch:
    """What waits is dropped; what is answered stays. Raises NotFound."""
    get(studio, batch_id)
    studio.store.batches.cancel(batch_id)
    return get(studio, batch_id)


# ---- looking through them ----------------------------------------------------------------------------


def table(
    studio: Studio, dataset_id: int, asked: Asked, order: Literal["worth", "as asked"], offset: int, limit: int
) -> Table:
    """Some of the predictions that match. *worth*: those most worth a label first, uncertain and no two alike.

    Raises NotFound.
    """
    studio.store.datasets.get(dataset_id)
    store = studio.store.predictions
    labels = store.by_label(dataset_id, replace(asked, label=None))
    total = store.count(dataset_id, asked)
    if order == "worth":
        asked = replace(asked, order="given", ids=worth(studio, dataset_id, asked))
    return Table(tuple(store.page(dataset_id, asked, offset, limit)), total, labels)


def worth(studio: Studio, dataset_id: int, asked: Asked) -> tuple[int, ...]:
    """Ids, most worth labelling first: the first ones uncertain and different, the rest by their margins."""
    found = studio.store.predictions.doubts(dataset_id, asked, MOST_RANKED)
    margins = np.array([margin for _, margin, _ in found], np.float32)
    chosen = useful.spread(useful.sketched([sketch for *_, sketch in found]), margins, FIRST).tolist()
    taken = set(chosen)
    return tuple(found[at][0] for at in [*chosen, *(at for at in range(len(found)) if at not in taken)])


# ---- taking them away --------------------------------------------------------------------------------


def zip_pieces(studio: Studio, dataset_id: int, asked: Asked) -> Iterator[bytes]:
    """The pictures in a folder for each label, without metadata, and the table of what was said. About a MiB a time."""
    studio.store.datasets.get(dataset_id)
    return zips.stream(_files(studio, dataset_id, asked))


def _files(studio: Studio, dataset_id: int, asked: Asked) -> Iterator[tuple[str, bytes]]:
    folders = exports.label_folders(sorted(studio.store.predictions.by_label(dataset_id, asked)))
    taken: set[str] = set()
    left_out = []
    for one in predictions.every(studio, dataset_id, asked):
        stem = exports.safe(PurePosixPath(one.name).stem)
        place = exports.free(f"{folders[one.label]}/{stem}", taken)
        try:
            ending, content = exports.clean(studio, _holding(one))
        except (StudioError, OSError):
            left_out.append(f"{place} ({one.name}): its file is missing or cannot be read.\n")
            continue
        yield place + ending, content
    yield "predictions.csv", "".join(predictions.csv(studio, dataset_id, asked)).encode()
    if left_out:
        yield exports.LEFT_OUT, "".join(left_out).encode()


def _holding(one: Prediction) -> Holding:
    return Holding(one.sha256, one.name, one.format or "", one.bytes or 0, "", one.label, Split.AUTO)

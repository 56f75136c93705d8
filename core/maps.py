"""The map of a dataset's pictures as screens draw it: positions that the surveyor found, with the labels of now."""

from __future__ import annotations

import json
import struct
import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core import doubts, findings
from core.errors import NotFound
from core.records import OF_LABELS, FindingKind
from core.studio import Studio

KIND = "map"
KEPT = 4  # packed maps; 13 bytes a picture
_KINDS = tuple(kind for kind in FindingKind if kind not in OF_LABELS)  # most harmful first


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    ids: NDArray[np.int64]  # ascending
    at: NDArray[np.float32]  # (N, 2)
    laid: int  # pictures there were when all of them were laid out together

    def of(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """(len(ids), 2); not a number where the picture is not on the map."""
        found = np.full((len(ids), 2), np.nan, np.float32)
        if len(self.ids):
            place = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
            here = self.ids[place] == ids
            found[here] = self.at[place[here]]
        return found


def read(studio: Studio, dataset_id: int) -> Positions | None:
    """The newest map there is; None where there is none, or its file is gone."""
    survey = studio.store.surveys.get(dataset_id, KIND)
    if survey is None or not survey.ready:
        return None
    try:
        with np.load(studio.files.survey(survey.content["file"]), allow_pickle=False) as file:
            order = np.argsort(file["ids"])
            return Positions(file["ids"][order], file["at"][order], int(survey.content["laid"]))
    except (OSError, ValueError, KeyError):
        return None


def sweep(studio: Studio, dataset_id: int, newest: str) -> None:
    """Removes the files of maps that nobody reads any more; the one of before may still be read."""
    survey = studio.store.surveys.get(dataset_id, KIND)
    kept = {newest, survey.content.get("file", "") if survey is not None else ""}
    for path in studio.files.survey(newest).parent.glob(f"map-{dataset_id}-*.npz"):
        if path.name not in kept:
            path.unlink(missing_ok=True)


_packed: OrderedDict[str, bytes] = OrderedDict()
_lock = threading.Lock()


def tag(studio: Studio, dataset_id: int) -> str:
    """Another text whenever `packed` would give something else. Raises NotFound: no such dataset, or no map yet."""
    dataset = studio.store.datasets.get(dataset_id)
    survey = studio.store.surveys.get(dataset_id, KIND)
    if survey is None or not survey.ready:
        raise NotFound("There is no map of this dataset yet.")
    looked = studio.store.surveys.get(dataset_id, findings.SURVEY)
    ignored = sum(studio.store.findings.counts(dataset_id, ignored=True).values())
    seen = f"{looked.at if looked else None}-{ignored}"
    return f"{dataset_id}-{dataset.labels_revision}-{dataset.fitted_revision}-{survey.revision}-{survey.at}-{seen}"


def packed(studio: Studio, dataset_id: int) -> bytes:
    """All points for the browser, little-endian: u32 length, that much JSON {points, labels: [{id, name, position}],
    kinds: [title]}, then column by column u32 image id, u16 x, u16 y, u16 place of the label in `labels` + 1 (0: none),
    u8 split (in order of `Split`), u8 doubt (1: the instant model finds the label wrong), u8 place in `kinds` + 1 of
    the most harmful thing that was found of the picture (0: none).

    Raises NotFound.
    """
    key = f"{studio.files.root}|{tag(studio, dataset_id)}"
    with _lock:
        if key in _packed:
            return _packed[key]
    content = _pack(studio, dataset_id)
    with _lock:
        _packed[key] = content
        while len(_packed) > KEPT:
            _packed.popitem(last=False)
    return content


def _pack(studio: Studio, dataset_id: int) -> bytes:
    positions = read(studio, dataset_id)
    if positions is None:
        raise NotFound("The file of this map is gone. Change a label, and it is drawn anew.")
    marks = studio.store.images.marks(dataset_id)
    at = positions.of(marks[:, 0])
    shown = ~np.isnan(at[:, 0])
    labels = [label for label in studio.store.datasets.labels(dataset_id) if label.images]
    head = {
        "points": int(shown.sum()),
        "labels": [{"id": one.id, "name": one.name, "position": one.position} for one in labels],
        "kinds": [findings.TITLES[kind] for kind in _KINDS],
    }
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 4)  # the columns stand at addresses that their numbers may have
    ids, label_ids, splits = marks[shown].T
    place = np.zeros(max([int(label_ids.max(initial=0)), *[one.id for one in labels]]) + 1, np.uint16)
    for number, label in enumerate(labels, start=1):
        place[label.id] = number
    x, y = _scaled(at[shown])
    columns = (ids.astype("<u4"), x, y, place[label_ids].astype("<u2"), splits.astype(np.uint8))
    doubt = np.isin(ids, np.array(doubts.of(studio, dataset_id).ids, np.int64)).astype(np.uint8)
    every = (*columns, doubt, _found(studio, dataset_id, ids))
    return struct.pack("<I", len(text)) + text + b"".join(column.tobytes() for column in every)


def _found(studio: Studio, dataset_id: int, ids: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Place in `_KINDS` + 1 of the most harmful finding of each picture; 0 where there is none. `ids` ascend."""
    worst = np.full(len(ids), len(_KINDS) + 1, np.uint8)
    marks = [(one, _KINDS.index(kind) + 1) for one, kind in studio.store.findings.marks(dataset_id) if kind in _KINDS]
    pictures, places = np.array(marks, np.int64).reshape(-1, 2).T
    here = np.isin(pictures, ids)
    np.minimum.at(worst, np.searchsorted(ids, pictures[here]), places[here].astype(np.uint8))
    worst[worst > len(_KINDS)] = 0
    return worst


def _scaled(at: NDArray[np.float32]) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """0..65535, as wide as high, in the middle."""
    if not len(at):
        return np.empty(0, np.uint16), np.empty(0, np.uint16)
    low, high = at.min(axis=0), at.max(axis=0)
    scale = 65535 / max(float((high - low).max()), 1e-9)
    x, y = ((at - (low + high) / 2) * scale + 32767.5).clip(0, 65535).astype("<u2").T
    return np.ascontiguousarray(x), np.ascontiguousarray(y)

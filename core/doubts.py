"""Labels that the instant model doubts: judged, each of them, by a model that had not learned from that picture."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from core import evaluation, models
from core.errors import NotFound
from core.records import Model, ModelKind
from core.studio import Studio

KEPT = 8  # datasets


@dataclass(frozen=True, slots=True)
class Doubts:
    """Image id -> (what the model would say, how sure it is, 0..1); the least likely label first."""

    said: dict[int, tuple[str, float]]

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(self.said)


_NONE = Doubts({})
_kept: OrderedDict[tuple[str, int, int, str], Doubts] = OrderedDict()
_lock = threading.Lock()


def of(studio: Studio, dataset_id: int) -> Doubts:
    """Those whose label was not changed since. Worked out once for each state of the labels. Raises NotFound."""
    revision = studio.store.datasets.get(dataset_id).labels_revision
    model = next((one for one in models.all_of(studio, dataset_id) if one.kind is ModelKind.INSTANT), None)
    if model is None:
        return _NONE
    key = (str(studio.files.root), dataset_id, revision, model.folder)
    with _lock:
        if key in _kept:
            return _kept[key]
    try:
        found = _find(studio, model)
    except NotFound:
        return _NONE  # refitted just now
    with _lock:
        _kept[key] = found
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return found


def _find(studio: Studio, model: Model) -> Doubts:
    held = evaluation.held_out(studio, model)
    given = held.probabilities[np.arange(len(held.targets)), held.targets]
    wrong = np.flatnonzero(held.predicted != held.targets)
    wrong = wrong[np.argsort(given[wrong], kind="stable")]
    now = studio.store.images.labels_of(model.dataset_id, held.image_ids[wrong].tolist())
    confidence = held.probabilities.max(axis=1)
    return Doubts(
        {
            int(held.image_ids[row]): (model.labels[held.predicted[row]], float(confidence[row]))
            for row in wrong
            if now.get(int(held.image_ids[row])) == model.labels[held.targets[row]]
        }
    )

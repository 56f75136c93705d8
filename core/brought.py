"""What a correction brought: the instant model as it was before somebody put answers right, and as it is since.

Both are asked about pictures they had not learned from: about those of the dataset by cross-validation, about the
corrected ones the former model by what it had said of them, before anybody told it. What the former one said is kept
when the correction is made, for its files go as soon as the next one is fitted.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import comparing, evaluation, models
from core.comparing import Comparison
from core.errors import Conflict, NotFound
from core.records import Action, Model, ModelKind, Prediction
from core.studio import Studio
from core.words import count

PREFIX = "before"
LEARNING = ("indexing", "fitting")  # states of the instant model
KEPT = 20  # corrections of a dataset, the newest

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """Answers that somebody confirmed or put right in one go."""

    action: Action  # the first of its actions, by whose id it is known
    actions: tuple[int, ...]
    pictures: int
    arrays: Arrays  # what the model before said: `image_id`, `said` (of `labels`), `sure`

    @property
    def undone(self) -> bool:
        return self.action.undone_at is not None


@dataclass(frozen=True, slots=True, eq=False)
class Former:
    """The instant model of a moment ago."""

    model: Model
    held: evaluation.HeldOut


# ---- when it is made ---------------------------------------------------------------------------------


def former(studio: Studio, dataset_id: int) -> Former | None:
    """To be asked before anything changes. None: there is no instant model, or it is being replaced just now."""
    model = models.instant(studio, dataset_id).model
    try:
        return Former(model, evaluation.held_out(studio, model)) if model is not None else None
    except NotFound:
        return None


def keep(
    studio: Studio, before: Former | None, actions: Sequence[int], corrected: Mapping[int, Prediction]
) -> int | None:
    """Remembers what the former model said; gives the name of the correction, None where there is nothing to compare.

    Args:
        corrected: image id -> what was said of it.
    """
    if before is None or not actions:
        return None
    model, held = before.model, before.held
    known = set(held.image_ids.tolist())
    place = {label: at for at, label in enumerate(model.labels)}
    asked = {
        image: one
        for image, one in corrected.items()
        if one.model_id == model.id and image not in known and one.label in place
    }
    content = io.BytesIO()
    np.savez_compressed(
        content,
        allow_pickle=False,
        image_id=np.concatenate([held.image_ids, np.array(list(asked), np.int64)]),
        said=np.concatenate([held.predicted, np.array([place[one.label] for one in asked.values()], np.int64)]),
        sure=np.concatenate(
            [held.probabilities.max(1), np.array([one.confidence for one in asked.values()], np.float32)]
        ),
        labels=np.array(model.labels),
        actions=np.array(actions, np.int64),
        pictures=np.array(len(corrected)),
    )
    path = _path(studio, model.dataset_id, actions[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    studio.files.write(path, content.getvalue())
    for old in _kept(studio, model.dataset_id)[KEPT:]:
        _path(studio, model.dataset_id, old).unlink(missing_ok=True)
    return actions[0]


# ---- afterwards --------------------------------------------------------------------------------------


def get(studio: Studio, dataset_id: int, action_id: int) -> Correction:
    """Raises NotFound."""
    try:
        with np.load(_path(studio, dataset_id, action_id), allow_pickle=False) as file:
            arrays = dict(file)
    except FileNotFoundError:
        raise NotFound("What this correction brought is not known any more.") from None
    action = studio.store.images.action(action_id)
    return Correction(action, tuple(arrays["actions"].tolist()), int(arrays["pictures"]), arrays)


def all_of(studio: Studio, dataset_id: int) -> list[Correction]:
    """Newest first."""
    return [get(studio, dataset_id, one) for one in _kept(studio, dataset_id)]


def known(studio: Studio, dataset_id: int, action_id: int) -> bool:
    """Whether it is remembered."""
    return _path(studio, dataset_id, action_id).exists()


def learning(studio: Studio, dataset_id: int) -> bool:
    """The instant model is being made anew, so nothing can be compared yet."""
    return models.instant(studio, dataset_id).state in LEARNING


def compared(studio: Studio, dataset_id: int, correction: Correction) -> Comparison | None:
    """The model before with the one of now; None while that is still learning. Raises NotFound: it is gone."""
    now = models.instant(studio, dataset_id)
    if now.state in LEARNING:
        return None
    if now.model is None:
        raise NotFound(now.sentence)
    after, held, arrays = now.model, evaluation.held_out(studio, now.model), correction.arrays
    ids, at_before, at_after = np.intersect1d(arrays["image_id"], held.image_ids, return_indices=True)
    labels = studio.store.images.labels_of(dataset_id, ids.tolist())
    kept = np.array([at for at, one in enumerate(ids.tolist()) if labels.get(one) in after.labels], np.int64)
    ids, at_before, at_after = ids[kept], at_before[kept], at_after[kept]
    names = arrays["labels"].tolist()
    return Comparison(
        replace(after, labels=tuple(names), folder=f"{PREFIX}-{correction.action.id}"),
        after,
        ids,
        tuple(names[at] for at in arrays["said"][at_before]),
        tuple(after.labels[at] for at in held.predicted[at_after]),
        tuple(str(labels[one]) for one in ids.tolist()),
        arrays["sure"][at_before],
        held.probabilities[at_after].max(1),
    )


def sentence(correction: Correction, found: Comparison) -> str:
    """How many pictures it put right, how many it broke, and whether that may be chance."""
    fixed, broken = found.many("fixed"), found.many("broken")
    same = len(found.image_ids) - fixed - broken
    what = f"Taking {count(correction.pictures, 'picture')} in"
    if correction.undone:
        what = f"Taking {count(correction.pictures, 'picture')} in and out again"
    if not fixed and not broken:
        return f"{what} changed no answer: {count(same, 'picture')} as before."
    odds = "unlikely to be chance" if found.chance < comparing.UNLIKELY else "it may well be chance"
    return f"{what} brought {fixed:,} fixed and {broken:,} broken, {same:,} as before; {odds}."


def standing(studio: Studio, dataset_id: int, action_id: int) -> list[Action]:
    """What is to be taken back to have the model before, in that order. Raises NotFound, Conflict (done already)."""
    correction = get(studio, dataset_id, action_id)
    if correction.undone:
        raise Conflict("This correction was taken back already.")
    actions = [studio.store.images.action(one) for one in reversed(correction.actions)]
    return [one for one in actions if one.undone_at is None]


def of_instant(studio: Studio, model: Model) -> list[Correction]:
    """What was corrected in the dataset of an instant model; a trained one does not learn from it by itself."""
    return all_of(studio, model.dataset_id) if model.kind is ModelKind.INSTANT else []


def _path(studio: Studio, dataset_id: int, action_id: int) -> Path:
    return studio.files.survey(f"{PREFIX}-{dataset_id}-{action_id}.npz")


def _kept(studio: Studio, dataset_id: int) -> list[int]:
    """Ids of the first actions, newest first."""
    folder = _path(studio, dataset_id, 0).parent
    found = (re.fullmatch(rf"{PREFIX}-{dataset_id}-(\d+)\.npz", path.name) for path in folder.glob(f"{PREFIX}-*.npz"))
    return sorted((int(one[1]) for one in found if one), reverse=True)

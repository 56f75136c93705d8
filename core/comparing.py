"""Comparing two models on the same pictures: what one puts right, what it breaks, and whether that may be chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core import evaluation, models
from core.evaluation import HeldOut
from core.records import Image, Model, ModelKind
from core.scores import wilson_interval
from core.stores import Where
from core.studio import Studio
from core.words import count

Turn = Literal["fixed", "broken", "both_wrong", "both_right"]
TURNS: tuple[Turn, ...] = ("fixed", "broken", "both_wrong", "both_right")
UNLIKELY = 0.05  # that mere chance does it: below, we say so
MANY = 1000  # pictures on which they differ; from there on the normal approximation is as good

Integers = NDArray[np.int64]
Shares = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two models on the pictures that neither has learned from, with the labels these have now."""

    before: Model
    after: Model
    image_ids: Integers  # (n,)
    said_before: tuple[str, ...]  # label per picture
    said_after: tuple[str, ...]
    labels: tuple[str, ...]  # what they show
    sure_before: NDArray[np.float32]  # how sure each is of what it said
    sure_after: NDArray[np.float32]

    @property
    def right_before(self) -> NDArray[np.bool_]:
        return np.array([a == b for a, b in zip(self.said_before, self.labels, strict=True)], bool)

    @property
    def right_after(self) -> NDArray[np.bool_]:
        return np.array([a == b for a, b in zip(self.said_after, self.labels, strict=True)], bool)

    def turn(self, turn: Turn) -> NDArray[np.bool_]:
        """(n,) the pictures of which this holds."""
        before, after = self.right_before, self.right_after
        return {
            "fixed": ~before & after,
            "broken": before & ~after,
            "both_wrong": ~before & ~after,
            "both_right": before & after,
        }[turn]

    def many(self, turn: Turn) -> int:
        return int(self.turn(turn).sum())

    @property
    def chance(self) -> float:
        return mcnemar(self.many("fixed"), self.many("broken"))


@dataclass(frozen=True, slots=True)
class Flip:
    """A picture, and what both models say of it."""

    image: Image
    before: str
    after: str
    confidence: float  # of `after`


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """How well a model's confidence in one label tells its pictures from all others."""

    wrong: Shares  # of the others called so, as the line is moved; from 0 to 1
    found: Shares  # of its pictures found
    precision: Shares  # share of those called so that are
    area: float  # under the ROC curve


@dataclass(frozen=True, slots=True)
class Standing:
    """A model in a table: how it does on the pictures all of them share."""

    model: Model
    right: int
    images: int
    interval: tuple[float, float]  # 95 %, Wilson


def mcnemar(fixed: int, broken: int) -> float:
    """How often chance alone gives a difference at least as large, if neither were better: McNemar's exact test,
    two-sided."""
    differ, fewer = fixed + broken, min(fixed, broken)
    if fixed == broken:
        return 1.0
    if differ > MANY:  # with Edwards' continuity correction
        return math.erfc((abs(fixed - broken) - 1) / math.sqrt(2 * differ))
    tail = sum(math.comb(differ, k) for k in range(fewer + 1))
    return min(1.0, float(2 * tail / 2**differ))


def compare(studio: Studio, before: Model, after: Model) -> Comparison:
    """Raises NotFound when the pictures that one of them was measured on are gone."""
    one, other = evaluation.held_out(studio, before), evaluation.held_out(studio, after)
    ids, at_one, at_other = np.intersect1d(one.image_ids, other.image_ids, return_indices=True)
    now = studio.store.images.labels_of(before.dataset_id, ids.tolist())
    shared = set(before.labels) & set(after.labels)
    kept = np.array([at for at, image in enumerate(ids.tolist()) if now.get(image) in shared], np.int64)
    ids, at_one, at_other = ids[kept], at_one[kept], at_other[kept]
    return Comparison(
        before,
        after,
        ids,
        tuple(before.labels[at] for at in one.predicted[at_one]),
        tuple(after.labels[at] for at in other.predicted[at_other]),
        tuple(str(now[image]) for image in ids.tolist()),
        one.probabilities[at_one].max(1),
        other.probabilities[at_other].max(1),
    )


def flips(studio: Studio, found: Comparison, turn: Turn, limit: int) -> list[Flip]:
    """The most confident first; pictures that are gone since are left out."""
    places = np.flatnonzero(found.turn(turn))
    places = places[np.argsort(-found.sure_after[places], kind="stable")][:limit]
    ids = tuple(found.image_ids[places].tolist())
    there = {
        one.id: one for one in studio.store.images.page(found.after.dataset_id, Where(ids=ids), 0, max(len(ids), 1))
    }
    return [
        Flip(there[image], found.said_before[at], found.said_after[at], float(found.sure_after[at]))
        for image, at in zip(ids, places.tolist(), strict=True)
        if image in there
    ]


def rankings(studio: Studio, found: Comparison, label: str) -> tuple[Ranking, Ranking] | None:
    """Of both models on the pictures of the comparison; None: all of these show the label, or none, or a model does
    not know it. Raises NotFound."""
    positive = np.array([one == label for one in found.labels], bool)
    if positive.all() or not positive.any():
        return None
    both = []
    for model in (found.before, found.after):
        if label not in model.labels:
            return None
        held = evaluation.held_out(studio, model)
        order = np.argsort(held.image_ids)
        places = order[np.searchsorted(held.image_ids[order], found.image_ids)]
        both.append(rank(positive, held.probabilities[places, model.labels.index(label)]))
    return both[0], both[1]


def rank(positive: NDArray[np.bool_], sure: NDArray[np.floating[Any]]) -> Ranking:
    """Of pictures (n,), of which some and not all are positive; equally sure ones are called so together."""
    order = np.argsort(-sure, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(sure[order]) != 0, True))
    right = np.cumsum(positive[order])[ends].astype(np.float64)
    called = ends + 1.0
    wrong, found = (called - right) / (~positive).sum(), right / positive.sum()
    wrong, found = np.append(0.0, wrong), np.append(0.0, found)
    area = float((np.diff(wrong) * (found[1:] + found[:-1]) / 2).sum())
    precision = right / called
    return Ranking(wrong, found, np.append(precision[0], precision), area)


def table(studio: Studio, some: Sequence[Model]) -> list[Standing]:
    """All of them on the pictures that none has learned from, best first. Raises NotFound."""
    held = {model.id: evaluation.held_out(studio, model) for model in some}
    ids = shared(list(held.values()))
    now = studio.store.images.labels_of(some[0].dataset_id, ids.tolist()) if len(ids) else {}
    ids = np.array([image for image in ids.tolist() if image in now], np.int64)
    found = []
    for model in some:
        one = held[model.id]
        order = np.argsort(one.image_ids)
        places = order[np.searchsorted(one.image_ids[order], ids)] if len(ids) else np.zeros(0, np.int64)
        said = [model.labels[at] for at in one.predicted[places]]
        right = sum(now[image] == label for image, label in zip(ids.tolist(), said, strict=True))
        found.append(Standing(model, right, len(ids), wilson_interval(right, len(ids))))
    return sorted(found, key=lambda one: -one.right)


def shared(held: Sequence[HeldOut]) -> Integers:
    """The ids of the pictures that all of them were measured on."""
    ids = held[0].image_ids
    for other in held[1:]:
        ids = np.intersect1d(ids, other.image_ids)
    return np.unique(ids)


def sentence(found: Comparison, before: str, after: str) -> str:
    """Which is better, and whether that may be chance."""
    images = len(found.image_ids)
    if not images:
        return "There is no picture that neither has learned from, so they cannot be compared."
    fixed, broken = found.many("fixed"), found.many("broken")
    imported = any(one.kind is ModelKind.IMPORTED for one in (found.before, found.after))
    on = f"on {count(images, 'picture')}" + ("" if imported else " neither has learned from")
    rest = " Whether the imported one learned from them, only its maker knows." if imported else ""
    if not fixed and not broken:
        return f"Both are right and wrong on the same pictures, {on}.{rest}"
    better = (
        f"{after} is better" if fixed > broken else f"{before} is better" if broken > fixed else "Neither is better"
    )
    odds = (
        "this is unlikely to be chance"
        if found.chance < UNLIKELY
        else "this may well be chance: more pictures would tell"
    )
    return f"{better}: {fixed:,} fixed, {broken:,} broken {on}; {odds}.{rest}"


def use(studio: Studio, model_id: int) -> Model:
    """Makes it the one that answers for its dataset, whatever its score. Raises NotFound."""
    model = models.get(studio, model_id)
    studio.store.models.use(model.dataset_id, model.id)
    return models.get(studio, model_id)

"""Labelling: which picture comes next, what the model would call it, and what others have labelled meanwhile."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core import bundles, datasets, errands, findings, models
from core.errors import Conflict, NotFound
from core.findings import Doubt
from core.index import useful
from core.records import Errand, Image, Model, ModelKind
from core.stores import Change, Outcome, Touch, Where
from core.studio import Studio

Order = Literal["useful", "doubtful", "arrival"]
ORDERS: tuple[Order, ...] = ("useful", "doubtful", "arrival")
MOST_PATCHED = 2000  # images; after more changes all that wait are read anew
KEPT = 4  # datasets whose answers stay in memory: a few numbers a picture
MOST_NEWS = 1000  # images; whoever missed more begins anew


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What the instant model says of every picture that has no label; each array has a place a picture."""

    model: Model
    waiting: NDArray[np.int64]  # (N, 3) as the store has them, by id
    best: NDArray[np.int64]  # index in the model's labels
    confidence: NDArray[np.float32]
    margin: NDArray[np.float32]

    @property
    def ids(self) -> NDArray[np.int64]:
        return self.waiting[:, 0]

    @property
    def revisions(self) -> NDArray[np.int64]:
        return self.waiting[:, 1]

    @property
    def rows(self) -> NDArray[np.int64]:
        """Of their vectors."""
        return self.waiting[:, 2]


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """The pictures without a label, as they were."""

    revision: int  # of the labels
    row: int  # the first of the vector file that was not there yet
    rows: NDArray[np.int64]  # as the store has them


@dataclass(frozen=True, slots=True)
class Sure:
    """What could be accepted at once."""

    model: str  # names the very model that said so
    counts: tuple[int, ...]  # how many pictures the model is at least 0, 1, ... 100 percent sure of
    least: tuple[Doubt, ...]  # of those at `threshold`: the least sure first


@dataclass(frozen=True, slots=True)
class News:
    """What changed since a revision of the labels."""

    revision: int  # of the labels, now
    touched: tuple[Touch, ...]
    missed: bool  # there was more than this tells


_kept: OrderedDict[tuple[str, int], tuple[_Waiting, Said | None]] = OrderedDict()
_lock = threading.Lock()


def queue(studio: Studio, dataset_id: int, order: Order, limit: int, without: Collection[int] = ()) -> list[Doubt]:
    """The pictures to look at next, best first, without some. Raises NotFound.

    *useful*: without a label, uncertain and different, then those the model cannot say anything of; *arrival*: without
    a label, oldest first; *doubtful*: labelled, the least likely label first.
    """
    datasets.get(studio, dataset_id)
    if order == "doubtful":
        found = findings.doubtful(studio, dataset_id, limit + len(without))
        return [one for one in found if one.image.id not in without][:limit]
    answers = said(studio, dataset_id)
    first = _most_useful(studio, answers, limit, without) if order == "useful" and answers is not None else []
    if len(first) == limit:
        return first
    passed = {*without, *(one.image.id for one in first)}
    oldest = studio.store.images.page(dataset_id, Where(unlabelled=True, order="oldest"), 0, limit + len(passed))
    rest = [image for image in oldest if image.id not in passed][: limit - len(first)]
    return first + _with_answers(answers, rest)


def _most_useful(studio: Studio, answers: Said, limit: int, without: Collection[int]) -> list[Doubt]:
    free = np.flatnonzero(~np.isin(answers.ids, list(without)))
    pool = free[useful.unsure(answers.margin[free], limit)]
    chosen = pool[useful.spread(studio.vectors.read(answers.rows[pool].tolist()), answers.margin[pool], limit)]
    return _with_answers(answers, _images(studio, answers.model.dataset_id, answers.ids[chosen].tolist()))


def _images(studio: Studio, dataset_id: int, ids: Sequence[int]) -> list[Image]:
    """In the order asked for; those that are gone are left out."""
    there = {one.id: one for one in studio.store.images.page(dataset_id, Where(ids=tuple(ids)), 0, len(ids))}
    return [there[one] for one in ids if one in there]


def _with_answers(answers: Said | None, images: Sequence[Image]) -> list[Doubt]:
    if answers is None or not len(answers.ids):
        return [Doubt(image, None, 0.0) for image in images]
    places = np.searchsorted(answers.ids, [image.id for image in images]).clip(0, len(answers.ids) - 1)
    return [
        Doubt(image, answers.model.labels[answers.best[at]], float(answers.confidence[at]))
        if answers.ids[at] == image.id
        else Doubt(image, None, 0.0)
        for image, at in zip(images, places, strict=True)
    ]


def said(studio: Studio, dataset_id: int) -> Said | None:
    """The instant model's answers to every picture without a label; None where there is no model yet.

    A model is asked once: while it stays, labelled pictures only drop out of what it has said.
    """
    model = next((m for m in models.all_of(studio, dataset_id) if m.kind is ModelKind.INSTANT), None)
    if model is None:
        return None
    key = (str(studio.settings.home), dataset_id)
    with _lock:
        before, found = _kept.get(key, (None, None))
    waiting = _waiting(studio, dataset_id, before)
    if found is None or found.model.folder != model.folder:
        found = None
    if waiting is not before or found is None:
        try:
            found = _go_on(studio, found, waiting.rows) if found else _ask(studio, model, waiting.rows)
        except NotFound:
            return None  # refitted just now
    with _lock:
        _kept[key] = waiting, found
        _kept.move_to_end(key)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return found


def _waiting(studio: Studio, dataset_id: int, before: _Waiting | None) -> _Waiting:
    """What waits now. Few changes are put into what is known: reading all of 50,000 costs ten times as much."""
    desk = studio.store.desk
    revision, row = desk.revision(dataset_id), studio.store.vectors.next_row()  # first: what comes now is read again
    if before is not None and (before.revision, before.row) == (revision, row):
        return before
    news = desk.news(dataset_id, before.revision, before.row, MOST_PATCHED) if before is not None else None
    if before is None or news is None:
        return _Waiting(revision, row, desk.waiting(dataset_id))
    moved, there = news
    rows = np.concatenate([before.rows[~np.isin(before.rows[:, 0], moved)], there])
    return _Waiting(revision, row, rows[np.argsort(rows[:, 0], kind="stable")])


def _ask(studio: Studio, model: Model, waiting: NDArray[np.int64]) -> Said:
    """Raises NotFound."""
    weight, bias = bundles.read_head(models.folder(studio, model))
    scores = studio.vectors.times(waiting[:, 2].tolist(), np.ascontiguousarray(weight.T)) + bias
    powers = np.exp(scores - scores.max(1, keepdims=True, initial=-np.inf))
    probabilities = powers / powers.sum(1, keepdims=True)
    best, confidence = probabilities.argmax(1).astype(np.int64), probabilities.max(1)
    return Said(model, waiting, best, confidence, useful.margins(probabilities))


def _go_on(studio: Studio, before: Said, waiting: NDArray[np.int64]) -> Said:
    """The same answers for the pictures that wait now; only those that are new to it are asked about."""
    at = np.searchsorted(before.ids, waiting[:, 0])
    known = np.zeros(len(waiting), bool)
    inside = at < len(before.ids)
    known[inside] = (before.waiting[at[inside]][:, (0, 2)] == waiting[inside][:, (0, 2)]).all(1)
    picked = at[known]
    new = _ask(studio, before.model, waiting[~known])
    best = np.empty(len(waiting), np.int64)
    confidence, margin = np.empty(len(waiting), np.float32), np.empty(len(waiting), np.float32)
    for values, old, fresh in (
        (best, before.best, new.best),
        (confidence, before.confidence, new.confidence),
        (margin, before.margin, new.margin),
    ):
        values[known], values[~known] = old[picked], fresh
    return Said(before.model, waiting, best, confidence, margin)


def sure(studio: Studio, dataset_id: int, threshold: float, show: int) -> Sure | None:
    """How many suggestions could be accepted at each threshold, and the least sure of them. None without a model.

    Raises NotFound.
    """
    datasets.get(studio, dataset_id)
    answers = said(studio, dataset_id)
    if answers is None:
        return None
    steps = np.arange(101, dtype=np.float32) / 100
    counts = len(answers.ids) - np.searchsorted(np.sort(answers.confidence), steps)
    above = np.flatnonzero(answers.confidence >= np.float32(threshold))
    least = above[np.argsort(answers.confidence[above], kind="stable")][:show]
    images = _images(studio, dataset_id, answers.ids[least].tolist())
    return Sure(answers.model.folder, tuple(counts.tolist()), tuple(_with_answers(answers, images)))


def accept(
    studio: Studio, dataset_id: int, threshold: float, model: str, without: Collection[int] = (), token: str = ""
) -> Outcome | Errand:
    """Labels every picture as the model suggests that it is at least `threshold` (0..1) sure of: one action.

    Args:
        model: of `Sure`: exactly what was counted there is accepted, or nothing.

    Raises:
        NotFound. Conflict: the model has learned since, so that the suggestions are others now.
    """
    datasets.get(studio, dataset_id)
    if token and (before := studio.store.errands.by_token(token)) is not None:
        return before
    if token and (done := studio.store.desk.by_token(token)) is not None:
        return studio.store.images.change(dataset_id, "relabel", done.summary, [], studio.who, token)
    answers = said(studio, dataset_id)
    if answers is None or answers.model.folder != model:
        raise Conflict("The model has learned from new labels since. Nothing was accepted; look at the new number.")
    above = np.flatnonzero((answers.confidence >= np.float32(threshold)) & ~np.isin(answers.ids, list(without)))
    changes = [
        Change(int(answers.ids[at]), int(answers.revisions[at]), answers.model.labels[answers.best[at]]) for at in above
    ]
    if not changes:
        raise Conflict("There is no such suggestion any more. Nothing was changed.")
    count = f"{len(changes):,} suggestion{'s' if len(changes) != 1 else ''}"
    above_words = f"{count} above {100 * threshold:.0f} %"
    words = f"Accepting {above_words}", f"Accepted {above_words}"
    return errands.relabel(studio, dataset_id, changes, *words, token or None)


def news(studio: Studio, dataset_id: int, since: int) -> News:
    """What others changed since the labels revision `since`. Cheap when nobody did."""
    revision = studio.store.desk.revision(dataset_id)
    if revision <= since:
        return News(revision, (), False)
    touched = studio.store.desk.touched(dataset_id, since, MOST_NEWS + 1)
    return News(revision, tuple(touched[:MOST_NEWS]), len(touched) > MOST_NEWS)

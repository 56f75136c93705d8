"""Judging a model by its held-out pictures: scikit-learn's measures, each with an interval."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from core import evaluation, judgements
from core.errors import NotFound
from core.records import Dataset
from core.scores import wilson_interval
from core.studio import Studio

RESAMPLES = 200
BINS = 10
TOPS = (2, 3, 5)
POINTS = 60  # of a curve
SEED = 0

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Triple = list[float]  # value, low, high


def compute(studio: Studio, dataset: Dataset, tell: Callable[[float], None]) -> Mapping[str, Any]:
    """Judges every model of the dataset that is not judged yet. Gives the folders that were seen."""
    models = studio.store.models.all(dataset.id)
    for at, model in enumerate(models):
        path = judgements.file_of(studio, model)
        if path.exists():
            continue

        def told(part: float, at: int = at) -> None:
            tell((at + part) / len(models))

        try:
            held = evaluation.held_out(studio, model)
        except NotFound:
            continue  # refitted just now
        found = judge(held.targets, held.probabilities.astype(np.float64), model.labels, told)
        path.parent.mkdir(parents=True, exist_ok=True)
        studio.files.write(path, json.dumps(found, allow_nan=False).encode())
    _sweep(studio, dataset.id, {model.folder for model in models})
    return {"models": sorted(model.folder for model in models)}


def _sweep(studio: Studio, dataset_id: int, folders: set[str]) -> None:
    """Removes the judgements of instant models that were made anew since."""
    mine = f"{judgements.PREFIX}instant-{dataset_id}-"
    for path in studio.files.survey(mine).parent.glob(f"{mine}*.json"):
        if path.stem.removeprefix(judgements.PREFIX) not in folders:
            path.unlink(missing_ok=True)


def judge(
    targets: Integers, probabilities: Floats, labels: tuple[str, ...], tell: Callable[[float], None]
) -> dict[str, Any]:
    """As `core.judgements` reads it.

    Args:
        targets: (N,) class indices; probabilities: (N, K), rows sum to about 1.
    """
    count, classes = len(targets), len(labels)
    probabilities = probabilities / probabilities.sum(1, keepdims=True)
    called, every = probabilities.argmax(1), np.arange(classes)
    chance = np.random.default_rng(SEED)
    precision, recall, f1, images = metrics.precision_recall_fscore_support(
        targets, called, labels=every, zero_division=0
    )
    confusion = metrics.confusion_matrix(targets, called, labels=every)
    resampled = chance.multinomial(count, confusion.ravel() / count, RESAMPLES).reshape(-1, classes, classes)
    recalls, f1s = _recalls_and_f1s(resampled.astype(np.float64))
    present = images > 0
    tell(0.1)
    right = confusion.diagonal()
    said = confusion.sum(0)
    told = []
    for at, name in enumerate(labels):
        told.append(
            {
                "label": name,
                "images": int(images[at]),
                "precision": _wilson(precision[at], right[at], said[at]) if said[at] else None,
                "recall": _wilson(recall[at], right[at], images[at]) if images[at] else None,
                "f1": _between(f1[at], f1s[:, at]) if images[at] and said[at] else None,
                **_ranked(targets == at, probabilities[:, at], chance),
            }
        )
        tell(0.1 + 0.9 * (at + 1) / classes)
    bins, error = _calibration(probabilities.max(1), called == targets, chance)
    good = int((called == targets).sum())
    return {
        "images": count,
        "accuracy": _wilson(metrics.accuracy_score(targets, called), good, count),
        "balanced": _between(float(recall[present].mean()), np.nanmean(recalls[:, present], 1)),
        "f1": _between(float(f1[present].mean()), np.nanmean(f1s[:, present], 1)),
        "top": [[k, _top(targets, probabilities, k)] for k in TOPS if k < classes],
        "error": error,
        "labels": told,
        "bins": bins,
    }


def _recalls_and_f1s(confusions: Floats) -> tuple[Floats, Floats]:
    """(R, K) each, of (R, K, K) confusion matrices; nan where a label does not occur."""
    right = np.diagonal(confusions, axis1=1, axis2=2)
    are, said = confusions.sum(2), confusions.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return right / are, np.where(are > 0, 2 * right / (are + said), np.nan)


def _top(targets: Integers, probabilities: Floats, k: int) -> Triple:
    every = np.arange(probabilities.shape[1])
    share = float(metrics.top_k_accuracy_score(targets, probabilities, k=k, labels=every))
    return _wilson(share, round(share * len(targets)), len(targets))


def _wilson(value: float, good: int, count: int) -> Triple:
    return [round(float(one), 5) for one in (value, *wilson_interval(int(good), int(count)))]


def _between(value: float, resampled: Floats) -> Triple:
    """The middle 95 % of what resampling gives; the value itself is never outside."""
    some = resampled[np.isfinite(resampled)]
    low, high = np.quantile(some, [0.025, 0.975]) if len(some) else (value, value)
    return [round(float(one), 5) for one in (value, min(low, value), max(high, value))]


def _ranked(positive: NDArray[np.bool_], scores: Floats, chance: np.random.Generator) -> dict[str, Any]:
    """ROC and precision against recall of one label against the others."""
    if positive.all() or not positive.any():
        return {"auc": None, "average_precision": None, "roc": [[], []], "precision_recall": [[], []]}
    wrong, found, _ = metrics.roc_curve(positive, scores)
    precision, recall, _ = metrics.precision_recall_curve(positive, scores)
    areas = resample_areas(positive, scores, chance)
    return {
        "auc": _between(float(metrics.roc_auc_score(positive, scores)), areas[:, 0]),
        "average_precision": _between(float(metrics.average_precision_score(positive, scores)), areas[:, 1]),
        "roc": _thinned(wrong, found),
        "precision_recall": _thinned(recall, precision),
    }


def resample_areas(
    positive: NDArray[np.bool_], scores: Floats, chance: np.random.Generator, resamples: int = RESAMPLES
) -> Floats:
    """(R, 2): the area under the ROC curve and the average precision of pictures drawn anew, with replacement.

    Sorted once: drawing a picture n times is counting it n times. `resamples` of 0 counts every picture once.
    """
    order = np.argsort(-scores, kind="stable")
    hits, ranked = positive[order].astype(np.float64), scores[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))  # equal scores count together
    draws: list[Any] = [np.ones(len(scores))] if not resamples else [None] * resamples
    found = []
    for draw in draws:
        times = (
            np.bincount(chance.integers(0, len(scores), len(scores)), minlength=len(scores)) if draw is None else draw
        )
        true, false = np.cumsum(times * hits)[ends], np.cumsum(times * (1 - hits))[ends]
        if not true[-1] or not false[-1]:
            found.append((np.nan, np.nan))
            continue
        gained = np.diff(true, prepend=0)
        area = float((np.diff(false, prepend=0) * (true - gained / 2)).sum() / (true[-1] * false[-1]))
        precision = true / np.maximum(true + false, 1e-12)
        found.append((area, float((precision * gained).sum() / true[-1])))
    return np.array(found)


def _thinned(x: Floats, y: Floats) -> list[list[float]]:
    at = np.unique(np.linspace(0, len(x) - 1, POINTS).round().astype(int))
    return [[round(float(one), 4) for one in x[at]], [round(float(one), 4) for one in y[at]]]


def _calibration(sure: Floats, right: NDArray[np.bool_], chance: np.random.Generator) -> tuple[list[list[Any]], Triple]:
    """The bins of the reliability diagram, and the expected calibration error (Guo et al. 2017)."""
    edges = np.linspace(0, 1, BINS + 1)
    place = np.searchsorted(edges[1:-1], sure)
    bins = []
    for at in range(BINS):
        mine = place == at
        if many := int(mine.sum()):
            share = float(right[mine].mean())
            measured = _wilson(share, int(right[mine].sum()), many)
            bins.append(
                [round(edges[at], 2), round(edges[at + 1], 2), round(float(sure[mine].mean()), 4), measured, many]
            )
    gaps = sure - right
    drawn = [expected_error(place[draw], gaps[draw]) for draw in chance.integers(0, len(sure), (RESAMPLES, len(sure)))]
    return bins, _between(expected_error(place, gaps), np.array(drawn))


def expected_error(place: Integers, gaps: Floats) -> float:
    """The mean over pictures of how far their bin's confidence is from its share right."""
    return float(np.abs(np.bincount(place, gaps, BINS)).sum() / len(gaps))

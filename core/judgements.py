"""Judgements: how good a model is on its held-out pictures, every number with how far it may be off.

The surveyor works one out for each model (`core.index.judging`); a model's files never change, so it is done once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import surveys
from core.records import Model, Survey
from core.scores import Scores
from core.studio import Studio

KIND = "scores"
PREFIX = "judged-"

Curve = tuple[tuple[float, ...], tuple[float, ...]]  # x, y


@dataclass(frozen=True, slots=True)
class Measure:
    """A share with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LabelJudgement:
    label: str
    images: int
    precision: Measure | None  # Wilson; None: it was never said
    recall: Measure | None  # Wilson; None: there were none
    f1: Measure | None  # bootstrap
    auc: Measure | None  # area under the ROC curve, bootstrap; None: all pictures are of this label, or none
    average_precision: Measure | None  # bootstrap
    roc: Curve  # false positive rate, true positive rate
    precision_recall: Curve  # recall, precision


@dataclass(frozen=True, slots=True)
class Bin:
    """Pictures whose answers are about as sure as each other."""

    low: float  # of confidence, exclusive
    high: float  # inclusive
    sure: float  # mean confidence
    right: Measure  # share right, Wilson
    images: int


@dataclass(frozen=True, slots=True)
class Judgement:
    images: int
    accuracy: Measure  # Wilson
    balanced: Measure  # mean recall over labels, bootstrap
    f1: Measure  # mean over labels, bootstrap
    top: tuple[tuple[int, Measure], ...]  # share whose label is among the first k, Wilson
    error: Measure  # expected calibration error, ten bins, bootstrap
    labels: tuple[LabelJudgement, ...]
    bins: tuple[Bin, ...]


def of(studio: Studio, model: Model) -> tuple[Survey | None, Judgement | None]:
    """The judgement, or the survey that is working it out. Cheap.

    Raises:
        NotFound: the dataset is gone.
    """
    if (found := _read(file_of(studio, model))) is not None:
        return None, found
    survey = surveys.latest(studio, model.dataset_id, KIND)
    if survey.ready and not survey.pending and model.folder not in survey.content.get("models", ()):
        survey = surveys.anew(studio, model.dataset_id, KIND)  # made since
    return survey, None


def file_of(studio: Studio, model: Model) -> Path:
    return studio.files.survey(f"{PREFIX}{model.folder}.json")


def mixed_up(found: Scores) -> str:
    """The pair of labels that is taken for each other most, as the end of a sentence; empty where none is."""
    pairs = [
        (found.confusion[a][b] + found.confusion[b][a], found.labels[a].label, found.labels[b].label)
        for a in range(len(found.labels))
        for b in range(a)
    ]
    many, one, other = max(pairs, default=(0, "", ""))
    return f"Mixes up “{other}” and “{one}” most: {many:,} of {found.images:,}." if many else ""


def _read(path: Path) -> Judgement | None:
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return Judgement(
        told["images"],
        Measure(*told["accuracy"]),
        Measure(*told["balanced"]),
        Measure(*told["f1"]),
        tuple((k, Measure(*measured)) for k, measured in told["top"]),
        Measure(*told["error"]),
        tuple(_label(one) for one in told["labels"]),
        tuple(Bin(one[0], one[1], one[2], Measure(*one[3]), one[4]) for one in told["bins"]),
    )


def _label(told: dict[str, Any]) -> LabelJudgement:
    def measure(name: str) -> Measure | None:
        return Measure(*told[name]) if told[name] is not None else None

    return LabelJudgement(
        told["label"],
        told["images"],
        measure("precision"),
        measure("recall"),
        measure("f1"),
        measure("auc"),
        measure("average_precision"),
        _curve(told["roc"]),
        _curve(told["precision_recall"]),
    )


def _curve(told: Sequence[Sequence[float]]) -> Curve:
    return tuple(told[0]), tuple(told[1])

"""How good a model is, from what it said of pictures it had not learnt from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class LabelScore:
    label: str
    images: int  # that are of this label
    precision: float | None  # of those it called so, the share that are; None: it never did
    recall: float | None  # of those that are, the share it called so; None: there were none
    f1: float | None  # the harmonic mean of both; None where either is

    @property
    def called(self) -> int | None:
        """Pictures that it called so; None where these numbers do not tell: none of them was right."""
        return round(self.recall * self.images / self.precision) if self.precision and self.recall else None


@dataclass(frozen=True, slots=True)
class Scores:
    accuracy: float  # 0..1
    interval: tuple[float, float]  # 95 %, Wilson
    images: int
    loss: float  # mean cross-entropy per image, in nats
    labels: tuple[LabelScore, ...]
    confusion: tuple[tuple[int, ...], ...]  # [is][was called]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "images": self.images,
            "loss": self.loss,
            "labels": [
                {"label": s.label, "images": s.images, "precision": s.precision, "recall": s.recall, "f1": s.f1}
                for s in self.labels
            ],
            "confusion": [list(row) for row in self.confusion],
        }


def wilson_interval(correct: int, count: int, z: float = 1.959964) -> tuple[float, float]:
    """Where the true share lies, in 95 of 100 cases. (0, 1) when nothing was counted."""
    if count == 0:
        return 0.0, 1.0
    share, square = correct / count, z * z / count
    middle = (share + square / 2) / (1 + square)
    reach = z / (1 + square) * math.sqrt(share * (1 - share) / count + square / (4 * count))
    # At 0 and 1 the bound is the share itself; rounding must not leave it outside.
    return max(0.0, min(share, middle - reach)), min(1.0, max(share, middle + reach))


def score(targets: NDArray[np.int64], probabilities: NDArray[np.floating[Any]], labels: Sequence[str]) -> Scores:
    """Scores of `probabilities` (N, K) against class indices (N,). Raises ValueError when there are none."""
    count, classes = len(targets), len(labels)
    if not count or probabilities.shape != (count, classes):
        raise ValueError(f"{count} targets and probabilities {probabilities.shape} for {classes} labels")
    called = probabilities.argmax(1)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (targets, called), 1)
    right = confusion.diagonal()
    given = np.clip(probabilities[np.arange(count), targets], 1e-12, 1)
    return Scores(
        accuracy=int(right.sum()) / count,
        interval=wilson_interval(int(right.sum()), count),
        images=count,
        loss=float(-np.log(given).mean()),
        labels=tuple(
            _label_score(name, int(right[at]), int(confusion[at].sum()), int(confusion[:, at].sum()))
            for at, name in enumerate(labels)
        ),
        confusion=tuple(tuple(int(value) for value in row) for row in confusion),
    )


def _label_score(label: str, right: int, images: int, called: int) -> LabelScore:
    precision = right / called if called else None
    recall = right / images if images else None
    f1 = 2 * right / (images + called) if images and called else None
    return LabelScore(label, images, precision, recall, f1)

"""The film strip: a few pictures of the validation part that a run never learns from, the same ones in every epoch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.records import Frame, VersionImage
from core.studio import Studio

MOST, LEAST = 12, 6
TRAINED_FOR_EACH = 40  # pictures learned from for each on the strip: looking at it costs less than 2 % of an epoch
HARD_SHARE = 3  # every third picture is a hard one


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of the strip."""

    image_id: int
    sha256: str
    label: int  # class index of its right label


@dataclass(frozen=True, slots=True)
class Strip:
    labels: tuple[str, ...]
    pictures: tuple[Shown, ...]
    frames: tuple[Frame, ...]


def choose(images: Iterable[VersionImage], doubts: Mapping[int, float], learned_from: int) -> list[Shown]:
    """The pictures to watch, by label: some of each label, and every third a hard one.

    The same pictures and doubts give the same strip; a hash decides among equals, so that neither names nor order do.

    Args:
        images: those of the validation part that can be read.
        doubts: image id -> how far a model was from its right label, 0..1; images that are missing are not hard.
        learned_from: pictures of an epoch.
    """
    mixed = sorted(images, key=lambda image: image.sha256)
    many = min(MOST, max(LEAST, learned_from // TRAINED_FOR_EACH), len(mixed))
    chosen = _one_by_one(sorted(mixed, key=lambda one: -doubts.get(one.image_id, 0.0)), many // HARD_SHARE, Counter())
    counts = Counter(image.label_index for image in chosen)
    chosen += _one_by_one([image for image in mixed if image not in chosen], many - len(chosen), counts)
    chosen = sorted(chosen, key=lambda image: (image.label_index, image.sha256))
    return [Shown(image.image_id, image.sha256, image.label_index) for image in chosen]


def _one_by_one(images: list[VersionImage], many: int, counts: Counter[int]) -> list[VersionImage]:
    """The first of `images`, each time of a label that has the fewest yet."""
    counts, left = counts.copy(), list(images)
    chosen: list[VersionImage] = []
    while len(chosen) < many and left:
        best = min(left, key=lambda image: counts[image.label_index])
        left.remove(best)
        chosen.append(best)
        counts[best.label_index] += 1
    return chosen


def strip(studio: Studio, run_id: int, after_epoch: int = -1) -> Strip:
    """The frames of a run after an epoch; asked for all of them, with the pictures, once they are chosen.

    Raises NotFound.
    """
    run = studio.store.runs.get(run_id)
    events = studio.store.runs.events(run_id) if after_epoch < 0 else []
    pictures: list[dict[str, Any]] = next((event.data["pictures"] for event in events if event.kind == "strip"), [])
    labels = studio.store.versions.get(run.version_id).labels if after_epoch < 0 else ()
    frames = studio.store.runs.frames(run_id, after_epoch)
    return Strip(labels, tuple(Shown(**one) for one in pictures), tuple(frames))

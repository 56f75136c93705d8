"""Versions: what a run trains on, frozen. The dataset may change; the run's list does not."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from core import names
from core.errors import Refused
from core.records import Label, Split, Version, VersionImage
from core.studio import LabelledImage, Studio

MIN_PER_LABEL = 2  # one to learn from, one to test on


def freeze(studio: Studio, dataset_id: int, validation_share: float, seed: int, name: str = "") -> Version:
    """The labelled images of a dataset with their splits, none left at AUTO.

    Where the upload came with validation pictures they are used; else `validation_share` of each label is drawn,
    the same ones for the same seed, and an image never changes sides because another was added.

    Raises:
        Refused: fewer than two labels, or a label with fewer than two pictures.
    """
    images = studio.store.images.labelled(dataset_id)
    labels = sorted(studio.store.datasets.labels(dataset_id), key=lambda label: label.position)
    _require_enough(labels, images)
    index = {label.id: n for n, label in enumerate(label for label in labels if label.images)}
    splits = assign(images, validation_share, seed)
    rows = [VersionImage(i.image_id, i.sha256, index[i.label_id], splits[i.image_id]) for i in images]
    return studio.store.versions.freeze(dataset_id, name, [label.name for label in labels if label.images], rows)


def assign(images: Sequence[LabelledImage], validation_share: float, seed: int) -> dict[int, Split]:
    """Image id -> split. Stratified; ordered by a hash of the picture, so the draw is stable under additions."""
    drawn = not any(image.split is Split.VALIDATION for image in images)
    splits: dict[int, Split] = {
        image.image_id: image.split if image.split is not Split.AUTO else Split.TRAIN for image in images
    }
    by_label: dict[int, list[LabelledImage]] = defaultdict(list)
    for image in images:
        if image.split in (Split.AUTO, Split.TRAIN):
            by_label[image.label_id].append(image)
    for some in by_label.values() if drawn else ():
        some.sort(key=lambda image: hashlib.sha256(f"{seed} {image.sha256}".encode()).digest())
        wanted = max(1, round(len(some) * validation_share)) if len(some) > 1 else 0
        for image in some[: min(wanted, len(some) - 1)]:
            splits[image.image_id] = Split.VALIDATION
    return splits


def _require_enough(labels: Sequence[Label], images: Sequence[LabelledImage]) -> None:
    if not images:
        raise Refused(
            "There is no labelled picture in this dataset yet. Add pictures and label them first.", "no_label"
        )
    used = [label for label in labels if label.images]
    if len(used) < 2:
        raise Refused(
            f"There is one label only, “{used[0].name}”. A model needs at least two to tell apart: add another one.",
            "one_label",
        )
    trainable: dict[int, int] = defaultdict(int)
    for image in images:
        trainable[image.label_id] += image.split is not Split.TEST
    few = [label.name for label in used if trainable[label.id] < MIN_PER_LABEL]
    if few:
        named = ", ".join(f"“{name}”" for name in sorted(few, key=names.natural_key)[:3])
        raise Refused(
            f"{named} {'has' if len(few) == 1 else 'have'} fewer than {MIN_PER_LABEL} pictures to learn from. "
            "Add some, or remove the label.",
            "few_pictures",
        )

"""The draw: which pictures a run learns from, and which it is measured on.

Pictures that show one thing (duplicates and near-duplicates, as findings know them) go to one side together: else a
model is measured on what it has learned by heart. What a person or an upload has placed stays where it was placed.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

from core.records import Split
from core.stores import LabelledImage

Unit = list[LabelledImage]  # goes to one side as a whole


def assign(
    images: Sequence[LabelledImage], validation_share: float, seed: int, groups: Iterable[Sequence[int]] = ()
) -> dict[int, Split]:
    """Image id -> split, none of them AUTO.

    Stratified, ordered by a hash of the picture: the same data, groups and seed give the same draw, and another picture
    moves hardly any. Where there are validation pictures already, none is drawn. A group too large for what a label
    still wants is learned from; a label that is one group only is torn apart, for there is no other way to measure it.

    Args:
        groups: image ids that belong together; an image in several counts in the first.
    """
    units = _units(images, groups)
    splits = {image.image_id: _side(image, unit) for unit in units for image in unit}
    if any(image.split is Split.VALIDATION for image in images):
        return splits
    free = [unit for unit in units if all(splits[image.image_id] is Split.TRAIN for image in unit)]
    free.sort(key=lambda unit: hashlib.sha256(f"{seed} {min(image.sha256 for image in unit)}".encode()).digest())
    by_label: dict[int, list[Unit]] = defaultdict(list)
    for unit in free:
        for label_id in {image.label_id for image in unit}:
            by_label[label_id].append(unit)
    for label_id in sorted(by_label):
        _draw(label_id, by_label[label_id], validation_share, splits)
    return splits


def _units(images: Sequence[LabelledImage], groups: Iterable[Sequence[int]]) -> list[Unit]:
    rest = {image.image_id: image for image in images}
    units = [[rest.pop(i) for i in group if i in rest] for group in groups]
    return [unit for unit in units if unit] + [[image] for image in rest.values()]


def _side(image: LabelledImage, unit: Unit) -> Split:
    """Where it was placed; what was not follows its twins to the side that is held back most."""
    if image.split is not Split.AUTO:
        return image.split
    there = {other.split for other in unit}
    return next((side for side in (Split.TEST, Split.VALIDATION) if side in there), Split.TRAIN)


def _draw(label_id: int, units: Sequence[Unit], validation_share: float, splits: dict[int, Split]) -> None:
    """Moves units of a label to validation until its share is there, leaving at least one picture to learn from."""
    mine = [[image for image in unit if image.label_id == label_id] for unit in units]
    total = sum(len(some) for some in mine)
    wanted = min(max(1, round(total * validation_share)), total - 1)
    drawn = sum(splits[image.image_id] is Split.VALIDATION for some in mine for image in some)
    for unit, some in zip(units, mine, strict=True):
        if drawn < wanted and splits[some[0].image_id] is Split.TRAIN and len(some) <= max(wanted - drawn, 1):
            drawn += len(some)
            for image in unit:
                splits[image.image_id] = Split.VALIDATION
    if wanted and not drawn:
        smallest = min(mine, key=len)
        whole = smallest if len(smallest) < total else smallest[:wanted]
        for image in whole:
            splits[image.image_id] = Split.VALIDATION

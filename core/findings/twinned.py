"""Pictures that are there twice: the same pixels, or nearly; under two labels; on both sides of the split."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from core.findings.material import Material
from core.findings.words import listed, of_group, quoted
from core.index import twins
from core.records import FindingKind, Found, Image, Split

SIDES = {Split.TRAIN: "training", Split.VALIDATION: "validation", Split.TEST: "testing"}


def groups(material: Material, pairs: Sequence[twins.Pair], rows: Sequence[int]) -> Iterator[Found]:
    """One finding a group, of the worst kind that holds.

    Args:
        pairs: of places in `rows`.
    """
    same = _same_pixels(material)
    likeness = {(rows[pair.first], rows[pair.second]): pair.likeness for pair in pairs}
    found = twins.joined(len(material.images), [*same, *likeness])
    group = {at: number for number, members in enumerate(found) for at in members}
    sure: dict[int, list[float]] = defaultdict(list)  # once through the pairs, of which a film has a million
    for (first, _), value in likeness.items():
        sure[group[first]].append(value)
    for number, members in enumerate(found):
        yield _judged(material, members, float(np.mean(sure[number])) if number in sure else 1.0)


def _same_pixels(material: Material) -> list[tuple[int, int]]:
    """Pictures of one size that look the same to the last pixel, next to next."""
    known: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    for at, (image, facts) in enumerate(zip(material.images, material.facts, strict=True)):
        if facts is not None:
            known[facts.pixels, image.width, image.height].append(at)
    return [pair for some in known.values() for pair in pairwise(some)]


def _judged(material: Material, members: Sequence[int], likeness: float) -> Found:
    images = [material.images[at] for at in members]
    exact = len({_pixels(material, at) for at in members}) == 1
    keep = best(images)
    images.sort(key=lambda image: (image.id != keep.id, image.id))
    what = "The same picture" if exact else "Nearly the same picture"
    labels = Counter(image.label for image in images if image.label)
    sides = [split for split in SIDES if any(image.split is split for image in images)]
    if len(sides) > 1:
        side = _side(images)
        where = listed([SIDES[split] for split in sides])
        said = (
            f"{what} is used for {where}, so the score flatters the model. Keep all of them on one side, or one only."
        )
        return of_group(FindingKind.LEAK, images, likeness, said, keep=keep.id, split=str(side))
    if len(labels) > 1:
        said = (
            f"{what} is labelled {listed([quoted(name) for name in sorted(labels)])}. At most one of them can be right."
        )
        return of_group(FindingKind.TWO_LABELS, images, likeness, said, keep=keep.id, labels=sorted(labels))
    times = {2: "twice", 3: "three times"}.get(len(images), f"{len(images):,} times")
    if exact:
        said = f"The same picture is here {times}, in files that differ. It counts for more than it should."
        return of_group(FindingKind.EXACT, images, likeness, said, keep=keep.id)
    said = f"Nearly the same picture is here {times}: resized, cropped, saved again, or taken a moment later."
    return of_group(FindingKind.NEAR, images, likeness, said, keep=keep.id)


def _pixels(material: Material, at: int) -> tuple[str, int, int]:
    facts, image = material.facts[at], material.images[at]
    return facts.pixels if facts else "", image.width, image.height


def best(images: Sequence[Image]) -> Image:
    """The one to keep: with a label, largest, least compressed, oldest."""
    return min(images, key=lambda one: (one.label is None, -one.width * one.height, -one.bytes, one.id))


def _side(images: Sequence[Image]) -> Split:
    """Where most of them are; where none is more, the side that is learned from."""
    counts: Counter[Split] = Counter(image.split for image in images)
    return max(SIDES, key=lambda split: (counts[split], split is Split.TRAIN))

"""Datasets of drawn pictures with true facts and with vectors that are near where the pictures are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from core.findings.surveying import survey
from core.imaging.measuring import measure
from core.imaging.renditions import INPUT_SIDE, THUMB_SIDE, fitted, squash
from core.records import Finding, FindingKind, Image, PictureFacts, Split
from core.stores import NewImage, Where
from core.studio import Studio


@cache
def scene(seed: int, width: int = 240, height: int = 180) -> Picture.Image:
    """Shapes on a ground, another for each seed: sharp edges, many shades."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.full((height, width, 3), rng.integers(60, 200, 3), float)
    for _ in range(14):
        inside = abs(x - rng.uniform(0, width)) / rng.uniform(15, 80) + abs(y - rng.uniform(0, height)) / 40 < 1
        pixels[inside] = rng.integers(0, 255, 3)
    return Picture.fromarray((pixels + rng.normal(0, 3, pixels.shape)).clip(0, 255).astype(np.uint8))


def facts_of(picture: Picture.Image) -> PictureFacts:
    return measure(fitted(picture, THUMB_SIDE), squash(picture, INPUT_SIDE))


class World:
    """One dataset; `add` gives the image ids of the pictures."""

    def __init__(self, studio: Studio, name: str = "things") -> None:
        self.studio = studio
        self.dataset_id = studio.store.datasets.create(name).id
        self._map = np.random.default_rng(7).normal(0, 1, (256, 1280)).astype(np.float32)
        self._made = 0

    def add(
        self,
        pictures: Sequence[Picture.Image],
        label: str | None,
        split: Split = Split.AUTO,
        format: str = "JPEG",
        vectors: NDArray[np.float32] | None = None,
    ) -> list[int]:
        """`vectors`: other ones than those that the pictures' own looks give."""
        new, facts, minis = [], {}, []
        for picture in pictures:
            self._made += 1
            sha = f"{self.dataset_id:032x}{self._made:032x}"
            new.append(NewImage(sha, f"{self._made}.jpg", label, split, *picture.size, format, 1000 + self._made))
            facts[sha] = facts_of(picture)
            mini = np.frombuffer(facts[sha].mini, np.uint8).astype(np.float32)
            minis.append((mini - mini.mean()) / max(float(mini.std()), 1.0))
        first = self.studio.store.vectors.next_row()
        outcome = self.studio.store.images.add(self.dataset_id, new, "ann", "Added pictures")
        self.studio.store.facts.put(facts)
        own = np.array(minis, np.float32) @ self._map
        self.studio.vectors.append(first, own if vectors is None else vectors)
        self.studio.store.vectors.put({one.sha256: first + at for at, one in enumerate(new)})
        return list(outcome.changed)

    def survey(self) -> dict[str, int]:
        """Works the findings out; gives how many were found by kind."""
        dataset = self.studio.store.datasets.get(self.dataset_id)
        found: dict[str, int] = survey(self.studio, dataset, lambda _share: None)["found"]
        return found

    def open(self, *kinds: FindingKind) -> list[Finding]:
        return self.studio.store.findings.page(self.dataset_id, kinds or tuple(FindingKind), 0, 1000)

    def images(self) -> dict[int, Image]:
        found = self.studio.store.images.page(self.dataset_id, Where(order="oldest"), 0, 10_000)
        return {image.id: image for image in found}

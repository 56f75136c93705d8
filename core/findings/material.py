"""What findings are made of: every picture of a dataset with its facts and its vector, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.ports import Vectors
from core.records import Dataset, Image, Label, PictureFacts
from core.stores import Where
from core.studio import Studio

MEASURED_AT_ONCE = 256
EVERYTHING = 10_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    dataset: Dataset
    images: list[Image]  # oldest first, without the deleted ones
    labels: list[Label]  # with pictures, by position
    facts: list[PictureFacts | None]  # a row an image; None: it cannot be decoded any more
    vector_rows: NDArray[np.int64]  # into the vector file; -1: none

    @property
    def measured(self) -> list[int]:
        """Rows that have facts and a vector."""
        return [at for at, one in enumerate(self.facts) if one is not None and self.vector_rows[at] >= 0]


def gather(studio: Studio, dataset: Dataset) -> Material:
    """Measures what was never measured: a picture that came before there was anything to measure."""
    images = studio.store.images.page(dataset.id, Where(order="oldest"), 0, EVERYTHING)
    shas = [image.sha256 for image in images]
    facts = studio.store.facts.get(shas)
    _measure(studio, [sha for sha in shas if sha not in facts], facts)
    rows = studio.store.vectors.rows(shas)
    labels = [label for label in studio.store.datasets.labels(dataset.id) if label.images]
    return Material(
        dataset,
        images,
        labels,
        [facts.get(sha) for sha in shas],
        np.array([rows.get(sha, -1) for sha in shas], np.int64),
    )


def _measure(studio: Studio, missing: list[str], facts: dict[str, PictureFacts]) -> None:
    for start in range(0, len(missing), MEASURED_AT_ONCE):
        some = missing[start : start + MEASURED_AT_ONCE]
        sources: list[Path] = [studio.files.picture(sha) for sha in some]
        found = {some[at]: one for at, one in studio.decoder.measured(sources) if one is not None}
        studio.store.facts.put(found)
        facts.update(found)


def vectors(studio: Studio, material: Material, rows: list[int]) -> Vectors:
    """(len(rows), 1280)."""
    return studio.vectors.read([int(material.vector_rows[at]) for at in rows])

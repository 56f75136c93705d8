"""What is hard on a layout, and what goes wrong."""

from __future__ import annotations

from core import datasets
from core.records import Dataset
from core.studio import Studio
from tests.screens.shots import Shot, copied, pictures_of, ready, signs


def odd(studio: Studio) -> list[Shot]:
    known = signs(studio)
    many, lonely = hundred_labels(studio, known), one_label(studio, known)
    model = ready(studio, many)
    return [
        Shot("home-odd", "/"),
        Shot("dataset-odd", f"/datasets?dataset={many}", wait_ms=1500),
        Shot("label-odd", f"/label?dataset={many}", wait_ms=1500),
        Shot("model-odd", f"/models?model={model.id}", wait_ms=2000),
        Shot("nowhere", "/models?model=999"),
        Shot("one-label", f"/train?dataset={lonely}"),
    ]


def hundred_labels(studio: Studio, known: Dataset) -> int:
    """The names of some of them are hard on a layout."""
    names = {at: f"label {at}" for at in range(100)}
    names |= {0: "x", 1: "an exceedingly long name for a label that nobody reads to its end", 2: "<b>", 3: "=1+1"}
    dataset = datasets.create(studio, "Names that are hard on a layout, of which this is one, and it is still not over")
    images = pictures_of(studio, known)[:200]
    copied(studio, dataset.id, images, [names[at % 100] for at in range(len(images))])
    return dataset.id


def one_label(studio: Studio, known: Dataset) -> int:
    dataset = datasets.create(studio, "One label only")
    copied(studio, dataset.id, pictures_of(studio, known)[:12], ["sign"] * 12)
    return dataset.id

"""Three pictures: too few for a model; and five, of which the smallest possible model is made."""

from __future__ import annotations

from playwright.sync_api import Page

from core import datasets
from core.records import Dataset
from core.studio import Studio
from tests.screens.shots import Shot, copied, pictures_of, ready, signs, views_of, views_of_model


def few(studio: Studio) -> list[Shot]:
    known = signs(studio)
    of = {label.name: label.id for label in studio.store.datasets.labels(known.id)}
    first, second = list(of)[:2]
    three = made(studio, known, "Three pictures", [first, first, second])
    five = made(studio, known, "Five pictures", [first, first, first, second, second])
    loose = made(studio, known, "Three without a label", [None, None, None])
    model = ready(studio, five.id)
    datasets.remove(studio, known.id)
    return [
        Shot("few-home", "/"),
        Shot("few-datasets", "/datasets"),
        Shot("few-models", "/models"),
        *views_of("three", three),
        Shot("three-search", f"/train?dataset={three.id}&find=1"),
        *views_of("five", five),
        *views_of_model("five-model", model),
        *[shot for shot in views_of("loose", loose) if shot.name in ("loose-pictures", "loose-label", "loose-train")],
        Shot("three-selected", f"/datasets?dataset={three.id}", whole=False, act=select),
    ]


def made(studio: Studio, known: Dataset, name: str, labels: list[str | None]) -> Dataset:
    """A dataset with a picture of each label, in this order; without one it is a picture of whatever."""
    left, chosen = pictures_of(studio, known), []
    for label in labels:
        one = next(image for image in left if label in (None, image.label))
        left.remove(one)
        chosen.append(one)
    dataset = datasets.create(studio, name)
    copied(studio, dataset.id, chosen, labels)
    return datasets.get(studio, dataset.id)


def select(page: Page) -> None:
    page.get_by_role("button", name="Select all").click()

"""A shot: one screen in one state; and what worlds need to get there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from filelock import FileLock, Timeout
from playwright.sync_api import Page, expect

from core import models, uploads
from core.records import Dataset, Image, Model, Split
from core.stores import NewImage, Where
from core.studio import Studio
from tests.browser import ROOT

DATA = ROOT.parent / "shared" / "data"
SAMPLES = ROOT / "build" / "samples.zip"
SIZES = {"desk": (1440, 900), "phone": (390, 844)}
LOOKS = [(theme, size) for theme in ("dark", "light") for size in SIZES]
WAIT_S = 1800.0  # a busy machine


@dataclass(frozen=True, slots=True)
class Shot:
    """One screen in one state; `act` brings it there."""

    name: str
    path: str
    whole: bool = True  # the whole page, not only what the window shows
    act: Callable[[Page], None] | None = None
    wait_ms: int = 700
    bare: bool = False  # a page of ours beside Streamlit's
    looks: list[tuple[str, str]] = field(default_factory=lambda: list(LOOKS))


def views_of(name: str, dataset: Dataset) -> list[Shot]:
    """Every view of a dataset, and the screens that are about it."""
    at = f"/datasets?dataset={dataset.id}"
    return [
        Shot(f"{name}-pictures", at, wait_ms=1500),
        *[
            Shot(f"{name}-{view}", f"{at}&view={view}", act=worked_out, wait_ms=2500)
            for view in ("findings", "map", "versions", "enough")
        ],
        Shot(f"{name}-label", f"/label?dataset={dataset.id}", whole=False, wait_ms=1500),
        Shot(f"{name}-train", f"/train?dataset={dataset.id}"),
        Shot(f"{name}-try", f"/try?dataset={dataset.id}", wait_ms=1500),
    ]


def views_of_model(name: str, model: Model) -> list[Shot]:
    at = f"/models?model={model.id}"
    return [
        Shot(f"{name}-{view}", f"{at}&view={view}", act=worked_out, wait_ms=2500)
        for view in ("judge", "compare", "use", "packages")
    ]


def worked_out(page: Page) -> None:
    """What the surveyor works out for this page is there."""
    expect(page.locator("[data-testid=stMain] .dr-bar")).to_have_count(0)


def wait(over: Callable[[], bool]) -> None:
    """Raises TimeoutError."""
    ends_at = time.monotonic() + WAIT_S
    while not over():
        if time.monotonic() > ends_at:
            raise TimeoutError("The background processes take longer than they should.")
        time.sleep(0.3)


def ready(studio: Studio, dataset_id: int) -> Model:
    """Waits for the instant model of the labels as they are."""
    wait(lambda: models.instant(studio, dataset_id).state == "ready")
    model = models.instant(studio, dataset_id).model
    assert model is not None
    return model


@contextmanager
def in_its_place(studio: Studio) -> Iterator[None]:
    """No indexer works meanwhile: there is one writer of vectors at a time."""
    lock = FileLock(studio.files.lock("indexer"))
    while not lock.is_locked:
        studio.services.stop()  # type: ignore[attr-defined]
        with suppress(Timeout):  # the app has woken another one meanwhile
            lock.acquire(timeout=1)
    try:
        yield
    finally:
        lock.release()


def facts_known(studio: Studio, dataset: Dataset) -> None:
    """Waits until every picture of a dataset was measured, which comes after its vector."""
    shas = [one.sha256 for one in pictures_of(studio, dataset)]
    wait(lambda: len(studio.store.facts.get(shas)) == len(shas))


def signs(studio: Studio) -> Dataset:
    """The sample set, as a dataset."""
    uploads.import_path(studio, SAMPLES, "Road signs")
    found = studio.store.datasets.find("Road signs")
    assert found is not None
    return found


def pictures_of(studio: Studio, dataset: Dataset) -> list[Image]:
    return studio.store.images.page(dataset.id, Where(), 0, dataset.images)


def copied(studio: Studio, dataset_id: int, images: Sequence[Image], labels: Sequence[str | None]) -> None:
    """Adds pictures that are there already to a dataset, with other labels."""
    new = [
        NewImage(one.sha256, one.name, label, Split.AUTO, one.width, one.height, one.format, one.bytes)
        for one, label in zip(images, labels, strict=True)
    ]
    studio.store.images.add(dataset_id, new, studio.who, "Added pictures")

"""Every screen opens: empty, full, and with an address that leads nowhere."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core.records import Split
from core.studio import NewImage, Studio
from tests.pages.conftest import Visit, words

SCREENS = ("home", "datasets", "labelling", "training", "models", "predictions", "system")


def add(studio: Studio, name: str, labels: dict[str | None, int]) -> int:
    dataset = studio.store.datasets.create(name)
    images = [
        NewImage(f"{hash((name, label, n)) % 16**64:064x}", f"{n}.jpg", label, Split.AUTO, 20, 10, "JPEG", 100)
        for label, many in labels.items()
        for n in range(many)
    ]
    studio.store.images.add(dataset.id, images, "ann", "Added pictures")
    return dataset.id


def calm(app: AppTest) -> bool:
    return not app.exception and not app.error


@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_opens_empty(visit: Visit, screen: str) -> None:
    assert calm(visit(screen))


@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_opens_full(visit: Visit, studio: Studio, screen: str) -> None:
    add(studio, "Fruit", {"apple": 70, "pear": 5, None: 3})
    app = visit(screen)
    assert calm(app)
    assert not app.warning or screen == "system", words(app)

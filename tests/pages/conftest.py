"""Screens on a scratch studio: real storage, no processes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import pages
from core.records import Image, Model, ModelKind, Split
from core.stores import NewImage, Where
from core.studio import Studio

APP = Path(__file__).parents[2] / "app.py"
SCREENS = ("home", "datasets", "labelling", "training", "models", "predictions", "system")
Visit = Callable[..., AppTest]


@pytest.fixture
def visit(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visit]:
    """`visit("training", dataset=3)`: opens the screen from app.py, as a browser does, and gives it drawn."""
    monkeypatch.setattr(pages, "open_studio", lambda _settings: studio)
    pages.opened.clear()

    def visit(screen: str, **address: object) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=60).run()
        for name, value in address.items():
            app.query_params[name] = str(value)
        return app.switch_page(f"pages/{screen}.py").run()

    yield visit
    pages.opened.clear()


def words(app: AppTest) -> str:
    """Everything a screen says, as it was sent to the browser: texts, markup, and the data of its components."""
    kinds = ("title", "markdown", "html", "caption", "warning", "code", "page_link", "link_button")
    said = [str(getattr(one, "value", "")) for kind in kinds for one in app.get(kind)]
    said += [str(one.label) for one in app.button]
    said += [one.proto.json for one in app.get("bidi_component")]
    return "\n".join(said)


def calm(app: AppTest) -> bool:
    """Neither a traceback nor one of Streamlit's own errors."""
    return not app.exception and not app.error


def add(studio: Studio, name: str, labels: Mapping[str | None, int]) -> int:
    """A dataset with so many pictures of each label, without files; gives its id."""
    dataset = studio.store.datasets.create(name)
    images = [
        NewImage(sha(f"{name}/{label}/{n}"), f"{name}/{n}.jpg", label, Split.AUTO, 20, 10, "JPEG", 100)
        for label, many in labels.items()
        for n in range(many)
    ]
    studio.store.images.add(dataset.id, images, "ann", "Added pictures")
    return dataset.id


def _every(studio: Studio, dataset_id: int) -> list[Image]:
    return studio.store.images.page(dataset_id, Where(), 0, 1000)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def add_model(studio: Studio, dataset_id: int, kind: ModelKind = ModelKind.INSTANT, run_id: int | None = None) -> Model:
    """A model with held-out pictures on disk, of which it gets the very first one wrong."""
    images = studio.store.images.labelled(dataset_id)
    labels = [label for label in studio.store.datasets.labels(dataset_id) if label.images]
    place = {label.id: at for at, label in enumerate(labels)}
    targets = np.array([place[image.label_id] for image in images], np.int64)
    said = targets.copy()
    said[0] = (said[0] + 1) % len(labels)
    probabilities = np.full((len(images), len(labels)), 0.1 / len(labels), np.float32)
    probabilities[np.arange(len(images)), said] += 0.9
    folder = f"model-{dataset_id}-{kind}"
    studio.files.model(folder).mkdir()
    ids = np.array([image.image_id for image in images], np.int64)
    np.savez(
        studio.files.model(folder) / "held_out.npz", image_id=ids, target=targets, probabilities=probabilities
    )  # fmt: skip
    studio.store.vectors.put({image.sha256: row for row, image in enumerate(_every(studio, dataset_id))})
    for dataset in studio.store.datasets.all():
        studio.store.datasets.mark_fitted(dataset.id, dataset.labels_revision)
    names = [label.name for label in labels]
    run = studio.store.runs.get(run_id) if run_id else None
    return studio.store.models.put(
        dataset_id,
        kind,
        "efficientnet-lite0" if run is None else run.spec.architecture,
        names,
        0.93,
        (0.905, 0.95),
        "cross-validation" if run is None else "validation",
        len(images),
        folder,
        {},
        run_id,
        run.version_id if run else None,
    )

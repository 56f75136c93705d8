"""A furnished house: a real Darkroom with pictures and a first model, for walks that begin where there is a model."""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from core import datasets, models, uploads
from core.embedded import open_studio
from core.settings import read_settings
from core.stores import Change, Where
from core.studio import Studio
from tests.browser import ROOT, free_port, serve

SAMPLES = ROOT / "build" / "samples.zip"
PATIENCE_S = 180.0  # a busy machine
SIGNS = 3  # kinds
EACH = 20  # pictures of a kind that are learned from
KEPT = 10  # pictures of a kind that are kept out


@dataclass(frozen=True, slots=True)
class House:
    address: str
    studio: Studio
    labels: tuple[str, ...]
    apart: Path  # a folder of pictures that no model has seen
    wrong: tuple[int, ...]  # pictures of the first label that were given the second one


@contextmanager
def furnished(folder: Path, **settings: str) -> Iterator[House]:
    """Road signs of three kinds, two of them labelled wrongly, and the instant model that has learned from them."""
    own = {
        "DARKROOM_HOME": str(folder / "home"),
        "DARKROOM_DISK_RESERVE_BYTES": "1000000",
        "DARKROOM_IDLE_EXIT_S": "30",
    }
    port = free_port()
    environment = {**own, "DARKROOM_PORT": str(port), **settings}
    labels = unpack(folder)
    studio = open_studio(read_settings({**os.environ, **environment}))
    try:
        with serve("app:app", environment, port) as address:
            dataset = uploads.import_path(studio, folder / "signs", "Signs").dataset
            assert dataset is not None
            until(lambda: models.instant(studio, dataset.id).state == "ready")
            some = studio.store.images.page(dataset.id, labelled(studio, labels[0]), 0, 2)
            datasets.change(studio, dataset.id, "relabel", [Change(one.id, label=labels[1]) for one in some])
            until(lambda: models.instant(studio, dataset.id).state == "ready")
            yield House(address, studio, labels, folder / "apart", tuple(one.id for one in some))
    finally:
        studio.services.stop(trainers=True)  # type: ignore[attr-defined]
        studio.decoder.close()


def labelled(studio: Studio, name: str) -> Where:
    """The pictures of a label of the one dataset there is."""
    found = {label.name: label.id for label in datasets.labels(studio, datasets.find(studio, "Signs").id)}
    return Where(label_id=found[name])


def unpack(folder: Path) -> tuple[str, ...]:
    """signs/LABEL/n.jpg to learn from, and others in `apart`; gives the labels."""
    if not SAMPLES.exists():
        pytest.skip("needs the sample pictures, which `make setup` draws")
    (folder / "apart").mkdir(parents=True)
    with zipfile.ZipFile(SAMPLES) as zipped:
        names = sorted(name for name in zipped.namelist() if name.endswith(".jpg"))
        labels = tuple(sorted({name.split("/")[0] for name in names})[:SIGNS])
        for label in labels:
            mine = [name for name in names if name.startswith(f"{label}/")]
            (folder / "signs" / label).mkdir(parents=True)
            for at, name in enumerate(mine[: EACH + KEPT]):
                place = folder / "signs" / label if at < EACH else folder / "apart"
                (place / f"{label} {at}.jpg").write_bytes(zipped.read(name))
    return labels


def until(holds: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < ends_at, "waited in vain"
        time.sleep(0.1)

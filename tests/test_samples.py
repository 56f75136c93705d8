from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core import datasets, samples, uploads
from core.errors import NotFound, Unavailable
from core.records import UploadState
from core.serving.routes import routes
from core.studio import Studio
from tests.worlds import png


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """What `make setup` leaves: a zip of labelled pictures, and held-back ones."""
    with zipfile.ZipFile(tmp_path / "samples.zip", "w") as archive:
        for n in range(6):
            archive.writestr(f"{'stop' if n % 2 else 'yield'}/{n}.png", png(seed=n))
    held_back = tmp_path / "samples" / "held_back"
    held_back.mkdir(parents=True)
    (held_back / "stop_01.jpg").write_bytes(b"a picture")
    return tmp_path


def test_the_sample_set_becomes_a_dataset_without_a_second_click(studio: Studio, build: Path) -> None:
    upload = samples.add(studio, build)
    uploads.check(studio, upload.id)  # what the indexer does
    assert uploads.get(studio, upload.id).state is UploadState.ADDED
    assert datasets.find(studio, samples.DATASET).images == 6


def test_a_second_sample_set_gets_a_name_of_its_own(studio: Studio, build: Path) -> None:
    for _ in range(2):
        uploads.check(studio, samples.add(studio, build).id)
    names = [dataset.name for dataset in datasets.all_of(studio)]
    assert len(names) == 2
    assert all(samples.is_sample(name) for name in names)


def test_samples_that_were_never_drawn_are_said_to_be_missing(studio: Studio, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="make setup"):
        samples.add(studio, tmp_path / "nowhere")
    assert samples.held_back(tmp_path / "nowhere") == []


def test_only_held_back_pictures_can_be_asked_for(build: Path) -> None:
    assert samples.picture("stop_01.jpg", build).read_bytes() == b"a picture"
    for name in ("../samples.zip", "..", "", "stop_02.jpg"):
        with pytest.raises(NotFound):
            samples.picture(name, build)


def test_a_held_back_picture_is_served(studio: Studio, build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples.picture, "__defaults__", (build,))
    client = TestClient(Starlette(routes=routes(studio, {})))
    assert client.get("/api/samples/stop_01.jpg").content == b"a picture"
    monkeypatch.setattr(samples.picture, "__defaults__", (build / "nowhere",))
    assert client.get("/api/samples/stop_01.jpg").status_code == 404

"""The bundle of a model is streamed to the disk, and read by somebody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core import incoming
from core.records import IncomingState
from core.serving.routes import routes
from core.studio import Studio
from tests.serving.world import client, open_world


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return open_world(tmp_path / "home")


@pytest.fixture
def web(studio: Studio) -> TestClient:
    return client(Starlette(routes=routes(studio, {})))


def test_a_bundle_waits_to_be_read_as_it_was_sent(web: TestClient, studio: Studio) -> None:
    dataset = studio.store.datasets.create("pets")
    content = bytes(range(256)) * 20_000
    told = web.post(f"/api/incoming?name=a%20b.zip&dataset={dataset.id}", content=content).json()
    made = incoming.get(studio, told["id"])
    assert (made.state, made.name, made.dataset_id) == (IncomingState.WAITING, "a b.zip", dataset.id)
    assert incoming.place(studio, made).read_bytes() == content
    assert web.get(f"/api/incoming/{made.id}").json()["sentence"] == "Being read and tried."
    studio.store.incoming.refuse(made.id, "It is no bundle.")
    assert web.get(f"/api/incoming/{made.id}").json()["sentence"] == "It is no bundle."


def test_what_cannot_be_received_is_said_and_forgotten(
    web: TestClient, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.store.datasets.create("pets")
    assert web.post("/api/incoming?name=x&dataset=no", content=b"x").status_code == 400
    assert web.post("/api/incoming?name=x&dataset=99", content=b"x").status_code == 404
    assert web.post("/api/incoming?name=x&called=pets", content=b"x").status_code == 409
    assert web.get("/api/incoming/99").status_code == 404
    monkeypatch.setattr(incoming, "MOST_BYTES", 5)
    assert web.post("/api/incoming?name=x", content=b"123456").status_code == 413
    [made] = incoming.latest(studio)
    assert made.state is IncomingState.REFUSED and not incoming.place(studio, made).exists()

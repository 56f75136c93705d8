"""A link to share leads to one model and to nothing else."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core import models, shares, tokens
from core.errors import NotFound, Refused, Unauthorized
from core.records import Model, ModelKind
from core.serving import shared
from core.serving.gate import gate
from core.serving.routes import TABLE, routes
from core.studio import Studio
from pages.components import assets
from tests.serving.world import client, open_world, with_images, with_model


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return open_world(tmp_path / "home")


@pytest.fixture
def model(studio: Studio) -> Model:
    with_images(studio, "cat", "dog")
    return with_model(studio, 1)


@pytest.fixture
def web(studio: Studio) -> TestClient:
    files = {name: assets.path(name) for name in assets.names()}
    return client(Starlette(routes=routes(studio, files), middleware=[gate(studio.settings, "default-src 'self'")]))


def bearing(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def test_a_guest_learns_the_models_name_and_gets_its_answers(web: TestClient, studio: Studio, model: Model) -> None:
    secret = shares.make(studio, model.id, 7)[1]
    told = web.get("/api/share", headers=bearing(secret))
    assert set(told.json()) == {"title", "sentence", "labels"}
    answer = web.post("/api/share/predict", headers=bearing(secret), content=b"picture")
    assert answer.json()["label"] == "cat" and answer.headers["cache-control"] == "no-store"
    assert "model" not in answer.json()
    assert studio.store.predictions.all(1) == [], "nothing of a guest is kept"


def test_a_link_to_a_model_from_elsewhere_answers_and_says_whose_word_its_accuracy_is(
    web: TestClient, studio: Studio, model: Model
) -> None:
    measured: Any = (0.9, (0.8, 0.95), "test", 40, model.folder, {"origin": {"dataset": "pets", "kind": "instant"}})
    brought = studio.store.models.put(1, ModelKind.IMPORTED, "efficientnet-lite0", ["cat", "dog"], *measured)
    assert brought.id != model.id
    secret = shares.make(studio, brought.id, 7)[1]
    assert "elsewhere, as its bundle says" in web.get("/api/share", headers=bearing(secret)).json()["sentence"]
    assert web.post("/api/share/predict", headers=bearing(secret), content=b"picture").json()["label"] == "cat"
    studio.store.models.measured(brought.id, 0.7, (0.6, 0.8), models.HERE, 12, brought.summary)
    assert "of this dataset" in web.get("/api/share", headers=bearing(secret)).json()["sentence"]
    shares.revoke(studio, shares.open_ones(studio, brought.id)[0].id)
    assert web.get("/api/share", headers=bearing(secret)).status_code == 401


def test_nothing_is_shared_until_somebody_makes_a_link(web: TestClient, model: Model) -> None:
    for secret in ("look_1_", "look_1_x", "look_0_" + "0" * 64, ""):
        assert web.get("/api/share", headers=bearing(secret)).status_code == 401


def test_an_expired_and_a_revoked_link_lead_nowhere(web: TestClient, studio: Studio, model: Model) -> None:
    share, secret = shares.make(studio, model.id, 1)
    other = shares.make(studio, model.id, 1)[1]
    assert shares.check(studio, secret, share.expires_at - 1).id == model.id
    assert len(shares.open_ones(studio, model.id, share.expires_at + 1)) == 0
    with pytest.raises(Unauthorized):
        shares.check(studio, secret, share.expires_at)
    shares.revoke(studio, share.id)
    for method, path in (("GET", "/api/share"), ("POST", "/api/share/predict")):
        refused = web.request(method, path, headers=bearing(secret))
        assert refused.status_code == 401 and "leads nowhere" in refused.json()["error"]
    assert web.get("/api/share", headers=bearing(other)).status_code == 200, "each link ends alone"


def test_a_link_opens_no_other_door(web: TestClient, studio: Studio, model: Model) -> None:
    secret, token = shares.make(studio, model.id, 7)[1], tokens.make(studio, "line 2")[1]
    for path in ("/api/v1/models", "/api/v1/models/1"):
        assert web.get(path, headers=bearing(secret)).status_code == 401
    assert web.post("/api/v1/models/1/predict", headers=bearing(secret), content=b"picture").status_code == 401
    assert web.get("/api/share", headers=bearing(token)).status_code == 401, "nor does a token open this one"
    for rest in ("/api/share/", "/api/share/models", "/api/share/1", "/share/1"):
        assert web.get(rest, headers=bearing(secret)).status_code in (401, 404), rest
    for method, path, _ in TABLE:
        found = web.request(method, path.replace("{id}", "1").replace("{name}", "a.jpg"), headers=bearing(secret))
        assert found.status_code == 401, (method, path)
    for path in ("/", "/_stcore/health", "/media/x.png", "/assets/kit.js"):
        assert web.get(path, headers=bearing(secret)).status_code == 401, path
    for method in ("PUT", "DELETE", "PATCH"):
        assert web.request(method, "/api/share", headers=bearing(secret)).status_code == 404
    assert not [path for _, path, _ in TABLE if path.startswith("/api/share")]


def test_a_link_leads_to_its_own_model_only(web: TestClient, studio: Studio, model: Model) -> None:
    secret = shares.make(studio, model.id, 7)[1]
    other = studio.store.datasets.create("secret things")
    hidden = with_model(studio, other.id, "m2")
    for query in (f"?model={hidden.id}", f"?id={hidden.id}"):
        assert web.get(f"/api/share{query}", headers=bearing(secret)).json()["title"] == "pets"


def test_the_secret_is_kept_nowhere_and_is_sent_to_no_server(studio: Studio, model: Model, web: TestClient) -> None:
    secret = shares.make(studio, model.id, 7)[1]
    web.get("/api/share", headers=bearing(secret))
    letters = secret.split("_", 2)[2].encode()
    assert not [p for p in studio.files.root.rglob("*") if p.is_file() and letters in p.read_bytes()]
    address, _, behind = shares.link("https://example.org", secret).partition("#")
    assert address == "https://example.org/share" and behind == secret
    assert web.get(f"/api/share?secret={secret}").status_code == 401
    assert web.get("/api/share", headers={"cookie": f"share={secret}"}).status_code == 401


def test_the_page_says_where_it_was_to_nobody_and_holds_nothing(web: TestClient, model: Model) -> None:
    page = web.get("/share")
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    assert page.headers["content-security-policy"] == "default-src 'self'"
    assert "pets" not in page.text
    assert web.get("/developers").headers["referrer-policy"] == "same-origin"


def test_guests_and_guessers_are_slowed_down(web: TestClient, studio: Studio, model: Model) -> None:
    secret = shares.make(studio, model.id, 7)[1]
    sent = [web.post("/api/share/predict", headers=bearing(secret), content=b"picture") for _ in range(30)]
    codes = [one.status_code for one in sent]
    assert codes[0] == 200 and codes[-1] == 429 and int(sent[-1].headers["retry-after"]) >= 1
    assert codes.count(200) >= shared.AT_ONCE
    guesses = [web.get("/api/share", headers=bearing(f"look_{n}_x")).status_code for n in range(32)]
    assert guesses[0] == 401 and guesses[-1] == 429


def test_a_link_has_a_model_and_one_of_a_few_ends(studio: Studio, model: Model) -> None:
    with pytest.raises(NotFound):
        shares.make(studio, 99, 7)
    for days in (0, -1, 3650):
        with pytest.raises(Refused):
            shares.make(studio, model.id, days)
    assert shares.make(studio, model.id, 1)[0].expires_at < time.time() + 2 * shares.DAY_S


def test_other_machines_reach_links_and_the_api_alone_where_only_those_are_open(tmp_path: Path) -> None:
    studio = open_world(tmp_path / "home", share_to_network=True)
    with_images(studio, "cat", "dog")
    model = with_model(studio, 1)
    files = {name: assets.path(name) for name in assets.names()}
    app = Starlette(routes=routes(studio, files), middleware=[gate(studio.settings, "default-src 'self'")])
    phone = TestClient(app, base_url="http://192.168.1.9:8501", client=("192.168.1.77", 50000))
    secret, token = shares.make(studio, model.id, 7)[1], tokens.make(studio, "line 2")[1]
    assert phone.get("/share").status_code == 200 and phone.get("/assets/share.js").status_code == 200
    assert phone.post("/api/share/predict", headers=bearing(secret), content=b"picture").json()["label"] == "cat"
    assert phone.get("/api/v1/models", headers=bearing(token)).status_code == 200
    for method, path, _ in TABLE:
        address = path.replace("{id}", "1").replace("{name}", "a.jpg")
        assert phone.request(method, address).status_code == 403, (method, path)
    for path in (
        "/",
        "/system",
        "/_stcore/stream",
        "/media/x",
        "/api/health",
        "/share/../api/images/1",
        "/api/share%2f..",
    ):
        assert phone.get(path).status_code == 403, path

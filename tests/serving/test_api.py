"""The HTTP API for programs: who may ask, what is answered, and the examples as they stand on its page."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core import tokens
from core.records import Model
from core.serving import api
from core.serving.api_examples import CURL, JAVASCRIPT, PYTHON, written
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


def application(studio: Studio) -> Starlette:
    files = {name: assets.path(name) for name in assets.names()}
    return Starlette(routes=routes(studio, files), middleware=[gate(studio.settings, "default-src 'self'")])


@pytest.fixture
def web(studio: Studio) -> TestClient:
    return client(application(studio))


@pytest.fixture
def secret(studio: Studio) -> str:
    return tokens.make(studio, "Sorting line 2")[1]


def bearing(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


# ---- who may ask -------------------------------------------------------------------------------------


def test_a_token_opens_the_models_and_nothing_else_does(web: TestClient, model: Model, secret: str) -> None:
    answer = web.get("/api/v1/models", headers=bearing(secret))
    assert answer.status_code == 200
    [told] = answer.json()["models"]
    assert (told["id"], told["labels"], told["sentence"][:4]) == (model.id, ["cat", "dog"], "Gets")
    assert answer.headers["cache-control"] == "no-store"
    assert web.get(f"/api/v1/models/{model.id}", headers=bearing(secret)).json() == told
    wrong: list[dict[str, str]] = [
        {},
        {"cookie": f"token={secret}; authorization=Bearer {secret}"},
        {"authorization": secret},
        {"authorization": f"Basic {secret}"},
        {"authorization": "Bearer"},
        bearing(secret[:-1]),
        bearing(secret + "x"),
        bearing("darkroom_99_" + secret.split("_", 2)[2]),
        bearing("darkroom_٣_x"),
        bearing("darkroom_1_" + "x" * 5000),
        bearing(secret.upper()),
    ]
    for headers in wrong:
        sent = {name.encode(): value.encode() for name, value in headers.items()}
        refused = web.get("/api/v1/models", headers=sent)
        assert refused.status_code == 401, headers
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.json()["error"].endswith(".")
    assert web.get(f"/api/v1/models?token={secret}&access_token={secret}").status_code == 401


def test_a_revoked_token_is_refused_at_once_and_the_others_go_on(web: TestClient, studio: Studio, model: Model) -> None:
    one, two = tokens.make(studio, "one"), tokens.make(studio, "two")
    assert web.get("/api/v1/models", headers=bearing(one[1])).status_code == 200
    tokens.revoke(studio, one[0].id)
    assert web.get("/api/v1/models", headers=bearing(one[1])).status_code == 401
    assert web.get("/api/v1/models", headers=bearing(two[1])).status_code == 200


def test_the_secret_is_nowhere_on_the_disk(studio: Studio, secret: str, web: TestClient) -> None:
    web.get("/api/v1/models", headers=bearing(secret))
    letters = secret.split("_", 2)[2].encode()
    for path in studio.files.root.rglob("*"):
        assert not path.is_file() or letters not in path.read_bytes(), path
    [kept] = tokens.all_of(studio)
    assert kept.used_at is not None and kept.name == "Sorting line 2"


def test_no_page_of_another_web_site_can_ask_or_read(web: TestClient, model: Model, secret: str) -> None:
    path = f"/api/v1/models/{model.id}/predict"
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert web.post(path, content=b"picture", headers={**bearing(secret), **headers}).status_code == 403
        read = web.get("/api/v1/models", headers={**bearing(secret), **headers})
        assert not [name for name in read.headers if name.startswith("access-control-")]
    preflight = web.options(path, headers={"origin": "http://evil.example", "access-control-request-method": "POST"})
    assert not preflight.is_success
    assert not [name for name in preflight.headers if name.startswith("access-control-")]


def test_every_address_of_the_api_but_its_document_asks_for_a_token(web: TestClient, studio: Studio) -> None:
    ours = [route for route in routes(studio, {}) if getattr(route, "path", "").startswith("/api/v1/")]
    asked = 0
    for route in ours:
        for method in sorted(getattr(route, "methods", None) or ()):
            path = getattr(route, "path", "").replace("{id}", "1")
            if path != "/api/v1/openapi.json" and method != "HEAD":
                assert web.request(method, path).status_code == 401, (method, path)
                asked += 1
    assert asked >= 3
    assert not [path for _, path, _ in TABLE if path.startswith("/api/v1/")], "those would not ask for a token"


def test_who_asks_too_often_is_told_when_to_go_on(tmp_path: Path) -> None:
    studio = open_world(tmp_path / "home", api_per_minute=30)  # three at once
    secret, other = tokens.make(studio, "one")[1], tokens.make(studio, "two")[1]
    web = client(application(studio))
    codes = [web.get("/api/v1/models", headers=bearing(secret)).status_code for _ in range(5)]
    assert codes[:3] == [200] * 3 and codes[-1] == 429
    refused = web.get("/api/v1/models", headers=bearing(secret))
    assert 1 <= int(refused.headers["retry-after"]) <= 2 and refused.json()["error"].endswith(".")
    assert web.get("/api/v1/models", headers=bearing(other)).status_code == 200


def test_guessing_is_stopped_whatever_is_guessed(web: TestClient, studio: Studio, secret: str) -> None:
    codes = [
        web.get("/api/v1/models", headers=bearing(f"darkroom_{n}_guess")).status_code
        for n in range(api.WRONG_PER_MINUTE + 2)
    ]
    assert codes[0] == 401 and codes[-1] == 429
    assert web.get("/api/v1/models", headers=bearing(secret)).status_code == 429, "else a guess could be told apart"


# ---- what is answered --------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [False, True])
def test_a_picture_is_answered_as_body_and_as_form(
    web: TestClient, studio: Studio, model: Model, secret: str, form: bool
) -> None:
    path = f"/api/v1/models/{model.id}/predict?top=1"
    sent = {"files": {"file": ("a.jpg", b"picture", "image/jpeg")}} if form else {"content": b"picture"}
    answer = web.post(path, headers=bearing(secret), **sent)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "model": {"id": model.id, "kind": "instant"},
        "label": "cat",
        "confidence": 0.75,
        "verdict": "answered",
        "verdict_words": "",
        "ranked": [{"label": "cat", "confidence": 0.75}],
        "milliseconds": 12.3,
        "width": 8,
        "height": 6,
    }
    assert studio.store.predictions.all(1) == []


def test_a_picture_is_kept_only_when_asked_for(web: TestClient, studio: Studio, model: Model, secret: str) -> None:
    path = f"/api/v1/models/{model.id}/predict"
    told = web.post(f"{path}?keep=yes", headers=bearing(secret), content=b"picture").json()
    [kept] = studio.store.predictions.all(1)
    assert (kept.id, kept.name) == (told["prediction_id"], "from Sorting line 2")
    assert studio.files.picture(kept.sha256).read_bytes() == b"picture"


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("1/predict", b"", 400),
        ("1/predict", b"not a picture", 422),
        ("1/predict", b"kill", 500),
        ("1/predict?top=0", b"picture", 400),
        ("1/predict?top=1e9", b"picture", 400),
        ("1/predict?keep=maybe", b"picture", 400),
        ("99/predict", b"picture", 404),
        ("-1/predict", b"picture", 404),
        ("../1/predict", b"picture", 404),
    ],
)
def test_nonsense_gets_a_sentence(
    web: TestClient, model: Model, secret: str, path: str, content: bytes, status: int
) -> None:
    answer = web.post(f"/api/v1/models/{path}", headers=bearing(secret), content=content)
    assert answer.status_code == status
    assert answer.json()["error"].endswith(".") and "/a/secret" not in answer.text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"x"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--b--\r\n'),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; filename="a"\r\n\r\nx\r\n--b--'),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\nx\r\n' * 2 + b"--b--\r\n",
        ),
        ("multipart/form-data; boundary=" + "b" * 5000, b"--b\r\n"),
    ],
)
def test_a_broken_form_gets_a_sentence(web: TestClient, model: Model, secret: str, kind: str, body: bytes) -> None:
    answer = web.post(
        f"/api/v1/models/{model.id}/predict", headers={**bearing(secret), "content-type": kind}, content=body
    )
    assert answer.status_code == 400 and answer.json()["error"].endswith("."), answer.text


@pytest.mark.parametrize("form", [False, True])
def test_a_picture_that_is_too_large_is_refused(tmp_path: Path, form: bool) -> None:
    studio = open_world(tmp_path / "home", picture_limit_bytes=1000)
    with_images(studio, "cat", "dog")
    with_model(studio, 1)
    sent = {"files": {"file": ("a.jpg", bytes(2 << 20))}} if form else {"content": bytes(1001)}
    answer = client(application(studio)).post(
        "/api/v1/models/1/predict",
        headers=bearing(tokens.make(studio, "one")[1]),
        **sent,
    )
    assert answer.status_code == 413 and answer.json()["error"].endswith(".")


def test_the_document_says_what_the_api_does(web: TestClient, model: Model, secret: str) -> None:
    found = web.get("/api/v1/openapi.json").json()
    assert found["servers"] == [{"url": "http://127.0.0.1:8501"}]
    doors = {(verb.upper(), path) for path, verbs in found["paths"].items() for verb in verbs}
    served = {
        (method, getattr(route, "path", ""))
        for route in web.app.routes  # type: ignore[attr-defined]
        for method in getattr(route, "methods", None) or ()
        if getattr(route, "path", "").startswith("/api/v1/") and method != "HEAD"
    }
    assert doors == served - {("GET", "/api/v1/openapi.json")}
    schemas = found["components"]["schemas"]
    told = web.post(f"/api/v1/models/{model.id}/predict", headers=bearing(secret), content=b"picture").json()
    assert set(told) == set(schemas["Answer"]["required"])
    assert set(web.get(f"/api/v1/models/{model.id}", headers=bearing(secret)).json()) == set(
        schemas["Model"]["required"]
    )
    named = set(re.findall(r"#/components/schemas/(\w+)", str(found)))
    assert named <= set(schemas)


def test_the_page_of_the_api_is_served_with_the_policy_of_pages(web: TestClient) -> None:
    page = web.get("/developers")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"] == "default-src 'self'"
    for address in re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.text):
        assert web.get(address).status_code == 200, address


# ---- the examples, as they are shown -----------------------------------------------------------------


@pytest.fixture
def address(studio: Studio) -> Iterator[str]:
    """The same routes behind a real socket."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(studio), log_level="warning", lifespan="off"))
    running = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    running.start()
    while not server.started and running.is_alive():
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    running.join(10)
    listening.close()


def needs(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def run(command: list[str], secret: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DARKROOM_TOKEN": secret, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("language", ["curl", "Python", "JavaScript"])
def test_an_example_runs_as_it_stands(language: str, address: str, model: Model, secret: str, tmp_path: Path) -> None:
    picture = tmp_path / "a picture.jpg"
    picture.write_bytes(b"picture")
    source, program, ending = {
        "curl": (CURL, ["sh"], "sh"),
        "Python": (PYTHON, [sys.executable], "py"),
        "JavaScript": (JAVASCRIPT, ["node"], "mjs"),
    }[language]
    needs("curl" if language == "curl" else program[0])
    script = tmp_path / f"example.{ending}"
    script.write_text(written(source, address, str(model.id)))
    done = run([*program, str(script), str(picture)], secret)
    assert done.returncode == 0, done.stderr
    assert "cat" in done.stdout and "0.75" in done.stdout
    refused = run([*program, str(script), str(picture)], "darkroom_1_wrong")
    assert refused.returncode != 0
    assert "This token is not known" in refused.stdout + refused.stderr

"""Who may come in, and what every response carries."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from core.serving.gate import gate
from core.serving.headers import ALWAYS, page_policy
from core.settings import Settings
from tests.serving.world import HOME

POLICY = page_policy("<html><script>let a = 1</script><script src='x.js'></script></html>")
OWN = {"origin": HOME, "sec-fetch-site": "same-origin"}


async def echo(request: Request) -> Response:
    return PlainTextResponse(request.headers.get("x-app-user", "nobody"), headers={"x-frame-options": "ALLOWALL"})


async def bug(request: Request) -> Response:
    raise RuntimeError("a bug with /a/secret/path in it")


async def talk(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


def behind_the_gate(tmp_path: Path, client: str = "127.0.0.1", **settings: object) -> TestClient:
    routes = [
        Route("/", echo, methods=["GET", "POST"]),
        Route("/api/thing", echo, methods=["GET", "POST", "PUT", "DELETE"]),
        Route("/bug", bug),
        Route("/api/bug", bug),
        Route("/_stcore/upload_file/{session}/{file}", echo, methods=["PUT"]),
        WebSocketRoute("/_stcore/stream", talk),
    ]
    known = Settings(home=tmp_path, **settings)  # type: ignore[arg-type]
    app = Starlette(routes=routes, middleware=[gate(known, POLICY)])
    return TestClient(app, base_url=HOME, client=(client, 50000))


def test_a_program_that_is_no_browser_may_change_things(tmp_path: Path) -> None:
    assert behind_the_gate(tmp_path).post("/api/thing").status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1:8501", "localhost:9000", "LOCALHOST", "[::1]:8501", "localhost."])
def test_our_own_host_names_are_let_in_under_any_port(tmp_path: Path, host: str) -> None:
    assert behind_the_gate(tmp_path).get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8501", "localhost.evil.example", "192.168.1.5:8501", "a@localhost", "", "[", "::1"],
)
def test_dns_rebinding_is_refused_with_a_sentence(tmp_path: Path, host: str) -> None:
    answer = behind_the_gate(tmp_path).get("/", headers={"host": host})
    assert answer.status_code == 403
    assert "DARKROOM_ALLOWED_HOSTS" in answer.text


def test_dns_rebinding_is_refused_for_websockets_where_host_and_origin_agree(tmp_path: Path) -> None:
    headers = {"host": "evil.example:8501", "origin": "http://evil.example:8501"}
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        behind_the_gate(tmp_path).websocket_connect("/_stcore/stream", headers=headers),
    ):
        pass
    assert refused.value.status_code == 403


def test_a_host_name_from_the_settings_is_let_in(tmp_path: Path) -> None:
    client = behind_the_gate(tmp_path, allowed_hosts="darkroom.lab, other")
    assert client.get("/", headers={"host": "Darkroom.lab:80"}).status_code == 200


def test_another_machine_is_refused_unless_the_settings_open_darkroom(tmp_path: Path) -> None:
    assert behind_the_gate(tmp_path, client="192.168.1.9").get("/").status_code == 403
    opened = behind_the_gate(tmp_path, client="192.168.1.9", open_to_network=True)
    assert opened.get("/", headers={"host": "192.168.1.5:8501"}).status_code == 200
    assert opened.get("/", headers={"host": "evil.example"}).status_code == 403


@pytest.mark.parametrize("client", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_known_under_all_its_numbers(tmp_path: Path, client: str) -> None:
    assert behind_the_gate(tmp_path, client=client).get("/").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "http://localhost:8501"},
        {"origin": "null"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": HOME, "sec-fetch-site": "cross-site"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_another_web_site_changes_nothing(tmp_path: Path, method: str, headers: dict[str, str]) -> None:
    answer = behind_the_gate(tmp_path).request(method, "/api/thing", headers=headers)
    assert answer.status_code == 403
    assert answer.json() == {"error": "This request came from another web site, so nothing was done."}


@pytest.mark.parametrize(
    "headers", [OWN, {"origin": HOME}, {"origin": "https://127.0.0.1:8501"}, {"sec-fetch-site": "none"}]
)
def test_a_page_of_ours_may_change_things(tmp_path: Path, headers: dict[str, str]) -> None:
    assert behind_the_gate(tmp_path).post("/api/thing", headers=headers).status_code == 200


def test_a_websocket_is_for_pages_of_ours(tmp_path: Path) -> None:
    client = behind_the_gate(tmp_path)
    with client.websocket_connect("/_stcore/stream", headers={"host": HOME[7:], "origin": HOME}) as socket:
        assert socket.receive_text() == "hello"
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        client.websocket_connect("/_stcore/stream", headers={"host": HOME[7:], "origin": "http://127.0.0.1:3000"}),
    ):
        pass
    assert refused.value.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/_stcore/upload_file/some-session/some-file", "/_stcore/metrics", "/_stcore/agent/mcp"]
)
def test_doors_of_streamlit_that_nobody_needs_are_closed(tmp_path: Path, path: str) -> None:
    answer = behind_the_gate(tmp_path).put(path, headers=OWN, content=b"x")
    assert answer.status_code == 403
    assert "Darkroom does not use this address" in answer.text


def test_nobody_can_say_himself_who_he_is(tmp_path: Path) -> None:
    assert behind_the_gate(tmp_path).get("/", headers={"X-App-User": "alice"}).text == "nobody"


@pytest.mark.parametrize("path", ["/", "/api/thing", "/nowhere", "/bug", "/api/bug", "/_stcore/metrics"])
@pytest.mark.parametrize("host", ["127.0.0.1", "evil.example"])
def test_every_response_carries_the_security_headers_once(tmp_path: Path, path: str, host: str) -> None:
    answer = behind_the_gate(tmp_path).get(path, headers={"host": host})
    for name, value in ALWAYS.items():
        assert answer.headers.get_list(name) == [value]
    assert len(answer.headers.get_list("content-security-policy")) == 1


def test_a_bug_is_a_sentence_without_its_details(tmp_path: Path) -> None:
    for path in ("/bug", "/api/bug"):
        answer = behind_the_gate(tmp_path).get(path)
        assert answer.status_code == 500
        assert "Something went wrong" in answer.text
        assert "secret" not in answer.text and "Traceback" not in answer.text


def test_pages_run_their_own_scripts_only_and_data_none_at_all(tmp_path: Path) -> None:
    client = behind_the_gate(tmp_path)
    page = client.get("/").headers["content-security-policy"]
    data = client.get("/api/thing").headers["content-security-policy"]
    # printf %s 'let a = 1' | openssl dgst -sha256 -binary | base64
    assert "script-src 'self' blob: 'sha256-LAfYd7pbFUgwfQu8b4q135PeTG2z+/coPEUYCd74eCQ='; " in page
    assert "unsafe-eval" not in page and "script-src 'self' blob: 'unsafe-inline'" not in page
    assert "default-src 'none'" in data and "sandbox" in data

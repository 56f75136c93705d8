"""The front door as it stands in the street: a fresh server process, its own pages and Streamlit's own routes."""

from __future__ import annotations

import http.client
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.running.services import LocalServices
from core.serving.headers import ALWAYS
from core.settings import Settings
from core.storage import LocalFiles, open_store
from tests import browser

ROOT = Path(__file__).parents[1]
TITLES = ["Home", "Datasets", "Label", "Train", "Models", "Try it", "System"]
PATHS = ["/", "/label", "/nowhere", "/_stcore/health", "/_stcore/host-config", "/_stcore/metrics", "/media/nothing"]
PATHS += ["/static/nothing.js", "/assets/plotly.js", "/assets/nothing", "/api/health", "/api/nothing", "/app/static/x"]


@contextmanager
def darkroom(home: Path) -> Iterator[str]:
    """A fresh server on an empty data folder; its background processes end with it."""
    # A scheduler that was started a moment ago, and is not there yet to be told, soon leaves by itself.
    with browser.serve("app:app", {"DARKROOM_HOME": str(home), "DARKROOM_IDLE_EXIT_S": "20"}) as address:
        yield address
    settings = Settings(home=home)
    LocalServices(settings, LocalFiles(home, 0)).stop()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with darkroom(tmp_path_factory.mktemp("home")) as address:
        yield address


def ask(
    address: str, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, list[str]], str]:
    """(status, headers in small letters, body)"""
    request = urllib.request.Request(
        address, method=method, headers=headers or {}, data=b"x" if method == "PUT" else None
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, _small(answer.headers.items()), answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _small(error.headers.items()), error.read().decode(errors="replace")


def _small(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name.lower(), []).append(value)
    return found


@pytest.mark.browser
def test_a_deep_link_as_the_first_request_of_all_shows_the_page_inside_the_frame(tmp_path: Path) -> None:
    with (
        browser.chromium() as chromium,
        darkroom(tmp_path / "home") as address,
        browser.watched(chromium, address) as page,
    ):
        page.goto("/label")
        page.get_by_role("heading", level=1).wait_for()
        links = page.locator("[data-testid=stTopNavLink]").all_inner_texts()
        assert [link.splitlines()[-1] for link in links] == TITLES  # before the title stands the icon's name
        assert page.title() == "Darkroom" and page.url.endswith("/label")
        assert page.locator("[data-testid=stLogo], [data-testid=stHeaderLogo]").first.is_visible()
        assert page.locator("[data-testid=stException]").count() == 0


@pytest.mark.browser
def test_every_page_is_reached_from_the_frame(address: str) -> None:
    with browser.chromium() as chromium, browser.watched(chromium, address) as page:
        page.goto("/")
        for title in TITLES:
            page.locator("[data-testid=stTopNavLink]", has_text=title).click()
            browser.settled(page)
            assert page.locator("[data-testid=stException], [data-testid=stError]").count() == 0
            assert page.get_by_role("heading").count() > 0


@pytest.mark.browser
def test_a_page_that_fails_says_so_calmly_and_keeps_the_frame(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with (
        browser.chromium() as chromium,
        darkroom(home) as address,
        browser.watched(chromium, address) as page,
    ):
        page.goto("/system")
        page.get_by_role("heading", level=1).wait_for()
        rename(home, "dataset", "elsewhere")
        page.goto("/datasets")
        page.get_by_text("could not be drawn").wait_for()
        assert page.locator("[data-testid=stException]").count() == 0
        assert "OperationalError" not in page.content()
        assert page.locator("[data-testid=stTopNavLink]").count() == len(TITLES)
        assert "OperationalError" in (home / "logs" / "web.log").read_text()
        rename(home, "elsewhere", "dataset")
        page.reload()
        page.get_by_text("could not be drawn").wait_for(state="detached")


def rename(home: Path, table: str, other: str) -> None:
    database = sqlite3.connect(home / "darkroom.db", timeout=30)
    database.execute(f"ALTER TABLE {table} RENAME TO {other}")
    database.close()


@pytest.mark.browser
def test_a_download_arrives_although_data_may_open_no_page(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with (
        browser.chromium() as chromium,
        darkroom(home) as address,
        browser.watched(chromium, address) as page,
    ):
        dataset = open_store(f"sqlite:///{home / 'darkroom.db'}").datasets.create("\u732b <b>")
        page.goto("/system")
        with page.expect_download() as download:
            page.evaluate(f"location.assign('/api/datasets/{dataset.id}/predictions.csv')")
        assert download.value.suggested_filename == "\u732b b predictions.csv"
        assert download.value.path().read_text().startswith("file,model,label")


@pytest.mark.parametrize("path", PATHS)
def test_every_response_carries_the_security_headers(address: str, path: str) -> None:
    _, headers, _ = ask(address + path)
    assert all(headers.get(name) == [value] for name, value in ALWAYS.items())
    (policy,) = headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy and "unsafe-eval" not in policy


def test_the_gate_stands_before_streamlits_own_routes(address: str) -> None:
    for path in PATHS:
        assert ask(address + path, headers={"Host": "evil.example"})[0] == 403
    assert ask(f"{address}/_stcore/upload_file/session/file", "PUT")[0] == 403
    assert ask(f"{address}/_stcore/metrics")[0] == 403


@pytest.mark.parametrize(
    "foreign",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ],
)
def test_streamlits_websocket_refuses_other_sites(address: str, foreign: dict[str, str]) -> None:
    handshake = {"Connection": "Upgrade", "Upgrade": "websocket"}
    handshake |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "A" * 22 + "=="}
    own = {"Origin": address}
    for headers, wanted in ((foreign, 403), (own, 101)):
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
        connection.request("GET", "/_stcore/stream", headers={**handshake, **headers})
        answer = connection.getresponse()
        assert answer.status == wanted
        assert wanted == 101 or answer.headers["x-frame-options"] == "DENY"
        answer.close()
        connection.close()


def test_our_statics_are_there(address: str) -> None:
    status, headers, body = ask(f"{address}/assets/plotly.js?v=1")
    assert (status, headers["content-type"]) == (200, ["text/javascript; charset=utf-8"])
    assert "plotly.js v" in body[:300] and "immutable" in headers["cache-control"][0]
    assert ask(f"{address}/assets/logo.svg")[1]["content-type"] == ["image/svg+xml"]
    assert ask(f"{address}/assets/..%2f__init__.py")[0] in (400, 404)


def test_open_says_where_darkroom_is_and_ends_when_told(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    process = subprocess.Popen(
        [sys.executable, "-m", "core", "open"],
        cwd=ROOT,
        env={**environment, "DARKROOM_HOME": str(settings.home), "DARKROOM_PORT": "0"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Darkroom is at http://127.0.0.1:")
        # Once the scheduler holds its lock, so that the end of the test finds it.
        while '"scheduler":true' not in ask(line.split()[-1] + "/api/health")[2]:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.communicate()
        LocalServices(settings, LocalFiles(settings.home, 0)).stop()


def refused(tmp_path: Path, **environment: str) -> str:
    """What a start that must not succeed says."""
    done = subprocess.run(
        [sys.executable, "-m", "core", "open"],
        cwd=ROOT,
        env={**os.environ, "DARKROOM_HOME": str(tmp_path / "home"), "DARKROOM_PORT": "0", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert not (tmp_path / "home").exists()
    return done.stderr


def test_an_address_that_others_reach_is_refused_unless_the_settings_say_so(tmp_path: Path) -> None:
    assert "DARKROOM_OPEN_TO_NETWORK" in refused(tmp_path, DARKROOM_ADDRESS="0.0.0.0")


def test_a_streamlit_setting_of_the_persons_own_that_would_open_a_door_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text("[server]\nenableAgentApi = true\n")
    assert "server.enableAgentApi" in refused(tmp_path, HOME=str(tmp_path))

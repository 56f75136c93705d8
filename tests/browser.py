"""A real Chromium and a real server for the tests that need them, shared by all browser tests.

Where Chromium is missing these tests are skipped with a line that says so; with `CI` set they fail instead.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

ROOT = Path(__file__).parents[1]
# Chromium draws the list under its address bar for every window and keeps a process in hand for the next page: half of
# what a page costs. The others are those that Playwright does without, for a second list replaces the first.
WITHOUT = (
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "SpareRendererForSitePerProcess",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
)
ARGUMENTS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    f"--disable-features={','.join(WITHOUT)}",
)
START_S = 180.0  # a busy machine
OPEN: dict[Page, list[Request]] = {}  # the pages of `watched`, each with its requests that have no answer yet
PATIENCE_MS = 180_000  # for a busy machine; a test that passes never waits so long


def executable() -> str:
    """Chromium's path. Skips the test where there is none, or fails it under CI."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found:
        return found
    sentence = "Chromium is not installed (Debian: apt-get install chromium), so browser tests cannot run."
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


@contextmanager
def chromium(arguments: tuple[str, ...] = (), beside: Browser | None = None) -> Iterator[Browser]:
    """A Chromium without a window; `beside` one that runs already, because Playwright starts only once a thread."""
    path = executable()
    with ExitStack() as stack:
        kind = beside.browser_type if beside else stack.enter_context(sync_playwright()).chromium
        browser = kind.launch(executable_path=path, args=[*ARGUMENTS, *arguments])
        stack.callback(browser.close)
        yield browser


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serve(app: str, environment: Mapping[str, str] | None = None, port: int = 0) -> Iterator[str]:
    """Runs an ASGI app ("tests.components.fake:app") in a process of its own; gives its address once it answers."""
    port = port or free_port()
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        app,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--log-level",
        "warning",
    ]
    with TemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **(environment or {})}, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            address = f"http://127.0.0.1:{port}"
            if not _answers(address, process):
                log.seek(0)
                raise RuntimeError(f"{app} does not start:\n{log.read().decode(errors='replace')[-4000:]}")
            yield address
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(address: str, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return False


def settled(page: Page) -> None:
    """Waits until Streamlit is connected and no script runs."""
    page.wait_for_timeout(155)  # Streamlit waits so long before it runs a script again
    page.locator(
        "[data-testid=stApp][data-test-connection-state=CONNECTED][data-test-script-state=notRunning]"
    ).wait_for(state="attached")


@contextmanager
def held(page: Page, address: str) -> Iterator[list[Route]]:
    """What the page asks of that address waits until the block ends; gives what waits."""
    waiting: list[Route] = []
    over = False
    page.route(address, lambda route: route.continue_() if over else waiting.append(route))
    yield waiting
    over = True
    for route in waiting:
        route.continue_()


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Requests that a test holds come in while the page is waited for."""
    while not condition():
        page.wait_for_timeout(20)


@contextmanager
def watched(browser: Browser, address: str, **context: object) -> Iterator[Page]:
    """A fresh page; when the block ends, no request left for another host and no script failed.

    `context` goes to `browser.new_context`: viewport, color_scheme, permissions ...
    """
    options: dict[str, object] = {
        "viewport": {"width": 1440, "height": 900},
        "color_scheme": "dark",
        "reduced_motion": "reduce",  # without a graphics card a dot that breathes takes a third of what the page does
        **context,
    }
    opened = browser.new_context(base_url=address, **options)  # type: ignore[arg-type]
    opened.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page = opened.new_page()
    asked = OPEN[page] = []
    foreign: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request))
    page.on("requestfinished", lambda request: asked.remove(request) if request in asked else None)
    page.on("request", lambda request: None if _own(request.url, address) else foreign.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console", lambda message: errors.append(message.text) if "Content Security Policy" in message.text else None
    )
    try:
        yield page
        assert foreign == [], f"requests to other hosts: {foreign}"
        assert errors == [], f"errors on the page: {errors}"
    finally:
        del OPEN[page]
        opened.close()


def words(page: Page) -> str:
    """All that a page says and which requests of it have no answer, for whoever asks why a test failed."""
    lost = [f"no answer: {request.method} {request.url} {request.failure or ''}" for request in OPEN[page]]
    try:
        return "\n".join([page.url, *lost, page.locator("body").aria_snapshot(timeout=5000)])
    except PlaywrightError as error:
        return f"{page.url}: {error.message}"


def _own(url: str, address: str) -> bool:
    return url.startswith((f"{address}/", f"{address.replace('http', 'ws', 1)}/", "data:", f"blob:{address}", "about:"))


def drop(page: Page, selector: str, paths: Sequence[Path]) -> None:
    """Drags files and folders from outside the browser onto an element, as a hand with a mouse does."""
    page.locator(selector).wait_for()
    box = page.locator(selector).bounding_box()
    assert box is not None
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})

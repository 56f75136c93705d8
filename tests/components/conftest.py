"""One Chromium and one misbehaving server for all component tests; each test begins with a fresh world.

Both end with the package: while Playwright lives, nobody else in this process may run an event loop.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import chromium, serve, settled, watched


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="package")
def address(browser: Browser) -> Iterator[str]:
    """Where the server is; asking for the browser first skips the test before a server was started in vain."""
    with serve("tests.components.fake:app") as at:
        yield at


class World:
    """The server's side of a test."""

    def __init__(self, address: str) -> None:
        self.address = address

    def reset(self, **faults: Any) -> None:
        self._post("reset", {"faults": faults})

    def faults(self, **faults: Any) -> None:
        """Other faults from now on; what arrived is kept."""
        self._post("faults", faults)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Whatever is to be changed waits until the block ends."""
        self.faults(hold=True)
        yield
        self.faults()

    def unlabel(self) -> None:
        """No picture has a label."""
        self._post("unlabel", {})

    def another(self, image_id: int, label: str) -> None:
        """Somebody else labels a picture."""
        self._post("another", {"id": image_id, "label": label})

    def _post(self, verb: str, content: object) -> None:
        request = urllib.request.Request(f"{self.address}/fake/{verb}", json.dumps(content).encode(), method="POST")
        urllib.request.urlopen(request).close()

    @property
    def state(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.address}/fake/state") as answer:
            found: dict[str, Any] = json.load(answer)
            return found


@pytest.fixture
def world(address: str) -> World:
    opened = World(address)
    opened.reset()
    return opened


Show = Callable[[str], Page]


@pytest.fixture
def show(browser: Browser, address: str, world: World) -> Iterator[Show]:
    """`show("curves&run=2")`: that component, drawn; see screens.py."""
    with watched(browser, address) as page:

        def shown(query: str) -> Page:
            page.goto(f"/?show={query}")
            settled(page)
            return page

        yield shown

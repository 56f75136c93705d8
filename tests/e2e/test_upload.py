"""A folder of many pictures into a real server: neither a cut cable, a killed server nor a reload costs anything."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page

from core.running.services import LocalServices
from core.settings import read_settings
from core.storage import LocalFiles, open_store
from core.stores import Where
from tests.browser import drop, free_port, settled, until, watched
from tests.e2e.cable import Cable
from tests.worlds import png

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
ROOT = Path(__file__).parent.parent.parent
PICTURES = 600
PICTURE_BYTES = 40_000
IN_FLIGHT = 4 * (4 << 20)  # four workers with a batch each, at every cut


class Darkroom:
    """The screens as `make app` opens them, on a port that stays, to be killed and started again."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        own = {"DARKROOM_HOME": str(home), "DARKROOM_PORT": str(self.port), "DARKROOM_IDLE_EXIT_S": "30"}
        self.environment = {**os.environ, **own, "DARKROOM_DISK_RESERVE_BYTES": "1000000"}
        self.settings = read_settings(self.environment)
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-u", "-m", "core", "open"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert "127.0.0.1" in self.process.stdout.readline()

    def kill(self) -> None:
        process = self.process  # another one may be started as soon as this one is dead
        process.send_signal(signal.SIGKILL)
        process.communicate()

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)
        LocalServices(self.settings, LocalFiles(self.settings.home, 0)).stop(trainers=True)

    @property
    def rss_mb(self) -> float:
        return float(psutil.Process(self.process.pid).memory_info().rss) / 1e6


@pytest.fixture
def darkroom(tmp_path: Path, browser: Browser) -> Iterator[Darkroom]:
    opened = Darkroom(tmp_path / "home")
    yield opened
    opened.close()


@pytest.fixture
def cable(darkroom: Darkroom) -> Iterator[Cable]:
    opened = Cable(darkroom.port)
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Noise/<label>/<n>.png: small pictures with a long tail that no packing shrinks, 24 MB in all."""
    chance = random.Random(7)
    for number in range(PICTURES):
        file = tmp_path / "Noise" / f"label {number % 3}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png((number % 256, 90, 90), seed=number) + chance.randbytes(PICTURE_BYTES))
    return tmp_path / "Noise"


def begin(page: Page, folder: Path) -> None:
    page.goto("/")
    settled(page)
    drop(page, ".card", [folder])
    page.get_by_role("button", name="Upload").click()


def sent_so_far(page: Page, at_least: int) -> None:
    """Waits until the card says that so many files are acknowledged."""
    for _ in range(4000):
        found = re.match(r"([\d,]+) of", page.locator(".line").inner_text())
        if found and int(found.group(1).replace(",", "")) >= at_least:
            return
        page.wait_for_timeout(20)
    pytest.fail("it did not get so far")


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.png"))


def conclude(page: Page, darkroom: Darkroom) -> None:
    page.get_by_role("button", name=f"Add {PICTURES} pictures").click()
    page.get_by_text(f"{PICTURES} pictures").first.wait_for()
    store = open_store(darkroom.settings.database)
    for _ in range(600):
        datasets = store.datasets.all()
        if datasets and store.images.count(datasets[0].id, Where()) == PICTURES:
            break
        page.wait_for_timeout(100)
    (dataset,) = store.datasets.all()
    assert store.images.count(dataset.id, Where()) == PICTURES
    assert {label.name: label.images for label in store.datasets.labels(dataset.id)} == {
        f"label {number}": PICTURES // 3 for number in range(3)
    }


def test_a_cable_that_is_cut_again_and_again_costs_nothing_but_what_was_in_it(
    browser: Browser, darkroom: Darkroom, cable: Cable, folder: Path
) -> None:
    with watched(browser, f"http://127.0.0.1:{cable.port}") as page:
        total = size_of(folder)
        cable.when(total // 10, cable.cut)
        begin(page, folder)
        for share in (4, 7, None):
            until(page, lambda: not cable.up)
            page.get_by_text("The connection is lost. Nothing is lost").wait_for()
            if share:
                cable.when(total * share // 10, cable.cut)
            cable.mend()
        page.get_by_role("button", name=f"Add {PICTURES} pictures").wait_for()
        assert cable.sent <= total + 3 * IN_FLIGHT + (3 << 20)
        conclude(page, darkroom)


def test_a_killed_server_comes_back_and_the_upload_goes_on_by_itself(
    browser: Browser, darkroom: Darkroom, cable: Cable, folder: Path
) -> None:
    with watched(browser, f"http://127.0.0.1:{cable.port}") as page:
        cable.when(size_of(folder) // 4, darkroom.kill)
        begin(page, folder)
        page.get_by_text("The connection is lost. Nothing is lost").wait_for()
        darkroom.start()
        page.get_by_role("button", name=f"Add {PICTURES} pictures").wait_for()
        conclude(page, darkroom)


def test_a_reload_in_the_middle_goes_on_and_sends_only_the_rest(
    browser: Browser, darkroom: Darkroom, cable: Cable, folder: Path
) -> None:
    with watched(browser, f"http://127.0.0.1:{cable.port}") as page:
        page.on("dialog", lambda dialog: dialog.accept())
        begin(page, folder)
        sent_so_far(page, 120)
        page.reload()
        settled(page)
        done = page.get_by_role("button", name=f"Add {PICTURES} pictures")
        interrupted = page.get_by_text("Your upload was interrupted")
        done.or_(interrupted).first.wait_for()
        if interrupted.is_visible():
            drop(page, ".card", [folder])  # where the browser may not read the folder again by itself
        done.wait_for()
        assert cable.sent <= size_of(folder) + IN_FLIGHT + (6 << 20)
        conclude(page, darkroom)

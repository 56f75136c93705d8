"""Finding good settings in a real Chromium, with real trainings of a tiny set: from the first click to the winner."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core import uploads
from core.embedded import open_studio
from core.settings import read_settings
from tests.browser import chromium, settled, watched
from tests.e2e.test_path import darkroom
from tests.worlds import folder_of

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.mark.slow  # four trainings behind a browser: a minute and a half
def test_good_settings_are_found_and_the_winner_is_trained(tmp_path: Path) -> None:
    home = tmp_path / "home"
    pictures = folder_of(tmp_path / "pictures", {"apple": 20, "pear": 20})
    studio = open_studio(read_settings({"DARKROOM_HOME": str(home), "DARKROOM_DISK_RESERVE_BYTES": "1000000"}))
    uploads.import_path(studio, pictures, "Fruit")
    studio.decoder.close()
    with chromium() as browser, darkroom(home) as address, watched(browser, address) as page:
        begin(page)
        page.get_by_text(re.compile(r"Best (so far, after|of) \d trial")).first.wait_for()
        page.locator(".plot").first.evaluate("plot => (plot.mark = 'the first')")
        page.get_by_role("button", name="See the winner").wait_for()
        page.get_by_text("Done", exact=True).wait_for()
        settled(page)
        # It grew in place: each trial a point, and the chart is still the one that was drawn first.
        expect(page.locator(".plot").first.locator("path.point")).to_have_count(3 + 1)
        assert page.locator(".plot").first.evaluate("plot => plot.mark") == "the first"
        page.get_by_role("link", name="Trial 2").click()
        page.get_by_role("button", name="A trial of search 1").click()
        page.get_by_role("button", name="See the winner").click()
        page.get_by_role("heading", name="Winner of search 1").wait_for()


def begin(page: Page) -> None:
    """Three trials of the quickest network, of two epochs each."""
    page.goto("/train?dataset=1")
    settled(page)
    page.get_by_role("button", name="Find good settings for me").click()
    page.get_by_text("Advanced").click()
    networks, nothing = page.get_by_label("Architectures"), page.get_by_text("needs values to try")
    networks.press("Backspace")
    nothing.wait_for()  # the form is drawn anew below it
    settled(page)
    networks.click()
    networks.press_sequentially("Multi-layer")
    page.get_by_role("option", name="Multi-layer").click()
    networks.press("Escape")
    nothing.wait_for(state="detached")
    settled(page)
    for name, number in (("Epochs of a trial", 2), ("Epochs of the winner", 3), ("Most trials", 3)):
        page.get_by_label(name).fill(str(number))
        page.get_by_label(name).press("Tab")
        settled(page)
    page.get_by_text("it ends after 3").wait_for()
    page.get_by_role("button", name="Start searching").click()

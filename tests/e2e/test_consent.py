"""Weights that are not here: the run asks, waits under that name, and goes on with what a person says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from core import runs
from core.records import RunState
from tests.browser import settled, watched
from tests.e2e.house import House, furnished, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
NETWORK = "mobilenetv3_small_100.lamb_in1k"  # its weights come with nothing


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[House]:
    with furnished(tmp_path_factory.mktemp("consent"), DARKROOM_HUB="") as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, house: House) -> Iterator[Page]:
    with watched(browser, house.address) as opened:
        yield opened


def asked(page: Page) -> int:
    """A run of that network, started on the screen; its page asks."""
    page.goto(f"/train?dataset=1&architecture={NETWORK}")
    settled(page)
    field = page.get_by_label("Epochs", exact=True)
    field.fill("1")
    field.press("Enter")
    settled(page)
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"run=\d+"))
    # The form that it was started on says so as well, and may still be there.
    page.get_by_role("paragraph").filter(has_text="are not on this machine").wait_for()
    page.get_by_text("What should it do?").wait_for()
    expect(page.locator(".badge")).to_have_text("Waiting for your answer")
    expect(page.get_by_text("Paused")).to_have_count(0)
    expect(page.get_by_role("button", name="Download")).to_have_count(0)  # there is nowhere to have them from
    return int(re.findall(r"run=(\d+)", page.url)[0])


def test_a_run_without_its_weights_asks_and_goes_on_with_the_packaged_network(page: Page, house: House) -> None:
    run = asked(page)
    for path in ("/", "/train?dataset=1"):
        page.goto(path)
        page.get_by_text("Waits for your answer").wait_for()
        expect(page.get_by_text("Paused")).to_have_count(0)
    page.goto(f"/train?run={run}")
    page.get_by_role("button", name="Take EfficientNet-Lite0").click()
    page.get_by_role("heading", name="EfficientNet-Lite0, 1 epoch").wait_for()
    page.get_by_text(re.compile(r"Got \d+ right, on 12 pictures")).first.wait_for()
    assert runs.get(house.studio, run).state is RunState.SUCCEEDED
    assert runs.get(house.studio, run).spec.architecture == "efficientnet-lite0"


@pytest.mark.slow
def test_or_with_nothing_where_a_person_says_so(page: Page, house: House) -> None:
    run = asked(page)
    page.get_by_role("button", name="Train from scratch").click()
    until(lambda: runs.get(house.studio, run).step > 0)  # of this run, and of no other network
    assert runs.get(house.studio, run).spec.architecture == "mobilenetv3_small_100"
    expect(page.locator(".badge")).not_to_have_text("Waiting for your answer")

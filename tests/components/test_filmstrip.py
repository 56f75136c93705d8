"""Watch it learn: the strip grows by itself, and can be dragged back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import settled, watched
from tests.components.conftest import World

pytestmark = pytest.mark.browser
Open = Callable[[str], Page]


@pytest.fixture
def show(browser: Browser, address: str, world: World) -> Iterator[Open]:
    with watched(browser, address) as page:

        def opened(query: str = "") -> Page:
            page.goto(f"/?show=filmstrip&{query}")
            settled(page)
            return page

        yield opened


def test_the_newest_epoch_is_shown_as_it_comes_and_only_newer_frames_are_asked_for(show: Open, world: World) -> None:
    page = show("every=0.2")
    page.get_by_text("Epoch 4", exact=True).wait_for()
    expect(page.get_by_text("4 of 4 pictures right")).to_be_visible()
    polls = world.state["strip_polls"]
    assert polls[:4] == [-1, 1, 2, 3]
    expect(page.locator(".shot.right")).to_have_count(4)


def test_dragged_back_it_shows_what_was_said_then_and_stays_there_while_the_run_goes_on(
    show: Open, world: World
) -> None:
    page = show("every=0.2")
    page.get_by_text("Epoch 4", exact=True).wait_for()
    page.get_by_label("Epoch").fill("1")
    expect(page.get_by_text("1 of 4 pictures right")).to_be_visible()
    expect(page.locator(".shot").nth(1)).to_contain_text("says")
    looks = len(world.state["strip_polls"])
    page.wait_for_function(f"fetch('/fake/state').then(r => r.json()).then(s => s.strip_polls.length > {looks + 2})")
    expect(page.get_by_text("Epoch 1", exact=True)).to_be_visible()
    page.get_by_label("Epoch").fill("0")
    expect(page.get_by_text("Before it began")).to_be_visible()


def test_it_plays_from_its_beginning_to_its_end(show: Open) -> None:
    page = show("every=0.2")
    page.get_by_text("Epoch 4", exact=True).wait_for()
    page.get_by_title("Play it from its beginning").click()
    page.get_by_text("Before it began").wait_for()
    page.get_by_text("Epoch 4", exact=True).wait_for()


def test_the_right_label_has_the_first_bar_and_the_heat_map_can_be_taken_off(show: Open) -> None:
    page = show("every=0.2")
    page.get_by_text("Epoch 4", exact=True).wait_for()
    page.get_by_label("Epoch").fill("0")
    first = page.locator(".shot").first
    expect(first.locator(".name").first).to_have_text("dress")  # image 1 is of label 1, though it says shirt
    expect(first.locator(".verdict")).to_have_text("says shirt")
    expect(first.locator("canvas")).to_be_visible()
    page.get_by_role("button", name="Heat maps").click()
    expect(first.locator("canvas")).to_be_hidden()

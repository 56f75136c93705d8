"""Watch it learn: the strip grows by itself, and can be dragged back."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.components.conftest import Show, World

pytestmark = pytest.mark.browser


def test_the_newest_epoch_is_shown_as_it_comes_and_only_newer_frames_are_asked_for(show: Show, world: World) -> None:
    page = show("filmstrip&every=0.2")
    page.get_by_text("Epoch 4", exact=True).wait_for()
    expect(page.get_by_text("4 of 4 pictures right")).to_be_visible()
    polls = world.state["strip_polls"]
    assert polls[:4] == [-1, 1, 2, 3]
    expect(page.locator(".shot.right")).to_have_count(4)


def test_dragged_back_it_shows_what_was_said_then_and_stays_there_while_the_run_goes_on(
    show: Show, world: World
) -> None:
    page = show("filmstrip&every=0.2")
    page.get_by_text("Epoch 4", exact=True).wait_for()
    page.get_by_label("Epoch").fill("1")
    expect(page.get_by_text("1 of 4 pictures right")).to_be_visible()
    expect(page.locator(".shot").nth(1)).to_contain_text("says")
    looks = len(world.state["strip_polls"])
    page.wait_for_function(f"fetch('/fake/state').then(r => r.json()).then(s => s.strip_polls.length > {looks + 2})")
    expect(page.get_by_text("Epoch 1", exact=True)).to_be_visible()
    page.get_by_label("Epoch").fill("0")
    expect(page.get_by_text("Before it began")).to_be_visible()


def test_it_plays_from_its_beginning_to_its_end(show: Show) -> None:
    page = show("filmstrip&every=0.2")
    page.get_by_text("Epoch 4", exact=True).wait_for()
    page.locator(".epoch").evaluate("""title => {
        window.shown = [];
        new MutationObserver(() => window.shown.push(title.textContent)).observe(title, {childList: true});
    }""")
    page.get_by_title("Play it from its beginning").click()
    page.wait_for_function("() => window.shown.at(-1) === 'Epoch 4'")
    assert page.evaluate("window.shown") == ["Before it began", "Epoch 1", "Epoch 2", "Epoch 3", "Epoch 4"]


def test_the_right_label_has_the_first_bar_and_the_heat_map_can_be_taken_off(show: Show) -> None:
    page = show("filmstrip&every=0.2")
    page.get_by_text("Epoch 4", exact=True).wait_for()
    page.get_by_label("Epoch").fill("0")
    first = page.locator(".shot").first
    expect(first.locator(".name").first).to_have_text("dress")  # image 1 is of label 1, though it says shirt
    expect(first.locator(".verdict")).to_have_text("says shirt")
    expect(first.locator("canvas")).to_be_visible()
    page.get_by_role("button", name="Heat maps").click()
    expect(first.locator("canvas")).to_be_hidden()

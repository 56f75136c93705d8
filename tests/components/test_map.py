"""The map in a real browser: what a line is drawn round is what is meant."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import held, settled, watched
from tests.components.conftest import World

pytestmark = pytest.mark.browser
STAGE = ".field-of-points"


@pytest.fixture
def page(browser: Browser, address: str, world: World) -> Iterator[Page]:
    with watched(browser, address) as opened:
        opened.goto("/?show=map")
        settled(opened)
        opened.locator(f"{STAGE}[data-points='16']").wait_for()
        yield opened


def place(page: Page, column: float, row: float) -> tuple[float, float]:
    """px of the window where the picture of that column and row stands, from 0 to 3."""
    box = page.locator(STAGE).bounding_box()
    assert box is not None
    side = min(box["width"], box["height"]) - 2 * 28
    return (
        box["x"] + box["width"] / 2 + side * (column / 3 - 0.5),
        box["y"] + box["height"] / 2 + side * (row / 3 - 0.5),
    )


def lasso(page: Page, *corners: tuple[float, float]) -> None:
    first, *others = (place(page, *corner) for corner in corners)
    page.mouse.move(*first)
    page.mouse.down()
    for at in others:
        page.mouse.move(*at, steps=4)
    page.mouse.up()


def test_what_a_line_is_drawn_round_is_relabelled_as_one_action(page: Page, world: World) -> None:
    lasso(page, (-0.1, -0.1), (1.4, -0.1), (1.4, 0.4), (-0.1, 0.4))
    expect(page.locator(".number")).to_have_text("2 selected")
    page.keyboard.press("4")
    page.locator(".saving[data-state=saved]").wait_for()
    page.get_by_role("button", name="Undo").and_(page.locator(":enabled")).wait_for()
    [asked] = world.state["filters"]
    assert asked == {"where": {"ids": [1, 2]}, "to": {"label": "trousers"}, "kind": "relabel"}


def test_shift_adds_a_click_means_one_and_escape_none(page: Page) -> None:
    lasso(page, (-0.1, 2.6), (3.1, 2.6), (3.1, 3.1), (-0.1, 3.1))
    expect(page.locator(".number")).to_have_text("4 selected")
    page.keyboard.down("Shift")
    page.mouse.click(*place(page, 2, 1))
    page.keyboard.up("Shift")
    expect(page.locator(".number")).to_have_text("5 selected")
    page.mouse.click(*place(page, 2, 1))
    expect(page.locator(".number")).to_have_text("1 selected")
    page.get_by_role("button", name="Show in the gallery").click()
    page.get_by_text('show={"ids": [7]}').wait_for()
    page.locator(STAGE).focus()
    page.keyboard.press("Escape")
    expect(page.locator(".number")).to_have_count(0)


def test_coloured_by_finding_the_legend_names_each_kind_and_selects_it(page: Page, world: World) -> None:
    page.locator("select").first.select_option("found")
    expect(page.locator(".entry")).to_have_text(["Nothing found13", "Blurred3"])
    page.get_by_title("Select these: Blurred").click()
    expect(page.locator(".number")).to_have_text("3 selected")
    page.keyboard.press("Delete")
    page.locator(f"{STAGE}[data-points='13']").wait_for()
    assert [one["where"] for one in world.state["filters"]] == [{"ids": [1, 2, 3]}]


def test_what_is_chosen_before_the_points_have_come_holds_once_they_are_there(page: Page) -> None:
    with held(page, "**/api/datasets/*/map"):
        page.reload()
        page.locator("select").first.select_option("found")
        page.locator(STAGE).focus()
        page.keyboard.press("Escape")
    expect(page.locator(".entry")).to_have_text(["Nothing found13", "Blurred3"])


def test_the_picture_under_the_pointer_is_shown_and_deleted_ones_leave_the_map(page: Page) -> None:
    page.mouse.move(*place(page, 1, 1))
    expect(page.locator(".tip img")).to_have_attribute("src", "/api/images/6/thumb")
    page.mouse.click(*place(page, 1, 1))
    page.keyboard.press("Delete")
    page.locator(f"{STAGE}[data-points='15']").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.locator(f"{STAGE}[data-points='16']").wait_for()

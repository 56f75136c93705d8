"""Figures: drawn in place as numbers grow, and a click on a point says which."""

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
            page.goto(f"/?show=figures&{query}")
            settled(page)
            page.locator(".plot .points path").first.wait_for()
            return page

        yield opened


def test_newer_numbers_come_into_the_same_chart_and_a_figure_more_beside_it(show: Open) -> None:
    page = show("")
    expect(page.locator(".plot .points path")).to_have_count(3)
    page.locator(".plot").first.evaluate("plot => (plot.mark = 'the first')")
    page.get_by_role("button", name="More").click()
    settled(page)
    expect(page.locator("figure")).to_have_count(2)
    expect(page.locator(".plot").first.locator(".points path")).to_have_count(5)
    assert page.locator(".plot").first.evaluate("plot => plot.mark") == "the first"


def test_a_click_on_a_point_says_which(show: Open) -> None:
    page = show("")
    point = page.locator(".plot .points path").nth(1)
    while not page.locator(".plot").evaluate("plot => plot._hoverdata?.[0]?.customdata === 12"):
        point.hover(force=True)  # the chart may still find its place
    page.mouse.down()
    page.mouse.up()
    page.get_by_text("opened=12").wait_for()

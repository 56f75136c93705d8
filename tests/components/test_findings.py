"""Findings in the browser: one click acts once, whatever the network does; one click takes it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import settled, watched
from tests.components.conftest import World

pytestmark = pytest.mark.browser
Open = Callable[[str], Page]


@pytest.fixture
def show(browser: Browser, address: str, world: World) -> Iterator[Open]:
    with watched(browser, address) as page:

        def opened(more: str = "") -> Page:
            page.goto(f"/?show=findings{more}")
            settled(page)
            page.locator(".findings .card").first.wait_for()
            return page

        yield opened


def card(page: Page, at: int) -> Locator:
    return page.locator(".findings .card").nth(at)


def test_what_can_be_kept_is_chosen_at_one_height(show: Open) -> None:
    """Whatever the captions above take: the label of the first one has sixty characters."""
    page = show("")
    buttons = card(page, 1).get_by_role("button", name="Keep this one")
    heights = {box["y"] for at in range(buttons.count()) if (box := buttons.nth(at).bounding_box())}
    assert buttons.count() == 3 and len(heights) == 1


def test_a_finding_is_settled_with_one_click_and_taken_back_with_another(show: Open, world: World) -> None:
    page = show("")
    card(page, 0).get_by_role("button", name="Keep this one").nth(1).click()
    expect(card(page, 0)).to_have_attribute("data-state", "done")
    (sent,) = world.state["acted"]
    assert (sent["action"], sent["keys"], sent["choice"]) == ("keep", ["near:1"], 2)
    assert sent["revisions"] == {"1": 1, "2": 1}
    card(page, 0).get_by_role("button", name="Undo").click()
    expect(card(page, 0)).to_have_attribute("data-state", "open")
    assert world.state["undone"] == [1]


def test_an_answer_that_is_lost_makes_the_click_come_again_and_count_once(show: Open, world: World) -> None:
    page = show("")
    world.faults(drop_every=2, delay_ms=100)
    for at, name in ((0, "Keep the best one"), (1, "Keep the best, remove the others"), (2, "It is")):
        card(page, at).get_by_role("button", name=name).first.click()
    for at in range(3):
        expect(card(page, at)).to_have_attribute("data-state", "done")
    assert sorted(sent["keys"][0] for sent in world.state["acted"]) == ["near:1", "near:2", "suspect:6"]
    for at in range(3):
        card(page, at).get_by_role("button", name="Undo").click()
    for at in range(3):
        expect(card(page, at)).to_have_attribute("data-state", "open")
    assert sorted(world.state["undone"]) == [1, 2, 3]


def test_nothing_is_said_to_be_done_before_the_server_has_it(show: Open, world: World) -> None:
    page = show("")
    world.faults(refuse_every=1)
    card(page, 0).get_by_role("button", name="Ignore for ever").click()
    expect(card(page, 0)).to_contain_text("The server does not answer")
    assert card(page, 0).get_attribute("data-state") == "saving" and world.state["ignored"] == []
    world.faults()
    expect(card(page, 0)).to_have_attribute("data-state", "done")
    assert world.state["ignored"] == ["near:1"]
    card(page, 0).get_by_role("button", name="Undo").click()
    expect(card(page, 0)).to_have_attribute("data-state", "open")
    assert world.state["ignored"] == []


def test_findings_of_one_kind_are_settled_together_and_taken_back_together(show: Open, world: World) -> None:
    page = show("&twins=1")
    page.get_by_role("button", name="Keep the best of each (2)").click()
    for at in range(2):
        expect(card(page, at)).to_have_attribute("data-state", "done")
    assert world.state["acted"][0]["keys"] == ["near:1", "near:2"]
    card(page, 1).get_by_role("button", name="Undo").click()
    for at in range(2):
        expect(card(page, at)).to_have_attribute("data-state", "open")
    assert world.state["undone"] == [1]


def test_a_refusal_is_a_sentence_on_its_card_and_conflicts_are_told(show: Open, world: World) -> None:
    page = show("")
    world.faults(settled=True)
    card(page, 0).get_by_role("button", name="Keep the best one").click()
    expect(card(page, 0).get_by_role("alert")).to_contain_text("settled already")
    expect(card(page, 0)).to_have_attribute("data-state", "open")
    world.faults(conflicts=[2])
    card(page, 0).get_by_role("button", name="Keep the best one").click()
    expect(card(page, 0)).to_contain_text("1 picture was changed by somebody else and left alone")


def test_what_people_wrote_is_shown_as_text(show: Open) -> None:
    page = show("")
    expect(card(page, 0).locator(".sentence")).to_have_text("<b>bold</b><img src=x onerror=alert(1)>")
    assert page.locator(".sentence b, .sentence img").count() == 0

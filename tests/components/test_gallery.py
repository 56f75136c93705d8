"""The contact sheet: selecting, relabelling, deleting and undoing, each once and shown as it is on the server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import PATIENCE_MS, drop, settled, watched
from tests.components.conftest import World
from tests.worlds import png

pytestmark = pytest.mark.browser
Open = Callable[[str], Page]


@pytest.fixture
def show(browser: Browser, address: str, world: World) -> Iterator[Open]:
    with watched(browser, address) as page:

        def opened(mode: str) -> Page:
            page.goto(f"/?show={mode}")
            settled(page)
            page.locator(".saving[data-state=saved]").wait_for()
            return page

        yield opened


def saved(page: Page) -> None:
    page.locator(".saving[data-state=saved]").wait_for()


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def labels_of(world: World) -> dict[int, str | None]:
    return {image["id"]: image["label"] for image in world.state["images"]}


def test_click_shift_and_ctrl_a_select(show: Open) -> None:
    page = show("sheet")
    page.locator(".cell").nth(2).click()
    expect(page.locator(".number")).to_have_text("1 selected")
    page.locator(".cell").nth(6).click(modifiers=["Shift"])
    expect(page.locator(".number")).to_have_text("5 selected")
    page.keyboard.press("Control+a")
    expect(page.locator(".number")).to_have_text("40 selected")
    page.keyboard.press("Escape")
    expect(page.locator(".number")).to_have_count(0)


def test_relabelling_a_selection_is_one_action_and_undo_takes_back_the_last_alone(show: Open, world: World) -> None:
    page = show("sheet")
    before = labels_of(world)
    page.locator(".cell").nth(0).click()
    page.locator(".cell").nth(3).click(modifiers=["Shift"])
    page.keyboard.press("4")
    saved(page)
    assert [labels_of(world)[n] for n in (1, 2, 3, 4)] == ["trousers"] * 4
    page.locator(".cell").nth(10).click()
    page.keyboard.press("1")
    saved(page)
    page.keyboard.press("Control+z")
    page.wait_for_function("fetch('/fake/state').then(r => r.json()).then(s => s.images[10].revision === 3)")
    assert labels_of(world)[11] == before[11]
    assert [labels_of(world)[n] for n in (1, 2, 3, 4)] == ["trousers"] * 4


def test_deleted_pictures_come_back_with_undo(show: Open, world: World) -> None:
    page = show("sheet")
    page.locator(".cell").nth(1).click()
    page.keyboard.press("Delete")
    saved(page)
    expect(page.locator(".cell").nth(1)).to_be_hidden()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".cell").nth(1)).to_be_visible()
    saved(page)
    assert not any(image["deleted"] for image in world.state["images"])


def test_a_change_by_somebody_else_is_shown_and_not_overwritten(show: Open, world: World) -> None:
    page = show("sheet")
    world.faults(conflicts=[2])
    page.locator(".cell").nth(1).click()
    page.keyboard.press("4")
    page.get_by_text("1 picture was changed by somebody else meanwhile.").wait_for()
    expect(page.locator(".cell").nth(1)).to_have_attribute("data-state", "conflict")
    expect(page.locator(".cell").nth(1).locator(".caption")).to_have_text("coat")


def test_a_label_is_shown_as_saved_only_when_it_is(show: Open, world: World) -> None:
    page = show("sheet")
    with world.holding():
        page.locator(".cell").nth(0).click()
        page.keyboard.press("4")
        expect(page.locator(".cell").nth(0)).to_have_attribute("data-state", "pending")
        assert labels_of(world)[1] != "trousers"
    expect(page.locator(".cell").nth(0)).to_have_attribute("data-state", "saved")


def test_what_a_hand_is_at_stays_while_an_answer_comes_in(show: Open, world: World) -> None:
    page = show("sheet")
    page.locator(".cell").nth(0).click()
    with world.holding():
        page.keyboard.press("4")  # on to the next one
        page.locator(".tools .label", has_text="coat").hover()
        page.mouse.down()
    saved(page)
    page.mouse.up()
    saved(page)
    assert (labels_of(world)[1], labels_of(world)[2]) == ("trousers", "coat")
    with world.holding():
        page.keyboard.press("4")
        page.get_by_title("More to do with the selected pictures").select_option("new")
        page.keyboard.type("sca")
    saved(page)
    page.keyboard.type("rf")
    page.keyboard.press("Enter")
    saved(page)
    assert "scarf" in labels_of(world).values()


def test_a_new_label_is_made_on_the_fly_and_stays_text(show: Open, world: World) -> None:
    page = show("sheet")
    page.locator(".cell").nth(0).click()
    page.get_by_title("More to do with the selected pictures").select_option("new")
    page.get_by_placeholder("New label, then Enter").fill("<i>scarf</i>")
    page.keyboard.press("Enter")
    saved(page)
    assert labels_of(world)[1] == "<i>scarf</i>"
    expect(page.locator(".cell").nth(0).locator(".caption")).to_have_text("<i>scarf</i>")


def test_the_page_hears_of_changes_without_losing_the_grid(show: Open) -> None:
    page = show("sheet")
    page.locator(".cell").nth(5).evaluate("node => node.marked = true")
    page.locator(".cell").nth(5).click()
    page.keyboard.press("1")
    page.get_by_text('changed={"changed": [6], "conflicts": []}').wait_for()
    settled(page)
    assert page.locator(".cell").nth(5).evaluate("node => node.marked === true")
    expect(page.locator(".cell").nth(5).locator(".caption")).to_have_text("coat")


def test_enter_opens_a_picture_large_and_escape_closes_it(show: Open) -> None:
    page = show("sheet")
    page.locator(".cell").nth(0).click()
    page.keyboard.press("Enter")
    expect(page.locator("img.whole")).to_have_attribute("src", "/api/images/1/view")
    page.keyboard.press("ArrowRight")
    expect(page.locator("img.whole")).to_have_attribute("src", "/api/images/2/view")
    page.keyboard.press("Escape")
    expect(page.locator("dialog.large")).to_be_hidden()


def test_all_that_match_are_changed_by_their_filter_and_undone_as_one(show: Open, world: World) -> None:
    page = show("sheet")
    before = labels_of(world)
    expect(page.get_by_role("button", name="that match")).to_have_count(0)
    page.get_by_role("button", name="Select all").click()
    page.get_by_role("button", name="Select all 399 that match").click()
    expect(page.locator(".number")).to_have_text("399 selected")
    page.keyboard.press("4")
    saved(page)
    until(lambda: len(world.state["filters"]) == 1)
    [asked] = world.state["filters"]
    assert asked == {"where": {"label_id": 3, "text": "a"}, "to": {"label": "trousers"}, "kind": "relabel"}
    page.keyboard.press("Control+z")
    until(lambda: labels_of(world) == before)


def test_every_label_is_seen_on_a_button_or_stands_in_the_menu(show: Open) -> None:
    page = show("sheet&labels=20")
    top = page.locator(".cell").first.bounding_box()
    page.locator(".cell").first.click()
    assert page.locator(".cell").first.bounding_box() == top, "what is clicked stays under the pointer"
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Select all").click()
    expect(page.get_by_role("button", name="Select all 399 that match")).to_be_visible()
    end = page.locator(".tools .labels").evaluate("some => some.getBoundingClientRect().right")
    buttons = page.locator("button.label").evaluate_all("some => some.map((one) => one.getBoundingClientRect().right)")
    assert len(buttons) == 9 and max(buttons) <= end + 1
    in_menu = page.locator(".tools select option[value^='at ']").all_inner_texts()
    assert in_menu == [f"label {n}" for n in range(len(buttons) + 1, 21)]


def test_on_a_phone_a_second_tap_opens_what_the_first_one_selected(show: Open) -> None:
    """The bar of a selection is higher than the one before: it must not push the pictures from under the finger."""
    page = show("sheet&labels=20")
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator(".cell").nth(4).dblclick()
    expect(page.locator("dialog.large")).to_be_visible()
    page.keyboard.press("Escape")
    bar = page.locator(".tools").bounding_box()
    assert bar is not None and abs(bar["y"] + bar["height"] - 844) <= 1 and bar["width"] == 390


def test_a_click_after_all_that_match_means_that_picture_alone(show: Open, world: World) -> None:
    page = show("sheet")
    page.get_by_role("button", name="Select all").click()
    page.get_by_role("button", name="Select all 399 that match").click()
    page.locator(".cell").nth(3).click()
    expect(page.locator(".number")).to_have_text("1 selected")
    page.keyboard.press("2")
    saved(page)
    assert world.state["filters"] == [] and world.state["applied"] == [4]


def test_a_field_drawn_with_the_mouse_selects_what_it_touches(show: Open) -> None:
    page = show("sheet")
    first, last = (page.locator(".cell").nth(at).bounding_box() for at in (0, 2))
    assert first is not None and last is not None
    page.mouse.move(first["x"] + 20, first["y"] + 20)
    page.mouse.down()
    page.mouse.move(last["x"] + 30, last["y"] + 60, steps=4)
    page.mouse.up()
    expect(page.locator(".number")).to_have_text("3 selected")


def test_a_large_picture_tells_its_facts_and_its_history_as_text(show: Open) -> None:
    page = show("sheet")
    page.locator(".cell").nth(0).dblclick()
    known = page.locator(".known")
    expect(known).to_contain_text("900 × 900 px")
    expect(known).to_contain_text("Wardrobe")
    expect(known).to_contain_text("before the sale")
    expect(known.locator("li").nth(0)).to_contain_text("eve labelled it “dress”, it was “coat”")
    expect(known.locator("li").nth(1)).to_contain_text("<b>ann</b> added it as “coat”")
    page.get_by_role("button", name="More like this").click()
    page.get_by_text('like={"id": 1}').wait_for()


def test_a_picture_from_outside_finds_those_like_it(show: Open, tmp_path: Path) -> None:
    page = show("sheet")
    (tmp_path / "mine.png").write_bytes(png())
    (tmp_path / "text.txt").write_text("no picture")
    chooser = page.locator(".example input[type=file]")
    chooser.set_input_files(tmp_path / "text.txt")
    page.get_by_text("This file is not a picture.").wait_for()
    drop(page, ".sheet", [tmp_path / "mine.png"])
    page.get_by_text('found={"ids": [7, 3, 11], "name": "mine.png"}').wait_for()


def test_a_sheet_that_can_be_seen_takes_a_picture_at_once(
    browser: Browser, address: str, world: World, tmp_path: Path
) -> None:
    (tmp_path / "mine.png").write_bytes(png())
    with watched(browser, address) as page:  # so busy that what is put off for a moment comes two seconds late
        page.add_init_script("const set = setTimeout; setTimeout = (act, ms, ...all) => set(act, ms || 2000, ...all);")
        page.goto("/?show=sheet")
        page.locator(".cell").first.wait_for()
        drop(page, ".sheet", [tmp_path / "mine.png"])
        page.get_by_text('found={"ids": [7, 3, 11], "name": "mine.png"}').wait_for()


def test_the_trash_says_how_long_it_keeps_and_puts_back(show: Open, world: World) -> None:
    page = show("trash")
    expect(page.locator(".cell").nth(0)).to_contain_text("29 days left")
    expect(page.locator(".cell").nth(1)).to_contain_text("kept for a version")
    page.locator(".cell").nth(0).click()
    page.get_by_role("button", name="Put back").click()
    saved(page)
    expect(page.locator(".cell").nth(0)).to_be_hidden()
    assert world.state["applied"] == [1]

"""The desk: no key press is lost, none counts twice, none reaches the wrong picture, nobody is overwritten."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import settled, watched
from tests.components.conftest import World

pytestmark = pytest.mark.browser
Open = Callable[..., Page]
NAMES = ["coat", "dress", "shirt", "trousers"]
# A tab looks every five seconds for what closed ones have left, and takes what it finds at the second look.
ADOPT = """async () => {
  const [{ name }] = performance.getEntriesByType("resource").filter(({ name }) => name.includes("queue"));
  const queue = (await import(name)).queueOf(null, 7);
  queue.adopt();
  queue.adopt();
}"""


@pytest.fixture
def show(browser: Browser, address: str, world: World) -> Iterator[Open]:
    world.unlabel()
    with watched(browser, address, has_touch=True) as page:

        def opened(query: str = "") -> Page:
            page.goto(f"/?show=label{query}")
            settled(page)
            page.get_by_text("40 without a label").wait_for()
            return page

        yield opened
        for tab in page.context.pages:
            saved(tab)  # what was still on its way would label pictures of the next test


def saved(page: Page) -> None:
    page.locator(".saving[data-state=saved]").wait_for()


def labels_of(world: World) -> dict[int, str | None]:
    return {image["id"]: image["label"] for image in world.state["images"]}


def on_stage(page: Page) -> int:
    return int((page.locator(".stage img").get_attribute("src") or "").split("/")[-2])


@pytest.mark.parametrize("faults", [{}, {"refuse_every": 3}, {"drop_every": 3, "delay_ms": 20}], ids=str)
def test_20_fast_key_presses_label_20_pictures(show: Open, world: World, faults: dict[str, int]) -> None:
    page = show()
    world.faults(**faults)
    for number in range(20):
        page.keyboard.press(str(number % 4 + 1))
    saved(page)
    assert world.state["applied"] == list(range(1, 21)), "each picture once, in the order of the keys"
    assert [labels_of(world)[n] for n in range(1, 21)] == [NAMES[(n - 1) % 4] for n in range(1, 21)]


def pressed(page: Page, what: Locator) -> None:
    """A slow hand: what others did is asked for and drawn between the press and the release."""
    what.hover()
    page.mouse.down()
    for _ in range(2):
        with page.expect_response(lambda answer: "/changes?since=" in answer.url):
            pass
    page.mouse.up()


def test_a_click_counts_however_long_it_is_pressed(show: Open, world: World) -> None:
    page = show()
    pressed(page, page.locator(".palette .label", has_text="trousers"))
    assert on_stage(page) == 2
    pressed(page, page.locator(".suggestion .primary"))
    assert on_stage(page) == 3
    saved(page)
    assert labels_of(world)[1] == "trousers" and labels_of(world)[2] is not None
    page.get_by_role("button", name="Page", exact=True).click()
    pressed(page, page.locator(".cell").nth(4).locator(".caption .name"))
    expect(page.locator(".cell").nth(4)).to_have_attribute("aria-selected", "true")


def test_the_next_pictures_are_there_before_the_hand_needs_them_and_the_end_is_told_once(
    show: Open, world: World
) -> None:
    page = show()
    for number in range(1, 41):
        assert on_stage(page) == number
        page.keyboard.press("2")
    page.get_by_text('next={"labelled": 40}').wait_for()
    assert set(labels_of(world)[n] for n in range(1, 41)) == {"dress"}


def test_enter_takes_the_suggestion_space_skips_arrows_step_and_backspace_takes_back(show: Open, world: World) -> None:
    page = show()
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    assert on_stage(page) == 4
    saved(page)
    assert [labels_of(world)[n] for n in (1, 2, 3)] == ["dress", None, "trousers"]
    page.keyboard.press("ArrowLeft")
    assert on_stage(page) == 3
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    assert on_stage(page) == 1
    saved(page)
    assert [labels_of(world)[n] for n in (1, 2, 3)] == [None, None, None]


def test_letters_find_a_label_beyond_the_ninth_or_make_a_new_one_that_stays_text(show: Open, world: World) -> None:
    page = show("&many=1")
    page.keyboard.type("label 37")
    page.keyboard.press("Enter")
    page.keyboard.type("s<i>carf</i>")
    page.get_by_text("New label").wait_for()
    page.keyboard.press("Enter")
    saved(page)
    assert [labels_of(world)[n] for n in (1, 2)] == ["label 37", "s<i>carf</i>"]


def test_a_label_and_its_undo_survive_a_reload_while_the_server_is_away(show: Open, world: World) -> None:
    page = show()
    page.on("dialog", lambda dialog: dialog.accept())
    world.faults(refuse_every=1)
    for key in ("4", "4", "1", "Backspace"):
        page.keyboard.press(key)
    page.get_by_text("4 changes kept here and sent again.").wait_for()
    world.faults()
    page.reload()
    settled(page)
    page.get_by_text("38 without a label").wait_for()
    saved(page)
    assert [labels_of(world)[n] for n in (1, 2, 3)] == ["trousers", "trousers", None]
    page.keyboard.press("Backspace")
    page.get_by_text("39 without a label").wait_for()


def test_a_closed_tabs_changes_are_sent_by_another(show: Open, world: World) -> None:
    page = show()
    second = page.context.new_page()
    world.faults(refuse_every=1)
    page.keyboard.press("4")
    page.get_by_text("1 change kept here").wait_for()
    page.close(run_before_unload=False)
    world.faults()
    second.goto("/?show=label")
    second.get_by_text("39 without a label").wait_for()
    assert labels_of(world)[1] == "trousers"


def test_what_a_closed_tab_wanted_does_not_overwrite_what_this_one_said_of_the_same_picture(
    show: Open, world: World
) -> None:
    page = show()
    second = page.context.new_page()
    second.goto("/?show=label")
    settled(second)
    second.get_by_text("40 without a label").wait_for()
    world.faults(refuse_every=1)
    for tab, key in ((page, "3"), (second, "4")):
        tab.bring_to_front()
        tab.keyboard.press(key)
        tab.get_by_text("1 change kept here").wait_for()
    page.close(run_before_unload=False)
    second.evaluate(ADOPT)
    second.get_by_text("2 changes kept here").wait_for()
    world.faults()
    second.get_by_text("you wanted “shirt”. Theirs is kept.").wait_for()
    saved(second)
    assert (labels_of(world)[1], world.state["applied"]) == ("trousers", [1])


def test_a_tick_is_shown_only_for_what_the_server_has(show: Open, world: World) -> None:
    page = show()
    with world.holding():
        page.keyboard.press("1")
        expect(page.locator(".next").nth(0)).to_have_attribute("data-state", "pending")
        assert labels_of(world)[1] is None
    expect(page.locator(".next").nth(0)).to_have_attribute("data-state", "saved")
    assert labels_of(world)[1] == "coat"


def test_anothers_label_appears_and_its_picture_is_passed_over(show: Open, world: World) -> None:
    page = show()
    world.another(2, "shirt")
    expect(page.locator(".next").nth(1)).to_have_attribute("data-state", "saved")
    page.keyboard.press("1")
    assert on_stage(page) == 3
    saved(page)
    assert labels_of(world)[2] == "shirt"


def test_a_conflict_says_who_and_what_and_is_decided_by_the_person(show: Open, world: World) -> None:
    page = show()
    world.another(1, "shirt")
    page.get_by_text("Bo just labelled this “shirt”.").wait_for()
    page.keyboard.press("4")
    page.get_by_text("Bo labelled Clothes/1.webp “shirt” meanwhile; you wanted “trousers”. Theirs is kept.").wait_for()
    assert labels_of(world)[1] == "shirt"
    page.get_by_role("button", name="Make it “trousers”").click()
    saved(page)
    assert labels_of(world)[1] == "trousers"


def test_all_suggestions_above_a_threshold_are_accepted_and_taken_back_in_one_step(show: Open, world: World) -> None:
    page = show()
    page.locator("details.sure > summary").click()
    page.locator("input.threshold").fill("85")
    page.locator(".sure-body").get_by_role("button", name="Accept 16 suggestions above 85 %").click()
    page.get_by_text("24 without a label").wait_for()
    assert sum(labels_of(world)[n] is not None for n in range(1, 41)) == 16
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("40 without a label").wait_for()


def test_on_a_page_several_are_selected_and_labelled_in_one_step(show: Open, world: World) -> None:
    page = show("&mode=page")
    page.locator(".cell").nth(2).click()
    page.locator(".cell").nth(6).click(modifiers=["Shift"])
    page.keyboard.press("4")
    saved(page)
    assert [n for n in range(1, 41) if labels_of(world)[n] == "trousers"] == [3, 4, 5, 6, 7]
    page.keyboard.press("Control+z")
    page.get_by_text("40 without a label").wait_for()
    expect(page.locator(".cell")).to_have_count(24)  # those ahead are asked for anew
    page.keyboard.press("Enter")
    page.get_by_text("16 without a label").wait_for()


def test_a_swipe_to_the_right_takes_the_suggestion_and_to_the_left_skips(show: Open, world: World) -> None:
    page = show()

    def swipe(by: int) -> None:
        page.locator(".stage").evaluate(
            """(stage, by) => {
                 const at = (x) => ({ pointerType: "touch", clientX: 300 + x, pointerId: 1 });
                 for (const [kind, x] of [["pointerdown", 0], ["pointermove", by], ["pointerup", by]])
                   stage.dispatchEvent(new PointerEvent(kind, at(x)));
               }""",
            by,
        )

    page.locator(".stage").evaluate("stage => (stage.setPointerCapture = () => {})")
    swipe(120)
    swipe(-120)
    swipe(20)
    assert on_stage(page) == 3
    saved(page)
    assert [labels_of(world)[n] for n in (1, 2)] == ["dress", None]


def test_the_meter_counts_labels_and_draws_each_refit(show: Open, world: World) -> None:
    page = show()
    expect(page.locator(".accuracy")).to_have_text("90 % ± 5")  # of the model that is there before the first label
    for _ in range(10):
        page.keyboard.press("1")
    expect(page.locator(".pace")).not_to_have_text("0")
    page.get_by_label("Accuracy after each of 3 refits").or_(
        page.get_by_label("Accuracy after each of 2 refits")
    ).wait_for()
    expect(page.locator(".accuracy")).to_have_text("90 % ± 5")


def test_a_name_said_once_goes_with_every_change_and_stays_text(show: Open, world: World) -> None:
    page = show()
    page.get_by_role("button", name="Say your name").click()
    page.keyboard.type("Änne <b>4</b>")  # no letter and no number of it labels anything
    page.keyboard.press("Enter")
    page.get_by_text('named={"name": "\\u00c4nne <b>4</b>"}').wait_for()
    page.keyboard.press("4")
    saved(page)
    assert labels_of(world)[1] == "trousers" and world.state["who"] == ["Änne <b>4</b>"]
    page.reload()
    page.get_by_role("button", name="You are Änne <b>4</b>").click()
    page.get_by_label("Your name, for the others").fill("")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Say your name").wait_for()
    page.keyboard.press("1")
    saved(page)
    assert world.state["who"] == ["Änne <b>4</b>", ""]


def test_a_hidden_desk_does_not_ask(show: Open, world: World) -> None:
    page = show()
    page.evaluate("Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' })")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "/changes?since=" in one.url else None)
    page.wait_for_timeout(500)  # what it had asked before is on record by then
    asked.clear()
    page.wait_for_timeout(3000)
    assert asked == []

"""*Why this answer?*: asked in several ways, of any label; painted over; and evidence that is put right."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from core.explanations import WAYS
from core.records import Method
from tests.browser import settled, until, watched
from tests.components.conftest import World
from tests.components.fake import EVIL

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser, address: str, world: World) -> Iterator[Page]:
    with watched(browser, address) as opened:
        yield opened


def ask(page: Page) -> Locator:
    """The dialog about the answer to a sample picture."""
    page.goto("/?show=tryit")
    settled(page)
    page.locator(".sample").first.click()
    page.get_by_role("button", name="Why this answer?").click()
    dialog = page.locator("dialog.why")
    dialog.locator(".legend").wait_for()
    return dialog


def choose(dialog: Locator, way: str) -> None:
    dialog.locator(".ways").get_by_role("button", name=way, exact=True).click()


SHARES = ".bars .share"


def shares(dialog: Locator) -> list[str]:
    return dialog.locator(SHARES).all_inner_texts()


def paint(page: Page, canvas: Locator, start: float = 0.3, end: float = 0.7) -> None:
    """A stroke across the middle of the picture."""
    box = canvas.bounding_box()
    assert box is not None
    x, y = box["x"], box["y"] + box["height"] / 2
    page.mouse.move(x + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(x + end * box["width"], y, steps=8)
    page.mouse.up()


# ---- the ways ----


def test_an_answer_is_explained_in_every_way_and_nothing_is_asked_twice(page: Page, world: World) -> None:
    dialog = ask(page)
    expect(dialog.locator("h3")).to_have_text("Why \u201cshirt\u201d?")
    expect(dialog.locator("canvas.map")).to_be_visible()
    assert world.state["asked"] == [], "the heat map came with the answer"
    for way in (Method.INTEGRATED, Method.OCCLUSION, Method.SHAP, Method.LIME):
        choose(dialog, WAYS[way].title)
        dialog.locator(".legend").wait_for()
        expect(dialog.locator(".sentence")).to_have_text(WAYS[way].sentence)
        expect(dialog.locator("canvas.map")).to_be_visible()
    choose(dialog, "Occlusion")
    dialog.locator(".legend").wait_for()
    assert world.state["asked"] == [[str(way), "shirt"] for way in Method if way is not Method.HEAT]


def test_a_click_on_a_label_asks_about_that_one(page: Page, world: World) -> None:
    dialog = ask(page)
    dialog.locator(".bars .rank").nth(2).click()
    expect(dialog.locator("h3")).to_have_text("Why \u201cdress\u201d?")
    dialog.locator(".legend").wait_for()
    assert world.state["asked"] == [["heat", "dress"]], "only the best label's map is in the answer"


def test_the_strength_of_the_colours_can_be_chosen(page: Page, world: World) -> None:
    dialog = ask(page)
    dialog.get_by_label("Strength of the colours").fill("30")
    expect(dialog.locator("canvas.map")).to_have_css("opacity", "0.3")


def test_what_cannot_be_worked_out_is_said_and_can_be_asked_again(page: Page, world: World) -> None:
    dialog = ask(page)
    world.faults(unexplained="There is no heat map of it.")
    choose(dialog, "LIME")
    dialog.get_by_text("There is no heat map of it.").wait_for()
    world.faults()
    dialog.get_by_role("button", name="Try again").click()
    dialog.locator(".legend").wait_for()


def test_a_network_without_a_map_of_its_own_has_it_worked_out(page: Page, world: World) -> None:
    world.reset(no_heat=True)
    page.goto("/?show=tryit")
    settled(page)
    page.locator(".sample").first.click()
    page.get_by_role("button", name="Heat map").click()
    page.locator("dialog.why .legend").wait_for()
    assert world.state["asked"] == [["heat", "shirt"]]


def test_a_mistake_is_asked_about_the_label_that_was_said(page: Page, world: World) -> None:
    page.goto("/?show=mistakes")
    settled(page)
    page.locator(".cell").first.click()
    page.get_by_title("Why this answer?").click()
    dialog = page.locator("dialog.why")
    expect(dialog.locator("h3")).to_have_text("Why \u201ctrousers\u201d?")
    dialog.get_by_text("By now it has, and says \u201cshirt\u201d.").wait_for()
    dialog.locator(".legend").wait_for()
    dialog.get_by_title("Close").click()
    expect(dialog).to_be_hidden()
    page.locator(".cell").nth(1).dblclick()
    page.locator("dialog.large").get_by_role("button", name="Why this answer?").click()
    dialog.locator(".legend").wait_for()
    page.keyboard.press("Delete")  # which means the pictures of the sheet, and not while it is covered
    assert not any(image["deleted"] for image in world.state["images"])


def test_names_are_never_markup(page: Page, world: World) -> None:
    world.reset(labels=EVIL[:4])
    dialog = ask(page)
    expect(dialog.locator(".bars .name").first).to_have_text(EVIL[2])
    expect(dialog.locator("h3")).to_have_text(f"Why \u201c{EVIL[2]}\u201d?")
    expect(dialog.locator("b")).to_have_count(0)


# ---- erase here ----


def test_the_answer_follows_the_brush_and_comes_back(page: Page, world: World) -> None:
    dialog = ask(page)
    choose(dialog, "Erase here")
    canvas = dialog.locator("canvas.erase")
    expect(canvas).to_have_attribute("data-stroke", "0")
    whole = shares(dialog)
    expect(dialog.locator(".bars s").first).to_be_hidden()
    paint(page, canvas)
    expect(canvas).to_have_attribute("data-stroke", "1")
    expect(dialog.locator(".bars s").first).to_be_visible()
    expect(dialog.locator(SHARES)).not_to_have_text(whole)  # the first dab alone may change nothing yet
    once = shares(dialog)
    dialog.get_by_title("Large brush").click()
    paint(page, canvas, 0.1, 0.9)
    expect(canvas).to_have_attribute("data-stroke", "2")
    expect(dialog.locator(SHARES)).not_to_have_text(once)
    dialog.get_by_role("button", name="Undo").click()
    expect(canvas).to_have_attribute("data-stroke", "1")
    dialog.get_by_role("button", name="Clear").click()
    expect(canvas).to_have_attribute("data-stroke", "0")
    assert shares(dialog) == whole
    assert world.state["predictions"] == 1, "what is painted over is not kept"


def test_what_is_painted_before_the_picture_is_decoded_counts(page: Page) -> None:
    page.add_init_script(
        """HTMLImageElement.prototype.decode = () => new Promise((done) => (window.decoded = done));"""
    )
    dialog = ask(page)
    choose(dialog, "Erase here")
    canvas = dialog.locator("canvas.erase")
    paint(page, canvas)
    page.evaluate("window.decoded()")
    expect(canvas).to_have_attribute("data-stroke", "1")


def test_it_is_painted_without_a_mouse(page: Page, world: World) -> None:
    dialog = ask(page)
    choose(dialog, "Erase here")
    canvas = dialog.locator("canvas.erase")
    expect(canvas).to_have_attribute("data-stroke", "0")
    canvas.focus()
    expect(dialog.locator(".brush")).to_be_visible()
    for key in ("ArrowLeft", "ArrowUp", "+", " ", "ArrowRight", " "):
        page.keyboard.press(key)
    expect(canvas).to_have_attribute("data-stroke", "2")
    page.keyboard.press("Control+z")
    expect(canvas).to_have_attribute("data-stroke", "1")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_an_answer_to_strokes_that_are_gone_is_dropped(page: Page) -> None:
    dialog = ask(page)
    choose(dialog, "Erase here")
    canvas = dialog.locator("canvas.erase")
    expect(canvas).to_have_attribute("data-stroke", "0")
    whole = shares(dialog)
    canvas.evaluate("""(node) => {
        window.heard = [];
        const hear = () => window.heard.push(node.dataset.stroke);
        new MutationObserver(hear).observe(node, {attributeFilter: ['data-delay']});
    }""")
    asked: list[Route] = []
    page.route("**/api/predict?*", lambda route: asked.append(route))
    paint(page, canvas)
    until(page, lambda: len(asked) == 1)
    dialog.get_by_role("button", name="Clear").click()  # while the answer to the stroke is on its way
    asked[0].continue_()
    until(page, lambda: len(asked) == 2)  # one is on its way at a time: the answer to the stroke has come
    assert page.evaluate("window.heard") == [] and shares(dialog) == whole
    asked[1].continue_()
    page.wait_for_function("() => window.heard.length > 0")
    assert page.evaluate("window.heard") == ["0"] and shares(dialog) == whole


def test_it_can_be_used_on_a_phone(browser: Browser, address: str, world: World) -> None:
    with watched(browser, address, viewport={"width": 390, "height": 844}, has_touch=True) as page:
        dialog = ask(page)
        choose(dialog, "Erase here")
        canvas = dialog.locator("canvas.erase")
        expect(canvas).to_have_attribute("data-stroke", "0")
        box = canvas.bounding_box()
        assert box is not None and box["width"] > 150
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(canvas).to_have_attribute("data-stroke", "1")
        assert dialog.evaluate("(node) => node.scrollWidth <= node.clientWidth")


# ---- evidence ----


def label_of(world: World, image_id: int) -> str:
    return str(next(image["label"] for image in world.state["images"] if image["id"] == image_id))


def test_a_mislabelled_neighbour_is_put_right_once_and_taken_back(page: Page, world: World) -> None:
    dialog = ask(page)
    world.faults(drop_every=2)  # every second answer is lost: the change is sent again
    before = label_of(world, 2)
    dialog.get_by_role("button", name="Wrong label?").first.click()
    dialog.locator(".options").get_by_text("dress").click()
    dialog.get_by_text("Learned.").wait_for()
    assert label_of(world, 2) == "dress" and world.state["applied"].count(2) == 1
    expect(dialog.locator("figcaption").first).to_have_text("dress")
    dialog.locator(".learns").get_by_role("button", name="Undo").click()
    expect(dialog.locator("figcaption").first).to_have_text(before)
    assert label_of(world, 2) == before


def test_a_neighbour_that_somebody_else_labels_is_left_as_they_want(page: Page, world: World) -> None:
    dialog = ask(page)
    world.faults(conflicts=[2])
    dialog.get_by_role("button", name="Wrong label?").first.click()
    dialog.locator(".options").get_by_text("dress").click()
    dialog.get_by_text("Somebody else labelled it just now").wait_for()
    assert label_of(world, 2) == "coat"

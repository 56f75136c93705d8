"""Pictures in, answers with their reasons out, and a wrong one put right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.browser import chromium, drop, held, settled, until, watched
from tests.components.conftest import World
from tests.components.fake import LABELS, drawn

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser, address: str, world: World) -> Iterator[Page]:
    with watched(browser, address) as opened:
        opened.goto("/?show=tryit")
        settled(opened)
        opened.locator(".drop").wait_for()
        yield opened


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"garment {number}.webp" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(drawn(number, 64))
    return paths


def test_dropped_pictures_are_answered_each_with_its_reasons(page: Page, pictures: list[Path], world: World) -> None:
    drop(page, ".drop", pictures)
    expect(page.locator(".verdict h3")).to_have_text(["shirt"] * 3)
    card = page.locator(".answer").first
    expect(card.locator(".rank .share")).to_have_text(["58.0 %", "25.2 %", "12.6 %", "4.2 %"])
    expect(card.locator("canvas.heat")).to_be_visible()
    expect(card.locator(".near img")).to_have_count(3)
    expect(card.locator(".facts")).to_have_text("Instant model, 23 ms")
    assert world.state["predictions"] == 3


def test_the_heat_map_can_be_taken_away(page: Page, pictures: list[Path]) -> None:
    page.locator("input[type=file]").set_input_files(pictures[0])
    page.get_by_role("button", name="Heat map").click()
    expect(page.locator("canvas.heat")).to_be_hidden()


def test_a_pasted_picture_is_answered(page: Page) -> None:
    page.evaluate("""async () => {
        const blob = await (await fetch('/api/images/5/thumb')).blob();
        const clipboard = new DataTransfer();
        clipboard.items.add(new File([blob], 'pasted.webp', {type: 'image/webp'}));
        document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: clipboard, bubbles: true}));
    }""")
    page.locator(".verdict").wait_for()


def test_a_sample_is_answered_with_one_click(page: Page) -> None:
    page.locator(".sample").nth(2).click()
    page.locator(".verdict").wait_for()
    page.get_by_text('predicted={"id": 1').wait_for()


def test_a_file_that_is_no_picture_gets_the_servers_sentence(page: Page, tmp_path: Path, pictures: list[Path]) -> None:
    (tmp_path / "letter.jpg").write_text("Dear all,")
    page.locator("input[type=file]").set_input_files([tmp_path / "letter.jpg", pictures[0]])
    page.get_by_text("This file is not a picture. Choose a JPEG, PNG, WebP or GIF.").wait_for()
    expect(page.locator(".verdict")).to_have_count(1)  # the other one is answered all the same


def test_what_is_dropped_as_soon_as_there_is_a_place_for_it_is_answered(
    browser: Browser, address: str, world: World, pictures: list[Path]
) -> None:
    def late(route: Route) -> None:
        module = route.fetch()
        route.fulfill(response=module, body=f"await new Promise((done) => setTimeout(done, 1000));\n{module.text()}")

    with watched(browser, address) as page:
        page.route("**/why_near*", late)
        page.goto("/?show=tryit")
        drop(page, ".drop", pictures[:1])
        page.locator(".verdict").wait_for()


def test_a_correction_is_learned_and_shown_before_and_after(page: Page, pictures: list[Path], world: World) -> None:
    page.locator("input[type=file]").set_input_files(pictures[0])
    page.get_by_text("That\u2019s wrong").click()
    with held(page, "**/api/datasets/*/instant") as asked:
        page.locator(".options").get_by_text("dress").click()
        until(page, lambda: len(asked) == 1)
        asked.pop().continue_()  # how far it was before
        page.get_by_text("Added to the dataset. The instant model is learning it.").wait_for()
    page.get_by_text("Learned. It answers anew:").wait_for()
    expect(page.locator(".change b")).to_have_text(["13 %", "91 %"])
    expect(page.locator(".verdict h3")).to_have_text("dress")
    assert world.state["corrected"] == ["dress"]


def test_a_correction_may_be_a_label_nobody_used_before(page: Page, pictures: list[Path], world: World) -> None:
    page.locator("input[type=file]").set_input_files(pictures[0])
    page.get_by_text("That\u2019s wrong").click()
    page.get_by_placeholder("Another label").fill("coat")
    page.keyboard.press("Enter")
    page.locator(".learned").wait_for()
    assert world.state["corrected"] == ["coat"]


def test_a_browser_without_a_camera_gets_a_sentence(page: Page) -> None:
    page.get_by_role("button", name="Photograph").click()
    page.get_by_text("Drop a picture instead.").wait_for()


HELD = """() => {
    const drawn = OffscreenCanvas.prototype.convertToBlob;
    OffscreenCanvas.prototype.convertToBlob = async function (...options) {
        const frame = await drawn.apply(this, options);
        if (window.held) await new Promise((release) => { window.release = release; window.held(); });
        return frame;
    };
}"""  # as soon as there is a `held`, a frame that is drawn says so and waits for `release`


def test_the_live_camera_shows_bars_that_follow_every_frame_and_keeps_none(
    browser: Browser, address: str, world: World
) -> None:
    camera = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with chromium(camera, beside=browser) as photographer, watched(photographer, address) as page:
        page.add_init_script(f"({HELD})()")
        asked: list[Request] = []
        page.on("request", lambda one: asked.append(one) if "/api/predict" in one.url else None)
        page.goto("/?show=tryit")
        settled(page)
        page.get_by_role("button", name="Photograph").click()
        bars = page.locator(".live-answer .rank")
        expect(bars).to_have_count(3)
        expect(bars.locator(".name")).to_have_text(["shirt", *[name for name in LABELS if name != "shirt"][:2]])
        expect(bars.locator(".share")).to_have_text(["58 %", "25 %", "13 %"])
        filled = bars.locator("i").evaluate_all("all => all.map((bar) => bar.style.width)")
        assert [round(float(width.removesuffix("%"))) for width in filled] == [58, 25, 13]
        expect(page.locator(".live-answer .facts")).to_have_text(re.compile("answers a second. Nothing of it is kept."))
        world.faults(best="dress")
        expect(bars.locator(".name").first).to_have_text("dress")
        kind, *size = world.state["seen"]
        assert (kind, min(size)) == ("JPEG", 224), "as small as networks look at pictures"
        page.evaluate("new Promise((held) => { window.held = held; })")  # a frame is drawn, and none is on its way
        frames = len(asked)
        assert frames >= 3 and all("keep=no" in one.url for one in asked)
        page.get_by_role("button", name="Close the camera").click()
        expect(page.locator("video")).to_have_count(0)
        expect(page.locator(".answer")).to_have_count(0)
        page.evaluate("window.release()")
        page.evaluate("fetch('/fake/state').then((answer) => answer.json())")  # sent after whatever that let go
        assert len(asked) == frames, "a closed camera asks no more"


def test_a_photograph_is_answered(browser: Browser, address: str, world: World) -> None:
    camera = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with chromium(camera, beside=browser) as photographer, watched(photographer, address) as page:
        page.goto("/?show=tryit")
        settled(page)
        page.get_by_role("button", name="Photograph").click()
        page.wait_for_function("""() => [...document.querySelectorAll('*')].some(
            (node) => node.shadowRoot?.querySelector('video')?.videoWidth > 0)""")
        page.get_by_role("button", name="Take a picture").click()
        page.locator(".verdict").wait_for()
        page.get_by_role("button", name="Close the camera").click()
        expect(page.locator("video")).to_have_count(0)

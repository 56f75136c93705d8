"""What a person does with a model once there is one: mistakes put right, many pictures asked, a link given away."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from core import evaluation, models, tokens
from core.records import Model, ModelKind
from tests.browser import drop, settled, watched
from tests.e2e.house import House, furnished, labelled, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
ELSEWHERE = {"X-Forwarded-For": "203.0.113.9"}  # another machine, as uvicorn believes of a proxy on this one


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[House]:
    with furnished(tmp_path_factory.mktemp("using"), DARKROOM_SHARE_TO_NETWORK="yes") as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, house: House) -> Iterator[Page]:
    with watched(browser, house.address) as opened:
        yield opened


def visit(page: Page, path: str) -> None:
    page.goto(path)
    settled(page)


def instant(house: House) -> Model:
    found = models.instant(house.studio, 1).model
    assert found is not None
    return found


# ---- mistakes


BELOW = "mark => mark.closest('.js-plotly-plot')._hoverdata?.length > 0"  # the chart knows what is below the mouse


def click(page: Page, mark: Locator) -> None:
    """As a hand does once nothing on the page moves any more: a chart listens on a sheet above its marks."""
    page.get_by_role("heading", name="How sure these numbers are").wait_for()
    settled(page)
    mark.wait_for(state="attached")
    mark.scroll_into_view_if_needed()
    before = None
    while not (mark.evaluate(BELOW) and before == mark.bounding_box()):  # charts around it still find their places
        before = box = mark.bounding_box()
        assert box is not None
        for beside in (3, 0):
            page.mouse.move(box["x"] + box["width"] / 2 - beside, box["y"] + box["height"] / 2)
        page.wait_for_timeout(200)
    page.mouse.down()
    page.mouse.up()


def label_of(house: House, image_id: int) -> str | None:
    return house.studio.store.images.get(image_id).label


def test_a_cell_opens_its_pictures_which_are_put_right_there_and_one_click_takes_that_back(
    page: Page, house: House
) -> None:
    model, (first, second) = instant(house), house.labels[:2]
    confusion = np.array(evaluation.score(house.studio, model).confusion)
    place = list(model.labels)
    true, said = place.index(second), place.index(first)
    assert confusion[true, said] >= 2, "the two that are labelled wrongly are what it gets wrong"
    at = list(zip(*np.nonzero(confusion), strict=True)).index((true, said))
    visit(page, f"/models?model={model.id}")

    click(page, page.locator("[class*=st-key-matrix-] .scatterlayer .trace .points path.point").nth(at))

    page.get_by_text(f"{second}, taken for {first}").wait_for()
    settled(page)
    expect(page.locator(".cell")).to_have_count(int(confusion[true, said]))
    page.get_by_role("button", name="Select all").click()
    page.locator(".tools .label", has_text=first).click()
    until(lambda: all(label_of(house, one) == first for one in house.wrong))
    page.locator(".saving[data-state=saved]").wait_for()
    page.get_by_role("button", name="Undo").click()
    until(lambda: all(label_of(house, one) == second for one in house.wrong))


def test_a_bar_opens_the_pictures_of_its_label_the_missed_ones_first(page: Page, house: House) -> None:
    until(lambda: models.instant(house.studio, 1).state == "ready")
    model, second = instant(house), house.labels[1]
    visit(page, f"/models?model={model.id}")
    at = list(model.labels).index(second)

    click(page, page.locator("[class*=st-key-bars-] .barlayer .trace").first.locator(".point path").nth(at))

    page.get_by_text(f"All of {second}, the missed ones first").wait_for()
    held = house.studio.store.images.count(1, labelled(house.studio, second))
    expect(page.locator(".cell")).to_have_count(min(held, 28))
    expect(page.locator(".cell").first).to_contain_text(house.labels[0])  # what the model takes it for
    page.get_by_role("button", name="Show the worst mistakes").click()
    page.get_by_role("heading", name="Worst mistakes").wait_for()


# ---- many pictures


def taken(page: Page, link: str) -> bytes:
    with page.expect_download() as saving:
        page.get_by_role("link", name=link, exact=True).click()
    return Path(saving.value.path()).read_bytes()


def test_thirty_dropped_pictures_are_answered_filtered_and_taken_away(page: Page, house: House) -> None:
    visit(page, "/try?dataset=1")
    pictures = sorted(house.apart.iterdir())
    assert len(pictures) == 30
    (house.apart.parent / "letter.jpg").write_text("Dear all,")

    drop(page, '[aria-label="Drop many pictures"]', [*pictures, house.apart.parent / "letter.jpg"])

    page.get_by_text("30 pictures answered.").wait_for()
    page.get_by_text("1 file left out").wait_for()
    rows = page.locator(".rows .one")
    expect(rows).to_have_count(30)
    expect(rows.locator(".thumb img").first).to_have_js_property("complete", True)
    said = rows.first.locator(".chip .name").inner_text()
    rows.first.get_by_title("Why this answer?").click()
    dialog = page.locator("dialog.why[open]")
    dialog.locator(".legend").wait_for()
    expect(dialog.locator("h3")).to_have_text(f"Why \u201c{said}\u201d?")
    dialog.get_by_title("Close").click()
    expect(rows.locator("input:checked")).to_have_count(0)  # to ask about a picture chooses none
    first = house.labels[0]
    page.get_by_label("Answer", exact=True).select_option(first)
    some = rows.filter(has=page.locator(".chip .name", has_text=re.compile(f"^{re.escape(first)}$")))
    expect(page.locator(".rows .one .chip .name").filter(has_not_text=first)).to_have_count(0)
    expect(some).not_to_have_count(0)
    many = rows.count()
    assert 8 <= many <= 12, "of ten"

    table = list(csv.DictReader(io.StringIO(taken(page, "CSV").decode("utf-8-sig"))))
    assert len(table) == many and {row["label"] for row in table} == {first}
    page.get_by_label("Answer", exact=True).select_option("")
    expect(rows).to_have_count(30)
    with zipfile.ZipFile(io.BytesIO(taken(page, "Zip, sorted into folders"))) as sorted_out:
        files = [name for name in sorted_out.namelist() if name.endswith(".jpg")]
    assert len(files) == 30
    for label in house.labels:
        right = [name for name in files if Path(name).parent.name == label and Path(name).name.startswith(label)]
        assert len(right) >= 8, f"{label}: {files}"


# ---- a link given away


def test_a_shared_model_answers_a_guest_who_reaches_nothing_else_until_it_is_revoked(
    page: Page, browser: Browser, house: House
) -> None:
    visit(page, f"/models?model={instant(house).id}&view=share")
    expect(page.get_by_text("off", exact=True)).to_be_visible()
    page.get_by_role("button", name="Make a link").click()
    link = page.locator("code", has_text="/share#").inner_text().strip()
    assert link.startswith(house.address)
    expect(page.get_by_alt_text("QR code of the link")).to_be_visible()

    with watched(browser, house.address, extra_http_headers=ELSEWHERE, viewport={"width": 390, "height": 844}) as guest:
        guest.goto(link)
        guest.get_by_role("heading", name="Signs").wait_for()
        guest.locator("input[type=file]").first.set_input_files(sorted(house.apart.iterdir())[0])
        expect(guest.locator(".verdict")).to_contain_text(house.labels[0])
        expect(guest.get_by_role("link")).to_have_count(0)
        for elsewhere in ("/", "/datasets", "/models?model=1", "/api/datasets/1/instant", "/api/images/1/view"):
            answer = guest.goto(f"{house.address}{elsewhere}")
            assert answer is not None and answer.status == 403, elsewhere
            expect(guest.get_by_text("answers only to the machine it runs on")).to_be_visible()

        page.get_by_role("button", name="Revoke").click()
        page.get_by_text("The link leads nowhere from now on.").wait_for()
        guest.goto(link)
        guest.get_by_role("heading", name="Nothing to try here").wait_for()
        expect(guest.locator("input[type=file]")).to_have_count(0)


# ---- programs


def test_the_page_for_programs_comes_whole_from_this_server_and_its_examples_name_it(page: Page, house: House) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/developers")
    page.get_by_role("tab", name="Python").click()
    for name in ("curl", "Python", "JavaScript"):
        page.get_by_role("tab", name=re.compile(name, re.IGNORECASE)).first.click()
        expect(page.locator("pre code")).to_contain_text(f"{house.address}/api/v1/models/1/predict")
    assert asked and {urlsplit(url).netloc for url in asked} == {urlsplit(house.address).netloc}
    expect(page.get_by_role("heading", name="/api/v1/models", exact=False).first).to_be_visible()

    _, secret = tokens.make(house.studio, "the page itself")
    page.get_by_role("textbox", name="Token").fill(secret)
    page.keyboard.press("Tab")
    expect(page.get_by_role("combobox", name="Model")).to_be_enabled()
    page.get_by_label("Picture").set_input_files(sorted(house.apart.iterdir())[0])
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("status")).to_contain_text(f'"label": "{house.labels[0]}"')


# ---- a model from elsewhere


def test_a_dropped_bundle_becomes_a_model_whose_link_answers_a_guest(
    page: Page, browser: Browser, house: House, tmp_path: Path
) -> None:
    bundle = tmp_path / "signs.zip"
    bundle.write_bytes(b"".join(models.bundle_zip(house.studio, instant(house).id)))
    visit(page, "/models")
    page.get_by_text("Bring a model from another Darkroom").click()
    area = page.locator('[aria-label="Drop the bundle of a model"]')
    area.scroll_into_view_if_needed()
    settled(page)

    drop(page, '[aria-label="Drop the bundle of a model"]', [bundle])

    page.get_by_text("as its bundle says", exact=False).first.wait_for()  # its own page has opened
    [model] = [one for one in models.all_of(house.studio) if one.kind is ModelKind.IMPORTED]
    visit(page, f"/models?model={model.id}&view=share")
    page.get_by_role("button", name="Make a link").click()
    link = page.locator("code", has_text="/share#").inner_text().strip()
    with watched(browser, house.address, extra_http_headers=ELSEWHERE) as guest:
        guest.goto(link)
        guest.get_by_role("heading", name=model.dataset).wait_for()
        expect(guest.get_by_text("as its bundle says", exact=False)).to_be_visible()
        guest.locator("input[type=file]").first.set_input_files(sorted(house.apart.iterdir())[0])
        expect(guest.locator(".verdict")).to_contain_text(house.labels[0])

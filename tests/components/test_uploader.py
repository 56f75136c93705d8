"""Folders that leave the browser: whole, once, and with their names."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser import drop, settled, watched
from tests.components.conftest import World
from tests.components.fake import LABELS

pytestmark = pytest.mark.browser


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Clothes/<label>/<n>.jpg, 10 of each of four labels, with two files that are no pictures and two side files."""
    root = tmp_path / "Clothes"
    for number in range(40):
        file = root / LABELS[number % 4] / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(f"picture {number}".encode())
    (root / "coat" / "notes.txt").write_text("a note")
    (root / "coat" / "nothing.zero").write_text("x")
    (root / ".DS_Store").write_text("x")
    (root / "__MACOSX").mkdir()
    (root / "__MACOSX" / "coat.jpg").write_text("x")
    return root


@pytest.fixture
def page(browser: Browser, address: str, world: World) -> Iterator[Page]:
    with watched(browser, address) as opened:
        opened.goto("/?show=uploader")
        settled(opened)
        opened.locator(".card[data-state=idle]").wait_for()
        yield opened


def browse(page: Page, folder: Path) -> None:
    page.locator("input[webkitdirectory]").set_input_files(folder)


@contextmanager
def interrupted(page: Page) -> Iterator[None]:
    """What is sent inside is cut short: one batch arrives, the connection is lost, and the page is loaded again."""
    sent: list[str] = []
    arrived: list[str] = []

    def only_the_first(route: Route) -> None:
        sent.append(route.request.url)
        if len(sent) == 1:
            route.continue_()
        else:
            route.abort()

    page.on("dialog", lambda dialog: dialog.accept())
    page.on("response", lambda answer: arrived.append(answer.url) if answer.url.endswith("/batch") else None)
    page.route("**/batch", only_the_first)
    yield
    while not arrived:
        page.wait_for_timeout(50)
    page.reload()
    page.get_by_text("Your upload was interrupted").wait_for()
    page.unroute("**/batch")


def test_a_dropped_folder_keeps_its_labels(page: Page, world: World, folder: Path) -> None:
    drop(page, ".card", [folder])
    page.get_by_text("4 labels, 40 pictures, 2 files left out").wait_for()
    sent = set(world.state["arrivals"])
    assert {f"Clothes/{LABELS[n % 4]}/{n}.jpg" for n in range(40)} <= sent
    assert not [path for path in sent if ".DS_Store" in path or "__MACOSX" in path]
    assert page.locator(".chip .name").all_inner_texts() and set(page.locator(".chip .name").all_inner_texts()) == set(
        LABELS
    )


def test_nothing_is_added_before_the_yes(page: Page, world: World, folder: Path) -> None:
    browse(page, folder)
    page.get_by_text("Add 40 pictures").wait_for()
    assert world.state["uploads"]["u1"]["state"] == "ready"
    page.get_by_text("Add 40 pictures").click()
    page.get_by_text('done={"added": 40, "dataset_id": 7}').or_(page.get_by_text('"dataset_id": 7')).first.wait_for()
    assert world.state["uploads"]["u1"]["state"] == "added"


def test_what_was_left_out_is_named_with_its_reason(page: Page, folder: Path) -> None:
    browse(page, folder)
    page.get_by_text("2 files left out", exact=True).click()
    expect(page.get_by_text("Clothes/coat/notes.txt")).to_be_visible()
    expect(page.get_by_text("It is not a picture, but text.")).to_be_visible()
    expect(page.get_by_text("2 hidden or system files skipped")).to_be_visible()


@pytest.mark.parametrize("fault", ["refuse_every", "drop_every"])
def test_every_file_arrives_when_every_third_batch_fails(page: Page, world: World, tmp_path: Path, fault: str) -> None:
    root = tmp_path / "Many"
    for number in range(700):  # 11 batches
        file = root / f"label {number % 3}" / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(f"picture {number}".encode())
    world.reset(**{fault: 3})
    browse(page, root)
    page.get_by_text("Add 700 pictures").wait_for()
    files = world.state["uploads"]["u1" if fault == "refuse_every" else next(iter(world.state["uploads"]))]["files"]
    expected = {f"Many/label {n % 3}/{n}.jpg": hashlib.sha256(f"picture {n}".encode()).hexdigest() for n in range(700)}
    assert files == expected
    assert set(world.state["arrivals"].values()) == {1}, "nothing is sent twice, even when only the answer was lost"


def test_a_zip_arrives_whole_although_an_answer_was_lost(page: Page, world: World, tmp_path: Path) -> None:
    content = random.Random(3).randbytes(9_000_000)  # three pieces
    (tmp_path / "Clothes.zip").write_bytes(content)
    world.reset(lose_chunk=True)
    drop(page, ".card", [tmp_path / "Clothes.zip"])
    page.get_by_text("Add 60 pictures").wait_for()
    assert world.state["uploads"]["u1"]["archives"] == {"Clothes.zip": hashlib.sha256(content).hexdigest()}


def test_a_lost_connection_is_told_and_survived(page: Page, world: World, folder: Path) -> None:
    page.route("**/batch", lambda route: route.abort())
    browse(page, folder)
    page.get_by_text("The connection is lost. Nothing is lost").wait_for()
    page.unroute("**/batch")
    page.get_by_text("Add 40 pictures").wait_for()
    expect(page.get_by_text("The connection is lost.")).to_be_hidden()


def test_cancel_tells_the_server_and_leaves_nothing_behind(page: Page, world: World, folder: Path) -> None:
    world.reset(looks=10_000)
    browse(page, folder)
    page.get_by_text("Looking at every picture").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Drop a folder of pictures").wait_for()
    page.wait_for_function("fetch('/fake/state').then(r => r.json()).then(s => s.uploads.u1.state === 'cancelled')")


def test_what_was_understood_survives_a_reload(page: Page, folder: Path) -> None:
    browse(page, folder)
    page.get_by_text("Add 40 pictures").wait_for()
    page.reload()
    page.get_by_text("Add 40 pictures").wait_for()


def test_a_reload_goes_on_by_itself_or_with_the_same_folder_and_sends_only_the_rest(
    page: Page, world: World, tmp_path: Path
) -> None:
    root = tmp_path / "Many"
    for number in range(300):
        file = root / f"label {number % 3}" / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(f"picture {number}".encode())
    with interrupted(page):
        browse(page, root)
    browse(page, root)
    page.get_by_text("Add 300 pictures").wait_for()
    assert len(world.state["uploads"]) == 1
    assert set(world.state["arrivals"].values()) == {1}


def test_another_folder_is_not_mixed_into_an_interrupted_upload(page: Page, world: World, tmp_path: Path) -> None:
    for name, count in (("First", 200), ("Second", 3)):
        (tmp_path / name / "coat").mkdir(parents=True)
        for number in range(count):
            (tmp_path / name / "coat" / f"{number}.jpg").write_text(f"{name} {number}")
    with interrupted(page):
        browse(page, tmp_path / "First")
    browse(page, tmp_path / "Second")
    page.get_by_text("None of these files is among those that arrived.").wait_for()
    assert not [path for path in world.state["arrivals"] if path.startswith("Second")]


def test_labels_are_renamed_merged_and_left_out_before_anything_is_added(
    page: Page, world: World, folder: Path
) -> None:
    browse(page, folder)
    page.get_by_text("Add 40 pictures").wait_for()
    page.get_by_text("Rename, merge or leave out labels").click()
    page.get_by_label("Name of dress").fill("coat")
    page.get_by_label("Name of shirt").fill("blouse")
    page.locator(".label-row").filter(has_text="trousers").get_by_role("button", name="Leave out").click()
    expect(page.locator(".chip .name")).to_have_text(["blouse", "coat"])
    expect(page.locator(".chip .more")).to_have_text(["10", "20"])
    page.get_by_role("button", name="Add 30 pictures").click()
    page.get_by_text('"dataset_id": 7').first.wait_for()
    assert world.state["uploads"]["u1"]["renamed"] == {"dress": "coat", "shirt": "blouse", "trousers": None}


def test_labels_that_look_alike_are_merged_only_when_somebody_says_so(page: Page, world: World, tmp_path: Path) -> None:
    for name in ("Coat", "coat", "hat"):
        (tmp_path / "Alike" / name).mkdir(parents=True)
        for number in range(2 + (name == "coat")):
            (tmp_path / "Alike" / name / f"{number}.jpg").write_text(f"{name} {number}")
    world.reset(alike=[["Coat", "coat"]])
    browse(page, tmp_path / "Alike")
    page.get_by_text("look like one label. Are they?").wait_for()
    assert set(page.locator(".chip .name").all_inner_texts()) == {"Coat", "coat", "hat"}
    page.get_by_role("button", name="Merge them").click()
    expect(page.locator(".chip .name")).to_have_text(["coat", "hat"])
    page.get_by_role("button", name="Add 7 pictures").click()
    page.get_by_text('"dataset_id": 7').first.wait_for()
    assert world.state["uploads"]["u1"]["renamed"] == {"Coat": "coat"}


def test_the_labels_can_be_read_another_way(page: Page, world: World, folder: Path) -> None:
    ways = [{"kind": kind, "labels": 2, "example": ["a", "b"]} for kind in ("folders", "table")]
    world.reset(choices=ways)
    browse(page, folder)
    page.get_by_text("Where do the labels stand?").wait_for()
    expect(page.get_by_role("radio", name="By folder")).to_be_checked()
    page.get_by_role("radio", name="By table").check()
    page.wait_for_function("fetch('/fake/state').then(r => r.json()).then(s => s.uploads.u1.reading === 'table')")
    expect(page.get_by_role("radio", name="By table")).to_be_checked()


def test_a_label_that_looks_like_markup_is_text(page: Page, tmp_path: Path) -> None:
    for name in ("<b>bold<", "=1+1"):
        (tmp_path / "Odd" / name).mkdir(parents=True)
        (tmp_path / "Odd" / name / "1.jpg").write_text(name)
    browse(page, tmp_path / "Odd")
    expect(page.locator(".chip .name")).to_have_text(["<b>bold<", "=1+1"])
    expect(page.locator(".label-row .was")).to_have_text(["<b>bold<", "=1+1"])
    assert page.locator(".chips b").count() == 0


def test_a_folder_without_files_gets_a_sentence(page: Page, tmp_path: Path) -> None:
    (tmp_path / "Empty").mkdir()
    (tmp_path / "Empty" / ".DS_Store").write_text("x")
    drop(page, ".card", [tmp_path / "Empty"])
    page.get_by_text("There are no files in it.").wait_for()
    page.get_by_role("button", name="Start over").click()
    page.get_by_text("Drop a folder of pictures").wait_for()


def test_one_label_alone_comes_with_advice(page: Page, tmp_path: Path) -> None:
    (tmp_path / "One" / "coat").mkdir(parents=True)
    (tmp_path / "One" / "coat" / "1.jpg").write_text("x")
    browse(page, tmp_path / "One")
    page.get_by_text("There is only one label.").wait_for()


def test_a_new_dataset_is_offered_the_folders_name(page: Page, world: World, folder: Path) -> None:
    page.goto("/?show=uploader&name=")
    settled(page)
    drop(page, ".card", [folder])
    name = page.get_by_label("Name")
    expect(name).to_have_value("Clothes")
    name.fill("Winter clothes")
    name.press("Enter")
    page.get_by_text("Add 40 pictures").wait_for()
    assert world.state["uploads"]["u1"]["name"] == "Winter clothes"


def test_a_component_that_cannot_be_loaded_says_so(browser: Browser, address: str, world: World) -> None:
    context = browser.new_context(base_url=address)
    page = context.new_page()
    page.route("**/assets/uploader.js*", lambda route: route.abort())
    page.goto("/?show=uploader")
    page.get_by_text("This part of the page could not be loaded.").wait_for(timeout=90_000)
    context.close()

"""Datasets merged on the screen, and a dataset and a version of it taken away, by a person with a mouse."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core import tables, versions
from core.embedded import open_studio
from core.settings import read_settings
from core.studio import Studio
from tests.browser import free_port, serve, settled, watched
from tests.worlds import folder_of, imported

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("states") / "home"


@pytest.fixture(scope="module")
def studio(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Two datasets that share one picture, under two labels; a version of the first."""
    environment = {"DARKROOM_HOME": str(home), "DARKROOM_DISK_RESERVE_BYTES": "1000000", "DARKROOM_IDLE_EXIT_S": "5"}
    opened = open_studio(read_settings({**os.environ, **environment}))
    sets = tmp_path_factory.mktemp("sets")
    shop = folder_of(sets / "shop", {"apple": 3, "pear": 3})
    field = folder_of(sets / "field", {"fig": 2}, start=50)
    (field / "quince").mkdir()
    (field / "quince" / "1.png").write_bytes((shop / "apple" / "1.png").read_bytes())
    first = imported(opened, shop, "shop")
    imported(opened, field, "field")
    versions.keep(opened, first.id, "before <b>")
    try:
        yield opened
    finally:
        opened.services.stop(trainers=True)  # type: ignore[attr-defined]
        opened.decoder.close()


@pytest.fixture(scope="module")
def address(browser: Browser, studio: Studio, home: Path) -> Iterator[str]:
    port = free_port()
    environment = {"DARKROOM_HOME": str(home), "DARKROOM_PORT": str(port), "DARKROOM_IDLE_EXIT_S": "5"}
    with serve("app:app", environment, port) as at:
        yield at


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with watched(browser, address) as opened:
        yield opened


def taken(page: Page, link: str) -> zipfile.ZipFile:
    """What the browser saves when the link is clicked."""
    found = page.get_by_role("link", name=link, exact=True)
    found.evaluate("link => link.removeAttribute('target')")  # the tab that it opens would close at once
    with page.expect_download() as saving:
        found.click()
    return zipfile.ZipFile(saving.value.path())


def labels_in(content: zipfile.ZipFile) -> dict[str, str | None]:
    [table] = [name for name in content.namelist() if name.endswith(tables.NAME)]
    rows = tables.read(content.read(table).decode())
    folder = table.removesuffix(tables.NAME)
    assert {folder + name for name in rows} < set(content.namelist()), "each file that it names is there"
    return {Path(row.name).name: row.label for row in rows.values()}


def test_merging_asks_which_label_counts_and_opens_what_it_made(page: Page, studio: Studio) -> None:
    page.goto("/datasets")
    settled(page)
    page.get_by_role("button", name="Merge datasets").click()
    box = page.get_by_role("combobox", name="Datasets")
    for name in ("shop", "field"):
        box.click()
        page.get_by_role("option", name=name).click()
    page.keyboard.press("Escape")
    page.get_by_label("Name of the new dataset").fill("orchard")
    page.keyboard.press("Tab")
    merge = page.get_by_role("button", name="Merge", exact=True)
    page.get_by_text("8 pictures in 4 labels").wait_for()
    expect(merge).to_be_disabled()
    page.get_by_role("radio", name="Those of field").or_(page.get_by_role("button", name="Those of field")).click()
    page.get_by_text("quince · field, counts").wait_for()
    merge.click()
    page.get_by_role("heading", name="orchard").wait_for()
    page.get_by_text("8 pictures in 4 labels.").wait_for()
    made = studio.store.datasets.find("orchard")
    assert made is not None
    held = {one.name: one.images for one in studio.store.datasets.labels(made.id)}
    assert held == {"apple": 2, "pear": 3, "fig": 2, "quince": 1}


def test_a_dataset_and_a_version_of_it_are_taken_away_whole(page: Page, studio: Studio) -> None:
    shop = studio.store.datasets.find("shop")
    assert shop is not None
    page.goto(f"/datasets?dataset={shop.id}&view=versions")
    settled(page)
    with taken(page, "Download as zip") as now:
        assert labels_in(now) == {f"{n}.png": "apple" if n < 4 else "pear" for n in range(1, 7)}
    page.get_by_text("before <b>").first.wait_for()
    [kept] = studio.store.versions.all(shop.id)
    page.locator(f".st-key-more-{kept.id}").get_by_role("button").click()
    page.get_by_text("Download", exact=True).last.click()
    page.get_by_text("A zip of about").wait_for()
    with taken(page, "Download") as version:
        assert labels_in(version) == {f"{n}.png": "apple" if n < 4 else "pear" for n in range(1, 7)}

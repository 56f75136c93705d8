"""Labels as fast as fingers, while the cable is pulled, pages are reloaded and two tabs (or two people) work at once.

A witness in the page writes down, before Darkroom hears of a key, which picture is on the stage and what the key
means. In the end the database must hold exactly that: every key once, none on another picture; and both tabs show it.
"""

from __future__ import annotations

import json
import logging
import os
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from core.embedded import open_studio
from core.settings import read_settings
from core.studio import Studio
from tests.browser import PATIENCE_MS, chromium, free_port, serve, settled
from tests.faults.cable import Cable
from tests.pages.conftest import add

pytestmark = pytest.mark.browser
LABELS = ("hat", "pants", "shoes")
log = logging.getLogger(__name__)
BURST = 25  # keys in one tab before the other has its turn
WITNESS = """
const page = Math.random().toString(36).slice(2);  // two tabs must not write over each other's notes
let n = 0;
addEventListener("keydown", (event) => {
  const host = [...document.querySelectorAll("*")].find((node) => node.shadowRoot?.querySelector(".stage"));
  const root = host?.shadowRoot, picture = root?.querySelector(".stage img"), key = event.key;
  if (!root || !(key === "Backspace" || /^[1-3]$/.test(key))) return;
  const now = root.querySelector(".next[aria-current=true]");
  const said = key === "Backspace"
    ? { undo: [...root.querySelectorAll("button")].some((one) => one.textContent === "Undo" && !one.disabled) }
    : { image: picture && Number(picture.src.split("/").at(-2)), label: Number(key) - 1, has: now?.title };
  localStorage.setItem(`witness-${page}-${n++}`, JSON.stringify(said));
}, true);
"""


@dataclass(frozen=True)
class Lab:
    studio: Studio
    cable: Cable
    server: str
    database: Path

    def rows(self, query: str) -> list[Any]:
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with chromium() as opened:
        yield opened


@contextmanager
def lab(home: Path, pictures: int) -> Iterator[Lab]:
    """Darkroom as it is, behind a cable, with so many pictures that wait for a label."""
    port = free_port()
    environment = {"DARKROOM_HOME": str(home), "DARKROOM_PORT": str(port), "DARKROOM_IDLE_EXIT_S": "5"}
    studio = open_studio(read_settings({**os.environ, **environment, "DARKROOM_DISK_RESERVE_BYTES": "1000000"}))
    try:
        add(studio, "Clothes", {**dict.fromkeys(LABELS, 2), None: pictures})
        with serve("app:app", environment, port) as address:
            cable = Cable(address)
            try:
                yield Lab(studio, cable, address, home / "darkroom.db")
            finally:
                cable.close()
    finally:
        studio.services.stop(trainers=True)  # type: ignore[attr-defined]
        studio.decoder.close()


def desk(page: Page, address: str) -> None:
    page.goto(f"{address}/label?dataset=1&show=arrival")
    settled(page)
    page.locator(".stage img").wait_for()


def press(page: Page, rng: random.Random, many: int) -> None:
    for _ in range(many):
        page.keyboard.press(rng.choices(["1", "2", "3", "Space", "ArrowLeft", "Backspace"], [6, 6, 6, 2, 1, 1])[0])
        time.sleep(rng.uniform(0, 0.1))


def witnessed(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(
        """() => Object.keys(localStorage).filter((key) => /^witness-/.test(key))
            .map((key) => ({ key, ...JSON.parse(localStorage[key]) }))"""
    )
    return found


@pytest.mark.parametrize(
    "events", [300, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(7200)])], ids=str
)
def test_every_key_counts_once_on_its_own_picture(browser: Browser, tmp_path: Path, events: int) -> None:
    rng = random.Random(events)
    with lab(tmp_path / "home", events) as at:
        context = browser.new_context()
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(WITNESS)
        tabs = [context.new_page(), context.new_page()]
        for tab in tabs:
            tab.on("dialog", lambda dialog: dialog.accept())
            desk(tab, at.cable.address)
        at.cable.cut_every(4.0, 0.8)
        for turn in range(events // BURST):
            tab = tabs[turn % 2]
            tab.bring_to_front()
            press(tab, rng, BURST)
            if turn % 7 == 3:
                with at.cable.held:
                    tab.reload()
                    settled(tab)
                    tab.locator(".stage img").wait_for()
        with at.cable.held:  # no more cuts: everything arrives
            for tab in tabs:
                tab.bring_to_front()
                tab.locator(".saving[data-state=saved]").wait_for()
            seen = witnessed(tabs[0])
            (tmp_path / "witness.json").write_text(json.dumps(seen), "utf-8")  # pytest keeps it where the test fails
            check(at, seen)
            for tab in tabs:
                shows_what_is_on_disk(tab, at)
        assert at.cable.cuts >= events // 150
        context.close()


def check(at: Lab, seen: list[dict[str, Any]]) -> None:
    """What the witness saw is what the database holds."""
    wanted = Counter(
        (one["image"], LABELS[one["label"]]) for one in seen if one.get("image") and one["has"] != LABELS[one["label"]]
    )
    undone = sum(one.get("undo", False) for one in seen)
    acted = at.rows("select images, conflicts from action where kind = 'relabel' and token is not null")
    made = Counter(
        at.rows(
            "select image_change.image_id, label.name from image_change join action on action.id = action_id "
            "join label on label.id = json_extract(after, '$.label_id') where kind = 'relabel' and token is not null"
        )
    )
    assert not made - wanted, f"on another picture, or twice: {made - wanted}"
    assert len(acted) == wanted.total(), "each key is one action"
    beside = [row for row in acted if row[0] == 0]  # somebody else was there first: told, or of the same mind
    assert made.total() + len(beside) == wanted.total(), f"no key is lost: {wanted - made}"
    assert len(at.rows("select 1 from action where kind = 'undo'")) == undone
    log.warning(
        "%d keys seen: %d labels, %d met by another tab, %d undone; %d cuts",
        *(len(seen), made.total(), len(beside), undone, at.cable.cuts),
    )


def shows_what_is_on_disk(tab: Page, at: Lab) -> None:
    """As soon as it has heard the last news, which a loaded machine may take its time for."""
    tab.bring_to_front()  # a hidden one does not ask for news
    labels = dict(at.rows("select image.id, label.name from image left join label on label.id = label_id"))
    shown = tab.locator(".next")
    assert shown.count()
    for one in shown.all():
        image = one.get_attribute("data-id") or ""
        expect(one, f"picture {image}").to_have_attribute("title", labels[int(image)] or "no label")


def test_two_people_see_each_other_within_two_seconds_and_overwrite_nothing(browser: Browser, tmp_path: Path) -> None:
    with lab(tmp_path / "home", 30) as at:
        ann, bo = browser.new_context().new_page(), browser.new_context().new_page()
        for page, name in ((ann, "Ann"), (bo, "Bo")):
            page.context.set_default_timeout(PATIENCE_MS)
            desk(page, at.server)
            page.get_by_role("button", name="Say your name").click()
            page.keyboard.type(name)
            page.keyboard.press("Enter")
            page.get_by_role("button", name=f"You are {name}").wait_for()
        first = at.rows("select min(id) from image where label_id is null")[0][0]
        assert ann.locator(".stage img").get_attribute("src") != bo.locator(".stage img").get_attribute("src")

        # Ann's first picture, which Bo has not been handed: he is shown it when he labels everything up to it.
        body = {"kind": "relabel", "token": "bo-1"}
        change = {"image_id": first, "label": "shoes", "revision": 1}
        began_s = time.monotonic()
        answer = bo.request.post(f"{at.server}/api/datasets/1/changes", data={**body, "changes": [change]})
        assert answer.json()["changed"] == [first]
        ann.get_by_text("Bo just labelled this “shoes”.").wait_for()
        log.warning("seen after %.2f s", time.monotonic() - began_s)
        ann.keyboard.press("1")
        ann.get_by_text("you wanted “hat”. Theirs is kept.").wait_for()
        assert at.rows(f"select label.name from label join image on label.id = label_id where image.id = {first}") == [  # noqa: S608
            ("shoes",)
        ]
        ann.get_by_role("button", name="Make it “hat”").click()
        expect(ann.locator(".next").first).to_have_attribute("data-state", "saved")
        assert at.rows(f"select label.name from label join image on label.id = label_id where image.id = {first}") == [  # noqa: S608
            ("hat",)
        ]
        bo.goto(f"{at.server}/datasets?dataset=1&view=pictures")
        bo.get_by_role("button", name="Recent changes").click()
        bo.get_by_text("Ann, ").first.wait_for()
        bo.keyboard.press("Escape")
        bo.get_by_role("button", name="Undo: ").click()
        bo.get_by_role("button", name="Undo: Labelled 1 picture “shoes”").wait_for()
        assert at.rows("select who from action where kind = 'undo'") == [("Bo",)]
        for page in (ann, bo):
            page.context.close()

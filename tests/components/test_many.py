"""The table of many answers: what a hand is at stays while more answers come in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.components.conftest import Show

pytestmark = pytest.mark.browser


def answer(number: int) -> dict[str, Any]:
    ranked = [{"label": "coat", "confidence": 0.9}, {"label": "hat", "confidence": 0.1}]
    known = {
        "id": number,
        "name": f"{number}.jpg",
        "label": "coat",
        "confidence": 0.9,
        "ranked": ranked,
        "version": "1",
    }
    return known | {"verdict_words": "", "verdict": "answered", "filed": False, "filed_as": None, "model_id": 3}


def test_what_is_written_and_pressed_while_answers_come_in_is_not_lost(show: Show) -> None:
    answered = 3
    looks = 0

    def batch(route: Route) -> None:
        nonlocal answered, looks
        answered, looks = answered + 1, looks + 1
        counts = {"id": 1, "answered": answered, "received": 900, "expected": 900, "waiting": 900 - answered}
        route.fulfill(json=counts | {"refused": 0, "problems": [], "over": False, "cancelled": False})

    def rows(route: Route) -> None:
        some = [answer(number) for number in range(1, answered + 1)]
        route.fulfill(json={"total": answered, "labels": [["coat", answered]], "rows": some})

    sent: list[Any] = []

    def file(route: Route) -> None:
        sent.append(json.loads(route.request.post_data or ""))
        route.fulfill(json={"left": 0, "images": 2, "actions": [], "brought": None})

    page = show("tryit")
    page.route("**/api/batches/1", batch)
    page.route("**/predictions?*", rows)
    page.route("**/predictions/file", file)
    page.goto("/?show=many")

    def wait(more: int = 3) -> None:
        before = looks
        while looks < before + more:
            page.wait_for_timeout(50)

    page.locator(".one").nth(1).locator("input").check()
    page.locator(".one").nth(2).locator(".path").hover()
    page.mouse.down()
    wait()
    page.mouse.up()
    page.get_by_text("2 pictures chosen").wait_for()
    page.get_by_label("Another label").click()
    page.keyboard.type("scar")
    wait()
    page.keyboard.type("f")
    expect(page.get_by_label("Another label")).to_have_value("scarf")
    page.get_by_role("button", name="Call them that").hover()
    page.mouse.down()
    wait()
    page.mouse.up()
    page.get_by_text("2 pictures are in the dataset now").wait_for()
    assert sent == [{"labels": {"2": "scarf", "3": "scarf"}}]

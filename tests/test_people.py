"""Whoever says a name does everything under it; whoever says none is the person before the screen."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from core import datasets, people
from core.records import Split
from core.stores import Change, NewImage
from core.studio import Studio


@pytest.mark.parametrize(
    ("said", "who"),
    [
        ("Anna", "Anna"),
        ("  Anna \n Ü ", "Anna Ü"),
        ("<b>Bo</b>", "<b>Bo</b>"),
        ("a\u202eb\x00", "ab"),
        ("w" * 99, "w" * 40),
    ],
)
def test_a_name_is_kept_as_it_was_said_where_it_can_be_seen(studio: Studio, said: str, who: str) -> None:
    assert people.named(studio, people.from_cookies({people.COOKIE: quote(said)})).who == who


@pytest.mark.parametrize(
    "cookies", [{}, {people.COOKIE: ""}, {people.COOKIE: "%20%E2%80%AE"}, {"other": "Anna"}], ids=str
)
def test_nobody_is_made_up(studio: Studio, cookies: dict[str, str]) -> None:
    assert people.named(studio, people.from_cookies(cookies)) is studio


def test_a_cookie_that_no_browser_of_ours_wrote_does_no_harm(studio: Studio) -> None:
    assert people.named(studio, people.from_cookies({people.COOKIE: "%ff%zz"})).who == "\ufffd%zz"


def test_the_history_names_who_did_it_and_who_took_it_back(studio: Studio) -> None:
    dataset = studio.store.datasets.create("pets")
    new = [NewImage(f"{n:064x}", f"{n}.jpg", None, Split.AUTO, 10, 20, "JPEG", 100) for n in range(3)]
    [*ids] = studio.store.images.add(dataset.id, new, "you", "Added pictures").changed
    anna, bo = people.named(studio, "Anna"), people.named(studio, "Bo")
    made = datasets.change(anna, dataset.id, "relabel", [Change(one, label="cat") for one in ids])
    assert made.action is not None
    datasets.undo(bo, made.action.id)
    told = [(action.who, action.summary) for action, _ in datasets.recent(studio, dataset.id)]
    assert told[1] == ("Anna", "Labelled 3 pictures “cat”") and told[0][0] == "Bo"

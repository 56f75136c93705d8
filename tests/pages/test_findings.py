"""The findings of a dataset: why, which pictures, what to do about it, and the way back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import datasets, findings
from core.studio import Studio
from tests.findings.world import World, scene
from tests.pages.conftest import Visit, calm, words


@pytest.fixture
def world(studio: Studio) -> World:
    """Two labels; the fourth picture is there under both; one picture shows nothing."""
    made = World(studio, "Fruit")
    made.add([scene(seed) for seed in range(20)], "apple")
    made.add([scene(seed) for seed in range(20, 39)], "pear")
    made.add([scene(3)], "pear", format="PNG")
    made.add([scene(99).point(lambda _level: 128)], "pear")
    revision = studio.store.datasets.get(made.dataset_id).labels_revision
    studio.store.surveys.want(made.dataset_id, findings.SURVEY)
    made.survey()
    content = {"pictures": 41, "judged": 0}
    studio.store.surveys.put(made.dataset_id, findings.SURVEY, revision, 1.0, content)
    return made


def cards(app: AppTest) -> list[dict[str, Any]]:
    sent = [json.loads(one.proto.json) for one in app.get("bidi_component")]
    found: list[dict[str, Any]] = next(one["findings"] for one in sent if "findings" in one)
    return found


def test_each_says_why_shows_its_pictures_and_offers_what_to_do(visit: Visit, world: World) -> None:
    app = visit("datasets", dataset=world.dataset_id, view="findings")
    assert calm(app)
    two, blank = cards(app)
    assert two["kind"] == "two_labels" and two["severity"] == "wrong"
    assert "“apple”" in two["sentence"] and "“pear”" in two["sentence"]
    assert [one["label"] for one in sorted(two["images"], key=lambda one: one["id"])] == ["apple", "pear"]
    assert [one["name"] for one in two["images"]] and two["actions"] == ["relabel", "keep", "remove"]
    assert blank["kind"] == "blank" and blank["severity"] == "look" and blank["actions"] == ["remove"]
    assert [one["name"] for one in blank["images"]] == ["41.jpg"]


def test_the_head_of_the_dataset_and_the_list_count_the_same(visit: Visit, world: World) -> None:
    head = "2 findings, 1 of them serious"
    assert head in [button.label for button in visit("datasets", dataset=world.dataset_id).button]
    app = visit("datasets", dataset=world.dataset_id, view="findings")
    assert head not in [button.label for button in app.button], "the list says it itself"
    assert "2 findings, 1 of them serious." in words(app) and "All 2" in str(app.get("button_group")[1].proto)


def test_what_was_done_about_one_is_taken_back_and_it_is_open_again(visit: Visit, studio: Studio, world: World) -> None:
    before = cards(visit("datasets", dataset=world.dataset_id, view="findings"))
    outcome = findings.act(studio, world.dataset_id, "remove", [before[1]["key"]])
    assert [one["key"] for one in cards(visit("datasets", dataset=world.dataset_id, view="findings"))] == [
        before[0]["key"]
    ]
    assert outcome.action is not None
    datasets.undo(studio, outcome.action.id)
    assert cards(visit("datasets", dataset=world.dataset_id, view="findings")) == [
        before[0],
        before[1] | {"images": [before[1]["images"][0] | {"revision": 3}]},
    ]


def test_ignored_ones_stand_apart_and_nothing_else_is_said_to_be_wrong(
    visit: Visit, studio: Studio, world: World
) -> None:
    findings.ignore(studio, world.dataset_id, [one.key for one in world.open()])
    app = visit("datasets", dataset=world.dataset_id, view="findings")
    assert calm(app) and [one["ignored"] for one in cards(app)] == [True, True]
    assert "serious" not in words(app)

"""The commands that say what is wrong with a dataset and whether it is enough, in this very process."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from core import findings, surveys
from core.__main__ import main
from core.commands import data
from core.commands import findings as command
from core.enough import KIND as ENOUGH
from core.enough import as_content
from core.index.advising import work_out
from core.jobs import Tell
from core.records import Dataset, FindingKind
from core.studio import Studio
from core.surveyor import KINDS, Surveyor
from tests.findings.world import World, scene
from tests.index.test_advising import clouds
from tests.pages.conftest import add

Say = Callable[..., str]


@pytest.fixture
def say(studio: Studio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """`say("enough", "Fruit")`: what `python -m core enough Fruit` prints."""
    for module in (data, command):
        monkeypatch.setattr(module, "open_studio", lambda: studio)

    def say(*arguments: object, code: int = 0) -> str:
        assert main([*map(str, arguments)]) == code
        told = capsys.readouterr()
        return told.err if code else told.out

    return say


@pytest.fixture
def surveyed(studio: Studio) -> World:
    """Two labels, one picture twice, one nearly blank; their findings are worked out once somebody asks."""
    world = World(studio, "Fruit")
    world.add([scene(seed) for seed in range(8)], "apple")
    world.add([scene(seed) for seed in range(8, 16)], "pear")
    world.add([scene(3)], "apple", format="PNG")
    world.add([scene(99).point(lambda _level: 128)], "pear")
    dataset = studio.store.datasets.get(world.dataset_id)
    studio.store.datasets.mark_fitted(dataset.id, dataset.labels_revision)
    return world


def once_wanted(studio: Studio, work: Mapping[str, Callable[[Studio, Dataset, Tell], Mapping[str, Any]]]) -> None:
    """A surveyor that works out the next survey that somebody wants."""

    def wait() -> None:
        surveyor = Surveyor(studio, work)
        while not surveyor.tick():
            threading.Event().wait(0.05)

    threading.Thread(target=wait, daemon=True).start()


def test_findings_waits_for_them_and_names_each_with_its_pictures(studio: Studio, surveyed: World, say: Say) -> None:
    once_wanted(studio, KINDS)
    document = json.loads(say("findings", "Fruit", "--json"))
    found = {row["kind"]: row for row in document["findings"]}
    assert set(found) == {"exact", "blank", "few"} and len(document["findings"]) == 4, "both labels have few"
    assert sorted(found["exact"]["images"]) == ["17.jpg", "4.jpg"] and found["blank"]["images"] == ["18.jpg"]
    told = say("findings", "Fruit")
    assert told.startswith("4 findings; 18 pictures were looked at") and "Nearly blank: there is next to" in told


def test_findings_says_what_was_looked_at_where_nothing_is_wrong_and_counts_the_ignored(
    studio: Studio, surveyed: World, say: Say
) -> None:
    once_wanted(studio, KINDS)
    say("findings", "Fruit")
    findings.ignore(studio, surveyed.dataset_id, [one.key for one in surveyed.open()])
    assert say("findings", "Fruit") == "Nothing wrong found: 18 pictures were looked at.\n"
    assert json.loads(say("findings", "Fruit", "--json"))["ignored"] == 4


def test_enough_waits_for_the_answer_and_says_it_of_every_label(studio: Studio, say: Say) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 40, "pear": 40})
    studio.store.datasets.mark_fitted(dataset_id, studio.store.datasets.get(dataset_id).labels_revision)
    found = as_content(work_out(*clouds([40, 40], [1, 1], 0.1), ["apple", "pear"]))
    once_wanted(studio, {ENOUGH: lambda *_: found})
    document = json.loads(say("enough", "Fruit", "--json"))
    assert document["dataset"] == "Fruit" and "every label is finished" in document["sentence"]
    assert [one["verdict"] for one in document["advice"]][:2] == ["finished", "finished"]
    told = say("enough", "Fruit")
    assert "  “apple” is finished: more of it would hardly help." in told.splitlines()


def test_enough_says_in_one_sentence_why_there_is_no_answer(studio: Studio, say: Say) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 3, "pear": 3})
    revision = studio.store.datasets.get(dataset_id).labels_revision
    surveys.ask(studio, dataset_id, [ENOUGH])
    studio.store.surveys.fail(dataset_id, ENOUGH, revision, "Cannot tell yet: it takes 20.")
    assert "Cannot tell yet: it takes 20." in say("enough", "Fruit", code=1)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, ""),
        ({FindingKind.NEAR: 1}, "1 finding"),
        ({FindingKind.LEAK: 3}, "3 findings, all serious"),
        ({FindingKind.LEAK: 3, FindingKind.SUSPECT: 10, FindingKind.NEAR: 1030}, "1,043 findings, 13 of them serious"),
    ],
)
def test_findings_are_counted_in_the_same_words_everywhere(
    studio: Studio, counts: dict[FindingKind, int], said: str
) -> None:
    survey = surveys.latest(studio, add(studio, "Fruit", {"apple": 1}), findings.SURVEY)
    assert findings.Summary(survey, counts).sentence == said

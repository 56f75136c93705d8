"""One click to act, one to undo; what was ignored stays so; whatever is sent twice is done once."""

from __future__ import annotations

import pytest

from core import datasets, findings
from core.errors import NotFound, Refused
from core.records import FindingKind, Split
from core.stores import Change
from core.studio import Studio
from tests.findings.world import World, scene


@pytest.fixture
def world(studio: Studio) -> World:
    """Two pairs of near-duplicates among others."""
    made = World(studio)
    made.add([scene(seed) for seed in range(15)], "cat")
    made.add([scene(seed) for seed in range(15, 30)], "dog")
    made.add([scene(3).resize((120, 90)), scene(8).resize((150, 112))], "cat")
    made.survey()
    return made


def test_keeping_one_deletes_the_others_once_however_often_it_is_sent(world: World) -> None:
    first, second = world.open()
    keep = first.images[-1]
    for _ in range(2):
        outcome = findings.act(world.studio, world.dataset_id, "keep", [first.key], token="t1", choice=keep)
        assert outcome.changed == tuple(i for i in first.images if i != keep)
    assert [one.key for one in world.open()] == [second.key]
    assert outcome.action is not None
    datasets.undo(world.studio, outcome.action.id)
    assert len(world.open()) == 2


def test_several_findings_are_settled_in_one_action_and_undone_in_one(world: World) -> None:
    keys = [one.key for one in world.open()]
    outcome = findings.act(world.studio, world.dataset_id, "keep", keys)
    assert outcome.action is not None and outcome.action.images == 2 and world.open() == []
    datasets.undo(world.studio, outcome.action.id)
    assert len(world.open()) == 2


def test_a_picture_that_somebody_changed_meanwhile_is_left_alone(world: World) -> None:
    first = world.open()[0]
    gone = next(i for i in first.images if i != first.detail["keep"])
    seen = world.images()[gone].revision
    datasets.change(world.studio, world.dataset_id, "relabel", [Change(gone, label="cow")])
    outcome = findings.act(world.studio, world.dataset_id, "keep", [first.key], revisions={gone: seen})
    assert outcome.conflicts == (gone,) and not outcome.changed


def test_what_was_ignored_is_not_found_again_until_it_is_wanted(world: World) -> None:
    first, second = world.open()
    for _ in range(2):
        findings.ignore(world.studio, world.dataset_id, [first.key])
    assert [one.key for one in world.open()] == [second.key]
    world.add([scene(60)], "cat")
    world.survey()
    assert [one.key for one in world.open()] == [second.key]
    assert findings.summary(world.studio, world.dataset_id).ignored == 1
    (back,) = findings.page(world.studio, world.dataset_id, ignored=True)
    assert back.key == first.key and back.ignored
    findings.ignore(world.studio, world.dataset_id, [first.key], ignored=False)
    assert len(world.open()) == 2


def test_what_is_left_of_an_ignored_group_stays_ignored_and_a_newcomer_is_new(world: World) -> None:
    (third,) = world.add([scene(3).resize((160, 120))], "cat")
    world.survey()
    triple = next(one for one in world.open() if third in one.images)
    assert len(triple.images) == 3
    findings.ignore(world.studio, world.dataset_id, [triple.key])
    datasets.change(world.studio, world.dataset_id, "delete", [Change(third, deleted=True)])
    world.survey()
    assert len(world.open()) == 1, "the two that are left were ignored with it"
    world.add([scene(3).resize((200, 150))], "cat")
    world.survey()
    assert len(world.open()) == 2


def test_the_same_finding_has_the_same_key_whenever_it_is_found(world: World) -> None:
    before = [one.key for one in world.open()]
    world.survey()
    assert [one.key for one in world.open()] == before


@pytest.mark.parametrize(
    ("action", "choice"), [("merge", None), ("relabel", None), ("keep", 999_999), ("explode", None)]
)
def test_what_cannot_be_done_about_a_finding_is_refused_and_changes_nothing(
    world: World, action: str, choice: int | None
) -> None:
    first = world.open()[0]
    with pytest.raises(Refused):
        findings.act(world.studio, world.dataset_id, action, [first.key], choice=choice)
    assert len(world.open()) == 2


def test_a_finding_nobody_knows_any_more_is_said_to_be_settled(world: World) -> None:
    with pytest.raises(NotFound, match="settled"):
        findings.act(world.studio, world.dataset_id, "keep", ["near:gone"])
    with pytest.raises(Refused):
        findings.act(world.studio, world.dataset_id, "keep", [])


def test_findings_of_one_kind_are_paged_worst_first(studio: Studio) -> None:
    world = World(studio)
    world.add([scene(seed) for seed in range(25)], "cat", Split.TRAIN)
    world.add([scene(seed).resize((160, 120)) for seed in range(25)], "cat", Split.TRAIN)
    world.survey()
    pages = [findings.page(studio, world.dataset_id, [FindingKind.NEAR], at, 10) for at in (0, 10, 20)]
    assert [len(page) for page in pages] == [10, 10, 5]
    scores = [one.score for page in pages for one in page]
    assert scores == sorted(scores, reverse=True) and len({one.key for page in pages for one in page}) == 25

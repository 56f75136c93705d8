"""What depends on the pictures alone is worked out once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core import datasets
from core.findings import comparing
from core.index import twins
from core.records import FindingKind
from core.stores import Change
from core.studio import Studio
from tests.findings.world import World, scene


@pytest.fixture
def world(studio: Studio) -> World:
    """Forty pictures and a smaller copy of each fourth."""
    made = World(studio)
    made.add([scene(seed) for seed in range(40)], "cat")
    made.add([scene(seed).resize((120, 90)) for seed in range(0, 40, 4)], "dog")
    made.survey()
    return made


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures were compared, each time that some were."""
    counts: list[int] = []

    def near(vectors: twins.Floats, *others: object) -> list[twins.Pair]:
        counts.append(len(vectors))
        return bare(vectors, *others)

    bare: Callable[..., list[twins.Pair]] = twins.near
    monkeypatch.setattr(twins, "near", near)
    return counts


def said(world: World) -> list[tuple[FindingKind, tuple[int, ...], str]]:
    return [(one.kind, one.images, one.sentence) for one in world.open()]


def afresh(world: World) -> list[tuple[FindingKind, tuple[int, ...], str]]:
    for path in world.studio.files.survey("any").parent.glob("compared-*"):
        path.unlink()
    world.survey()
    return said(world)


def test_a_changed_label_compares_no_picture_again_and_finds_what_a_fresh_comparison_finds(
    world: World, compared: list[int]
) -> None:
    before = said(world)
    datasets.change(world.studio, world.dataset_id, "relabel", [Change(n, label="dog") for n in (1, 5)])
    world.survey()
    found = said(world)
    assert compared == [] and found != before
    assert found == afresh(world) and compared == [50]


def test_a_picture_that_leaves_or_comes_back_costs_no_comparison(world: World, compared: list[int]) -> None:
    before = said(world)
    done = datasets.change(world.studio, world.dataset_id, "delete", [Change(n, deleted=True) for n in (1, 6)])
    world.survey()
    fewer = said(world)
    assert len(fewer) == len(before) - 1 and not any(1 in images for _, images, _ in fewer)
    assert done.action is not None
    datasets.undo(world.studio, done.action.id)
    world.survey()
    assert said(world) == before and compared == []


def test_a_new_picture_is_compared_with_all_the_others(world: World, compared: list[int]) -> None:
    (copy,) = world.add([scene(3).resize((150, 112))], "cat")
    world.survey()
    assert compared == [51] and any(copy in images for _, images, _ in said(world))


@pytest.mark.parametrize("spoil", ["rot", "rules"])
def test_what_cannot_be_read_or_follows_older_rules_is_made_anew(
    world: World, compared: list[int], spoil: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if spoil == "rot":
        (path,) = world.studio.files.survey("any").parent.glob("compared-*")
        path.write_bytes(b"rot")
    else:
        monkeypatch.setattr(comparing, "RULES", comparing.RULES + 1)
    before = said(world)
    world.survey()
    assert compared == [50] and said(world) == before

"""Twins go to one side together, and the draw stays what it was for everything else."""

from __future__ import annotations

from collections import Counter

import pytest

from core import findings, versions
from core.records import Split
from core.splits import assign
from core.stores import LabelledImage
from core.studio import Studio
from tests.findings.world import World, scene
from tests.test_versions import images

AUTO, TRAIN, VALIDATION, TEST = Split.AUTO, Split.TRAIN, Split.VALIDATION, Split.TEST


def test_a_group_is_never_torn_apart_and_the_share_is_kept() -> None:
    some = images({1: 60, 2: 40})
    groups = [(n, n + 1, n + 2) for n in range(0, 99, 3)]
    splits = assign(some, 0.2, 1, groups)
    for group in groups:
        assert len({splits[i] for i in group}) == 1
    held = Counter(image.label_id for image in some if splits[image.image_id] is VALIDATION)
    assert 10 <= held[1] <= 14 and 6 <= held[2] <= 10


def test_the_draw_with_groups_is_the_same_every_time_and_moves_few_when_pictures_are_added() -> None:
    groups = [(n, n + 1) for n in range(0, 60, 2)]
    before = assign(images({1: 100}), 0.2, 1, groups)
    assert before == assign(list(reversed(images({1: 100}))), 0.2, 1, list(reversed(groups)))
    after = assign(images({1: 105}), 0.2, 1, groups)
    assert sum(before[i] is not after[i] for i in before) <= 6


def test_groups_of_one_change_nothing() -> None:
    some = images({1: 40, 2: 9})
    assert assign(some, 0.2, 3, [(1,), (7,)]) == assign(some, 0.2, 3)


@pytest.mark.parametrize(
    ("placed", "wanted"), [((TEST, AUTO), TEST), ((VALIDATION, AUTO), VALIDATION), ((TRAIN, TEST, AUTO), TEST)]
)
def test_what_was_placed_stays_and_what_was_not_follows_its_twin(placed: tuple[Split, ...], wanted: Split) -> None:
    twins = [LabelledImage(900 + n, f"{900 + n:064x}", 1, split) for n, split in enumerate(placed)]
    splits = assign([*images({1: 20, 2: 20}), *twins], 0.2, 1, [[one.image_id for one in twins]])
    for twin in twins:
        assert splits[twin.image_id] is (wanted if twin.split is AUTO else twin.split)


def test_a_label_that_is_one_group_only_is_still_measured() -> None:
    some = images({1: 10, 2: 20})
    splits = assign(some, 0.2, 1, [tuple(range(10))])
    held = [splits[i] is VALIDATION for i in range(10)]
    assert 1 <= sum(held) < 10


def test_a_run_keeps_the_near_duplicates_that_were_found_on_one_side(studio: Studio) -> None:
    world = World(studio)
    pairs = [world.add([scene(seed), scene(seed).resize((120, 90))], "cat") for seed in range(15)]
    world.add([scene(seed) for seed in range(30, 50)], "dog")
    torn = [_sides(studio, world, seed, pairs) for seed in range(3)]
    assert sum(torn) > 3, "without findings nobody knows that they belong together"
    world.survey()
    assert findings.summary(studio, world.dataset_id).open == 15
    assert [_sides(studio, world, seed, pairs) for seed in range(3)] == [0, 0, 0]


def _sides(studio: Studio, world: World, seed: int, pairs: list[list[int]]) -> int:
    """How many pairs are on both sides."""
    version = versions.freeze(studio, world.dataset_id, 0.2, seed)
    splits = {image.image_id: image.split for image in studio.store.versions.images(version.id)}
    return sum(len({splits[i] for i in pair}) > 1 for pair in pairs)

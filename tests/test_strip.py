"""Which pictures are watched, and that what was seen of them is kept as metrics are."""

from __future__ import annotations

import pytest

from core import strip
from core.records import Frame, Metric, Split, VersionImage
from core.studio import Studio
from tests.test_runs import queued


def images(labels: int, each: int) -> list[VersionImage]:
    many = labels * each
    return [VersionImage(n, f"{n * 7919 % 10007:064x}", n % labels, Split.VALIDATION) for n in range(many)]


def chosen(labels: int, each: int, doubts: dict[int, float] | None = None, learned_from: int = 1000) -> list[int]:
    return [one.image_id for one in strip.choose(images(labels, each), doubts or {}, learned_from)]


def test_some_of_each_label_are_watched() -> None:
    found = chosen(5, 40)
    counts = [sum(one % 5 == label for one in found) for label in range(5)]
    assert len(found) == strip.MOST and min(counts) >= 2 and max(counts) <= 3


def test_every_third_picture_is_one_that_is_hard() -> None:
    doubts = {n: 0.9 + n / 1000 for n in (3, 9, 10, 21)}
    assert set(doubts) <= set(chosen(5, 40, doubts))
    assert not set(doubts) <= set(chosen(5, 40))


def test_hard_pictures_of_one_label_do_not_fill_the_strip() -> None:
    doubts = {n: 0.99 for n in range(0, 200, 5)}  # all of label 0
    found = chosen(5, 40, doubts)
    assert {one % 5 for one in found} == set(range(5))
    assert sum(one % 5 == 0 for one in found) <= strip.MOST // strip.HARD_SHARE


def test_the_same_pictures_give_the_same_strip_in_whatever_order_they_come() -> None:
    some = images(4, 30)
    assert strip.choose(some, {5: 0.7}, 500) == strip.choose(some[::-1], {5: 0.7}, 500)


def test_more_labels_than_places_give_a_picture_of_as_many_labels() -> None:
    found = chosen(100, 3)
    assert len({one % 100 for one in found}) == strip.MOST


@pytest.mark.parametrize(("learned_from", "many"), [(10, 6), (320, 8), (480, 12), (10_000, 12)])
def test_a_small_run_watches_few_pictures_so_that_looking_stays_cheap(learned_from: int, many: int) -> None:
    assert len(chosen(2, 40, learned_from=learned_from)) == many


def test_fewer_pictures_than_places_are_all_watched() -> None:
    assert sorted(chosen(2, 1)) == [0, 1]


def frame(epoch: int, share: float = 0.5) -> Frame:
    return Frame(epoch * 10, epoch, {"said": [[[0, share]]], "maps": ["AA=="], "shape": [1, 1]})


def test_frames_beyond_the_checkpoint_go_with_their_metrics_and_come_again(studio: Studio) -> None:
    run = queued(studio)
    attempt = studio.store.runs.begin_attempt(run.id)
    assert attempt is not None
    frames = [frame(epoch) for epoch in range(3)]
    studio.store.runs.beat(run.id, attempt, "h", 20, 30, 2, [Metric(20, "val_loss", 1.0)], (), frames)
    studio.store.runs.drop_metrics_after(run.id, attempt, 10)
    assert [one.epoch for one in strip.strip(studio, run.id).frames] == [0, 1]
    studio.store.runs.beat(run.id, attempt, "h", 20, 30, 2, (), (), [frame(1, 0.25), frame(2)])
    again = strip.strip(studio, run.id).frames
    assert [(one.epoch, one.data["said"][0][0][1]) for one in again] == [(0, 0.5), (1, 0.25), (2, 0.5)]


def test_an_attempt_that_was_replaced_can_neither_add_nor_take_a_frame(studio: Studio) -> None:
    run = queued(studio)
    first = studio.store.runs.begin_attempt(run.id) or 0
    studio.store.runs.beat(run.id, first, "h", 10, 30, 1, (), (), [frame(1)])
    with pytest.raises(PermissionError):
        studio.store.runs.beat(run.id, first + 1, "h", 20, 30, 2, (), (), [frame(2)])
    studio.store.runs.drop_metrics_after(run.id, first + 1, 0)
    assert [one.epoch for one in strip.strip(studio, run.id).frames] == [1]


def test_the_strip_names_its_pictures_and_gives_only_newer_frames(studio: Studio) -> None:
    run = queued(studio)
    attempt = studio.store.runs.begin_attempt(run.id) or 0
    some = studio.store.versions.images(run.version_id)[:2]
    watched = [{"image_id": one.image_id, "sha256": one.sha256, "label": one.label_index} for one in some]
    said = [("strip", {"pictures": watched}, 1.0)]
    studio.store.runs.beat(run.id, attempt, "h", 20, 30, 2, (), said, [frame(1), frame(2)])
    found = strip.strip(studio, run.id)
    assert [(one.image_id, one.label) for one in found.pictures] == [(s.image_id, s.label_index) for s in some]
    assert [one.epoch for one in found.frames] == [1, 2] and found.labels == ("cat", "dog")
    assert [one.epoch for one in strip.strip(studio, run.id, after_epoch=1).frames] == [2]


def test_before_it_began_a_run_has_an_empty_strip(studio: Studio) -> None:
    found = strip.strip(studio, queued(studio).id)
    assert found.pictures == () and found.frames == ()

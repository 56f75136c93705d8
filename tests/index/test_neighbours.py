"""Neighbours are what was learned from, nearest first, as it is labelled now."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import NotFound
from core.index.neighbours import Neighbours
from core.index.vector_file import WIDTH
from core.ports import Vectors
from core.records import Split
from core.stores import Change, NewImage
from core.studio import Studio


def direction(angle: float) -> Vectors:
    row = np.zeros(WIDTH, np.float32)
    row[:2] = 3 * np.cos(angle), 3 * np.sin(angle)
    return row


def add(studio: Studio, dataset_id: int, number: int, label: str | None, split: Split = Split.AUTO) -> int:
    image = NewImage(f"{number:064x}", f"{number}.png", label, split, 8, 8, "PNG", 100)
    [image_id] = studio.store.images.add(dataset_id, [image], "ann", "Added").changed
    return image_id


def give_vector(studio: Studio, number: int, angle: float) -> None:
    row = studio.store.vectors.next_row()
    studio.vectors.append(row, direction(angle)[None])
    studio.store.vectors.put({f"{number:064x}": row})


@pytest.fixture
def dataset_id(studio: Studio) -> int:
    """Pictures 0 to 3 at 0, 0.1, 0.2 and 0.3 radians."""
    dataset = studio.store.datasets.create("angles")
    for number, label in enumerate(("a", "b", "a", "b")):
        add(studio, dataset.id, number, label)
        give_vector(studio, number, number / 10)
    return dataset.id


def test_the_nearest_come_first_with_their_cosine(studio: Studio, dataset_id: int) -> None:
    near = Neighbours(studio.store, studio.vectors).nearest(dataset_id, direction(0.12), 2)
    assert [(one.sha256[-1], one.label) for one in near] == [("1", "b"), ("2", "a")]
    assert near[0].similarity == pytest.approx(np.cos(0.02), abs=1e-4)


def test_a_changed_label_shows_at_once(studio: Studio, dataset_id: int) -> None:
    neighbours = Neighbours(studio.store, studio.vectors)
    [before] = neighbours.nearest(dataset_id, direction(0), 1)
    studio.store.images.change(dataset_id, "relabel", "One", [Change(before.image_id, label="new")], "ann")
    [after] = neighbours.nearest(dataset_id, direction(0), 1)
    assert (before.label, after.label) == ("a", "new")


def test_pictures_for_testing_or_without_a_label_are_no_neighbours(studio: Studio, dataset_id: int) -> None:
    for number, label, split in ((8, "a", Split.TEST), (9, None, Split.AUTO)):
        add(studio, dataset_id, number, label, split)
        give_vector(studio, number, 0)
    near = Neighbours(studio.store, studio.vectors).nearest(dataset_id, direction(0), 10)
    assert len(near) == 4


def test_a_picture_counts_as_soon_as_it_has_its_vector(studio: Studio, dataset_id: int) -> None:
    add(studio, dataset_id, 5, "c")
    neighbours = Neighbours(studio.store, studio.vectors)
    assert len(neighbours.nearest(dataset_id, direction(0), 10)) == 4
    give_vector(studio, 5, 0)
    assert len(neighbours.nearest(dataset_id, direction(0), 10)) == 5


def test_an_unknown_dataset_is_not_found(studio: Studio) -> None:
    with pytest.raises(NotFound):
        Neighbours(studio.store, studio.vectors).nearest(404, direction(0), 1)


def test_similar_pictures_may_be_for_testing_or_without_a_label_but_not_in_the_trash(
    studio: Studio, dataset_id: int
) -> None:
    test, loose, deleted = (
        add(studio, dataset_id, number, label, split)
        for number, label, split in ((8, "a", Split.TEST), (9, None, Split.AUTO), (10, "a", Split.AUTO))
    )
    for number in (8, 9, 10):
        give_vector(studio, number, number / 1000)
    studio.store.images.change(dataset_id, "delete", "One", [Change(deleted, deleted=True)], "ann")
    found = Neighbours(studio.store, studio.vectors).similar(dataset_id, direction(0), 3)
    assert [one.sha256[-1] for one in found] == ["0", "8", "9"]
    assert [one.label for one in found] == ["a", "a", None]
    left = Neighbours(studio.store, studio.vectors).similar(dataset_id, direction(0), 9, but=test)
    assert test not in [one.image_id for one in left] and loose in [one.image_id for one in left] and len(left) == 5


def test_labels_and_the_trash_change_without_reading_the_vectors_again(
    studio: Studio, dataset_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    neighbours = Neighbours(studio.store, studio.vectors)
    first, second, *_ = neighbours.similar(dataset_id, direction(0), 9)
    monkeypatch.setattr(studio.vectors, "read", None)
    studio.store.images.change(dataset_id, "relabel", "One", [Change(second.image_id, label="new")], "ann")
    studio.store.images.change(dataset_id, "delete", "One", [Change(first.image_id, deleted=True)], "ann")
    found = neighbours.similar(dataset_id, direction(0), 9)
    assert [one.image_id for one in found][0] == second.image_id and found[0].label == "new" and len(found) == 3

from __future__ import annotations

from pathlib import Path

import pytest

from core import datasets, versions
from core.errors import Refused
from core.records import Split
from core.splits import assign
from core.stores import Change, LabelledImage, Where
from core.studio import Studio
from tests.worlds import folder_of, imported


def images(counts: dict[int, int], split: Split = Split.AUTO, start: int = 0) -> list[LabelledImage]:
    rows = [(label, n) for label, count in counts.items() for n in range(count)]
    return [LabelledImage(start + i, f"{start + i:064x}", label, split) for i, (label, _) in enumerate(rows)]


def test_every_label_is_on_both_sides_and_the_share_is_kept() -> None:
    some = images({1: 50, 2: 10, 3: 2})
    splits = assign(some, 0.2, seed=1)
    held = [sum(splits[i.image_id] is Split.VALIDATION for i in some if i.label_id == label) for label in (1, 2, 3)]
    assert held == [10, 2, 1]


def test_the_draw_is_the_same_for_one_seed_and_another_for_another() -> None:
    some = images({1: 40, 2: 40})
    assert assign(some, 0.25, 1) == assign(list(reversed(some)), 0.25, 1)
    assert assign(some, 0.25, 1) != assign(some, 0.25, 2)


def test_hardly_an_image_changes_sides_when_others_are_added() -> None:
    few, more = images({1: 100}), images({1: 105})
    before, after = assign(few, 0.2, 1), assign(more, 0.2, 1)
    assert sum(before[i.image_id] is not after[i.image_id] for i in few) <= 5


def test_the_uploads_own_validation_pictures_are_used_and_nothing_else_is_drawn() -> None:
    some = images({1: 10, 2: 10}, Split.TRAIN) + images({1: 3, 2: 3}, Split.VALIDATION, start=100)
    splits = assign(some, 0.5, 1)
    assert {i for i, split in splits.items() if split is Split.VALIDATION} == set(range(100, 106))


def test_test_pictures_are_never_drawn_for_validation() -> None:
    some = images({1: 10, 2: 10}) + images({1: 5, 2: 5}, Split.TEST, start=100)
    splits = assign(some, 0.2, 1)
    assert all(splits[i] is Split.TEST for i in range(100, 110))


def test_a_frozen_version_does_not_change_with_the_dataset(studio: Studio, tmp_path: Path) -> None:
    dataset = imported(studio, folder_of(tmp_path / "p", {"cat": 5, "dog": 5}), "p")
    version = versions.freeze(studio, dataset.id, 0.2, 1)
    frozen = studio.store.versions.images(version.id)
    some = studio.store.images.page(dataset.id, Where(), 0, 3)
    datasets.change(studio, dataset.id, "relabel", [Change(i.id, label="cow") for i in some])
    assert studio.store.versions.images(version.id) == frozen
    assert versions.freeze(studio, dataset.id, 0.2, 1).labels == ("cat", "dog", "cow")
    assert studio.store.versions.get(version.id).labels == ("cat", "dog")


@pytest.mark.parametrize(
    ("labels", "kind", "words"),
    [({"only": 4}, "one_label", "at least two"), ({"a": 4, "b": 1}, "few_pictures", "“b” has fewer than 2")],
)
def test_what_cannot_be_trained_on_is_refused_in_words(
    studio: Studio, tmp_path: Path, labels: dict[str, int], kind: str, words: str
) -> None:
    dataset = imported(studio, folder_of(tmp_path / "p", labels), "p")
    with pytest.raises(Refused, match=words) as refusal:
        versions.freeze(studio, dataset.id, 0.2, 1)
    assert refusal.value.kind == kind


def test_whether_a_run_could_train_follows_every_change_of_a_picture(studio: Studio, tmp_path: Path) -> None:
    dataset = imported(studio, folder_of(tmp_path / "p", {"cat": 5, "dog": 3}), "p")
    dogs = [i.id for i in studio.store.images.page(dataset.id, Where(order="label"), 0, 10) if i.label == "dog"]
    assert versions.untrainable(studio, dataset.id) == ""
    datasets.change(studio, dataset.id, "split", [Change(dogs[0], split=Split.TEST)])
    assert versions.untrainable(studio, dataset.id) == ""
    datasets.change(studio, dataset.id, "delete", [Change(dogs[1], deleted=True)])
    assert "“dog” has fewer than 2" in versions.untrainable(studio, dataset.id)
    datasets.change(studio, dataset.id, "relabel", [Change(dogs[2], label="cat")])
    assert "“dog” has fewer than 2" in versions.untrainable(studio, dataset.id)  # one is left, to be tested on
    datasets.change(studio, dataset.id, "relabel", [Change(dogs[0], label="cat")])
    assert versions.untrainable(studio, dataset.id).startswith("There is one label only, “cat”")
    assert versions.untrainable(studio, dataset.id) == _refusal(studio, dataset.id)


def _refusal(studio: Studio, dataset_id: int) -> str:
    with pytest.raises(Refused) as refusal:
        versions.freeze(studio, dataset_id, 0.2, 1)
    return str(refusal.value)


def test_a_dataset_without_labels_is_refused_in_words(studio: Studio) -> None:
    with pytest.raises(Refused, match="no labelled picture"):
        versions.freeze(studio, datasets.create(studio, "empty").id, 0.2, 1)

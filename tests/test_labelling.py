"""Labelling: what comes next, what is accepted at once, and what others did meanwhile."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file

from core import datasets, labelling
from core.errors import Conflict, NotFound
from core.records import Model
from core.studio import Change, Studio, Where
from tests.pages.conftest import add, add_model

UNSURE, APPLE, PEAR = (0.0, 0.0), (9.0, 0.0), (0.0, 9.0)


def teach(studio: Studio, dataset_id: int) -> Model:
    """A model that knows two things: feature 0 is apple, feature 1 is pear."""
    model = add_model(studio, dataset_id)
    weight = np.zeros((2, 1280), np.float32)
    weight[0, 0] = weight[1, 1] = 1
    path = studio.files.model(model.folder) / "weights.safetensors"
    save_file({"head.weight": weight, "head.bias": np.zeros(2, np.float32)}, path)
    return model


def look(studio: Studio, dataset_id: int, *features: tuple[float, float]) -> list[int]:
    """Gives the unlabelled pictures, oldest first, these vectors; gives their ids."""
    images = studio.store.images.page(dataset_id, Where(unlabelled=True, order="oldest"), 0, 100)
    vectors = np.zeros((studio.store.images.count(dataset_id, Where()), 1280), np.float32)
    vectors[:, 2] = 1
    for image, (first, second) in zip(images, features, strict=True):
        vectors[studio.store.vectors.rows([image.sha256])[image.sha256], :2] = first, second
    studio.vectors.append(0, vectors)
    return [image.id for image in images]


@pytest.fixture
def fruit(studio: Studio) -> int:
    dataset_id = add(studio, "Fruit", {"apple": 3, "pear": 3, None: 5})
    teach(studio, dataset_id)
    return dataset_id


def order(
    studio: Studio, dataset_id: int, order: labelling.Order, limit: int, without: set[int] | None = None
) -> list[int]:
    return [one.image.id for one in labelling.queue(studio, dataset_id, order, limit, without or set())]


def test_the_most_useful_pictures_are_unsure_and_each_comes_with_a_suggestion(studio: Studio, fruit: int) -> None:
    ids = look(studio, fruit, APPLE, PEAR, UNSURE, (1.0, 1.2), APPLE)
    found = labelling.queue(studio, fruit, "useful", 2)
    assert found[0].image.id == ids[2]
    assert found[1].image.id in (ids[3], ids[1])
    assert {one.suggestion for one in labelling.queue(studio, fruit, "useful", 5)} == {"apple", "pear"}


def test_every_picture_without_a_label_comes_once_whatever_the_order(studio: Studio, fruit: int) -> None:
    ids = look(studio, fruit, APPLE, PEAR, UNSURE, UNSURE, APPLE)
    assert order(studio, fruit, "arrival", 9) == ids
    assert sorted(order(studio, fruit, "useful", 9)) == ids
    first = order(studio, fruit, "useful", 2)
    assert not set(first) & set(order(studio, fruit, "useful", 9, set(first)))
    assert order(studio, fruit, "arrival", 2, set(ids[:2])) == ids[2:4]


def test_pictures_without_a_vector_or_a_model_come_by_arrival(studio: Studio) -> None:
    dataset_id = add(studio, "Loose", {None: 3})
    found = labelling.queue(studio, dataset_id, "useful", 5)
    assert [one.image.id for one in found] == sorted(one.image.id for one in found) and len(found) == 3
    assert {one.suggestion for one in found} == {None}


def test_the_doubtful_order_is_that_of_the_findings(studio: Studio, fruit: int) -> None:
    (first,) = labelling.queue(studio, fruit, "doubtful", 5)
    assert (first.image.label, first.suggestion) == ("apple", "pear")
    assert order(studio, fruit, "doubtful", 5, {first.image.id}) == []


def test_the_next_pictures_of_no_dataset_are_refused(studio: Studio) -> None:
    with pytest.raises(NotFound):
        labelling.queue(studio, 99, "arrival", 5)


def test_all_suggestions_above_a_threshold_are_one_action_and_one_undo(studio: Studio, fruit: int) -> None:
    ids = look(studio, fruit, APPLE, PEAR, UNSURE, (1.0, 1.2), APPLE)
    sure = labelling.sure(studio, fruit, 0.95, 10)
    assert sure is not None
    assert (sure.counts[0], sure.counts[95], sure.counts[100]) == (5, 3, 0)
    assert [one.image.id for one in sure.least] == [ids[0], ids[1], ids[4]]
    outcome = labelling.accept(studio, fruit, 0.95, sure.model, token="t1")
    assert sorted(outcome.changed) == [ids[0], ids[1], ids[4]]
    labels = {image.id: image.label for image in studio.store.images.page(fruit, Where(), 0, 20)}
    assert [labels[one] for one in ids] == ["apple", "pear", None, None, "apple"]
    again = labelling.accept(studio, fruit, 0.95, sure.model, token="t1")
    assert again.action == outcome.action and sorted(again.changed) == sorted(outcome.changed)
    datasets.undo_own(studio, fruit, "t1", "t2")
    assert studio.store.images.count(fruit, Where(unlabelled=True)) == 5


def test_what_was_taken_out_is_not_accepted(studio: Studio, fruit: int) -> None:
    ids = look(studio, fruit, APPLE, PEAR, UNSURE, UNSURE, APPLE)
    model = labelling.sure(studio, fruit, 0.95, 1)
    assert model is not None
    outcome = labelling.accept(studio, fruit, 0.95, model.model, [ids[0]])
    assert sorted(outcome.changed) == [ids[1], ids[4]]


def test_suggestions_that_are_others_by_now_are_not_accepted(studio: Studio, fruit: int) -> None:
    look(studio, fruit, APPLE, PEAR, UNSURE, UNSURE, APPLE)
    with pytest.raises(Conflict, match="learned"):
        labelling.accept(studio, fruit, 0.95, "another-model")
    assert studio.store.images.count(fruit, Where(unlabelled=True)) == 5


def test_others_labels_are_news_and_say_who(studio: Studio, fruit: int) -> None:
    start = labelling.news(studio, fruit, 0).action
    assert labelling.news(studio, fruit, start) == labelling.News(start, (), False)
    image = studio.store.images.page(fruit, Where(unlabelled=True), 0, 1)[0]
    datasets.change(replace(studio, who="Bo"), fruit, "relabel", [Change(image.id, image.revision, "plum")])
    found = labelling.news(studio, fruit, start)
    assert [(one.image.id, one.image.label, one.who) for one in found.touched] == [(image.id, "plum", "Bo")]
    assert found.action > start


def test_two_who_wish_the_same_are_in_no_conflict(studio: Studio, fruit: int) -> None:
    image = studio.store.images.page(fruit, Where(unlabelled=True), 0, 1)[0]
    change = [Change(image.id, image.revision, "plum")]
    assert datasets.change(studio, fruit, "relabel", change).changed == (image.id,)
    same = datasets.change(studio, fruit, "relabel", change)
    assert (same.changed, same.conflicts) == ((), ())
    other = datasets.change(studio, fruit, "relabel", [Change(image.id, image.revision, "apple")])
    assert other.conflicts == (image.id,)


def test_a_step_is_taken_back_once_however_often_that_is_sent(studio: Studio, fruit: int) -> None:
    image = studio.store.images.page(fruit, Where(unlabelled=True), 0, 1)[0]
    datasets.change(studio, fruit, "relabel", [Change(image.id, image.revision, "plum")], "mine")
    first = datasets.undo_own(studio, fruit, "mine", "back")
    assert datasets.undo_own(studio, fruit, "mine", "back").action == first.action
    assert studio.store.images.get(image.id).label is None
    with pytest.raises(Conflict):
        datasets.undo_own(studio, fruit, "mine", "another")
    with pytest.raises(NotFound):
        datasets.undo_own(studio, fruit, "nobody's", "another")

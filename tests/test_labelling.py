"""Labelling: what comes next, what is accepted at once, and what others did meanwhile."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file

from core import datasets, errands, labelling
from core.errors import Conflict, NotFound
from core.records import Model, Split
from core.stores import Change, NewImage, Outcome, Where
from core.studio import Studio
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


def accept(studio: Studio, dataset_id: int, model: str, without: tuple[int, ...] = (), token: str = "") -> Outcome:
    """What the model is 95 % sure of."""
    outcome = labelling.accept(studio, dataset_id, 0.95, model, without, token)
    assert isinstance(outcome, Outcome)
    return outcome


def undo_own(studio: Studio, dataset_id: int, of: str, token: str) -> Outcome:
    outcome = errands.undo_own(studio, dataset_id, of, token)
    assert isinstance(outcome, Outcome)
    return outcome


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
    outcome = accept(studio, fruit, sure.model, token="t1")
    assert sorted(outcome.changed) == [ids[0], ids[1], ids[4]]
    labels = {image.id: image.label for image in studio.store.images.page(fruit, Where(), 0, 20)}
    assert [labels[one] for one in ids] == ["apple", "pear", None, None, "apple"]
    again = accept(studio, fruit, sure.model, token="t1")
    assert again.action == outcome.action and sorted(again.changed) == sorted(outcome.changed)
    undo_own(studio, fruit, "t1", "t2")
    assert studio.store.images.count(fruit, Where(unlabelled=True)) == 5


def test_what_was_taken_out_is_not_accepted(studio: Studio, fruit: int) -> None:
    ids = look(studio, fruit, APPLE, PEAR, UNSURE, UNSURE, APPLE)
    model = labelling.sure(studio, fruit, 0.95, 1)
    assert model is not None
    outcome = accept(studio, fruit, model.model, (ids[0],))
    assert sorted(outcome.changed) == [ids[1], ids[4]]


def test_suggestions_that_are_others_by_now_are_not_accepted(studio: Studio, fruit: int) -> None:
    look(studio, fruit, APPLE, PEAR, UNSURE, UNSURE, APPLE)
    with pytest.raises(Conflict, match="learned"):
        labelling.accept(studio, fruit, 0.95, "another-model")
    assert studio.store.images.count(fruit, Where(unlabelled=True)) == 5


def test_others_labels_are_news_and_say_who(studio: Studio, fruit: int) -> None:
    start = labelling.news(studio, fruit, 0).revision
    assert labelling.news(studio, fruit, start) == labelling.News(start, (), False)
    image = studio.store.images.page(fruit, Where(unlabelled=True), 0, 1)[0]
    datasets.change(replace(studio, who="Bo"), fruit, "relabel", [Change(image.id, image.revision, "plum")])
    found = labelling.news(studio, fruit, start)
    assert [(one.image.id, one.image.label, one.who) for one in found.touched] == [(image.id, "plum", "Bo")]
    assert found.revision > start


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
    first = undo_own(studio, fruit, "mine", "back")
    assert undo_own(studio, fruit, "mine", "back").action == first.action
    assert studio.store.images.get(image.id).label is None
    with pytest.raises(Conflict):
        undo_own(studio, fruit, "mine", "another")
    with pytest.raises(NotFound):
        undo_own(studio, fruit, "nobody's", "another")


def test_what_the_model_says_stays_true_whatever_is_changed_put_back_or_looked_at_late(
    studio: Studio, fruit: int
) -> None:
    """What is kept and patched is what would be read and worked out anew."""
    look(studio, fruit, APPLE, PEAR, UNSURE, (1.0, 1.2), APPLE)
    rng = np.random.default_rng(0)
    late, kept = 0, None
    for step in range(40):
        images = [one for gone in (False, True) for one in studio.store.images.page(fruit, Where(deleted=gone), 0, 100)]
        image = images[int(rng.integers(len(images)))]
        match step % 4:
            case 0:
                datasets.change(studio, fruit, "relabel", [Change(image.id, label=rng.choice(["apple", "pear"]))])
            case 1:
                datasets.change(studio, fruit, "relabel", [Change(image.id, label=None)])
            case 2:
                datasets.change(studio, fruit, "delete", [Change(image.id, deleted=bool(rng.integers(2)))])
            case _:
                late += 1
                new = NewImage(f"{late:064x}", "late.jpg", None, Split.AUTO, 8, 8, "PNG", 9)
                studio.store.images.add(fruit, [new], "ann", "Added")
                labelling.said(studio, fruit)
                row = studio.store.vectors.next_row()
                studio.vectors.append(row, rng.normal(0, 1, (1, 1280)).astype(np.float32))
                studio.store.vectors.put({new.sha256: row})
        kept = labelling.said(studio, fruit)
        labelling._kept.clear()
        anew = labelling.said(studio, fruit)
        assert kept is not None and anew is not None
        assert (kept.waiting == anew.waiting).all() and (kept.best == anew.best).all()
        assert np.allclose(kept.confidence, anew.confidence) and np.allclose(kept.margin, anew.margin)
        labelling._kept[str(studio.settings.home), fruit] = (
            labelling._Waiting(studio.store.desk.revision(fruit), studio.store.vectors.next_row(), kept.waiting),
            kept,
        )
    assert late == 10 and kept is not None and len(kept.ids) > 5


def test_what_an_errand_changes_piece_by_piece_is_news_each_time(
    studio: Studio, fruit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "LARGE", 3)
    monkeypatch.setattr(errands, "PIECE", 6)
    errands.change_all(studio, fruit, "relabel", Where(), Change(0, label="fig"))
    errands.carry_out(studio, -1.0)
    first = labelling.news(studio, fruit, labelling.news(studio, fruit, 10**9).revision - 1)
    assert len(first.touched) == 6
    assert labelling.news(studio, fruit, first.revision).touched == ()
    errands.carry_out(studio, -1.0)
    assert len(labelling.news(studio, fruit, first.revision).touched) == 11

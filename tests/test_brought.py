"""What a correction brought, from the answers of a batch to the pictures that flipped, and the way back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core import batches, brought, corrections, errands
from core.answering import Answering
from core.errors import Conflict, NotFound
from core.imaging.lending import Lender
from core.imaging.pool import DecoderPool
from core.indexer import Indexer
from core.predictor import Predicting
from core.records import Errand, ModelKind
from core.settings import Settings
from core.stores import Asked, Outcome, Where
from core.studio import Studio
from tests.test_batches import packed
from tests.test_indexer import work
from tests.worlds import folder_of, imported, make_studio, png

pytestmark = pytest.mark.skipif(
    not Settings(Path()).backbone_path.exists(), reason="build/backbone.onnx is missing; run `make setup`"
)
GREEN, RED = (20, 180, 60), (190, 30, 40)


@pytest.fixture
def studio(tmp_path: Path, decoder: DecoderPool) -> Studio:
    return make_studio(tmp_path / "home", decoder)


def learned(studio: Studio, tmp_path: Path) -> Indexer:
    """A dataset whose labels say nothing of its colours, and its instant model."""
    imported(studio, folder_of(tmp_path / "p", {"apple": 4, "pear": 4}), "p")
    return work(studio)


def answered(studio: Studio, lender: Lender, many: int) -> list[int]:
    """The predictions of a batch of red and green pictures by turns, in that order."""
    [model] = studio.store.models.all()
    batch = batches.begin(studio, model.id, "market", many)
    pictures = [(at, f"{at}.png", png(GREEN if at % 2 else RED, side=16, seed=5000 + at)) for at in range(many)]
    batches.receive(studio, batch.id, packed(pictures))
    answering = Answering(studio, Predicting(studio, lender))
    while answering.step():
        pass
    found = studio.store.predictions.page(model.dataset_id, Asked(batch_id=batch.id, order="arrival"), 0, many)
    return [one.id for one in found]


def test_what_a_batch_of_corrections_brought_is_told_by_picture_and_can_be_taken_back(
    studio: Studio, lender: Lender, tmp_path: Path
) -> None:
    indexer = learned(studio, tmp_path)
    [model] = studio.store.models.all()
    ids = answered(studio, lender, 24)
    said = {one: studio.store.predictions.get(one).label for one in ids}
    wrong_of = [said[ids[0]], said[ids[1]]]  # what it says of red, and of green: the truth is the other label
    right = {one: "pear" if wrong_of[at % 2] == "apple" else "apple" for at, one in enumerate(ids)}

    done = corrections.file(studio, model.dataset_id, right)
    assert done.images == 24 and done.brought is not None
    correction = brought.get(studio, model.dataset_id, done.brought)
    assert correction.pictures == 24 and not correction.undone
    assert brought.compared(studio, model.dataset_id, correction) is None, "not learned yet"

    work(studio, indexer)
    found = brought.compared(studio, model.dataset_id, correction)
    assert found is not None
    assert len(found.image_ids) == 32, "those of the dataset, and the corrected ones, which it had not learned from"
    images = {one.image_id: one for one in studio.store.predictions.page(model.dataset_id, Asked(filed=True), 0, 99)}
    before = dict(zip(found.image_ids.tolist(), found.said_before, strict=True))
    assert {image: before[image] for image in images} == {image: said[one.id] for image, one in images.items()}
    assert sum(said[one] != right[one] for one in ids) > 12
    assert found.many("fixed") > 0
    assert sum(found.many(turn) for turn in ("fixed", "broken", "both_wrong", "both_right")) == 32
    sentence = brought.sentence(correction, found)
    assert sentence.startswith(f"Taking 24 pictures in brought {found.many('fixed')} fixed and ")

    revision = studio.store.datasets.get(model.dataset_id).labels_revision
    [back] = errands.go_back(studio, model.dataset_id, done.brought)
    assert isinstance(back, Outcome) and len(back.changed) == 24
    assert studio.store.images.count(model.dataset_id, Where()) == 8
    assert studio.store.datasets.get(model.dataset_id).labels_revision > revision
    with pytest.raises(Conflict):
        errands.go_back(studio, model.dataset_id, done.brought)
    work(studio, indexer)
    again = brought.get(studio, model.dataset_id, done.brought)
    after = brought.compared(studio, model.dataset_id, again)
    assert again.undone and after is not None
    assert (after.many("fixed"), after.many("broken"), len(after.image_ids)) == (0, 0, 8)
    assert "changed no answer" in brought.sentence(again, after)


def test_what_was_filed_and_taken_back_in_the_background_is_told_as_well(
    studio: Studio, lender: Lender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, few in {"FEW": 3, "LARGE": 3, "PIECE": 10}.items():
        monkeypatch.setattr(errands, name, few)
    indexer = learned(studio, tmp_path)
    [model] = studio.store.models.all()
    said = {one: studio.store.predictions.get(one).label for one in answered(studio, lender, 24)}
    asked = errands.file(studio, model.dataset_id, dict.fromkeys(said, "lime"))
    assert isinstance(asked, Errand)
    work(studio, indexer)
    done = corrections.filed(studio, errands.get(studio, asked.id), list(said))
    assert (done.images, done.left) == (24, 0) and done.brought is not None
    correction = brought.get(studio, model.dataset_id, done.brought)
    found = brought.compared(studio, model.dataset_id, correction)
    assert correction.pictures == 24 and found is not None and len(found.image_ids) == 32
    images = {one.image_id: one.id for one in studio.store.predictions.page(model.dataset_id, Asked(filed=True), 0, 99)}
    before = dict(zip(found.image_ids.tolist(), found.said_before, strict=True))
    assert {one: before[image] for image, one in images.items()} == said, "what it had said before it learned them"

    assert [isinstance(one, Errand) for one in errands.go_back(studio, model.dataset_id, done.brought)] == [True]
    with pytest.raises(Conflict):
        errands.go_back(studio, model.dataset_id, done.brought)
    work(studio, indexer)
    assert studio.store.images.count(model.dataset_id, Where()) == 8


def test_a_label_that_nobody_used_before_counts_as_fixed(studio: Studio, lender: Lender, tmp_path: Path) -> None:
    indexer = learned(studio, tmp_path)
    [model] = studio.store.models.all()
    done = corrections.file(studio, model.dataset_id, dict.fromkeys(answered(studio, lender, 12)[1::2], "lime"))
    work(studio, indexer)
    assert done.brought is not None
    correction = brought.get(studio, model.dataset_id, done.brought)
    found = brought.compared(studio, model.dataset_id, correction)
    assert found is not None
    limes = np.array([label == "lime" for label in found.labels])
    assert limes.sum() == 6 and not found.right_before[limes].any()
    assert found.right_after[limes].all(), "six of one colour"


def test_only_the_newest_corrections_are_remembered(
    studio: Studio, lender: Lender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brought, "KEPT", 2)
    learned(studio, tmp_path)
    [model] = studio.store.models.all()
    ids = answered(studio, lender, 3)
    keys = [corrections.file(studio, model.dataset_id, {one: "pear"}).brought for one in ids]
    assert [one.action.id for one in brought.all_of(studio, model.dataset_id)] == keys[:0:-1]
    with pytest.raises(NotFound):
        brought.get(studio, model.dataset_id, int(keys[0] or 0))
    assert brought.all_of(studio, model.dataset_id + 1) == []


def test_without_an_instant_model_there_is_nothing_to_compare(studio: Studio, tmp_path: Path) -> None:
    imported(studio, folder_of(tmp_path / "p", {"apple": 2, "pear": 2}), "p")
    [dataset] = studio.store.datasets.all()
    measured = (0.9, (0.8, 0.95), "validation", 9)
    model = studio.store.models.put(dataset.id, ModelKind.TRAINED, "mlp", ["apple", "pear"], *measured, "x", {})
    assert model.id and brought.former(studio, dataset.id) is None
    assert brought.keep(studio, None, [1], {}) is None

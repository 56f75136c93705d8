"""Many answers become data in the background: as if it had been done at once, whoever is killed on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from core import batches, corrections, errands, predictions
from core.answering import Answering
from core.corrections import Filed
from core.errors import Refused
from core.imaging.pool import DecoderPool
from core.records import Errand, Model, Ranked
from core.stores import Asked, Where
from core.studio import Studio
from tests.test_batches import Looker, make_model, packed
from tests.test_errands import carried_out_by_the_dying
from tests.worlds import make_studio, png


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three predictions are many, and two are gone through at a time."""
    monkeypatch.setattr(errands, "FEW", 3)
    monkeypatch.setattr(errands, "PIECE", 2)


@pytest.fixture
def studio(tmp_path: Path, decoder: DecoderPool) -> Studio:
    return make_studio(tmp_path / "home", decoder)


@pytest.fixture
def model(studio: Studio, tmp_path: Path) -> Model:
    return make_model(studio, tmp_path)


def asked(studio: Studio, model: Model) -> list[int]:
    """Predictions: six of a batch, of which one is an image already and two are one picture; one that was asked by
    itself, and one whose file is gone."""
    image = studio.store.images.page(model.dataset_id, Where(order="oldest"), 0, 1)[0]
    contents = [png((0, green, 0), side=16) for green in (9, 40, 200, 250)]
    contents += [contents[0], studio.files.picture(image.sha256).read_bytes()]
    batch = batches.begin(studio, model.id, "shoes", len(contents))
    batches.receive(studio, batch.id, packed([(at, f"{at}.png", one) for at, one in enumerate(contents)]))
    answering = Answering(studio, Looker(studio))
    while answering.step():
        pass
    alone = png((0, 120, 0), side=16)
    sha256 = hashlib.sha256(alone).hexdigest()
    predictions.keep_pictures(studio, {sha256: alone})
    said = [Ranked("coat", 0.9), Ranked("=hat", 0.1)]
    for one, name in ((sha256, "alone.png"), ("0" * 64, "gone.png")):
        studio.store.predictions.add(model.dataset_id, model.id, one, name, said, 5.0)
    return [one.id for one in studio.store.predictions.page(model.dataset_id, Asked(order="arrival"), 0, 99)]


def labels_for(ids: Sequence[int]) -> dict[int, str]:
    return {one: ("=hat", "coat", "boot")[at % 3] for at, one in enumerate(ids)}


def content(studio: Studio, model: Model) -> list[tuple[object, ...]]:
    return sorted(
        (one.sha256, one.label, one.deleted_at is not None)
        for deleted in (False, True)
        for one in studio.store.images.page(model.dataset_id, Where(deleted=deleted), 0, 99)
    )


def filed(studio: Studio, model: Model) -> dict[str, str | None]:
    found = studio.store.predictions.page(model.dataset_id, Asked(order="arrival"), 0, 99)
    return {one.name: one.corrected_label for one in found}


def finish(studio: Studio) -> None:
    while errands.carry_out(studio, 60):
        pass


def done(studio: Studio, model: Model, labels: dict[int, str]) -> Filed:
    found = errands.file(studio, model.dataset_id, labels)
    if isinstance(found, Errand):
        finish(studio)
        return corrections.filed(studio, errands.get(studio, found.id), list(labels))
    return found


def test_what_is_filed_in_pieces_ends_as_what_is_filed_at_once(
    tmp_path: Path, decoder: DecoderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = []
    for few in (3, 1000):
        monkeypatch.setattr(errands, "FEW", few)
        studio = make_studio(tmp_path / f"home {few}", decoder)
        model = make_model(studio, tmp_path / f"pictures {few}")
        before = content(studio, model)
        ids = asked(studio, model)
        assert len(ids) == 8
        result = done(studio, model, labels_for(ids))
        after, told = content(studio, model), filed(studio, model)
        assert {one.summary for one in studio.store.images.actions(model.dataset_id)[: len(result.actions)]} <= {
            "Confirmed 8 predictions",
            "Confirmed 7 predictions",  # of as many pictures
        }
        for action in reversed(result.actions):
            errands.undo(studio, action)
        finish(studio)
        live = [one for one in content(studio, model) if not one[2]]
        assert live == before, "and undo takes all of it back"
        assert [name for name, label in filed(studio, model).items() if label] == ["5.png"], "which was there before"
        ends.append((after, told, result.images, result.left))
    assert ends[0] == ends[1]
    assert ends[0][2:] == (6, 1)


def test_whoever_takes_over_after_a_kill_files_each_picture_once(studio: Studio, model: Model) -> None:
    labels = labels_for(asked(studio, model))
    found = errands.file(studio, model.dataset_id, labels)
    assert isinstance(found, Errand) and found.action_id and found.total == 8
    assert carried_out_by_the_dying(studio, found) >= 4
    steps = [
        len([step for step in studio.store.images.history(one.id) if step.action.id == found.action_id])
        for one in studio.store.images.page(model.dataset_id, Where(), 0, 99)
    ]
    assert sum(steps) == len(errands.outcome(studio, errands.get(studio, found.id)).changed)
    [again] = [one for one in studio.store.images.actions(model.dataset_id) if one.id == found.action_id]
    assert again.images == sum(steps)


def test_all_that_match_is_all_of_them(studio: Studio, model: Model) -> None:
    ids = asked(studio, model)
    answers = studio.store.predictions.answers(model.dataset_id, Asked(filed=False))
    assert sorted(one for one, _ in answers) == ids
    done(studio, model, dict(answers))
    [gone] = studio.store.predictions.answers(model.dataset_id, Asked(filed=False))
    assert gone[0] == ids[-1]


def test_what_cannot_be_filed_is_refused_before_anything_begins(studio: Studio, model: Model) -> None:
    ids = asked(studio, model)
    for labels in ({}, dict.fromkeys(ids, " \u200b")):
        with pytest.raises(Refused):
            errands.file(studio, model.dataset_id, labels)
    assert errands.of(studio, model.dataset_id) == []

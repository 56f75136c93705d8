"""Predictions, corrections and their CSV, with a predictor that answers from a list."""

from __future__ import annotations

import csv
import hashlib
import io
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core import corrections, models, predictions, trash, words
from core.errors import NotFound, Refused
from core.imaging.pool import DecoderPool
from core.records import Answer, Model, ModelKind, Ranked
from core.stores import Where
from core.studio import Studio
from tests.worlds import NoPredictor, folder_of, imported, make_studio, png


class SaysHat(NoPredictor):
    """Answers every picture alike; the labels are as hostile as people's are."""

    def said(self, picture: bytes | Path) -> Answer:
        return Answer((Ranked("=1+1", 0.75), Ranked("@cat", 0.25)), (), (), 12.5, 8, 8)


@pytest.fixture
def studio(tmp_path: Path, decoder: DecoderPool) -> Studio:
    return make_studio(tmp_path / "home", decoder, SaysHat())


@pytest.fixture
def model(studio: Studio, tmp_path: Path) -> Model:
    dataset = imported(studio, folder_of(tmp_path / "p", {"=1+1": 3, "@cat": 3}), "p")
    measured = (0.936, (0.90, 0.97), "cross-validation", 120)
    return studio.store.models.put(
        dataset.id, ModelKind.INSTANT, "efficientnet-lite0", ["=1+1", "@cat"], *measured, "x", {}
    )


def test_a_picture_is_on_the_disk_before_its_prediction_is_told(studio: Studio, model: Model) -> None:
    content = png(seed=500)
    prediction, _ = predictions.predict(studio, model.id, content, "photo.png")
    assert studio.files.picture(prediction.sha256).read_bytes() == content
    assert prediction == studio.store.predictions.get(prediction.id)


def test_a_picture_that_is_refused_leaves_the_disk(
    studio: Studio, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: SaysHat, picture: bytes | Path) -> Answer:
        raise Refused("This is not a picture.", "not_a_picture")

    monkeypatch.setattr(SaysHat, "said", refuse)
    known = studio.store.images.page(model.dataset_id, Where(), 0, 1)[0]
    learned, letter = studio.files.picture(known.sha256), b"Dear all"
    for content in (letter, learned.read_bytes()):
        with pytest.raises(Refused):
            predictions.predict(studio, model.id, content, "letter.png")
    written = studio.files.picture(hashlib.sha256(letter).hexdigest())
    trash.sweep(studio, lambda: time.time() + trash.DAY_S)
    assert not written.exists() and learned.exists(), "what a dataset has stays"


def test_a_correction_makes_the_picture_part_of_the_dataset(studio: Studio, model: Model) -> None:
    prediction, answer = predictions.predict(studio, model.id, png(seed=500), "C:\\me\\photo.png")
    assert (prediction.name, answer.ranked[0].label) == ("photo.png", "=1+1")
    seen = studio.store.datasets.get(model.dataset_id).labels_revision
    image = corrections.correct(studio, prediction.id, "new one")
    assert (image.label, image.width) == ("new one", 8)
    assert studio.store.datasets.get(model.dataset_id).labels_revision > seen, (
        "the instant model has something to learn"
    )
    assert image.sha256 in studio.store.vectors.todo(99)


def test_a_second_correction_relabels_the_same_picture(studio: Studio, model: Model) -> None:
    prediction, _ = predictions.predict(studio, model.id, png(seed=500), "photo.png")
    first = corrections.correct(studio, prediction.id, "@cat")
    assert corrections.correct(studio, prediction.id, "dog").id == first.id
    assert studio.store.images.get(first.id).label == "dog"
    assert studio.store.images.count(model.dataset_id, Where()) == 7


def test_a_correction_of_a_picture_the_dataset_has_relabels_it(studio: Studio, model: Model, tmp_path: Path) -> None:
    known = studio.store.images.page(model.dataset_id, Where(), 0, 1)[0]
    prediction, _ = predictions.predict(studio, model.id, studio.files.picture(known.sha256).read_bytes(), "again.png")
    assert corrections.correct(studio, prediction.id, "@cat").id == known.id


def test_a_correction_that_names_nothing_is_refused(studio: Studio, model: Model) -> None:
    prediction, _ = predictions.predict(studio, model.id, png(seed=500), "photo.png")
    with pytest.raises(Refused, match="needs a name"):
        corrections.correct(studio, prediction.id, " \u200b")
    with pytest.raises(NotFound):
        corrections.correct(studio, 999, "dog")


def test_no_spreadsheet_takes_a_label_for_a_formula(studio: Studio, model: Model) -> None:
    predictions.predict(studio, model.id, png(seed=500), "-2+3.png")
    head, row = csv.reader(io.StringIO("".join(predictions.csv(studio, model.dataset_id))))
    assert row[head.index("label")] == "'=1+1"
    assert row[head.index("second")] == "'@cat"
    assert row[head.index("file")] == "'-2+3.png"
    assert row[head.index("confidence")] == "0.7500"


def test_a_picture_over_the_limit_is_refused_before_anybody_looks_at_it(studio: Studio, model: Model) -> None:
    with pytest.raises(Refused, match="larger than 50 MB"):
        predictions.predict(studio, model.id, b"0" * (studio.settings.picture_limit_bytes + 1), "big.png")


@pytest.mark.parametrize("text", ["999", "p/worst", "nowhere/instant", "../../etc/instant", ""])
def test_a_model_that_is_not_there_is_said_to_be_not_there(studio: Studio, model: Model, text: str) -> None:
    with pytest.raises(NotFound):
        models.find(studio, text)


def test_a_model_is_found_by_number_by_instant_and_by_best(studio: Studio, model: Model) -> None:
    assert (
        models.find(studio, str(model.id)).id == models.find(studio, "P/instant").id == models.find(studio, "p/best").id
    )


def test_an_accuracy_is_said_in_words_and_never_rounded_up(studio: Studio, model: Model) -> None:
    said = models.sentence(model)
    assert said == "Gets 93 of 100 right, give or take 4, on 120 pictures it had not learned from (cross-validation)."


def test_of_too_few_pictures_no_share_is_said_but_what_was_right(studio: Studio, model: Model) -> None:
    few = replace(model, accuracy=0.8, interval=(0.38, 0.97), measured_n=5)
    said = models.sentence(few)
    assert said.startswith("Got 4 right, on 5 pictures it had not learned from") and said.endswith("how good it is.")
    assert (models.figure(few), models.of_hundred(few)) == ("4 of 5", "4 of 5 right")
    many = replace(few, measured_n=words.FEW)
    assert models.sentence(many).startswith("Gets 80 of 100 right")
    assert (models.figure(many), models.of_hundred(many)) == ("80 %", "80 of 100 right")

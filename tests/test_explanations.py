"""Explanations: asked once, kept by model, bytes, way and label, whatever happens to who works them out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core import explanations
from core.errors import NotFound, Refused
from core.explainer import UNFORESEEN, Explainer
from core.explanations import WAYS, Map, unpacked
from core.jobs import Interrupted, Tell
from core.records import Explanation, Image, Method, Model
from core.storage.explanations import GAVE_UP
from core.studio import Studio
from tests.serving.world import open_world, with_images, with_model


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return open_world(tmp_path / "home")


@pytest.fixture
def image(studio: Studio) -> Image:
    return with_images(studio, "cat", "dog")[0]


@pytest.fixture
def model(studio: Studio, image: Image) -> Model:
    return with_model(studio, image.dataset_id)


def ask(studio: Studio, model: Model, image: Image, method: Method = Method.LIME, label: str = "") -> Explanation:
    return explanations.want(studio, model.id, image.sha256, method, label)


class Answers:
    """Says that the upper left corner counts, and does what it is told to on the way."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[tuple[Method, str]] = []
        self.error = error

    def __call__(self, studio: Studio, asked: Explanation, tell: Tell) -> Map:
        tell(0.5)
        self.asked.append((asked.method, asked.label))
        if self.error is not None:
            raise self.error
        return Map(asked.label or "cat", 0.75, np.array([[1, -0.5], [0, 0]], np.float32))


def test_an_explanation_is_worked_out_once_and_kept(studio: Studio, model: Model, image: Image) -> None:
    answers = Answers()
    explainer = Explainer(studio, answers)
    first = ask(studio, model, image)
    assert first.pending and ask(studio, model, image).id == first.id
    assert explainer.tick() and not explainer.tick()
    done = ask(studio, model, image)
    assert not done.pending and done.at is not None and done.problem is None
    found = unpacked(done.content)
    assert (found.label, found.confidence) == ("cat", 0.75)
    assert np.allclose(found.values, np.array([[1, -0.5], [0, 0]]), atol=0.005)
    assert answers.asked == [(Method.LIME, "")]


def test_ways_labels_pictures_and_fits_of_a_model_are_asked_apart(studio: Studio, model: Model, image: Image) -> None:
    other = studio.store.images.get(image.id + 1)
    asked = [ask(studio, model, image), ask(studio, model, image, Method.SHAP), ask(studio, model, image, label="dog")]
    asked.append(ask(studio, model, other))
    again = with_model(studio, image.dataset_id, "m2")
    assert again.id == model.id, "the instant model, fitted anew"
    asked.append(ask(studio, again, image))
    assert len({one.id for one in asked}) == 5
    assert [one.id for one in studio.store.explanations.due()] == [one.id for one in asked]


@pytest.mark.parametrize(
    ("error", "said"),
    [(NotFound("This network has no heat map."), "This network has no heat map."), (KeyError(3), UNFORESEEN)],
)
def test_one_that_cannot_be_worked_out_says_why_and_may_be_asked_again(
    studio: Studio, model: Model, image: Image, error: Exception, said: str
) -> None:
    asked = ask(studio, model, image)
    assert Explainer(studio, Answers(error)).tick()
    assert explanations.get(studio, asked.id).problem == said and studio.store.explanations.due() == []
    assert ask(studio, model, image).pending
    assert Explainer(studio, Answers()).tick()
    assert explanations.get(studio, asked.id).problem is None


def test_whoever_is_told_to_end_leaves_the_question_to_the_next(studio: Studio, model: Model, image: Image) -> None:
    asked = ask(studio, model, image)
    first = Explainer(studio, Answers())
    first.stopped = True
    with pytest.raises(Interrupted):
        first.tick()
    assert Explainer(studio, Answers()).tick()
    assert explanations.get(studio, asked.id).at is not None


def test_one_that_ends_three_processes_is_left_alone_until_it_is_asked_again(
    studio: Studio, model: Model, image: Image
) -> None:
    asked = ask(studio, model, image)
    for _ in range(3):
        assert [one.id for one in studio.store.explanations.due()] == [asked.id]
        studio.store.explanations.begin(asked.id)  # what is written before the work that nobody survives
    given_up = explanations.get(studio, asked.id)
    assert studio.store.explanations.due() == []
    assert (given_up.pending, given_up.problem) == (False, GAVE_UP)
    assert ask(studio, model, image).pending and len(studio.store.explanations.due()) == 1


def test_what_cannot_be_asked_is_refused_with_a_reason(studio: Studio, model: Model, image: Image) -> None:
    with pytest.raises(Refused, match="does not know that label"):
        ask(studio, model, image, label="mouse")
    with pytest.raises(NotFound, match="no model 99"):
        explanations.want(studio, 99, image.sha256, Method.LIME)
    with pytest.raises(NotFound, match="file of this picture is gone"):
        explanations.want(studio, model.id, "f" * 64, Method.LIME)
    files = studio.files.model(model.folder)
    files.rename(files.with_name("elsewhere"))
    with pytest.raises(NotFound, match="files of this model are gone"):
        ask(studio, model, image)


def test_all_but_the_newest_are_forgotten(studio: Studio, model: Model, image: Image) -> None:
    asked = [ask(studio, model, image, method) for method in Method]
    studio.store.explanations.sweep(2)
    assert [one.id for one in studio.store.explanations.due()] == [one.id for one in asked[-2:]]
    with pytest.raises(NotFound, match="Ask again"):
        explanations.get(studio, asked[0].id)


def test_a_removed_dataset_is_asked_about_no_more(studio: Studio, model: Model, image: Image) -> None:
    ask(studio, model, image)
    studio.store.datasets.remove(image.dataset_id)
    assert studio.store.explanations.due() == []


def test_every_way_is_told_in_one_sentence() -> None:
    assert set(WAYS) == set(Method)
    for way in WAYS.values():
        assert way.sentence.endswith(".") and way.sentence.count(". ") == 0

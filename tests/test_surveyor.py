"""Surveys: worked out once for each state of the labels, in the background, whatever happens to who does it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from core import surveys
from core.errors import NotFound, Refused
from core.jobs import Interrupted, Tell
from core.records import Dataset, Split
from core.stores import NewImage
from core.studio import Studio
from core.surveyor import UNFORESEEN, Surveyor


@pytest.fixture
def dataset(studio: Studio) -> Dataset:
    made = studio.store.datasets.create("pets")
    return rest(studio, label_one(studio, made, 1))


def label_one(studio: Studio, dataset: Dataset, number: int) -> Dataset:
    """Another picture, and with it another state of the labels."""
    image = NewImage(f"{number:064x}", f"cat/{number}.jpg", "cat", Split.AUTO, 10, 20, "JPEG", 100)
    studio.store.images.add(dataset.id, [image], "ann", "Added a picture")
    return studio.store.datasets.get(dataset.id)


def rest(studio: Studio, dataset: Dataset) -> Dataset:
    """The instant model has seen the labels."""
    studio.store.datasets.mark_fitted(dataset.id, dataset.labels_revision)
    return studio.store.datasets.get(dataset.id)


class Counting:
    """A survey that says which labels it saw, and does what it is told to on the way."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, studio: Studio, dataset: Dataset, tell: Tell) -> Mapping[str, Any]:
        tell(0.5)
        self.seen.append(dataset.labels_revision)
        return {"seen": dataset.labels_revision}


def test_a_survey_is_worked_out_once_for_each_state_of_the_labels(studio: Studio, dataset: Dataset) -> None:
    compute = Counting()
    surveyor = Surveyor(studio, {"counting": compute})
    asked = surveys.latest(studio, dataset.id, "counting")
    assert asked.pending and not asked.ready
    assert surveyor.tick() and not surveyor.tick()
    found = surveys.latest(studio, dataset.id, "counting")
    assert found.ready and not found.pending and found.progress is None
    assert found.content == {"seen": dataset.labels_revision}
    changed = rest(studio, label_one(studio, dataset, 2))
    stale = surveys.latest(studio, dataset.id, "counting")
    assert stale.pending and stale.content == found.content, "yesterday's is shown until there is a newer one"
    assert surveyor.tick() and not surveyor.tick()
    assert compute.seen == [dataset.labels_revision, changed.labels_revision]


def test_labels_that_change_meanwhile_are_surveyed_again(studio: Studio, dataset: Dataset) -> None:
    def compute(studio: Studio, dataset: Dataset, tell: Tell) -> Mapping[str, Any]:
        if len(seen) == 0:
            rest(studio, label_one(studio, dataset, 2))
            surveys.ask(studio, dataset.id, ["counting"])
        seen.append(dataset.labels_revision)
        return {}

    seen: list[int] = []
    surveyor = Surveyor(studio, {"counting": compute})
    surveys.ask(studio, dataset.id, ["counting"])
    while surveyor.tick():
        pass
    assert seen == [dataset.labels_revision, dataset.labels_revision + 1]


def test_a_dataset_whose_labels_still_change_is_left_alone(studio: Studio, dataset: Dataset) -> None:
    label_one(studio, dataset, 2)
    surveys.ask(studio, dataset.id, ["counting"])
    assert not Surveyor(studio, {"counting": Counting()}).tick()


def test_asking_anew_works_it_out_again_for_the_same_labels(studio: Studio, dataset: Dataset) -> None:
    compute = Counting()
    surveyor = Surveyor(studio, {"counting": compute})
    for _ in range(2):
        surveys.anew(studio, dataset.id, "counting")
        assert surveyor.tick()
    assert compute.seen == [dataset.labels_revision] * 2


@pytest.mark.parametrize(
    ("error", "said"),
    [(Refused("There are too few pictures."), "There are too few pictures."), (KeyError(3), UNFORESEEN)],
)
def test_one_that_cannot_be_worked_out_says_why_and_is_not_tried_again(
    studio: Studio, dataset: Dataset, error: Exception, said: str
) -> None:
    def compute(studio: Studio, dataset: Dataset, tell: Tell) -> Mapping[str, Any]:
        raise error

    surveys.ask(studio, dataset.id, ["counting"])
    surveyor = Surveyor(studio, {"counting": compute})
    assert surveyor.tick() and not surveyor.tick()
    found = surveys.latest(studio, dataset.id, "counting")
    assert found.problem == said and not found.ready and not found.pending


def test_a_kind_that_nobody_knows_is_said_to_be_so(studio: Studio, dataset: Dataset) -> None:
    surveys.ask(studio, dataset.id, ["of tomorrow"])
    assert Surveyor(studio, {}).tick()
    assert "does not know" in str(surveys.latest(studio, dataset.id, "of tomorrow").problem)


def test_whoever_is_told_to_end_leaves_the_survey_to_the_next(studio: Studio, dataset: Dataset) -> None:
    surveys.ask(studio, dataset.id, ["counting"])
    first = Surveyor(studio, {"counting": Counting()})
    first.stopped = True
    with pytest.raises(Interrupted):
        first.tick()
    assert Surveyor(studio, {"counting": Counting()}).tick()
    assert surveys.latest(studio, dataset.id, "counting").ready


def test_one_that_kills_three_surveyors_is_left_alone_until_the_labels_change(studio: Studio, dataset: Dataset) -> None:
    surveys.ask(studio, dataset.id, ["deadly"])
    for _ in range(3):
        assert [one.kind for one in studio.store.surveys.due()] == ["deadly"]
        studio.store.surveys.begin(dataset.id, "deadly")  # what is written before the work that nobody survives
    assert studio.store.surveys.due() == []
    given_up = surveys.latest(studio, dataset.id, "deadly")
    assert not given_up.pending and "three times" in str(given_up.problem)
    label_one(studio, dataset, 2)
    assert surveys.latest(studio, dataset.id, "deadly").pending


def test_a_survey_of_no_dataset_is_refused(studio: Studio) -> None:
    with pytest.raises(NotFound):
        surveys.latest(studio, 99, "counting")


def test_a_removed_dataset_is_surveyed_no_more(studio: Studio, dataset: Dataset, tmp_path: Path) -> None:
    surveys.ask(studio, dataset.id, ["counting"])
    studio.store.datasets.remove(dataset.id)
    assert studio.store.surveys.due() == []

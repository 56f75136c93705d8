"""Travel: how a model does on pictures from elsewhere, and whether learning from both places serves both.

A survey of one dataset about another (`core.index.travelling` works it out): the other's models on its pictures, and
heads learned from either and from both, each measured on both. Labels are matched by their names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core import surveys
from core.records import Dataset, Survey
from core.scores import wilson_interval
from core.studio import Studio
from core.words import of_hundred

KIND = "travel"
HOME, AWAY, BOTH = "home", "away", "both"
DROPS = 0.05  # of the pictures: a model that loses more than this elsewhere does not travel


@dataclass(frozen=True, slots=True)
class Share:
    right: int
    images: int

    @property
    def value(self) -> float:
        return self.right / self.images if self.images else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, Wilson."""
        return wilson_interval(self.right, self.images)


@dataclass(frozen=True, slots=True)
class Trip:
    """A model of this dataset on the other's pictures."""

    model_id: int
    folder: str
    away: Share


@dataclass(frozen=True, slots=True)
class Travel:
    labels: tuple[str, ...]  # that both have
    table: dict[str, dict[str, Share]]  # learned from home, away or both -> measured on home or away
    trips: tuple[Trip, ...]
    seen: tuple[int, int]  # labels revision of the other when it was worked out, and its id

    def sentence(self, home: str, away: str) -> str:
        """What the table says."""
        lost = [
            name
            for name, own, other in ((home, HOME, AWAY), (away, AWAY, HOME))
            if self.table[own][own].value - self.table[own][other].value > DROPS
        ]
        served = all(self.table[place][place].value - self.table[BOTH][place].value <= DROPS for place in (HOME, AWAY))
        both = "Learning from both serves both" if served else "Learning from both costs one of them"
        numbers = ", ".join(
            f"{of_hundred(self.table[BOTH][place].value, self.table[BOTH][place].images)} right on {name}"
            for place, name in ((HOME, home), (AWAY, away))
        )
        if len(lost) == 2:
            return f"Neither travels: each alone fails on the other. {both}: {numbers}."
        if lost:
            return f"What is learned from {lost[0]} does not travel. {both}: {numbers}."
        return f"Both travel: each does about as well on the other. {both}: {numbers}."


def kind(other_id: int) -> str:
    """The kind of the survey about that dataset."""
    return f"{KIND}:{other_id}"


def places(studio: Studio, dataset_id: int) -> list[tuple[Dataset, int]]:
    """The other datasets with at least two labels of the same names, most in common first, and how many."""
    mine = {label.name for label in studio.store.datasets.labels(dataset_id) if label.images}
    found = []
    for other in studio.store.datasets.all():
        if other.id != dataset_id:
            names = {label.name for label in studio.store.datasets.labels(other.id) if label.images}
            found.append((other, len(mine & names)))
    return sorted(((one, many) for one, many in found if many > 1), key=lambda pair: (-pair[1], pair[0].name))


def of(studio: Studio, dataset_id: int, other_id: int) -> tuple[Survey, Travel | None]:
    """The survey, which is asked for where it is not of the labels and models as they are, and what the last one says.

    Raises:
        NotFound: one of the datasets is gone.
    """
    other = studio.store.datasets.get(other_id)
    survey = surveys.latest(studio, dataset_id, kind(other_id))
    found = read(survey)
    if found is not None and not survey.pending and stale(studio, dataset_id, found, other):
        survey = surveys.anew(studio, dataset_id, kind(other_id))
    return survey, found


def stale(studio: Studio, dataset_id: int, found: Travel, other: Dataset) -> bool:
    """Labels of the other have changed since, or there is a model that has not travelled."""
    known = {trip.folder for trip in found.trips}
    models = {model.folder for model in studio.store.models.all(dataset_id)}
    return found.seen != (other.labels_revision, other.id) or not models <= known


def read(survey: Survey) -> Travel | None:
    """What a survey found; None while there is none."""
    if not survey.ready:
        return None
    told: dict[str, Any] = survey.content
    table = {
        learned: {place: Share(*share) for place, share in measured.items()}
        for learned, measured in told["table"].items()
    }
    trips = tuple(Trip(one["model_id"], one["folder"], Share(*one["away"])) for one in told["trips"])
    return Travel(tuple(told["labels"]), table, trips, (told["seen"][0], told["seen"][1]))

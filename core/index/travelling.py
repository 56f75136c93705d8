"""Travelling, worked out: models of one dataset on the pictures of another, and heads learned from either and both.

A head learned from pictures is measured on those of its own dataset only where it had not seen them: in folds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from core import caution
from core.errors import NotFound, Refused, StudioError
from core.index import instant
from core.index.fitting import Material, gather
from core.index.instant import Integers
from core.index.sessions import Ready
from core.ports import Vectors
from core.records import Dataset, Label, Model, Split
from core.studio import Studio
from core.travel import AWAY, BOTH, HOME

MOST = 5000  # pictures of each dataset, for the table
MOST_SHOWN = 400  # pictures a trained model is shown: it looks at each of them anew
Tell = Callable[[float], None]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The pictures of one dataset under labels that both have."""

    vectors: Vectors
    targets: Integers  # in the order of the shared labels
    sha256s: list[str]


def compute(studio: Studio, dataset: Dataset, tell: Tell, about: str) -> Mapping[str, Any]:
    """The survey of kind *travel*, about another dataset. Raises Refused, NotFound."""
    other = studio.store.datasets.get(int(about))
    too_few = Refused(f"“{dataset.name}” and “{other.name}” have fewer than two labels in common.", "labels")
    if len(_both(*([one for one in studio.store.datasets.labels(d.id) if one.images] for d in (dataset, other)))) < 2:
        raise too_few
    here, there = gather(studio, dataset.id), gather(studio, other.id)
    names = _both(here.labels, there.labels)
    if len(names) < 2:
        raise too_few
    home, away = _place(here, names), _place(there, names)
    tell(0.1)
    with threadpool_limits(1):
        table = cross(home, away, len(names))
    tell(0.4)
    models = studio.store.models.all(dataset.id)
    trips = []
    for at, model in enumerate(models):
        right, images = _trip(studio, model, _unknown(studio, model, here, away), names)
        trips.append({"model_id": model.id, "folder": model.folder, "away": [right, images]})
        tell(0.4 + 0.6 * (at + 1) / len(models))
    return {"labels": names, "table": table, "trips": trips, "seen": [other.labels_revision, other.id]}


def _both(some: Sequence[Label], others: Sequence[Label]) -> list[str]:
    """The names that both have, in the order of the first."""
    names = {one.name for one in others}
    return [one.name for one in some if one.name in names]


def _place(material: Material, names: list[str]) -> Place:
    place = np.array([names.index(one.name) if one.name in names else -1 for one in material.labels], np.int64)
    kept = np.flatnonzero(place[material.targets] >= 0)
    kept = kept[caution.choose(len(kept), MOST)]
    return Place(
        material.vectors[kept], place[material.targets[kept]], [material.images[at].sha256 for at in kept.tolist()]
    )


def cross(home: Place, away: Place, labels: int) -> dict[str, dict[str, list[int]]]:
    """{learned from: {measured on: [right, pictures]}}. A picture that both hold is nobody's elsewhere: whoever learned
    from it is asked about it in folds."""
    here = {sha: at for at, sha in enumerate(home.sha256s)}
    there = {sha: at for at, sha in enumerate(away.sha256s)}
    of_home, of_away = np.arange(len(home.targets)), np.arange(len(away.targets))
    away_at_home = np.array([here.get(sha, -1) for sha in away.sha256s] or np.full(len(of_away), -1), np.int64)
    home_at_away = np.array([there.get(sha, -1) for sha in home.sha256s] or np.full(len(of_home), -1), np.int64)
    new = np.flatnonzero(away_at_home < 0)
    away_at_both = away_at_home.copy()
    away_at_both[new] = len(of_home) + np.arange(len(new))
    vectors = np.concatenate([home.vectors, away.vectors[new]])
    targets = np.concatenate([home.targets, away.targets[new]])
    told = {}
    for learned, (known, shown), at_home, at_away in (
        (HOME, (home.vectors, home.targets), of_home, away_at_home),
        (AWAY, (away.vectors, away.targets), home_at_away, of_away),
        (BOTH, (vectors, targets), of_home, away_at_both),
    ):
        found = instant.fit(known, shown, labels)
        told[learned] = {
            HOME: _asked(found, len(shown), home, at_home),
            AWAY: _asked(found, len(shown), away, at_away),
        }
    return told


def _asked(found: instant.Fit, learned: int, place: Place, own: Integers) -> list[int]:
    """[right, pictures] of a head; about what it has learned from, what one said that had not.

    Args:
        learned: pictures it has learned from. own: (N,) which of them each picture of the place is, -1: none.
    """
    measured = np.full(learned + 1, -1)  # the last one for none
    measured[found.measured] = np.arange(len(found.measured))
    folded = measured[own]
    scores = place.vectors @ found.weight.T + found.bias
    scores[folded >= 0] = found.probabilities[folded[folded >= 0]]
    kept = (own < 0) | (folded >= 0)
    return _count(scores[kept], place.targets[kept])


def _count(scores: instant.Floats, targets: Integers) -> list[int]:
    return [int((scores.argmax(1) == targets).sum()), len(targets)]


def _unknown(studio: Studio, model: Model, here: Material, away: Place) -> Place:
    """What a model has not learned from: a dataset made of two holds the pictures of both."""
    if model.version_id is None:
        learned = {one.sha256 for one in here.images}
    else:
        learned = {one.sha256 for one in studio.store.versions.images(model.version_id) if one.split is Split.TRAIN}
    kept = [at for at, sha in enumerate(away.sha256s) if sha not in learned]
    return Place(away.vectors[kept], away.targets[kept], [away.sha256s[at] for at in kept])


def _trip(studio: Studio, model: Model, away: Place, names: list[str]) -> tuple[int, int]:
    """How many of the other's pictures it gets right; a label that the other does not have is wrong. (0, 0): its files
    are gone, or none of the pictures could be read."""
    try:
        ready = Ready(studio.files.model(model.folder) / "model.onnx")
    except NotFound:
        return 0, 0
    at = caution.choose(len(away.targets), MOST_SHOWN)
    right = images = 0
    for place in at.tolist():
        try:
            pixels = studio.decoder.pixels(studio.files.picture(away.sha256s[place]))
        except StudioError:
            continue
        said, _ = ready.run(pixels, heat=False)
        labels = ready.labels or model.labels
        right += labels[int(said.probabilities.argmax())] == names[int(away.targets[place])]
        images += 1
    return right, images

"""Whether what is learned in one place holds in another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core import runs, travel
from core.errors import Refused
from core.imaging.pool import DecoderPool
from core.index import travelling
from core.index.backbone import SIDE, Backbone
from core.index.fitting import Material
from core.index.travelling import Place
from core.records import ModelKind, Split
from core.settings import Settings
from core.studio import Studio
from core.surveyor import KINDS, Surveyor
from tests.pages.conftest import add, add_model
from tests.worlds import shared_set

BACKBONE = Settings(Path()).backbone_path


def place(sign: float, seed: int) -> Place:
    """Two labels that one number tells apart, which the other place has the other way round; another says where."""
    chance = np.random.default_rng(seed)
    targets = np.arange(120) % 2
    vectors = chance.normal(size=(120, 24)).astype(np.float32)
    vectors[:, 0] += 6 * sign * (2 * targets - 1)
    vectors[:, 1] += 6 * sign
    # What holds in both places, and is weaker.
    vectors[:, 2] += 3 * (2 * targets - 1)
    return Place(vectors, targets.astype(np.int64), [])


def test_what_holds_only_at_home_fails_elsewhere_and_learning_from_both_serves_both() -> None:
    told = travelling.cross(place(1, 1), place(-1, 2), 2)

    share = {a: {b: told[a][b][0] / told[a][b][1] for b in told[a]} for a in told}
    assert share["home"]["home"] > 0.95 and share["away"]["away"] > 0.95
    assert share["home"]["away"] < 0.6 and share["away"]["home"] < 0.6
    assert min(share["both"].values()) > 0.85
    assert all(images == 120 for row in told.values() for _, images in row.values())


def test_what_both_places_hold_is_asked_of_a_head_that_had_not_learned_from_it() -> None:
    chance = np.random.default_rng(5)
    vectors, targets = chance.normal(size=(120, 400)).astype(np.float32), (np.arange(120) % 2).astype(np.int64)
    names = [f"{at:064x}" for at in range(120)]
    whole = Place(vectors, targets, names)  # nothing to learn: who knows these pictures remembers them by heart
    part = Place(vectors[:60], targets[:60], names[:60])
    told = travelling.cross(whole, part, 2)
    apart = travelling.cross(whole, Place(vectors[:60], targets[:60], [f"b{name[1:]}" for name in names[:60]]), 2)
    assert apart["home"]["away"] == [60, 60], "so it would be, were they taken for other pictures"
    for learned in ("home", "away", "both"):
        for place, images in (("home", 120), ("away", 60)):
            right, measured = told[learned][place]
            assert measured == images and 0.25 < right / measured < 0.75


def test_a_model_is_not_shown_what_it_has_learned_from(studio: Studio) -> None:
    dataset = add(studio, "A", {"cat": 10, "dog": 10})
    instant_model = add_model(studio, dataset)
    run = runs.start(studio, dataset, "mlp", 1)
    trained = add_model(studio, dataset, ModelKind.TRAINED, run.id)
    version = studio.store.versions.images(run.version_id)
    labelled = studio.store.images.labelled(dataset)
    here = Material([], labelled, np.zeros((20, 2), np.float32), np.zeros(20, np.int64), [], 0)
    names = [one.sha256 for one in labelled] + ["f" * 64]
    away = Place(np.zeros((21, 2), np.float32), np.arange(21), names)
    assert travelling._unknown(studio, instant_model, here, away).sha256s == ["f" * 64]
    left = travelling._unknown(studio, trained, here, away)
    held_back = {one.sha256 for one in version if one.split is not Split.TRAIN}
    assert set(left.sha256s) == held_back | {"f" * 64} and len(held_back) > 0
    assert [names[at] for at in left.targets] == left.sha256s


def content(home_away: int, both: int) -> dict[str, object]:
    table = {
        "home": {"home": [98, 100], "away": [home_away, 100]},
        "away": {"home": [home_away, 100], "away": [97, 100]},
        "both": {"home": [both, 100], "away": [both, 100]},
    }
    return {"labels": ["cat", "dog"], "table": table, "trips": [], "seen": [0, 2]}


@pytest.mark.parametrize(
    ("home_away", "both", "said"),
    [
        (50, 97, "Neither travels: each alone fails on the other. Learning from both serves both: 97 of 100"),
        (97, 97, "Both travel"),
        (50, 80, "Learning from both costs one of them"),
    ],
)
def test_the_table_is_said_in_words(studio: Studio, home_away: int, both: int, said: str) -> None:
    home, away = add(studio, "A", {"cat": 3, "dog": 3}), add(studio, "B", {"cat": 3, "dog": 3})
    revision = studio.store.datasets.get(home).labels_revision
    studio.store.surveys.want(home, travel.kind(away))
    studio.store.surveys.put(home, travel.kind(away), revision, 0.1, content(home_away, both))
    survey = studio.store.surveys.get(home, travel.kind(away))
    assert survey is not None and (found := travel.read(survey)) is not None
    assert said in found.sentence("A", "B")


def test_only_datasets_with_the_same_labels_are_places_to_go(studio: Studio) -> None:
    home = add(studio, "A", {"cat": 3, "dog": 3, "eel": 1})
    add(studio, "B", {"cat": 3, "fox": 3})
    near = add(studio, "C", {"cat": 3, "dog": 3})
    assert [(one.id, many) for one, many in travel.places(studio, home)] == [(near, 2)]


def test_the_surveyor_knows_what_a_journey_is_about(studio: Studio) -> None:
    home, away = add(studio, "A", {"cat": 3, "dog": 3}), add(studio, "B", {"fox": 3, "eel": 3})
    add_model(studio, home)
    survey, _ = travel.of(studio, home, away)
    assert survey.pending
    assert Surveyor(studio, KINDS).tick()
    done = studio.store.surveys.get(home, travel.kind(away))
    assert done is not None and "fewer than two labels in common" in str(done.problem)
    with pytest.raises(Refused):
        travelling.compute(studio, studio.store.datasets.get(home), lambda _: None, str(away))


@pytest.mark.slow
@pytest.mark.skipif(not BACKBONE.exists(), reason="build/backbone.onnx is missing; run `make setup`")
def test_digits_of_two_post_offices_serve_both_together(tmp_path: Path, decoder: DecoderPool) -> None:
    home, away = (digits(shared_set(name, tmp_path), decoder) for name in ("digits_mnist", "digits_usps"))
    told = travelling.cross(home, away, 10)
    share = {a: {b: told[a][b][0] / told[a][b][1] for b in told[a]} for a in told}
    assert share["home"]["away"] < share["away"]["away"] - 0.08
    assert share["away"]["home"] < share["home"]["home"] - 0.08
    for one in ("home", "away"):
        assert share["both"][one] > share[one][one] - 0.03


def digits(folder: Path, decoder: DecoderPool) -> Place:
    paths = sorted(path for path in folder.glob("*/*") if path.suffix in (".png", ".jpg"))[::4]
    pixels = dict(decoder.resized(paths, SIDE))
    squares = [square for at in range(len(paths)) if (square := pixels[at]) is not None]
    vectors = Backbone(BACKBONE, 2).vectors(np.stack(squares))
    names = sorted({path.parent.name for path in paths})
    return Place(vectors, np.array([names.index(path.parent.name) for path in paths], np.int64), [])

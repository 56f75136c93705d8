"""Judgements: the numbers are scikit-learn's, and the intervals hold them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from core import judgements
from core.imaging.pool import DecoderPool
from core.index import judging
from core.records import ModelKind, Split
from core.stores import NewImage
from core.surveyor import KINDS, Surveyor
from tests.worlds import make_studio

LABELS = ("cat", "dog", "eel", "fox")


def answers(count: int = 400) -> tuple[judging.Integers, judging.Floats]:
    """Right in about three of four cases, with ties among the scores."""
    chance = np.random.default_rng(3)
    targets = chance.integers(0, 3, count)  # of the last label there is none
    scores = chance.normal(size=(count, 4)).round(1)
    scores[np.arange(count), targets] += 2
    shares = np.exp(scores)
    return targets, shares / shares.sum(1, keepdims=True)


def test_areas_drawn_anew_are_those_of_scikit_learn() -> None:
    targets, shares = answers()
    positive, scores = targets == 1, shares[:, 1].round(2)

    [found] = judging.resample_areas(positive, scores, np.random.default_rng(0), resamples=0)

    expected = metrics.roc_auc_score(positive, scores), metrics.average_precision_score(positive, scores)
    assert found.tolist() == pytest.approx(expected, abs=1e-9)


def test_intervals_hold_their_value_and_get_narrower_with_more_pictures() -> None:
    wide, narrow = (judging.judge(*answers(count), LABELS, lambda _: None) for count in (60, 2000))

    for found in (wide, narrow):
        for value, low, high in (found["accuracy"], found["balanced"], found["f1"], found["error"]):
            assert 0 <= low <= value <= high <= 1
    for name in ("accuracy", "balanced", "f1"):
        assert narrow[name][2] - narrow[name][1] < 0.5 * (wide[name][2] - wide[name][1])


def test_a_label_without_pictures_has_no_numbers() -> None:
    told = judging.judge(*answers(), LABELS, lambda _: None)

    fox = told["labels"][3]
    assert fox["recall"] is None and fox["auc"] is None and fox["images"] == 0
    json.dumps(told, allow_nan=False)


def test_the_bins_of_the_diagram_hold_every_picture_once() -> None:
    targets, shares = answers()
    told = judging.judge(targets, shares, LABELS, lambda _: None)

    assert sum(one[4] for one in told["bins"]) == len(targets)
    gap = sum(abs(one[2] - one[3][0]) * one[4] for one in told["bins"]) / len(targets)
    assert told["error"][0] == pytest.approx(gap, abs=1e-3)


def test_the_surveyor_judges_each_model_once(tmp_path: Path, decoder: DecoderPool) -> None:
    studio = make_studio(tmp_path, decoder)
    dataset = studio.store.datasets.create("pets")
    images = [NewImage(f"{n:064x}", f"{n}.jpg", LABELS[n % 2], Split.AUTO, 9, 9, "JPEG", 9) for n in range(20)]
    studio.store.images.add(dataset.id, images, "ann", "Added")
    targets = np.arange(20) % 2
    shares = np.full((20, 2), 0.2, np.float32)
    shares[np.arange(20), targets] = 0.8
    studio.files.model("m").mkdir()
    held = studio.files.model("m") / "held_out.npz"
    np.savez(held, image_id=np.arange(1, 21), target=targets, probabilities=shares)
    measured = (1.0, (0.8, 1.0), "cross-validation", 20)
    model = studio.store.models.put(dataset.id, ModelKind.INSTANT, "lite", LABELS[:2], *measured, "m", {})
    studio.store.datasets.mark_fitted(dataset.id, 99)
    studio.store.datasets.mark_fitted(dataset.id, studio.store.datasets.get(dataset.id).labels_revision)

    survey, found = judgements.of(studio, model)
    assert survey is not None and survey.pending and found is None
    kinds = {**KINDS, judgements.KIND: judging.compute}
    fitted = studio.store.datasets.get(dataset.id)
    content = kinds[judgements.KIND](studio, fitted, lambda _: None)
    studio.store.surveys.put(dataset.id, judgements.KIND, fitted.labels_revision, 0.1, content)

    survey, found = judgements.of(studio, model)
    assert survey is None and found is not None
    assert found.accuracy.value == 1.0 and found.accuracy.low > 0.8
    assert [one.label for one in found.labels] == ["cat", "dog"]
    assert Surveyor(studio, kinds).tick() is False, "it is done once"

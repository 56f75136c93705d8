from __future__ import annotations

import json

import numpy as np
import pytest

from core.scores import score, wilson_interval

LABELS = ("cat", "dog", "owl")


def test_scores_of_a_case_counted_by_hand() -> None:
    #                     cat as cat  cat as dog  dog as dog  dog as dog  dog as cat
    probabilities = np.array(
        [[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.8, 0.1], [0.3, 0.4, 0.3], [0.6, 0.3, 0.1]], np.float32
    )

    found = score(np.array([0, 0, 1, 1, 1]), probabilities, LABELS)

    assert found.accuracy == 3 / 5 and found.images == 5
    assert found.confusion == ((1, 1, 0), (1, 2, 0), (0, 0, 0))
    cat, dog, owl = found.labels
    assert (cat.precision, cat.recall, cat.f1, cat.images) == (1 / 2, 1 / 2, 1 / 2, 2)
    assert (dog.precision, dog.recall, dog.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert (owl.precision, owl.recall, owl.f1, owl.images) == (None, None, None, 0)
    assert found.loss == pytest.approx(-np.log([0.8, 0.2, 0.8, 0.4, 0.3]).mean(), rel=1e-6)
    assert json.loads(json.dumps(found.as_dict()))["labels"][2]["f1"] is None


def test_a_label_that_is_never_called_has_no_precision_and_no_recall_to_boast_of() -> None:
    found = score(np.array([0, 1]), np.array([[0.9, 0.1], [0.9, 0.1]]), LABELS[:2])

    assert (found.labels[1].precision, found.labels[1].recall) == (None, 0.0)


def test_certainty_about_the_wrong_label_is_still_a_number() -> None:
    assert np.isfinite(score(np.array([0]), np.array([[0.0, 1.0]]), LABELS[:2]).loss)


@pytest.mark.parametrize(
    ("correct", "count", "low", "high"),
    [(10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (95, 100, 0.8882, 0.9785)],
)
def test_the_interval_is_wilsons(correct: int, count: int, low: float, high: float) -> None:
    assert wilson_interval(correct, count) == pytest.approx((low, high), abs=1e-4)


def test_of_nothing_counted_nothing_is_known() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="0 targets"):
        score(np.zeros(0, np.int64), np.zeros((0, 2)), LABELS[:2])


@pytest.mark.parametrize("count", range(1, 200))
def test_the_interval_holds_the_accuracy_it_belongs_to(count: int) -> None:
    for correct in (0, count // 2, count):
        low, high = wilson_interval(correct, count)
        assert 0 <= low <= correct / count <= high <= 1

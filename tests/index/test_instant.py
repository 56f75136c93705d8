"""The head is accurate, and what is said about its accuracy was measured."""

from __future__ import annotations

import numpy as np
import pytest

from core.index.instant import UNMEASURED, Fit, Floats, Integers, _Dual, _Primal, assign_folds, fit, softmax


def clouds(counts: list[int], spread: float = 0.3, width: int = 40, seed: int = 0) -> tuple[Floats, Integers]:
    """Vectors around one point a label."""
    chance = np.random.default_rng(seed)
    centres = chance.normal(size=(len(counts), width))
    targets = np.repeat(np.arange(len(counts)), counts)
    return (centres[targets] + spread * chance.normal(size=(len(targets), width))).astype(np.float32), targets


def accuracy(found: Fit, targets: Integers) -> float:
    return float(np.mean(found.probabilities.argmax(1) == targets[found.measured]))


@pytest.mark.parametrize("counts", [[2, 2], [3, 40], [30, 30, 30], [5] * 100])
def test_labels_that_lie_apart_are_told_apart(counts: list[int]) -> None:
    vectors, targets = clouds(counts)
    found = fit(vectors, targets, len(counts))
    assert len(found.measured) == len(vectors)
    assert accuracy(found, targets) == 1.0
    said = softmax(vectors @ found.weight.T + found.bias)
    np.testing.assert_array_equal(said.argmax(1), targets)


def test_probabilities_are_shares_of_one() -> None:
    vectors, targets = clouds([20, 30], spread=2.0)
    found = fit(vectors, targets, 2)
    np.testing.assert_allclose(found.probabilities.sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize("pictures", [60, 400])  # fewer and more than features
def test_labels_that_mean_nothing_are_measured_as_guesses(pictures: int) -> None:
    chance = np.random.default_rng(1)
    vectors = chance.normal(size=(pictures, 100)).astype(np.float32)
    targets = chance.integers(0, 2, pictures)
    found = fit(vectors, targets, 2)
    assert 0.3 < accuracy(found, targets) < 0.7
    assert found.probabilities.max(1).mean() < 0.8  # and it does not claim to know


def test_the_same_pictures_give_the_same_answer() -> None:
    vectors, targets = clouds([20, 20, 20], spread=2.0)
    one, two = fit(vectors, targets, 3), fit(vectors, targets, 3)
    np.testing.assert_array_equal(one.probabilities, two.probabilities)
    np.testing.assert_array_equal(one.weight, two.weight)


def test_a_labels_only_picture_is_learned_but_not_measured() -> None:
    vectors, targets = clouds([10, 1, 10])
    found = fit(vectors, targets, 3)
    assert 10 not in found.measured and len(found.measured) == 20
    assert softmax(vectors[10:11] @ found.weight.T + found.bias).argmax() == 1


def test_two_labels_of_one_picture_each_measure_nothing() -> None:
    vectors, targets = clouds([1, 1])
    assert fit(vectors, targets, 2).probabilities.shape == (0, 2)


def test_a_rare_label_is_not_drowned_by_a_frequent_one() -> None:
    vectors, targets = clouds([400, 8], spread=2.5, seed=3)
    found = fit(vectors, targets, 2)
    rare = targets[found.measured] == 1
    assert np.mean(found.probabilities.argmax(1)[rare] == 1) >= 0.5


def test_identical_pictures_do_not_break_it() -> None:
    found = fit(np.zeros((6, 40), np.float32), np.array([0, 0, 0, 1, 1, 1]), 2)
    np.testing.assert_allclose(found.probabilities.sum(1), 1, rtol=1e-5)


def test_every_label_is_spread_over_the_folds() -> None:
    targets = np.repeat([0, 1, 2], [100, 10, 1])
    folds = assign_folds(targets, 3)
    assert np.ptp(np.bincount(folds[:100])) <= 1
    assert len(set(folds[100:110])) == 10
    assert folds[110] == UNMEASURED


@pytest.mark.parametrize("system", [_Primal, _Dual])
def test_out_of_fold_means_fitted_without_the_fold(system: type[_Primal] | type[_Dual]) -> None:
    vectors, targets = clouds([20, 20], spread=2.0, width=30)
    wanted, folds = np.eye(2, dtype=np.float32)[targets], assign_folds(targets, 2)
    scores = system(vectors, wanted, folds).out_of_fold(5.0)
    out = folds == 3
    alone = system(vectors[~out], wanted[~out], folds[~out]).solution(5.0)
    np.testing.assert_allclose(scores[out], vectors[out] @ alone, atol=1e-4)


def test_both_ways_to_solve_it_agree() -> None:
    vectors, targets = clouds([20, 20], spread=2.0, width=30)
    wanted, folds = np.eye(2, dtype=np.float32)[targets], assign_folds(targets, 2)
    one, two = _Primal(vectors, wanted, folds), _Dual(vectors, wanted, folds)
    np.testing.assert_allclose(one.out_of_fold(5.0), two.out_of_fold(5.0), atol=1e-4)
    np.testing.assert_allclose(one.solution(5.0), two.solution(5.0), atol=1e-4)

"""The most useful pictures to label: unsure ones, no two of them alike."""

from __future__ import annotations

import numpy as np

from core.index.useful import POOL, margins, spread, unsure


def test_a_margin_is_how_far_the_best_answer_is_ahead() -> None:
    found = margins(np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]], np.float32))
    np.testing.assert_allclose(found, [0.2, 0.7], atol=1e-6)
    assert margins(np.array([[1.0]], np.float32)).tolist() == [1.0]


def test_the_unsure_ones_come_first_and_not_more_than_are_looked_at() -> None:
    margin = np.linspace(1, 0, 100, dtype=np.float32)
    assert unsure(margin, 2).tolist() == list(range(99, 99 - 2 * POOL, -1))


def test_of_two_crowds_of_alike_pictures_each_is_represented_before_any_is_twice() -> None:
    rng = np.random.default_rng(0)
    crowds = np.eye(5, 32)[np.repeat(np.arange(5), [60, 20, 5, 3, 1])]
    vectors = (crowds + rng.normal(0, 0.01, crowds.shape)).astype(np.float32)
    chosen = spread(vectors, np.full(len(vectors), 0.5, np.float32), 5)
    assert sorted(crowds[chosen].argmax(1).tolist()) == [0, 1, 2, 3, 4]


def test_the_first_is_the_most_unsure_and_a_sure_picture_must_be_much_farther_away() -> None:
    vectors = np.array([[1, 0], [0.9, 0.44], [0, 1]], np.float32)
    assert spread(vectors, np.array([0.1, 0.0, 0.99], np.float32), 2).tolist() == [1, 0]
    assert spread(vectors, np.array([0.1, 0.0, 0.3], np.float32), 2).tolist() == [1, 2]


def test_none_and_fewer_than_asked_for_are_fine() -> None:
    assert spread(np.empty((0, 4), np.float32), np.empty(0, np.float32), 5).tolist() == []
    assert sorted(spread(np.zeros((2, 4), np.float32), np.zeros(2, np.float32), 5).tolist()) == [0, 1]

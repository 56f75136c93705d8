"""When a model says that it does not know."""

from __future__ import annotations

import numpy as np
import pytest

from core import caution
from core.records import Verdict


def drawn(count: int, sharpness: float) -> tuple[caution.Floats, caution.Integers]:
    """Answers that are `sharpness` times as sure as they should be."""
    chance = np.random.default_rng(1)
    logits = chance.normal(size=(count, 3)) * 2
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    targets = np.array([chance.choice(3, p=row) for row in shares])
    return caution.tempered(shares.astype(np.float32), 1 / sharpness), targets


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_takes_away_what_the_answers_are_too_sure_of(sharpness: float) -> None:
    probabilities, targets = drawn(4000, sharpness)

    found = caution.temperature(probabilities, targets)

    assert found == pytest.approx(sharpness, rel=0.08)
    calibrated = caution.tempered(probabilities, found)
    assert calibrated.argmax(1).tolist() == probabilities.argmax(1).tolist()
    assert abs(calibrated.max(1).mean() - (calibrated.argmax(1) == targets).mean()) < 0.02


def test_what_is_answered_is_as_often_right_as_was_said() -> None:
    probabilities, targets = drawn(2000, 1)

    found = caution.measure(probabilities, targets, np.ones(len(targets), np.float32))

    for share in (1.0, 0.9, 0.7):
        point = found.at(share)
        answered = probabilities.max(1) >= point.confidence
        assert answered.mean() == pytest.approx(point.answered) == pytest.approx(share, abs=0.002)
        assert (probabilities.argmax(1) == targets)[answered].mean() == pytest.approx(point.right)
    assert found.at(0.7).right > found.at(1.0).right
    assert "Answers 70 of 100" in caution.words(found.at(0.7))


def test_a_picture_does_not_make_itself_familiar() -> None:
    vectors = np.eye(8, dtype=np.float32)

    assert caution.familiarity(vectors, vectors, np.arange(8)).max() < 0.01
    assert caution.familiarity(vectors, vectors).min() > 0.1


def test_what_is_unlike_everything_is_refused_however_sure_the_answer_is() -> None:
    chance = np.random.default_rng(0)
    vectors = np.abs(chance.normal(size=(300, 32))).astype(np.float32)
    known = caution.directions(vectors[:200])
    probabilities = np.full((100, 2), [0.9, 0.1], np.float32)
    found = caution.measure(probabilities, np.zeros(100, np.int64), caution.familiarity(known, vectors[200:]))

    off = float(caution.familiarity(known, -vectors[:1])[0])
    on = float(caution.familiarity(known, vectors[200:201])[0])

    assert found.verdict(1.0, 0.999, off) is Verdict.UNLIKE
    assert found.verdict(1.0, 0.999, on) is Verdict.ANSWERED
    assert found.verdict(1.0, 0.999, None) is Verdict.ANSWERED, "a model without vectors answers"


def test_it_is_read_as_it_was_kept() -> None:
    probabilities, targets = drawn(50, 1)
    found = caution.measure(probabilities, targets, np.zeros(0, np.float32))

    kept = caution.read(found.as_dict())

    assert kept is not None
    assert found.familiar == -1.0
    assert kept.at(0.8).confidence == found.at(0.8).confidence
    assert kept.verdict(0.8, 0.0, None) is Verdict.UNSURE
    assert caution.read(None) is None

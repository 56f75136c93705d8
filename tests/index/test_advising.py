"""Have I done enough: what is said of data whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from core import enough
from core.enough import Advice, Enough
from core.errors import Refused
from core.index import gains, learning_curve
from core.index.advising import work_out
from core.index.instant import Integers
from core.ports import Vectors
from core.records import Survey


def clouds(counts: list[int], modes: list[int], spread: float, seed: int = 0) -> tuple[Vectors, Integers]:
    """Each label is so many separate clouds: the more of them, the more pictures it takes to know the label."""
    rng = np.random.default_rng(seed)
    vectors, targets = [], []
    for label, (count, many) in enumerate(zip(counts, modes, strict=True)):
        centres = np.random.default_rng(100 + label).normal(0, 1, (many, 60))
        vectors.append(centres[rng.integers(0, many, count)] + rng.normal(0, spread, (count, 60)))
        targets += [label] * count
    return np.concatenate(vectors).astype(np.float32), np.array(targets, np.int64)


def test_labels_that_one_look_tells_apart_are_finished() -> None:
    found = work_out(*clouds([60, 60], [1, 1], 0.1), ["day", "night"])
    assert [one.verdict for one in found.advice] == ["finished", "finished"]
    assert "every label is finished" in found.sentence


def test_the_label_with_many_faces_is_the_one_that_more_pictures_are_wanted_of() -> None:
    found = work_out(*clouds([80, 40], [1, 30], 0.1, seed=1), ["plain", "scratched"])
    verdicts = {one.label: one for one in found.advice}
    assert verdicts["scratched"].gain[1] > verdicts["plain"].gain[1]
    assert found.advice[0].label == "scratched"


def test_a_rare_label_of_a_model_that_errs_is_asked_for() -> None:
    found = work_out(*clouds([8, 100, 100], [25, 25, 25], 0.5), ["rare", "a", "b"])
    first = found.advice[0]
    assert (first.label, first.verdict) == ("rare", "more") and first.gain[0] > 0
    assert found.sentence.startswith("5 more of “rare”")


def test_the_more_pictures_there_are_the_narrower_is_the_interval() -> None:
    few, many = (gains.of_label(np.full((4, 4), 0.02), np.full(4, count), 0) for count in (20, 320))
    assert few[2] - few[0] > 1.9 * (many[2] - many[0]) and many[1] == pytest.approx(few[1], abs=1e-3)


def test_a_label_missed_more_often_than_it_is_taken_by_mistake_gains_more() -> None:
    mistakes = np.array([[0.3, 0.1, 0.1], [0.0, 0.2, 0.05], [0.0, 0.05, 0.2]])
    missed, other, _ = (gains.of_label(mistakes, np.full(3, 50), at)[1] for at in range(3))
    assert missed > 0.01 and missed > other


def test_labels_that_nothing_tells_apart_get_no_promise() -> None:
    rng = np.random.default_rng(0)
    vectors, targets = rng.normal(size=(80, 60)).astype(np.float32), np.repeat([0, 1], 40)
    found = work_out(vectors, targets, ["heads", "tails"])
    assert all(one.verdict != "more" or one.gain[1] < 0.05 for one in found.advice)


def test_too_little_is_said_to_be_too_little() -> None:
    with pytest.raises(Refused, match="Cannot tell yet"):
        work_out(*clouds([10, 3], [1, 1], 0.1), ["a", "b"])
    found = work_out(*clouds([30, 30, 2], [1, 1, 1], 0.1), ["a", "b", "rare"])
    (rare,) = [one for one in found.advice if one.label == "rare"]
    assert rare.verdict == "unclear" and "8 pictures are the least" in enough.sentence(rare)


def test_the_curve_is_measured_in_order_and_goes_on_to_twice_the_pictures() -> None:
    found = work_out(*clouds([60, 60], [12, 12], 0.3), ["a", "b"])
    places = [row[0] for row in found.curve]
    assert places == sorted(places) and found.ahead[-1][0] >= 2 * 120 - 1
    for _, low, middle, high in (*found.curve, *found.ahead):
        assert 0 <= low <= middle <= high <= 1


def test_the_same_pictures_get_the_same_answer() -> None:
    vectors, targets = clouds([30, 30], [6, 6], 0.3)
    assert work_out(vectors, targets, ["a", "b"]) == work_out(vectors, targets, ["a", "b"])


def test_a_power_law_is_found_again() -> None:
    pictures = np.array([50.0, 100.0, 200.0, 400.0])
    errors = 0.05 + 2.0 * pictures**-0.6
    right = np.tile(1 - errors, (8, 1)) + np.random.default_rng(0).normal(0, 1e-4, (8, 4))
    law = learning_curve.law(learning_curve.Measured(pictures, right, np.zeros((0, 0)), 400))
    expected = 1 - (0.05 + 2.0 * 800**-0.6)
    assert abs(float(np.median(law.right(np.array([800.0])))) - expected) < 0.01


def test_a_survey_gives_back_what_was_worked_out() -> None:
    found = work_out(*clouds([30, 30], [6, 6], 0.3), ["a", "b"])
    assert enough.read(Survey(1, "enough", 1, 1, 0.0, 1.0, False, None, None, enough.as_content(found))) == found
    assert enough.read(Survey(1, "enough", 1, -1, None, 0.0, True, None, None, {})) is None


@pytest.mark.parametrize(
    ("advice", "said"),
    [
        (
            Advice("scratched", 30, "more", 20, (0.01, 0.032, 0.05)),
            "20 more of “scratched” should give about +3 points (1.0 to 5.0).",
        ),
        (
            Advice("x", 30, "more", 20, (-0.01, 0.004, 0.01)),
            "20 more of “x” should give about +0.4 points (0.0 to 1.0).",
        ),
        (
            Advice("", 90, "more", 20, (0.0, 0.01, 0.02)),
            "20 more of any label should give about +1.0 points (0.0 to 2.0).",
        ),
        (
            Advice("", 90, "finished", 20, (0, 0, 0)),
            "More pictures as they come, of whatever label, would hardly help.",
        ),
        (
            Advice("", 90, "unclear", 20, (-0.004, 0.01, 0.024)),
            "any label: cannot tell yet; 20 more could give anything from \N{MINUS SIGN}0.4 to +2.4 points.",
        ),
        (Advice("ok", 30, "finished", 20, (0.0, 0.0, 0.0)), "“ok” is finished: more of it would hardly help."),
        (
            Advice("ok", 30, "unclear", 20, (-0.01, 0.0, 0.01)),
            "“ok”: cannot tell yet; 20 more could give anything from \N{MINUS SIGN}1.0 to +1.0 points.",
        ),
    ],
)
def test_each_advice_is_a_sentence(advice: Advice, said: str) -> None:
    assert enough.sentence(advice) == said


def test_the_one_line_says_what_to_do_next_or_that_nobody_can_tell() -> None:
    more = Advice("a", 30, "more", 20, (0.01, 0.02, 0.03))
    unclear, finished = Advice("b", 30, "unclear", 20, (0, 0, 0)), Advice("c", 30, "finished", 20, (0, 0, 0))

    def line(*advice: Advice) -> str:
        return Enough(90, 90, (), (), advice, Advice("", 90, "unclear", 20, (0, 0, 0))).sentence

    assert line(more, unclear).startswith("20 more of “a”")
    better = Enough(90, 90, (), (), (more,), Advice("", 90, "more", 20, (0.01, 0.03, 0.05)))
    assert better.sentence.startswith("20 more of any label"), "what gives most for each picture comes first"
    assert line(unclear).startswith("Cannot tell yet")
    assert line(unclear, finished) == "“c” is finished; of one other nobody can tell yet."

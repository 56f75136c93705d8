"""What a search tries next: the same rows give the same answer, no point comes twice, a grid is covered once."""

from __future__ import annotations

import math
from typing import Any

import pytest

from core import spaces
from core.errors import Refused
from core.proposing import hopeless, importance, propose
from core.records import SearchKind, TrainingSpec
from core.studio import Studio
from core.trials import Outcome, Tried

SPACE: dict[str, list[Any]] = {
    "architecture": ["mlp", "digit-cnn"],
    "learning_rate": [0.1, 10.0],
    "augmentation": ["none", "light", "strong"],
}
SMALL: dict[str, list[Any]] = {"architecture": ["mlp"], "augmentation": ["none", "light"], "side": [0.75, 1.0, 1.25]}


def score(point: spaces.Point) -> float:
    """The best rate is three times the recipe's, and strong augmentation helps."""
    nearness = 1 - abs(float(point["learning_rate"]) - 3) / 10
    return float(0.5 * nearness + 0.3 * (point["augmentation"] == "strong"))


def whole(point: spaces.Point, value: float = 0.5) -> Tried:
    return Tried(point, {1: value / 2, 2: value}, Outcome.WHOLE)


def search(kind: SearchKind, trials: int, seed: int = 3) -> list[spaces.Point]:
    tried: list[Tried] = []
    for _ in range(trials):
        point = propose(kind, SPACE, seed, None, tried)
        assert point is not None
        tried.append(whole(point, score(point)))
    return [one.point for one in tried]


@pytest.mark.parametrize("kind", [SearchKind.TPE, SearchKind.RANDOM])
def test_the_same_seed_gives_the_same_points_and_another_seed_others(kind: SearchKind) -> None:
    first = search(kind, 8)
    assert first == search(kind, 8)
    assert first != search(kind, 8, seed=4)
    assert all(0.1 <= point["learning_rate"] <= 10 for point in first)


def test_what_is_asked_next_depends_on_the_rows_alone_whoever_asked_before() -> None:
    points = search(SearchKind.TPE, 9)
    for cut in (1, 4, 8):
        tried = [whole(point, score(point)) for point in points[:cut]]
        assert propose(SearchKind.TPE, SPACE, 3, None, tried) == points[cut]


def test_learning_from_trials_finds_better_settings_than_chance_does() -> None:
    def found(kind: SearchKind) -> float:
        return sum(max(score(point) for point in search(kind, 25, seed)) for seed in range(6))

    assert found(SearchKind.TPE) > found(SearchKind.RANDOM)


def test_a_grid_covers_every_point_once_and_ends() -> None:
    tried: list[Tried] = []
    while (point := propose(SearchKind.GRID, SMALL, 0, None, tried)) is not None:
        tried.append(whole(point))
    points = [one.point for one in tried]
    assert len(points) == 6 and all(point in points for point in spaces.combinations(SMALL))


def test_a_space_of_few_points_is_tried_out_without_repeating_one() -> None:
    tried: list[Tried] = []
    while (point := propose(SearchKind.TPE, SMALL, 0, None, tried)) is not None:
        assert point not in [one.point for one in tried]
        tried.append(whole(point))
    assert len(tried) == 6


def test_points_of_trials_that_are_at_work_are_not_asked_for_again() -> None:
    points = spaces.combinations(SMALL)
    tried = [Tried(point, {}, Outcome.OPEN) for point in points[:5]]
    assert propose(SearchKind.TPE, SMALL, 1, None, tried) == points[5]


def test_a_trial_below_the_median_has_no_hope_and_one_above_it_has() -> None:
    before = [Tried({}, {1: 0.3, 2: value, 3: value}, Outcome.WHOLE) for value in (0.6, 0.7, 0.8)]
    assert hopeless([*before, Tried({}, {1: 0.2, 2: 0.65}, Outcome.OPEN)], 3)
    assert not hopeless([*before, Tried({}, {1: 0.2, 2: 0.75}, Outcome.OPEN)], 3)
    assert not hopeless([*before, Tried({}, {1: 0.1}, Outcome.OPEN)], 3), "the first epoch says too little"
    assert not hopeless([*before[1:], Tried({}, {1: 0.2, 2: 0.1}, Outcome.OPEN)], 2), "two trials say too little"


def test_settings_that_fail_are_left_alone_by_a_search_that_learns() -> None:
    high = [
        Tried({**point, "learning_rate": 9.0 + n / 10}, {}, Outcome.LOST)
        for n, point in enumerate(search(SearchKind.RANDOM, 5))
    ]
    low = [
        whole({**point, "learning_rate": 0.5 + n / 10}, 0.9) for n, point in enumerate(search(SearchKind.RANDOM, 5, 8))
    ]
    asked = [propose(SearchKind.TPE, SPACE, seed, None, [*high, *low]) for seed in range(10)]
    assert sum(point is not None and point["learning_rate"] < 5 for point in asked) >= 8


# ---- which dial mattered -----------------------------------------------------------------------------


def _answered(points: list[spaces.Point], rate: float, augmentation: float) -> list[Tried]:
    """Trials whose scores depend on two dials, so strongly."""
    gains = {"none": 0.0, "light": 0.5, "strong": 1.0}
    return [
        whole(point, 0.5 + rate * math.log10(point["learning_rate"]) / 4 + augmentation * gains[point["augmentation"]])
        for point in points
    ]


@pytest.mark.parametrize("rate, augmentation, first", [(0.4, 0.02, "learning_rate"), (0.02, 0.3, "augmentation")])
def test_the_dial_that_trials_differ_by_is_named_first(rate: float, augmentation: float, first: str) -> None:
    found = importance(SearchKind.RANDOM, SPACE, _answered(search(SearchKind.RANDOM, 15), rate, augmentation))
    assert max(found, key=lambda name: found[name]) == first and found[first] > 0.6
    assert sum(found.values()) == pytest.approx(1)


def test_a_dial_that_ruins_trials_is_found_though_these_have_no_score() -> None:
    tried = _answered(search(SearchKind.RANDOM, 15), 0.0, 0.01)
    lost = [
        Tried(one.point, {}, Outcome.LOST) if one.point["learning_rate"] > 3 else whole(one.point, 0.9) for one in tried
    ]
    worst = [whole({**tried[0].point, "learning_rate": 0.1}, 0.3)]
    found = importance(SearchKind.RANDOM, SPACE, [*lost, *worst])
    assert max(found, key=lambda name: found[name]) == "learning_rate"


def test_where_nothing_differs_no_dial_mattered() -> None:
    same = [whole(point, 0.8) for point in search(SearchKind.RANDOM, 8)]
    assert importance(SearchKind.RANDOM, SPACE, same) == importance(SearchKind.RANDOM, SPACE, []) == {}


# ---- spaces ------------------------------------------------------------------------------------------


def test_the_recipes_own_point_means_the_recipe_itself(studio: Studio) -> None:
    space = spaces.usual(studio.files, SearchKind.TPE, ["efficientnet-lite0"])
    own = spaces.own(space, {"seed": 4}, 3, 500, 10)
    assert spaces.settings(own, {"seed": 4}, 3, 500, 10) == TrainingSpec("efficientnet-lite0", 3, {"seed": 4})


def test_a_point_becomes_settings_of_its_own_architecture() -> None:
    point = {"architecture": "resnet18", "learning_rate": 3.0, "side": 0.75, "augmentation": "strong"}
    assert spaces.settings(point, {}, 6, 500, 10).overrides == {
        "learning_rate": 0.003,
        "side": 96,
        "augmentation": "strong",
    }


def test_a_rate_is_a_multiple_of_what_goes_with_the_optimizer() -> None:
    point = {"architecture": "resnet18", "optimizer": "sgd", "learning_rate": 0.5}
    assert spaces.settings(point, {}, 6, 500, 10).overrides == {"optimizer": "sgd", "learning_rate": 0.01}


@pytest.mark.parametrize(
    ("space", "fixed", "said"),
    [
        ({"architecture": ["mlp"], "speed": [1, 2]}, {}, "no dial called"),
        ({"architecture": ["mlp"], "side": [1.0, 1.0]}, {}, "each of them once"),
        ({"architecture": ["mlp"], "side": [1.0, 2.0]}, {"side": 32}, "searched and set at once"),
        ({"architecture": ["mlp"], "augmentation": ["none"]}, {}, "nothing to search"),
        ({"architecture": [], "augmentation": ["none", "light"]}, {}, "values to try"),
        ({"architecture": ["mlp"], "learning_rate": [3.0, 0.1]}, {}, "lowest and its highest"),
        ({"architecture": ["mlp"], "augmentation": ["none", "wild"]}, {}, "must be one of"),
        ({"architecture": ["mlp"], "side": [1.0, 2.0]}, {"batch_size": 1}, "batch_size"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_words(
    space: dict[str, list[Any]], fixed: dict[str, Any], said: str
) -> None:
    with pytest.raises(Refused, match=said):
        spaces.check(SearchKind.TPE, space, fixed, 3)

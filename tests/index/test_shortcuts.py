"""The shortcut detective: what is planted in one label is found there, and chance is never taken for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from core.index import shortcuts
from core.index.shortcuts import Floats, Integers

LABELS, EACH = 6, 30
PLANTED = 3


def world(seed: int) -> tuple[dict[str, Floats], Integers]:
    """Facts as real pictures have them: each label varies, and differs from the others a little."""
    rng = np.random.default_rng(seed)
    targets = np.repeat(np.arange(LABELS), EACH)
    lean = rng.normal(0, 0.04, (LABELS, 8))[targets]
    noise = rng.normal(0, 0.1, (len(targets), 8))
    some = 0.5 + lean + noise
    facts = {
        "light": some[:, :2],
        "size": np.log(rng.choice([300 * 200, 640 * 480, 800 * 600], len(targets)))[:, None],
        "shape": np.log(rng.choice([2 / 3, 1, 4 / 3, 1.5], len(targets)))[:, None],
        "type": rng.integers(0, 2, len(targets)).astype(float)[:, None],
        "border": some[:, 2:6],
        "colour": some[:, 6:7],
    }
    return facts, targets


PLANTS: dict[str, Callable[[Floats], Floats]] = {
    "light": lambda seen: seen * (0.15, 0.15),
    "size": lambda seen: seen - np.log(4),
    "shape": lambda seen: seen + np.log(2),
    "type": lambda seen: np.full_like(seen, 2),
    "border": lambda seen: np.full_like(seen, 0.1) + seen / 50,
}


@pytest.mark.parametrize("fact", PLANTS)
def test_what_gives_one_label_away_is_found_there_and_nowhere_else(fact: str) -> None:
    facts, targets = world(1)
    mine = targets == PLANTED
    facts[fact][mine] = PLANTS[fact](facts[fact][mine])
    found = shortcuts.shortcuts(facts, targets, LABELS)
    assert [(one.fact, one.label) for one in found] == [(fact, PLANTED)]


@pytest.mark.parametrize("seed", range(3))
def test_labels_that_differ_a_little_have_no_shortcut(seed: int) -> None:
    facts, targets = world(seed)
    assert shortcuts.shortcuts(facts, targets, LABELS) == []


def test_a_label_of_one_kind_among_mixed_ones_leans_on_it() -> None:
    rng = np.random.default_rng(0)
    targets = np.repeat(np.arange(LABELS), EACH)
    kinds = rng.integers(0, 2, len(targets))
    kinds[targets == PLANTED] = 1
    (found,) = shortcuts.leanings(kinds, targets, LABELS)
    assert (found.label, found.kind, found.inside) == (PLANTED, 1, 1.0)
    assert 0.4 < found.outside < 0.6


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_kinds_drawn_by_lot_lean_on_nothing(share: float) -> None:
    """Twenty labels of as few pictures as are looked at, three hundred times."""
    rng = np.random.default_rng(7)
    targets = np.repeat(np.arange(20), shortcuts.FEWEST)
    raised = sum(bool(shortcuts.leanings((rng.random(len(targets)) < share) * 1, targets, 20)) for _ in range(300))
    assert raised <= 1


def test_where_all_are_of_one_kind_or_of_one_label_nothing_leans() -> None:
    targets = np.repeat(np.arange(2), EACH)
    assert shortcuts.leanings(np.zeros(len(targets), np.int64), targets, 2) == []
    assert shortcuts.leanings(np.arange(EACH) % 2, np.zeros(EACH, np.int64), 1) == []
    assert shortcuts.leanings(np.zeros(0, np.int64), np.zeros(0, np.int64), 0) == []

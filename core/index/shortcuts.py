"""The shortcut detective: can a label be told without looking at what the picture shows?

A small tree that sees one fact only (how light it is, how large, what file ...) guesses the labels of pictures that it
did not learn from. A label that it finds as well as a model should is given away by that fact. Chance can do that too
where there are few pictures, so the same is tried on labels dealt out at random, and must never go as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

GIVEN_AWAY = 0.85  # F1 of a label; the best of 30 clean labels that we measured reached 0.75 (docs/decisions.md)
FEWEST = 12  # pictures of a label, below which nothing is claimed of it
DEALS = 50  # of labels at random
FOLDS, DEPTH, LEAF = 4, 4, 4
MOST = 4000  # pictures looked at
NEARLY_ALL, LEANS = 0.9, 0.3  # of a label; and more than of the others
CHANCE = 1e-3  # that one of the labels looks like it among pictures whose kind was drawn by lot


@dataclass(frozen=True, slots=True)
class Shortcut:
    fact: str
    label: int
    found: float  # 0..1: share of the label's pictures that the fact alone finds
    right: float  # 0..1: share of what it takes for the label that is
    chance: float  # the best F1 of labels dealt out at random


@dataclass(frozen=True, slots=True)
class Leaning:
    """Nearly all of a label is of one kind, of which the others are in part only: what is of another kind is told apart
    from it without a look."""

    label: int
    kind: int
    inside: float  # 0..1: share of the label's pictures that are of this kind
    outside: float  # 0..1: share of all others


def leanings(kinds: Integers, targets: Integers, label_count: int) -> list[Leaning]:
    """Where labels lean on a property of the file, which has nothing to do with what it shows; worst first.

    Args:
        kinds: (N,) what each picture is, from 0.
        targets: (N,) in 0 .. label_count - 1.
    """
    counts = np.zeros((label_count, int(kinds.max(initial=-1)) + 1), np.int64)
    np.add.at(counts, (targets, kinds), 1)
    sizes, found = counts.sum(1), []
    for label in np.flatnonzero(sizes >= FEWEST):
        others = sizes.sum() - sizes[label]
        for kind in range(counts.shape[1]) if others else ():
            many = int(counts[label, kind])
            inside, outside = many / int(sizes[label]), int(counts[:, kind].sum() - many) / int(others)
            chance = float(binom.sf(many - 1, int(sizes[label]), outside)) * counts.size
            if inside >= NEARLY_ALL and inside - outside >= LEANS and chance < CHANCE:
                found.append(Leaning(int(label), kind, inside, outside))
    return sorted(found, key=lambda one: one.outside - one.inside)


def shortcuts(facts: dict[str, Floats], targets: Integers, label_count: int) -> list[Shortcut]:
    """What gives labels away, worst first.

    Args:
        facts: name -> (N, columns).
        targets: (N,) in 0 .. label_count - 1.
    """
    counts = np.bincount(targets, minlength=label_count)
    large = np.flatnonzero(counts >= FEWEST)
    kept = np.flatnonzero(np.isin(targets, large))
    if len(large) < 2:
        return []
    rng = np.random.default_rng(0)
    if len(kept) > MOST:
        kept = np.sort(rng.permutation(kept)[:MOST])
    labels = targets[kept]
    found = []
    for name, columns in facts.items():
        seen = columns[kept]
        if (seen == seen[0]).all():
            continue
        recall, precision = _guessed(seen, labels, label_count)
        scores = _f1(recall, precision)
        given = np.flatnonzero((scores >= GIVEN_AWAY) & np.isin(np.arange(label_count), large))
        if not len(given):
            continue
        deals = [_f1(*_guessed(seen, rng.permutation(labels), label_count)).max() for _ in range(DEALS)]
        chance = float(max(deals))
        found += [
            Shortcut(name, int(label), float(recall[label]), float(precision[label]), chance)
            for label in given
            if scores[label] > chance
        ]
    return sorted(found, key=lambda one: -(one.found + one.right))


def _guessed(seen: Floats, labels: Integers, label_count: int) -> tuple[Floats, Floats]:
    """(recall, precision) of each label, each picture guessed by a tree that did not learn from it."""
    guesses = np.full(len(labels), -1)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    for into, out in folds.split(seen, labels):
        tree = DecisionTreeClassifier(
            max_depth=_depth(label_count), min_samples_leaf=LEAF, class_weight="balanced", random_state=0
        )
        guesses[out] = tree.fit(seen[into], labels[into]).predict(seen[out])
    right = np.bincount(labels[guesses == labels], minlength=label_count)
    return (
        right / np.maximum(np.bincount(labels, minlength=label_count), 1),
        right / np.maximum(np.bincount(guesses, minlength=label_count), 1),
    )


def _depth(label_count: int) -> int:
    """A tree needs as many questions as it takes to tell so many labels apart, and a few more."""
    return DEPTH + int(np.ceil(np.log2(max(label_count, 2)))) // 2


def _f1(recall: Floats, precision: Floats) -> Floats:
    scores: Floats = 2 * recall * precision / np.maximum(recall + precision, 1e-9)
    return scores

"""Is the advice of *Have I done enough?* right? Each set begins with few or many of its pictures, evenly, unevenly or
with scarce labels; the advice is asked for; of each label the pictures it speaks of are really added, the model is
fitted again, and the share right is compared on half of the set, kept for that and without near-duplicates outside.

    python benchmarks/data.py enough
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.worlds import pictures, unpack
from core.imaging.pool import DecoderPool
from core.index import advising, instant, learning_curve
from core.index.backbone import SIDE, Backbone
from core.index.learning_curve import Numbers
from core.ports import Vectors
from core.settings import read_settings

SETS = ("clothing10_split", "trash5", "signdigits10")
BEGIN = (10, 20, 40, 80)  # pictures of a label, about
TESTED = 0.5  # of each label
MIXES: dict[str, Callable[[np.random.Generator, int], Numbers]] = {
    "even": lambda rng, labels: np.ones(labels),
    "uneven": lambda rng, labels: np.exp(0.6 * rng.standard_normal(labels)),
    "scarce": lambda rng, labels: np.where(rng.permutation(labels) < max(labels // 4, 1), 0.25, 1.0),
}


@dataclass(frozen=True, slots=True, eq=False)
class Set:
    name: str
    vectors: Vectors
    targets: instant.Integers
    labels: list[str]


@dataclass(frozen=True, slots=True)
class Checked:
    verdict: str
    low: float
    middle: float
    high: float
    got: float


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, default=3, help="beginnings of each size and mix")


def run(wish: argparse.Namespace) -> None:
    for some in read_sets():
        compare(some, wish.seeds)


def compare(some: Set, seeds: int) -> None:
    """Prints the errors of one set."""
    with threadpool_limits(1):
        groups = learning_curve.Head(some.vectors, some.targets, len(some.labels)).groups
        rng = np.random.default_rng(2026)
        tests, pool = _halves(some, groups, rng)
        labels: list[Checked] = []
        any_label: list[Checked] = []
        for number, (begin, mix, _) in enumerate(product(BEGIN, MIXES, range(seeds))):
            rng = np.random.default_rng([2026, number])
            shares = begin * MIXES[mix](rng, len(pool))
            counts = [int(np.clip(round(share), 8, len(mine) // 2)) for share, mine in zip(shares, pool, strict=True)]
            shuffled = [rng.permutation(mine) for mine in pool]
            begun = np.concatenate([mine[:count] for mine, count in zip(shuffled, counts, strict=True)])
            rest = [mine[count:] for mine, count in zip(shuffled, counts, strict=True)]
            told = advising.work_out(some.vectors[begun], some.targets[begun], some.labels)
            before = _right(some, begun, tests)
            for one in told.advice:
                there = rest[some.labels.index(one.label)]
                if len(there) >= one.more:
                    after = _right(some, np.concatenate([begun, there[: one.more]]), tests)
                    labels.append(Checked(one.verdict, *one.gain, after - before))
            if mix == "even":  # as they come: of the same mix
                more = np.concatenate([mine[: told.any.more // len(rest)] for mine in rest])
                after = _right(some, np.concatenate([begun, more]), tests)
                any_label.append(Checked(told.any.verdict, *told.any.gain, after - before))
    print(f"{some.name}: tested on {len(tests):,} pictures")
    _say("every label", labels)
    for verdict in ("more", "finished", "unclear"):
        _say(f"  {verdict}", [one for one in labels if one.verdict == verdict])
    _say("any label", any_label)


def _say(what: str, some: Sequence[Checked]) -> None:
    if not some:
        print(f"  {what}: none")
        return
    said, got = np.array([one.middle for one in some]), np.array([one.got for one in some])
    inside = np.mean([one.low <= one.got <= one.high for one in some])
    wide = np.mean([one.high - one.low for one in some])
    print(
        f"  {what}: {len(some)} advices, said {100 * said.mean():+.2f} points on average, got {100 * got.mean():+.2f}; "
        f"mean error {100 * np.abs(got - said).mean():.2f} (bias {100 * (got - said).mean():+.2f}); "
        f"{inside:.0%} inside their intervals, {100 * wide:.1f} points wide"
    )


def _halves(
    some: Set, groups: instant.Integers, rng: np.random.Generator
) -> tuple[instant.Integers, list[instant.Integers]]:
    """What is tested on, and what is learned from, label by label; a group of near-duplicates is on one side."""
    turn = rng.permutation(int(groups.max()) + 1)[groups]
    tests = turn < TESTED * turn.max()
    return np.flatnonzero(tests), [
        np.flatnonzero(~tests & (some.targets == label)) for label in range(len(some.labels))
    ]


def _right(some: Set, learned: instant.Integers, tests: instant.Integers) -> float:
    fitted = instant.fit(some.vectors[learned], some.targets[learned], len(some.labels))
    said = some.vectors[tests] @ fitted.weight.T + fitted.bias
    return float(np.mean(said.argmax(1) == some.targets[tests]))


def read_sets() -> Iterator[Set]:
    backbone = Backbone(read_settings().backbone_path, 2)
    decoder = DecoderPool(2)
    try:
        for name in SETS:
            with tempfile.TemporaryDirectory() as scratch:
                folder = unpack(name, Path(scratch))
                files = pictures(folder)
                pixels = dict(decoder.resized(files, SIDE))
                known = [(at, file) for at, file in enumerate(files) if pixels[at] is not None]
                stacked = np.stack([pixels[at] for at, _ in known])  # type: ignore[misc]
                labels = sorted({file.parent.name for _, file in known})
                targets = np.array([labels.index(file.parent.name) for _, file in known], np.int64)
                yield Set(name, backbone.vectors(stacked), targets, labels)
    finally:
        decoder.close()

"""Is the advice of *Have I done enough?* right? Each set begins with a part of its pictures, the advice is asked for,
the pictures it asks for are added from those kept back, and the share right on a fixed test part is compared.

    python benchmarks/data.py enough
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.worlds import pictures, unpack
from core.imaging.pool import DecoderPool
from core.index import advising, instant
from core.index.backbone import SIDE, Backbone
from core.index.learning_curve import Head
from core.settings import read_settings
from core.studio import Vectors

SETS = ("clothing10_split", "trash5", "signdigits10")
BEGIN = (0.15, 0.35)  # of the pictures to learn from
DRAWS = 10  # of which pictures are added: the test part is small, one draw says little


@dataclass(frozen=True, slots=True, eq=False)
class Set:
    name: str
    vectors: Vectors
    targets: instant.Integers
    held: np.ndarray[tuple[int], np.dtype[np.bool_]]
    labels: list[str]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, default=5, help="beginnings of each size")


def run(wish: argparse.Namespace) -> None:
    for some in read_sets():
        compare(some, wish.seeds)


def compare(some: Set, seeds: int) -> None:
    """Prints the errors of one set."""
    promised, kept, inside, finished, asked, unasked, of_any = [], [], [], [], [], [], []
    unclear = 0
    with threadpool_limits(1):
        head = Head(some.vectors, some.targets, len(some.labels))
    tests = np.flatnonzero(some.held)
    for share in BEGIN:
        for seed in range(seeds):
            begun, rest = _begin(some, share, seed)
            with threadpool_limits(1):
                told = advising.work_out(some.vectors[begun], some.targets[begun], some.labels)
                before, _ = head.right(begun, tests)
                for one in told.advice:
                    label = some.labels.index(one.label)
                    there = rest[some.targets[rest] == label]
                    if one.verdict == "unclear":
                        unclear += 1
                        continue
                    if len(there) < one.more:
                        continue
                    gained = _gain(head, tests, begun, there, one.more, before, seed)
                    if one.verdict == "finished":
                        finished.append(gained)
                        continue
                    promised.append(one.gain[1])
                    kept.append(gained)
                    inside.append(one.gain[0] <= gained <= one.gain[2])
                    asked.append(gained / one.more)
                if told.any.verdict == "more" and len(rest) >= told.any.more:
                    gained = _gain(head, tests, begun, rest, told.any.more, before, seed)
                    unasked.append(gained / told.any.more)
                    of_any.append(gained - told.any.gain[1])
    missed = 100 * (np.array(kept) - np.array(promised))
    if len(missed):
        print(
            f"{some.name}: {len(missed)} advices to add; promised {100 * np.mean(promised):+.2f} points on average, "
            f"got {100 * np.mean(kept):+.2f}; mean error {np.abs(missed).mean():.2f} points "
            f"(bias {missed.mean():+.2f}); {100 * np.mean(inside):.0f} % inside their interval"
        )
    else:
        print(f"{some.name}: no label of which more was advised")
    mean_error = 100 * np.abs(of_any).mean() if of_any else np.nan
    worth = np.mean(asked or [np.nan]) / np.mean(unasked or [np.nan])
    print(
        f"  of any label: {len(of_any)} advices, mean error {mean_error:.2f} points; a picture of a label asked for "
        f"gives {worth:.2f} times one of any; {len(finished)} labels called finished then gained "
        f"{100 * np.mean(finished or [0]):+.2f} points; {unclear} were said to be unclear"
    )


def _begin(some: Set, share: float, seed: int) -> tuple[instant.Integers, instant.Integers]:
    """Indices to begin with, and those kept back."""
    rng = np.random.default_rng(seed)
    begun, rest = [], []
    for label in range(len(some.labels)):
        mine = rng.permutation(np.flatnonzero(~some.held & (some.targets == label)))
        many = max(8, round(share * len(mine)))
        begun.append(mine[:many])
        rest.append(mine[many:])
    return np.concatenate(begun), np.concatenate(rest)


def _gain(
    head: Head,
    tests: instant.Integers,
    begun: instant.Integers,
    there: instant.Integers,
    more: int,
    before: float,
    seed: int,
) -> float:
    """By how much the share right on the test part grows, on average over which ones are added."""
    rng = np.random.default_rng(seed)
    after = [head.right(np.concatenate([begun, rng.choice(there, more, False)]), tests)[0] for _ in range(DRAWS)]
    return float(np.mean(after)) - before


def read_sets() -> Iterator[Set]:
    backbone = Backbone(read_settings().backbone_path, 2)
    decoder = DecoderPool(2)
    try:
        for name in SETS:
            with tempfile.TemporaryDirectory() as scratch:
                folder = unpack(name, Path(scratch))
                tests = _tests(folder)
                files = pictures(folder)
                pixels = dict(decoder.resized(files, SIDE))
                known = [(at, file) for at, file in enumerate(files) if pixels[at] is not None]
                stacked = np.stack([pixels[at] for at, _ in known])  # type: ignore[misc]
                labels = sorted({file.parent.name for _, file in known})
                targets = np.array([labels.index(file.parent.name) for _, file in known], np.int64)
                yield Set(name, backbone.vectors(stacked), targets, np.array([f in tests for _, f in known]), labels)
    finally:
        decoder.close()


def _tests(folder: Path) -> set[Path]:
    """The set's own fixed test part."""
    if (listed := folder / "SPLIT.csv").exists():
        with listed.open(encoding="utf-8") as file:
            return {folder / row["path"] for row in csv.DictReader(file) if row["split"] == "test"}
    return set(pictures(folder / "test"))

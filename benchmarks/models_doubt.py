"""Off-topic pictures: how well familiarity tells them from held-out ones, how many are refused, and the calibration of
confidence before and after its temperature. Instant models on real sets, or really trained ones."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from benchmarks import worlds
from core import caution
from core.imaging.pool import DecoderPool
from core.index import instant, judging
from core.index.backbone import SIDE, Backbone, usable_cores
from core.settings import Settings

SETS = ("caltech20", "trash5", "signdigits10", "omniglot50", "digits_mnist", "digits_usps")
OFF_TOPIC = 300  # pictures of each other set
Vectors = NDArray[np.float32]
Integers = NDArray[np.int64]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sets", nargs="+", default=list(SETS), metavar="NAME")
    parser.add_argument("--pictures", type=int, default=800, help="of each set, at most")
    parser.add_argument(
        "--trained", metavar="ARCHITECTURE", help="train this one on each set, in place of instant models"
    )
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--against", nargs="+", default=list(SETS), metavar="NAME", help="what is off-topic for these")


def run(wish: argparse.Namespace) -> None:
    if wish.trained:
        return trained(wish)
    with tempfile.TemporaryDirectory() as scratch:
        known = {name: vectors_of(name, Path(scratch), wish.pictures) for name in wish.sets}
    print(
        f"{'set':14} {'lowest AUROC':>12}  {'refused: off-topic':>18} {'held-out':>8}   calibration error before, after"
    )
    for name, (vectors, targets) in known.items():
        one(name, vectors, targets, {other: v for other, (v, _) in known.items() if other != name})


def trained(wish: argparse.Namespace) -> None:
    from benchmarks import models_doubt_trained  # torch

    with tempfile.TemporaryDirectory() as scratch:
        for name in wish.sets:
            others = [other for other in wish.against if other != name]
            asked = (name, others, wish.trained, wish.epochs, wish.pictures, Path(scratch))
            found = models_doubt_trained.measure(*asked)
            before, after = error(found.before, found.targets), error(found.after, found.targets)
            print(f"{wish.trained} on {name}, {wish.epochs} epochs: {100 * found.right:.1f} % of {found.images} right")
            print(f"  calibration error before {before:.3f}, after {after:.3f}; refused {100 * found.refused:.1f} %")
            for other in others:
                area, refused = found.areas[other], found.off_refused[other]
                print(f"  against {other:14} AUROC {area:.3f}, refused {100 * refused:.0f} %", flush=True)


def vectors_of(name: str, scratch: Path, most: int) -> tuple[Vectors, Integers]:
    """Of at most so many pictures of a set, drawn by lot, with their label indices."""
    paths = worlds.pictures(worlds.unpack(name, scratch))
    paths = [paths[at] for at in caution.choose(len(paths), most).tolist()]
    backbone = Backbone(Settings(Path()).backbone_path, usable_cores())
    found, labels = [], []
    with DecoderPool(usable_cores()) as decoder:
        for start in range(0, len(paths), 100):
            some = paths[start : start + 100]
            squares = {at: square for at, square in decoder.resized(some, SIDE) if square is not None}
            found.append(backbone.vectors(np.stack([squares[at] for at in sorted(squares)])))
            labels += [some[at].parent.name for at in sorted(squares)]
    names = sorted(set(labels))
    return np.concatenate(found), np.array([names.index(one) for one in labels], np.int64)


def one(name: str, vectors: Vectors, targets: Integers, others: dict[str, Vectors]) -> None:
    """A quarter is held out; what is off-topic is every other set."""
    held = np.random.default_rng(0).permutation(len(vectors)) % 4 == 0
    learned = instant.fit(vectors[~held], targets[~held], int(targets.max()) + 1)
    known = caution.directions(vectors[~held])
    familiar = caution.familiarity(known, vectors[held])
    probabilities = instant.softmax(vectors[held] @ learned.weight.T + learned.bias)
    # What the product keeps: measured on pictures left out once while it learned, applied to pictures never seen.
    at = np.arange(len(known))
    careful = caution.measure(
        learned.probabilities,
        targets[~held][learned.measured],
        caution.familiarity(known, vectors[~held][learned.measured], at[learned.measured]),
    )
    areas, refused = {}, {}
    for other, off in others.items():
        strange = caution.familiarity(known, off[:OFF_TOPIC])
        truth = np.r_[np.ones(len(familiar)), np.zeros(len(strange))]
        areas[other] = roc_auc_score(truth, np.r_[familiar, strange])
        refused[other] = float((strange < careful.familiar).mean())
    # Before: at the logits as they are solved; after: as the product answers, by the temperature that it found itself.
    before, after = (
        error(shares, targets[held]) for shares in (caution.tempered(probabilities, learned.temperature), probabilities)
    )
    worst = min(areas, key=lambda other: areas[other])
    print(
        f"{name:14} {areas[worst]:12.3f}  {100 * np.mean(list(refused.values())):16.1f} % "
        f"{100 * float((familiar < careful.familiar).mean()):6.1f} %   {before:.3f}, {after:.3f}"
        f"   (worst against {worst})",
        flush=True,
    )


def error(probabilities: Vectors, targets: Integers) -> float:
    sure = probabilities.max(1).astype(np.float64)
    place = np.searchsorted(np.linspace(0, 1, judging.BINS + 1)[1:-1], sure)
    return judging.expected_error(place, sure - (probabilities.argmax(1) == targets))

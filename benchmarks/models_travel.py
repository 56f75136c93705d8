"""Does it travel? Heads learned from one set of digits, from another, and from both, each measured on both."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.models_doubt import vectors_of
from core.index.travelling import Place, cross

PAIR = ("digits_mnist", "digits_usps")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sets", nargs=2, default=list(PAIR), metavar="NAME")
    parser.add_argument("--pictures", type=int, default=800, help="of each set, at most")


def run(wish: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        places = [Place(*vectors_of(name, Path(scratch), wish.pictures), []) for name in wish.sets]
    told = cross(places[0], places[1], int(places[0].targets.max()) + 1)
    names = dict(zip(("home", "away"), wish.sets, strict=True)) | {"both": "both"}
    print(f"{'learned from':14} " + " ".join(f"{'on ' + name:>18}" for name in wish.sets))
    for learned, row in told.items():
        shares = " ".join(f"{100 * right / images:16.1f} %" for right, images in row.values())
        print(f"{names[learned]:14} {shares}")

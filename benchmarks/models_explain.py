"""Do explanations of an instant model explain? Adebayo et al. (2018), on real photographs with a planted square.

Photographs of any kind get a square whose colour alone is their label, and an instant model learns them. What each way
says must then lie on the square, and must be something else when the head has learned labels drawn by lot, and when
every weight of the network is in another's place.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

SETS = ("trash5", "caltech20")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sets", nargs="+", default=list(SETS), metavar="NAME")
    parser.add_argument("--pictures", type=int, default=80, help="of each set, to learn from")
    parser.add_argument("--asked", type=int, default=4, help="further pictures, that are explained")


def run(wish: argparse.Namespace) -> None:
    from benchmarks import models_explain_planted as planted  # torch

    print(
        f"share of the positive weight on the square (of even weight: {100 / planted.PART**2:.0f} %), of a model with"
    )
    heads = (planted.LEARNED, planted.BY_LOT, planted.SHUFFLED)
    print(f"{'set':12} {'way':12} {heads[0]:>16} {heads[1]:>20} {heads[2]:>21}   alike: lot, shuffled")
    for name in wish.sets:
        with tempfile.TemporaryDirectory() as scratch:
            planted.one(name, Path(scratch), wish.pictures, wish.asked)

"""What the labelling screen asks of the server at 50,000 pictures without a label, against 200: the instant model's
answers to all of them, once a model and after each label, and the most useful next ones.

python benchmarks/data.py desk
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable

import numpy as np
from safetensors.numpy import save_file

from benchmarks.data_gallery import LABELS, SMALL, fill
from core import datasets, labelling
from core.embedded import open_studio
from core.index.vector_file import WIDTH
from core.records import Dataset, ModelKind
from core.settings import read_settings
from core.stores import Change
from core.studio import Studio


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pictures", type=int, default=50_000)


def run(wish: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as scratch:
        studio = open_studio(read_settings({**os.environ, "DARKROOM_HOME": scratch}))
        told = {}
        for name, pictures in (("Small", SMALL), ("Large", wish.pictures)):
            dataset = fill(studio, name, pictures, labelled=False)
            told[name] = _measure(studio, dataset, wish.trials)
        for what, small_s in told["Small"].items():
            large_s = told["Large"][what]
            print(f"{what}: {1000 * small_s:.0f} ms of {SMALL}, {1000 * large_s:.0f} ms of {wish.pictures:,}")
        first, bare = told["Large"]["all answers of a new model"], told["Large"]["reading the vectors, bare"]
        print(f"  the first answers at {wish.pictures:,} cost {first / bare:.1f} x reading their vectors")
        studio.decoder.close()


def _measure(studio: Studio, dataset: Dataset, trials: int) -> dict[str, float]:
    """Seconds, by what was done; medians."""
    rows = studio.store.desk.waiting(dataset.id)[:, 2].tolist()
    ids = iter(studio.store.desk.waiting(dataset.id)[:, 0].tolist())
    first, again, next_ones = [], [], []
    for trial in range(trials):
        _new_model(studio, dataset, trial)
        first.append(_seconds(lambda: labelling.said(studio, dataset.id)))
        next_ones.append(_seconds(lambda: labelling.queue(studio, dataset.id, "useful", 24)))
        datasets.change(studio, dataset.id, "relabel", [Change(next(ids), label="a")])
        again.append(_seconds(lambda: labelling.said(studio, dataset.id)))
    bare = [_seconds(lambda: studio.vectors.read(rows)) for _ in range(trials)]
    return {
        "all answers of a new model": statistics.median(first),
        "all answers after one more label": statistics.median(again),
        "the 24 most useful next": statistics.median(next_ones),
        "reading the vectors, bare": statistics.median(bare),
    }


def _new_model(studio: Studio, dataset: Dataset, trial: int) -> None:
    folder = f"head-{dataset.id}-{trial}"
    studio.files.model(folder).mkdir(parents=True)
    rng = np.random.default_rng(trial)
    head = {
        "head.weight": rng.normal(0, 0.02, (LABELS, WIDTH)).astype(np.float32),
        "head.bias": np.zeros(LABELS, np.float32),
    }
    save_file(head, studio.files.model(folder) / "weights.safetensors")
    names, kind = [f"label {n}" for n in range(LABELS)], ModelKind.INSTANT
    facts = (0.9, (0.88, 0.92), "cross-validation", 100)
    studio.store.models.put(dataset.id, kind, "efficientnet-lite0", names, *facts, folder, {}, None, None)


def _seconds(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s

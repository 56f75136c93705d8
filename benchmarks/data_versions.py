"""Versions, export and merging: against what the same database, and the same disk, need for the bare work.

    python benchmarks/data.py versions [--images 50000] [--photos 300] [--trials 3]

Starting a run is counted in CPU seconds, at the click and later. Comparing is held against reading both states' rows,
restoring and undoing against one UPDATE of as many rows, an export against copying the same files one by one. Each
takes turns with its measure.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import create_engine, text

from benchmarks import data_import, worlds
from core import datasets, exports, merging, uploads, versions
from core.embedded import open_studio
from core.records import ChangeKind, Split
from core.settings import read_settings
from core.stores import Change, NewImage
from core.studio import Studio

LABELS = 20


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--photos", type=int, default=300)


def run(wish: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as scratch:
        studio = open_studio(read_settings({"DARKROOM_HOME": f"{scratch}/home"}))
        studio = replace(studio, services=_Nobody())
        try:
            starts(studio, wish.images, wish.trials)
            states(studio, wish.images, wish.trials)
            merge(studio, wish.images, wish.trials)
            for name, (size, count) in {
                "photos of 12 megapixels": ((4000, 3000), wish.photos),
                "pictures of 640 x 480": ((640, 480), wish.photos * 10),
            }.items():
                folder = data_import.draw(Path(scratch) / name, count, size, 85)
                export(studio, folder, name, wish.trials, Path(scratch))
        finally:
            studio.decoder.close()


class _Nobody:
    """Services that stay asleep: an indexer at work would be measured too."""

    def wake(self) -> None: ...

    def expect_training(self) -> None: ...


def states(studio: Studio, images: int, trials: int) -> None:
    dataset_id = fill(studio, "states", range(images))
    first = versions.keep(studio, dataset_id, "first")
    disturb(studio, dataset_id, images)
    bare = _Bare(studio, dataset_id, first.id)
    compare = lambda: versions.compare(studio, dataset_id, first.id, None)  # noqa: E731
    measured("compare with the present", compare, bare.read, trials, "reading both states' ids and labels")
    page = lambda: versions.differing(studio, dataset_id, first.id, None, ChangeKind.RELABELLED, 6000, 60)  # noqa: E731
    measured("a page of the relabelled", page, bare.read, trials, "reading both states' ids and labels")
    for _ in range(trials):
        began_s = time.perf_counter()
        outcome = versions.restore(studio, first.id)
        restored_s = time.perf_counter() - began_s
        began_s = time.perf_counter()
        assert outcome.action is not None
        datasets.undo(studio, outcome.action.id)
        undone_s = time.perf_counter() - began_s
        plain_s = timed(bare.write)
        many = len(outcome.changed)
        print(
            f"restore: {many:,} of {images:,} images in {restored_s:.2f} s, {restored_s / plain_s:.1f} x a bare UPDATE "
            f"of {images:,}; undo {undone_s:.2f} s, {undone_s / plain_s:.1f} x"
        )


def starts(studio: Studio, images: int, trials: int) -> None:
    """What freezing for a run costs whoever clicks, and whoever writes the version down; CPU seconds."""
    dataset_id = fill(studio, "starts", range(images))
    clicks, writings = [], []
    for seed in range(trials):
        before_s = time.process_time()
        made = versions.freeze(studio, dataset_id, versions.VALIDATION_SHARE, seed)
        clicked_s = time.process_time()
        versions.settle(studio.store, made.id)
        clicks.append(clicked_s - before_s)
        writings.append(time.process_time() - clicked_s)
    print(
        f"start of a run on {images:,} images: {statistics.median(clicks) * 1000:.0f} ms of CPU at the click, "
        f"{statistics.median(writings):.2f} s for whoever writes the version down"
    )


def merge(studio: Studio, images: int, trials: int) -> None:
    half = images // 2
    ids = [fill(studio, "a", range(half)), fill(studio, "b", range(half // 2, half + half // 2))]
    for trial in range(trials):
        plan_s = timed(lambda: merging.plan(studio, ids))
        began_s = time.perf_counter()
        merged = merging.merge(studio, f"merged {trial}", ids, prefer=ids[0])
        took_s = time.perf_counter() - began_s
        print(f"merge: plan {plan_s:.2f} s; {images:,} images into {merged.images:,} in {took_s:.2f} s")


def export(studio: Studio, folder: Path, name: str, trials: int, scratch: Path) -> None:
    dataset = uploads.import_path(studio, folder, name).dataset
    assert dataset is not None
    files = worlds.pictures(folder)
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    process, ratios, speeds, grown = psutil.Process(), [], [], 0.0
    for _ in range(trials):
        copied_s = timed(lambda: copy(files, scratch / "copy"))
        before_mb = process.memory_info().rss / 1e6
        began_s = time.perf_counter()
        with (scratch / "export.zip").open("wb") as out:
            for piece in exports.zip_pieces(studio, exports.plan(studio, dataset.id)):
                out.write(piece)
                grown = max(grown, process.memory_info().rss / 1e6 - before_mb)
        took_s = time.perf_counter() - began_s
        ratios.append(copied_s / took_s)
        speeds.append(megabytes / took_s)
    print(
        f"export, {len(files):,} {name}, {megabytes:.0f} MB: {statistics.median(speeds):.0f} MB/s, "
        f"{statistics.median(ratios):.2f} x the speed of copying the files; the process grew by {grown:.0f} MB at most"
    )


# ---- what it is held against -------------------------------------------------------------------------


class _Bare:
    """The same database without Darkroom."""

    def __init__(self, studio: Studio, dataset_id: int, version_id: int) -> None:
        self.engine = create_engine(studio.settings.database)
        self.ids: dict[str, Any] = {"dataset": dataset_id, "version": version_id}

    def read(self) -> int:
        then = text("SELECT image_id, label_id, kept FROM version_image WHERE version_id = :version")
        now = text("SELECT id, label_id, split FROM image WHERE dataset_id = :dataset AND deleted_at IS NULL")
        with self.engine.connect() as connection:
            return sum(len(connection.execute(query, self.ids).all()) for query in (then, now))

    def write(self) -> None:
        query = text(
            "UPDATE image SET revision = revision, label_id = label_id, split = split WHERE dataset_id = :dataset"
        )
        with self.engine.begin() as connection:
            connection.execute(query, self.ids)


def copy(files: list[Path], target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for at, file in enumerate(files):
        shutil.copyfile(file, target / f"{at}{file.suffix}")


def measured(what: str, ours: Callable[[], object], bare: Callable[[], object], trials: int, than: str) -> None:
    pairs = [(timed(ours), timed(bare)) for _ in range(trials)]
    took_s, ratio = statistics.median(a for a, _ in pairs), statistics.median(a / b for a, b in pairs)
    print(f"{what}: {took_s * 1000:.0f} ms, {ratio:.2f} x {than}")


def timed(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


def fill(studio: Studio, name: str, numbers: range) -> int:
    """A dataset of images without files."""
    dataset_id = datasets.create(studio, name).id
    new = [
        NewImage(f"{n:064x}", f"{name}/{n}.jpg", f"label {n % LABELS}", Split.AUTO, 640, 480, "JPEG", 80_000)
        for n in numbers
    ]
    studio.store.images.add(dataset_id, new, "ann", "Added pictures")
    return dataset_id


def disturb(studio: Studio, dataset_id: int, images: int) -> None:
    """Half of the images relabelled, a fifth deleted, two fifths moved."""
    ids = [image.image_id for image in studio.store.images.labelled(dataset_id)]
    random.Random(1).shuffle(ids)
    parts = {"relabel": (0.0, 0.5), "delete": (0.4, 0.6), "split": (0.6, 1.0)}
    wanted: dict[str, dict[str, Any]] = {
        "relabel": {"label": "label 3"},
        "delete": {"deleted": True},
        "split": {"split": Split.TEST},
    }
    for kind, (start, end) in parts.items():
        some = ids[int(start * images) : int(end * images)]
        datasets.change(studio, dataset_id, kind, [Change(one, **wanted[kind]) for one in some])

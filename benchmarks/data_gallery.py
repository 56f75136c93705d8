"""The gallery at 50,000 pictures against 200: pages, changes of all that match, more like this, the map.

The rows are written straight into the store, with vectors of twelve groups; the pictures themselves are not needed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from benchmarks import worlds
from core import datasets, maps
from core.embedded import open_studio
from core.index import mapping
from core.index.vector_file import WIDTH
from core.records import Dataset, Split
from core.settings import read_settings
from core.stores import Change, NewImage, Where
from core.studio import Studio

LABELS = 12
PIECE = 10_000
SMALL = 200


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pictures", type=int, default=50_000)


def run(wish: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as scratch:
        os.environ["DARKROOM_HOME"] = scratch
        studio = open_studio(read_settings())
        small, large = fill(studio, "Small", SMALL), fill(studio, "Large", wish.pictures)
        _pages(studio, small, large, wish.trials)
        _changes(studio, large)
        _similar(studio, large, wish.trials)
        _map(studio, large)
        studio.decoder.close()


def fill(studio: Studio, name: str, pictures: int, labelled: bool = True) -> Dataset:
    """A dataset of so many pictures in `LABELS` groups, every ninth (or all) without a label, with their vectors."""
    dataset = studio.store.datasets.create(name)
    groups = np.random.default_rng(0).normal(0, 1, (LABELS, WIDTH)).astype(np.float32)
    for start in range(0, pictures, PIECE):
        numbers = range(start, min(pictures, start + PIECE))
        new = [_image(name, number, labelled) for number in numbers]
        studio.store.images.add(dataset.id, new, "ann", f"Added {len(new):,} pictures")
        noise = np.random.default_rng(start).normal(0, 1, (len(new), WIDTH)).astype(np.float32)
        first = studio.store.vectors.next_row()
        studio.vectors.append(first, groups[[number % LABELS for number in numbers]] + noise)
        studio.store.vectors.put({one.sha256: first + at for at, one in enumerate(new)})
    return studio.store.datasets.get(dataset.id)


def _image(name: str, number: int, labelled: bool) -> NewImage:
    sha = hashlib.sha256(f"{name} {number}".encode()).hexdigest()
    label = f"label {number % LABELS}" if labelled and number % 9 else None
    path = f"{name}/{number % LABELS}/{number:06}.jpg"
    return NewImage(sha, path, label, list(Split)[number % 4], 640, 480, "JPEG", 50_000, "" if number % 3 else "other")


def _pages(studio: Studio, small: Dataset, large: Dataset, trials: int) -> None:
    """Runs of the real screen, in this process: what the server does between a click and its answer."""
    from streamlit.testing.v1 import AppTest

    import pages

    pages.opened.clear()
    app = AppTest.from_file(str(worlds.ROOT / "app.py"), default_timeout=60).run()

    def open_page(address: dict[str, str]) -> Callable[[], object]:
        def once() -> object:
            app.query_params.clear()
            for name, value in address.items():
                app.query_params[name] = value
            return app.switch_page("pages/datasets.py").run()

        return once

    seconds: dict[str, list[float]] = {}
    for dataset in (small, large):
        label = str(studio.store.datasets.labels(dataset.id)[3].id)
        views = [
            {"order": order} for order in ("Mixed", "Newest first", "Oldest first", "By name", "By label", "By use")
        ]
        views += [{"label": label}, {"label": "none"}, {"use": "Testing"}, {"find": "49"}, {"origin": "other"}]
        views += [{"label": label, "use": "Testing", "find": "1", "order": "By name"}]
        for view in views:
            matching = dataset.images // (1 if "order" in view and len(view) == 1 else LABELS * 4)
            for at in (1, max(1, matching // 60)):
                address = {"dataset": str(dataset.id), "page": str(at), **view}
                open_page(address)()  # the counts of a state of the labels are made once
                seconds.setdefault(dataset.name, []).extend(_timed(open_page(address), trials))
    for name, found in seconds.items():
        print(f"a page of {name}: p50 {_ms(found, 0.5):.0f} ms, p95 {_ms(found, 0.95):.0f} ms of {len(found)} runs")
    ratio = _ms(seconds[large.name], 0.95) / _ms(seconds[small.name], 0.95)
    print(f"  p95 at {large.images:,} pictures: {ratio:.2f} x that at {small.images:,}")


def _changes(studio: Studio, large: Dataset) -> None:
    began_s = time.perf_counter()
    done = datasets.change_all(studio, large.id, "relabel", Where(), Change(0, label="all the same"))
    changed_s = time.perf_counter() - began_s
    assert done.action is not None
    began_s = time.perf_counter()
    datasets.undo(studio, done.action.id)
    print(f"all {len(done.changed):,} relabelled in {changed_s:.2f} s, undone in {time.perf_counter() - began_s:.2f} s")


def _similar(studio: Studio, large: Dataset, trials: int) -> None:
    """By the predictor's process, over the wire; against one bare product with a matrix that is ready."""
    ids = [image.id for image in studio.store.images.page(large.id, Where(), 0, trials * 4)]
    began_s = time.perf_counter()
    datasets.similar(studio, large.id, ids[0])
    print(f"more like this, the first time (a predictor starts and reads): {time.perf_counter() - began_s:.1f} s")
    found = [one for image_id in ids for one in _timed(partial(datasets.similar, studio, large.id, image_id), 1)]
    matrix = studio.vectors.read(list(studio.store.vectors.indexed(large.id).rows))
    bare = statistics.median(_timed(lambda: matrix @ matrix[0], trials))
    print(
        f"more like this over {large.images:,}: p50 {_ms(found, 0.5):.0f} ms, p95 {_ms(found, 0.95):.0f} ms, "
        f"{statistics.median(found) / bare:.1f} x one bare product"
    )
    studio.services.stop(trainers=True)  # type: ignore[attr-defined]


def _map(studio: Studio, large: Dataset) -> None:
    dataset = studio.store.datasets.get(large.id)
    studio.store.surveys.want(large.id, maps.KIND)
    began_s = time.perf_counter()
    content = mapping.compute(studio, dataset, lambda _share: None)
    seconds = time.perf_counter() - began_s
    studio.store.surveys.put(large.id, maps.KIND, dataset.labels_revision, seconds, content)
    began_s = time.perf_counter()
    size = len(maps.packed(studio, large.id))
    packed_s = time.perf_counter() - began_s
    packed = f"packed for the browser in {1000 * packed_s:.0f} ms, {size / 1e6:.1f} MB"
    print(f"a map of {large.images:,}: {seconds:.0f} s; {packed}")


def _timed(ask: Callable[[], object], trials: int) -> list[float]:
    seconds = []
    for _ in range(trials):
        began_s = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - began_s)
    return seconds


def _ms(seconds: Sequence[float], share: float) -> float:
    return 1000 * sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))]

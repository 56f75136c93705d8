"""What fifty people at the labelling screen cost: each asks once a second what others did, while one of them labels.

python benchmarks/data.py news
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path

from benchmarks import worlds
from core import datasets
from core.embedded import open_studio
from core.records import Split
from core.settings import read_settings
from core.stores import Change, NewImage, Where
from core.studio import Studio

PEOPLE = 50
SECONDS = 20.0
PICTURES = 5000


def arguments(_parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(_wish: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as scratch:
        home = Path(scratch) / "home"
        studio = open_studio(read_settings({**os.environ, "DARKROOM_HOME": str(home)}))
        dataset_id = _many(studio)
        with worlds.running(home) as server:
            idle = _share(server, 5.0)
            for labels_each_s in (0.0, 2.0):
                took, load = _ask_all(studio, server, dataset_id, labels_each_s)
                ordered = sorted(took)
                middle_ms, late_ms = 1000 * statistics.median(took), 1000 * ordered[int(0.95 * len(took))]
                print(
                    f"{PEOPLE} people ask once a second, {labels_each_s:.0f} labels a second: "
                    f"median {middle_ms:.1f} ms, p95 {late_ms:.0f} ms, {100 * (load - idle):.0f} % of a core, "
                    f"{1000 * (load - idle) / PEOPLE:.1f} ms of CPU an answer"
                )
        studio.decoder.close()


def _many(studio: Studio) -> int:
    dataset = datasets.create(studio, "many")
    images = [NewImage(f"{n:064x}", f"{n}.jpg", None, Split.AUTO, 8, 8, "JPEG", 9) for n in range(PICTURES)]
    studio.store.images.add(dataset.id, images, studio.who, "Added pictures")
    return dataset.id


def _share(server: worlds.Server, seconds: float) -> float:
    """CPU seconds of the web process a second."""
    before = server.cpu_s
    time.sleep(seconds)
    return (server.cpu_s - before) / seconds


def _ask_all(studio: Studio, server: worlds.Server, dataset_id: int, labels_each_s: float) -> tuple[list[float], float]:
    took: list[float] = []
    ends_at = time.monotonic() + SECONDS

    def person(number: int) -> None:
        time.sleep(number / PEOPLE)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        since = studio.store.desk.revision(dataset_id)
        while time.monotonic() < ends_at:
            began_s = time.perf_counter()
            connection.request("GET", f"/api/datasets/{dataset_id}/changes?since={since}")
            since = json.loads(connection.getresponse().read())["revision"]
            took.append(time.perf_counter() - began_s)
            time.sleep(max(0.0, 1.0 - took[-1]))

    people = [threading.Thread(target=person, args=(number,)) for number in range(PEOPLE)]
    before, began_s = server.cpu_s, time.monotonic()
    for one in people:
        one.start()
    images = studio.store.images.page(dataset_id, Where(unlabelled=True), 0, 200)
    while labels_each_s and time.monotonic() < ends_at and images:
        datasets.change(studio, dataset_id, "relabel", [Change(images.pop().id, label="a")])
        time.sleep(1 / labels_each_s)
    for one in people:
        one.join()
    return took, (server.cpu_s - before) / (time.monotonic() - began_s)

"""The whole path, measured: `make bench`. Prints ratios and distributions; nothing is asserted here.

    python benchmarks/path.py [--set trash5] [--viewers 20] [--trials 3]

The bare loops run in this process right before what they are compared with, on the same pictures and threads.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import viewers, worlds
from core import datasets, models, runs, uploads
from core.embedded import open_studio
from core.records import RunState
from core.settings import read_settings
from core.stores import Change, Where
from core.studio import Studio

BATCH = 32
FILES_A_BATCH = 64  # as the browser sends them


def main() -> int:
    wish = _arguments()
    print(worlds.header(wish.trials))
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as scratch:
        folder = worlds.unpack(wish.set, Path(scratch) / "sets")
        home = Path(scratch) / "home"
        studio = open_studio(read_settings({**os.environ, "DARKROOM_HOME": str(home)}))
        files = worlds.pictures(folder)
        print(f"{wish.set}: {len(files):,} pictures")
        decode_s = _decode_and_hash(files)
        imported_s = _import(studio, folder, wish.set)
        speed = len(files) / imported_s
        print(f"import: {speed:.0f} pictures/s, {decode_s / imported_s:.2f} x a bare decode-and-hash loop")
        inputs = _inputs(studio, wish.set)
        studio.decoder.close()
        bare_s = _bare_vectors(studio.settings.backbone_path, inputs)
        with worlds.running(Path(scratch) / "first") as server:
            _drop(server, Path(scratch) / "first", folder, decode_s, bare_s)
        with worlds.running(home) as server:
            _instant(studio, wish.set, len(files), decode_s, bare_s)
            _refits(studio, wish.set, wish.trials)
            worlds.until(lambda: not studio.store.surveys.due(), 300)  # what nobody waits for is done
            _training(studio, server, wish)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="trash5")
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long the viewers look")
    parser.add_argument("--trials", type=int, default=5)
    return parser.parse_args()


def _decode_and_hash(files: Sequence[Path]) -> float:
    """Seconds of a bare loop on all cores that hashes and decodes each picture, and nothing else."""
    from concurrent.futures import ProcessPoolExecutor

    began_s = time.perf_counter()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        sum(pool.map(_decode_one, files, chunksize=16))
    return time.perf_counter() - began_s


def _decode_one(file: Path) -> int:
    import io

    from PIL import Image

    data = file.read_bytes()
    hashlib.sha256(data).digest()
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
    return 1


def _import(studio: Studio, folder: Path, name: str) -> float:
    began_s = time.perf_counter()
    uploads.import_path(studio, folder, name)
    return time.perf_counter() - began_s


def _inputs(studio: Studio, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The backbone's inputs, (n, 224, 224, 3)."""
    dataset = datasets.find(studio, name)
    images = studio.store.images.page(dataset.id, Where(), 0, 100_000)
    paths = [studio.files.picture(image.sha256) for image in images]
    return np.stack([pixels for _, pixels in studio.decoder.resized(paths, 224) if pixels is not None])


def _bare_vectors(backbone: Path, inputs: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> float:
    """Seconds of a bare ONNX Runtime loop over all pictures."""
    import onnxruntime

    session = onnxruntime.InferenceSession(backbone, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    session.run(["vector"], {name: inputs[:BATCH]})
    began_s = time.perf_counter()
    for start in range(0, len(inputs), BATCH):
        session.run(["vector"], {name: inputs[start : start + BATCH]})
    return time.perf_counter() - began_s


def _instant(studio: Studio, name: str, count: int, decode_s: float, bare_s: float) -> None:
    """From a waiting data folder to the first instant model, the indexer's start included."""
    dataset = datasets.find(studio, name)
    studio.services.wake()
    first_s = worlds.until(lambda: studio.store.vectors.todo_count() < count, 120)
    vectors_s = worlds.until(lambda: studio.store.vectors.todo_count() == 0, 600)
    fit_s = worlds.until(lambda: models.instant(studio, dataset.id).state == "ready", 120)
    ratio = bare_s / vectors_s
    print(
        f"vectors: {count / vectors_s:.0f} pictures/s, {ratio:.2f} x a bare ONNX Runtime loop ({count / bare_s:.0f}/s)"
    )
    print(
        f"instant model: {fit_s:.2f} s after the last vector (first vectors {first_s:.1f} s after waking the indexer)"
    )
    whole = (vectors_s + fit_s) / (decode_s + bare_s)
    print(f"vectors and model: {whole:.2f} x (decoding + one ONNX Runtime pass), after the import")
    model = models.instant(studio, dataset.id).model
    assert model is not None
    print(f"  {models.sentence(model)}")


def _drop(server: worlds.Server, home: Path, folder: Path, decode_s: float, bare_s: float) -> None:
    """What somebody waits for who drops a first folder: from the last byte sent to a model that answers."""
    studio = open_studio(read_settings({**os.environ, "DARKROOM_HOME": str(home)}))
    worlds.until(lambda: "indexer" in studio.store.services.all(), 60)
    upload = server.post("/api/uploads", json.dumps({"name": "dropped"}).encode())["id"]
    began_s = time.perf_counter()
    batch: list[tuple[str, bytes]] = []
    files = worlds.pictures(folder)
    for file in files:
        batch.append((f"dropped/{file.parent.name}/{file.name}", file.read_bytes()))
        if len(batch) == FILES_A_BATCH or file == files[-1]:
            server.post(f"/api/uploads/{upload}/batch", _packed(batch), "application/octet-stream")
            batch = []
    server.post(f"/api/uploads/{upload}/finish")
    sent_s = time.perf_counter() - began_s
    # Asked for as often as the page does: questions cost the cores that are measured.
    checked_s = worlds.until(lambda: server.get(f"/api/uploads/{upload}")["can_add"], 600, 0.2)
    server.post(f"/api/uploads/{upload}/add")
    checked_s += worlds.until(lambda: server.get(f"/api/uploads/{upload}")["state"] == "added", 600, 0.2)
    dataset_id = int(server.get(f"/api/uploads/{upload}")["dataset_id"])
    ready_s = worlds.until(lambda: models.instant(studio, dataset_id).state == "ready", 600, 0.2)
    waited_s = checked_s + ready_s
    print(
        f"dropped in the browser's way: sent in {sent_s:.1f} s, added {checked_s:.1f} s and ready {waited_s:.1f} s "
        f"after the last byte: {waited_s / (decode_s + bare_s):.2f} x (decoding + one ONNX Runtime pass)"
    )


def _packed(batch: Sequence[tuple[str, bytes]]) -> bytes:
    """u32 length of the head | head as JSON | the bytes in order."""
    head = json.dumps([{"path": path, "size": len(content)} for path, content in batch]).encode()
    return struct.pack("<I", len(head)) + head + b"".join(content for _, content in batch)


def _refits(studio: Studio, name: str, trials: int) -> None:
    dataset = datasets.find(studio, name)
    image = studio.store.images.page(dataset.id, Where(), 0, 1)[0]
    other = next(label.name for label in datasets.labels(studio, dataset.id) if label.name != image.label)
    seconds = []
    for trial in range(trials):
        label = other if trial % 2 == 0 else image.label
        datasets.change(studio, dataset.id, "relabel", [Change(image.id, label=label)])
        seconds.append(worlds.until(lambda: models.instant(studio, dataset.id).state == "ready", 60))
    print(f"refit after one correction: median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s")


def _training(studio: Studio, server: worlds.Server, wish: argparse.Namespace) -> None:
    dataset = datasets.find(studio, wish.set)
    idle_mb = server.rss_mb
    began_s = time.perf_counter()
    run = runs.start(studio, dataset.id, "resnet18", 50)
    worlds.until(lambda: server.get(f"/api/runs/{run.id}/curve?since=-1")["points"], 180)
    print(f"click to first point of the curve: {time.perf_counter() - began_s:.1f} s (cold trainer)")
    cpu_s, began_s = server.cpu_s, time.monotonic()
    seen = viewers.watch(server.port, "train", f"run={run.id}", wish.viewers, wish.seconds)
    share = (server.cpu_s - cpu_s) / (time.monotonic() - began_s)
    p50, p95 = seen.median * 1000, seen.percentile(0.95) * 1000
    print(f"page with {wish.viewers} viewers during training: p50 {p50:.0f} ms, p95 {p95:.0f} ms, {seen.failed} failed")
    print(f"web process: {idle_mb:.0f} MB before, {server.rss_mb:.0f} MB with viewers, {share:.0%} of one core")
    runs.cancel(studio, run.id)
    worlds.until(lambda: runs.get(studio, run.id).state is RunState.CANCELLED, 60)


if __name__ == "__main__":
    sys.exit(main())

"""A data folder with real processes: a few pictures drawn here, a scheduler, trainers, and ways to kill them."""

from __future__ import annotations

import hashlib
import os
import signal
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
from filelock import FileLock

from core.index.vector_file import WIDTH
from core.records import Run, RunState, Split, TrainingSpec, VersionImage
from core.running import handles
from core.running.children import NAMES, lock_is_free, read_handle
from core.running.services import LocalServices
from core.settings import Settings
from core.storage import LocalFiles, open_store
from core.stores import NewImage
from tests.test_graphs import backbone

LABELS = ("dark", "light", "striped")
PER_LABEL = 24
LEASE_S = 6.0
PATIENCE_S = 240.0
# Long enough to be killed in the middle, short enough to be waited for; wishes are seen between two words of the loop.
SLOW = TrainingSpec("digit-cnn", 20, {"batch_size": 4, "threads": 1, "seed": 3, "patience": 0})
SHORT = TrainingSpec("mlp", 2, {"batch_size": 16, "threads": 1, "seed": 3})


def png(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    """(H, W, 3) as a PNG: no library may decode pictures here, and this one is enough to write them."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def draw(label: int, chance: np.random.Generator) -> bytes:
    """40 x 40 points; noisy, so that there is something left to learn after the first epoch."""
    picture = chance.normal((105, 115, 110)[label], 80, (40, 40, 3))
    if label == 2:
        picture[::4] += 25
    return png(picture.clip(0, 255).astype(np.uint8))


class Lab:
    def __init__(self, home: Path, background: bool = True, reserve_bytes: int = 0, hub: str = "") -> None:
        """Without `background` neither indexer nor predictor runs: their locks are taken. A small network then stands
        for the packaged one, which is worth seconds and 14 MB for every model of a network that begins with nothing."""
        self.settings = Settings(
            home,
            backbone="" if background else str(home / "backbone.onnx"),
            disk_reserve_bytes=reserve_bytes,
            decoders=1,
            device="cpu",
            lease_s=LEASE_S,
            idle_exit_s=60.0,
            hub=hub,
        )
        if not background:
            home.mkdir(parents=True, exist_ok=True)
            self.settings.backbone_path.write_bytes(backbone(WIDTH))
        self.files = LocalFiles(home, reserve_bytes)
        self.store = open_store(self.settings.database)
        self.services = LocalServices(self.settings, self.files)
        self._locks = [] if background else [FileLock(self.files.lock(name)) for name in NAMES]
        for lock in self._locks:
            lock.acquire(timeout=0)

    def close(self) -> None:
        """Ends every process that was started here."""
        deadline = time.monotonic() + PATIENCE_S
        self.services.stop(trainers=True)
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.3)  # a scheduler that a killed screen had just started comes up only now
            self.services.stop(trainers=True)
        for run in self.store.runs.all(states=(RunState.STARTING, RunState.RUNNING)):
            if run.handle:
                handles.clear_group(run.handle)
        for lock in self._locks:
            lock.release()

    # ---- facts

    def dataset(self, name: str = "drawn", test_seed: int = 6) -> tuple[int, int]:
        """(dataset, version): every fourth picture is for checking, every eighth for the final score.

        Two datasets differ in the latter alone where their `test_seed` differs.
        """
        chance, other = (np.random.Generator(np.random.Philox(seed)) for seed in (5, test_seed))
        new: list[NewImage] = []
        for number in range(PER_LABEL * len(LABELS)):
            label = number % len(LABELS)
            content = draw(label, other if _split(number // len(LABELS)) is Split.TEST else chance)
            sha256 = hashlib.sha256(content).hexdigest()
            path = self.files.picture(sha256)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            path_sent = f"{LABELS[label]}/{number}.png"
            new.append(NewImage(sha256, path_sent, LABELS[label], Split.AUTO, 40, 40, "PNG", len(content)))
        dataset = self.store.datasets.create(name)
        self.store.images.add(dataset.id, new, "ann", "Added pictures")
        known = self.store.images.by_sha(dataset.id, [image.sha256 for image in new])
        splits = [_split(number // len(LABELS)) for number in range(len(new))]
        rows = [
            VersionImage(known[image.sha256].id, image.sha256, number % len(LABELS), splits[number])
            for number, image in enumerate(new)
        ]
        return dataset.id, self.store.versions.freeze(dataset.id, "", LABELS, rows).id

    def submit(self, where: tuple[int, int], spec: TrainingSpec = SLOW) -> int:
        run_id = self.store.runs.submit(*where, "a run", spec).id
        self.services.wake()
        return run_id

    def run(self, run_id: int) -> Run:
        return self.store.runs.get(run_id)

    def weights(self, run_id: int) -> str:
        """The sha256 of the weights that the run ended with."""
        self.wait_for(run_id, RunState.SUCCEEDED)
        (model,) = [model for model in self.store.models.all() if model.run_id == run_id]
        return hashlib.sha256((self.files.model(model.folder) / "weights.safetensors").read_bytes()).hexdigest()

    def log(self, run_id: int) -> str:
        paths = sorted(self.files.log("x").parent.glob(f"run-{run_id}.*.log"))
        return "\n".join(f"== {path.name}\n{path.read_text('utf-8')}" for path in paths)

    # ---- waiting

    def until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"still not: {what}\n{self._story()}"
            time.sleep(0.03)

    def wait_for(self, run_id: int, *states: RunState) -> Run:
        self.until(lambda: (run := self.run(run_id)).state in states or run.state.final, f"run {run_id} is {states[0]}")
        run = self.run(run_id)
        assert run.state in states, f"run {run_id} is {run.state}: {run.error}\n{self._story()}"
        return run

    def wait_for_step(self, run_id: int, step: int, attempt: int = 1) -> Run:
        def there() -> bool:
            run = self.run(run_id)
            assert not run.state.final, f"run {run_id} is {run.state} already: {run.error}\n{self.log(run_id)}"
            return run.attempt >= attempt and run.step >= step and run.state is RunState.RUNNING

        self.until(there, f"run {run_id} is at step {step} in attempt {attempt}")
        return self.run(run_id)

    def wait_for_attempt(self, run_id: int, attempt: int) -> Run:
        """It has its process; its heart may not beat yet."""
        self.until(lambda: (run := self.run(run_id)).attempt >= attempt and run.handle, f"attempt {attempt}")
        return self.run(run_id)

    def wait_for_empty_group(self, handle: str) -> None:
        self.until(lambda: not handles.group_members(handle), "the trainer and its children are gone")

    def _story(self) -> str:
        logs = sorted(self.files.log("x").parent.glob("*.log"))
        return "\n".join(f"== {path.name}\n{path.read_text('utf-8')[-3000:]}" for path in logs)

    # ---- killing

    def kill(self, handle: str | None) -> None:
        assert handle and handles.is_alive(handle)
        os.kill(handles.pid_of(handle), signal.SIGKILL)
        self.until(lambda: not handles.is_alive(handle), "it is dead")

    def scheduler(self) -> str:
        """The handle of the scheduler, once it is at work."""

        def there() -> bool:
            handle = read_handle(self.files, "scheduler")
            return bool(handle and handles.is_alive(handle)) and not lock_is_free(self.files, "scheduler")

        self.until(there, "a scheduler")
        handle = read_handle(self.files, "scheduler")
        assert handle
        return handle

    def child(self, name: str) -> str:
        """The handle of the indexer or the predictor, once it is at work."""
        self.until(
            lambda: (
                (handle := read_handle(self.files, name))
                and handles.is_alive(handle)
                and not lock_is_free(self.files, name)
            ),
            f"the {name}",
        )
        handle = read_handle(self.files, name)
        assert handle
        return handle

    def processes(self) -> dict[int, str]:
        """Every living process that works for this data folder, whoever started it: pid -> command line."""
        found = {}
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                at_home = process.environ().get("DARKROOM_HOME") == str(self.settings.home)
                if at_home and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                    found[process.pid] = " ".join(process.cmdline())
        return found


def _split(number: int) -> Split:
    if number % 8 == 7:
        return Split.TEST
    return Split.VALIDATION if number % 4 == 3 else Split.TRAIN

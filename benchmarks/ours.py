"""Darkroom in the same seat as the peers: `python benchmarks/ours.py FOLDER EPOCHS`, see benchmarks/peers/common.py.

Pictures are decoded, vectors computed and the head fitted on the clock, although the product has done that before
anybody clicks. Epoch 0 is the instant model.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from core import recipe as recipes
from core.imaging.cache import open_cache
from core.imaging.pool import DecoderPool
from core.index import instant
from core.learning.checkpoint import Checkpoints
from core.learning.events import Stepped, Validated
from core.learning.loop import train
from core.learning.tuning import as_words, tune
from core.records import TrainingSpec
from core.settings import Settings

ARCHITECTURE = "efficientnet-lite0"


def cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main(folder: Path, epochs: int, overrides: dict[str, object]) -> None:
    began_s, began_cpu_s, said_s, said_cpu_s = time.monotonic(), cpu_s(), 0.0, 0.0

    def say(epoch: int, accuracy: float) -> None:
        said = {"epoch": epoch, "seconds": said_s - began_s, "cpu_s": said_cpu_s - began_cpu_s, "accuracy": accuracy}
        print(json.dumps(said), flush=True)

    labels = sorted(path.name for path in (folder / "train").iterdir())
    files = [file for part in ("train", "test") for file in sorted((folder / part).rglob("*")) if file.is_file()]
    targets = np.array([labels.index(file.parent.name) for file in files], np.int64)
    is_train = np.array([file.is_relative_to(folder / "train") for file in files], bool)
    learned, measured = np.flatnonzero(is_train), np.flatnonzero(~is_train)
    with tempfile.TemporaryDirectory() as scratch:
        with DecoderPool(0, Settings(Path(scratch)).picture_limit_bytes) as decoder:
            cache = open_cache(Path(scratch) / "pixels", [(file.name, file) for file in files], 224, decoder)
        vectors = _vectors(cache.pixels)
        head = instant.fit(vectors[learned], targets[learned], len(labels))
        said_s, said_cpu_s = time.monotonic(), cpu_s()
        say(0, float((instant_answers(head, vectors[measured]) == targets[measured]).mean()))
        spec = TrainingSpec(ARCHITECTURE, epochs, {"patience": 0, **overrides})
        recipe = recipes.derive(spec, len(learned), len(labels), os.cpu_count() or 1)
        start = (head.weight, head.bias) if recipe.warm_start else None
        device, known = torch.device("cpu"), Path(scratch) / "tuning"
        tuned = tune(recipe, len(labels), device, cache.pixels, targets, learned, known, spec.overrides, start)
        print(json.dumps({"tuned": as_words(tuned)}), file=sys.stderr)
        checkpoints = Checkpoints(Path(scratch) / "checkpoints")
        for event in train(cache.pixels, targets, learned, measured, tuned.recipe, device, labels, checkpoints, start):
            if isinstance(event, Stepped):
                said_s, said_cpu_s = time.monotonic(), cpu_s()
            if isinstance(event, Validated):
                if event.epoch:
                    say(event.epoch, event.val_accuracy)
                # What the measuring took does not count.
                began_s += time.monotonic() - said_s
                began_cpu_s += cpu_s() - said_cpu_s


def instant_answers(head: instant.Head, vectors: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray((vectors @ head.weight.T + head.bias).argmax(1))


def _vectors(pixels: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    session = onnxruntime.InferenceSession(Settings(Path()).backbone_path, providers=["CPUExecutionProvider"])
    batches = range(0, len(pixels), 32)
    return np.concatenate(
        [session.run(["vector"], {"pixels": np.ascontiguousarray(pixels[i : i + 32])})[0] for i in batches]
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]) if len(sys.argv) > 3 else {})

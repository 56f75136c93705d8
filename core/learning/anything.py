"""Any network of timm's, by name. Its own last layer is left out; ours is linear and takes its vector of a picture.

A class map says what the network would say of each place alone: where its last layers are a mean and nothing else that
is the class activation map. A network whose last layers want the whole picture has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from core.architectures import Architecture
from core.learning import augment
from core.learning.network import Network
from core.recipe import Recipe

Places = Callable[[Tensor], Tensor]  # features to (N * h * w, ...), each place as if it were a picture


class Anything(Network):
    mapped = False  # whether it can say where it saw something

    def __init__(self, card: Architecture, labels: int, recipe: Recipe) -> None:
        super().__init__()
        side = recipe.side
        self.body = body_of(card, side)
        # Whatever it learned from was normalised in its own way; pictures arrive in ours.
        mean, std = (card.weights.mean, card.weights.std) if card.weights else ((augment.MEAN,) * 3, (augment.STD,) * 3)
        shape = (1, 3, 1, 1)
        self.register_buffer("scale", augment.STD / torch.tensor(std).view(shape), persistent=False)
        shift = (augment.MEAN - torch.tensor(mean)) / torch.tensor(std)
        self.register_buffer("shift", shift.view(shape), persistent=False)
        # Batches of a few pictures would spoil the statistics that a million gave.
        self.settled = card.pretrained
        with torch.inference_mode():
            features, vector = self._seen(self.body.eval(), torch.zeros(1, 3, side, side))
            self.places, self.height, self.width = _places(self.body, features, vector)
        self.mapped = self.places is not None
        self.dropout = nn.Dropout(recipe.dropout)
        self.last = nn.Linear(vector.shape[1], labels)
        self.train()

    def train(self, mode: bool = True) -> Anything:
        super().train(mode)
        if mode and self.settled:
            for module in self.body.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def _input(self, pixels: Tensor) -> Tensor:
        return pixels * self.get_buffer("scale") + self.get_buffer("shift")

    @staticmethod
    def _seen(body: nn.Module, inputs: Tensor) -> tuple[Tensor, Tensor]:
        features = body.forward_features(inputs)  # type: ignore[operator]
        vector: Tensor = body.forward_head(features)  # type: ignore[operator]
        return features, vector

    def forward(self, pixels: Tensor) -> Tensor:
        return self.last(self.dropout(self.body(self._input(pixels))))  # type: ignore[no-any-return]

    def answer(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features, vector = self._seen(self.body, self._input(pixels))
        logits = self.last(vector)
        if self.places is None:
            return logits, vector, logits[:, :, None, None] * 0
        each = self.last(self.body.forward_head(self.places(features)))  # type: ignore[operator]
        maps = each.view(-1, self.height, self.width, self.last.out_features).permute(0, 3, 1, 2)
        return logits, vector, maps


def body_of(card: Architecture, side: int) -> nn.Module:
    """timm's network without its last layer, for (side, side) pictures. Raises whatever timm does where it cannot."""
    sized: dict[str, Any] = {"img_size": side} if side != card.native_side else {}
    try:
        body: nn.Module = timm.create_model(card.timm, num_classes=0, **sized)
    except TypeError as error:
        if "img_size" not in str(error):
            raise
        body = timm.create_model(card.timm, num_classes=0)  # it takes pictures of any size without being told
    return body


def _places(body: nn.Module, features: Tensor, vector: Tensor) -> tuple[Places | None, int, int]:
    """How features become pictures of one place each, tried on one picture; None where that makes no sense."""
    for make, height, width in _readings(body, features):
        try:
            found = body.forward_head(make(features))  # type: ignore[operator]
        except Exception:  # noqa: BLE001 - a head that wants the whole picture says so in its own way
            continue
        if found.shape == (height * width, vector.shape[1]) and bool(found.isfinite().all()):
            return make, height, width
    return None, 1, 1


def _readings(body: nn.Module, features: object) -> list[tuple[Places, int, int]]:
    if not isinstance(features, Tensor):
        return []
    if any(isinstance(one, nn.Conv2d) and one.kernel_size != (1, 1) for one in _after_features(body)):
        return []
    channels, shape = getattr(body, "num_features", 0), features.shape
    if features.ndim == 4 and shape[1] == channels:
        return [(_of_planes, shape[2], shape[3])]
    if features.ndim == 4 and shape[3] == channels:
        return [(_of_rows, shape[1], shape[2])]
    if features.ndim == 3 and shape[2] == channels:
        first = int(getattr(body, "num_prefix_tokens", 0))
        side = round((shape[1] - first) ** 0.5)
        if side * side == shape[1] - first:
            return [(_OfTokens(first), side, side)]
    return []


def _after_features(body: nn.Module) -> Iterator[nn.Module]:
    """The modules that VGG's family puts between features and last layer: these look at the picture as a whole."""
    return getattr(body, "pre_logits", nn.Identity()).modules()


def _of_planes(features: Tensor) -> Tensor:
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1], 1, 1)


def _of_rows(features: Tensor) -> Tensor:
    return features.reshape(-1, 1, 1, features.shape[3])


class _OfTokens:
    """A place's token stands where the tokens of the whole picture stood, too."""

    def __init__(self, first: int) -> None:
        self.first = first

    def __call__(self, features: Tensor) -> Tensor:
        each = features[:, self.first :].reshape(-1, 1, features.shape[2])
        return each.expand(-1, self.first + 1, -1)

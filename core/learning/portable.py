"""A network under names that others know: timm's own where timm has it, else a list of plain layers.

What is written is tried by whoever reads it (`core.learning.forms`), so a network of timm's whose last layers are not
a linear one after a vector ends up as timm's body with a plain layer behind it, and still answers as it did.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

import timm
import torch
from torch import Tensor, nn

from core import architectures
from core.architectures import Architecture
from core.learning import augment
from core.learning.anything import Anything
from core.learning.network import Network
from core.learning.networks import Hidden, MobileNet, Pooled
from core.learning.restoring import Restored

OWN = {
    "efficientnet-lite0": "tf_efficientnet_lite0",
    "resnet18": "resnet18",
    "mobilenetv3-small": "mobilenetv3_small_100",
}
ALIKE = 1e-3  # of a logit: the same network, its sums in another order
Layer = tuple[str, dict[str, Any]]  # name in torch.nn, or "timm"; what it is made with


@dataclass(frozen=True, slots=True, eq=False)
class Portable:
    tensors: dict[str, Tensor]
    mean: tuple[float, ...]  # of the pictures, in shares of 255, one a channel
    std: tuple[float, ...]
    timm: str = ""  # the name of the whole network there; empty: `layers` make it
    arguments: dict[str, Any] = field(default_factory=dict)  # of timm's create_model
    config: dict[str, Any] = field(default_factory=dict)  # timm's own words for it
    layers: tuple[Layer, ...] = ()


def portable(found: Restored) -> Portable:
    """Under timm's names where that network answers alike, else as layers."""
    card = architectures.get(found.recipe.architecture)
    return _as_timm(found, card) or _as_layers(found, card)


def _normalised(network: Network, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What pictures are normalised with: a pretrained network has its own mean and deviation."""
    if not isinstance(network, Anything):
        return (augment.MEAN,) * channels, (augment.STD,) * channels
    # (x - .5) / .5 * scale + shift = (x - mean) / std
    std = augment.STD / network.get_buffer("scale").flatten()
    mean = augment.MEAN - network.get_buffer("shift").flatten() * std
    return tuple(round(one, 6) for one in mean.tolist()), tuple(round(one, 6) for one in std.tolist())


# ---- as timm's ---------------------------------------------------------------------------------------


def _as_timm(found: Restored, card: Architecture) -> Portable | None:
    name = card.timm or OWN.get(card.name)
    if not name:
        return None
    labels = len(found.labels)
    for arguments in _arguments(found, card):
        with contextlib.suppress(RuntimeError, KeyError, ValueError, TypeError, AttributeError, AssertionError):
            whole = timm.create_model(name, num_classes=labels, **arguments).eval()
            tensors = _body(found.network) | _last(found.network, whole)
            whole.load_state_dict(tensors)
            mean, std = _normalised(found.network, 3)
            if _alike(found, whole, mean, std):
                return Portable(tensors, mean, std, name, arguments, _config(whole))
    return None


def _arguments(found: Restored, card: Architecture) -> list[dict[str, Any]]:
    """What the network may have been made with: some must be told the size of their pictures."""
    side = found.recipe.side
    sized = card.timm and side != card.native_side
    return [{"img_size": side}, {}] if sized else [{}]


def _body(network: Network) -> dict[str, Tensor]:
    if isinstance(network, Anything):
        return dict(network.body.state_dict())
    assert isinstance(network, Pooled | MobileNet)
    inner = network.body.get_submodule("network").state_dict()
    if isinstance(network, MobileNet):
        inner |= {"conv_head.weight": network.first.weight[:, :, None, None], "conv_head.bias": network.first.bias}
    return dict(inner)


def _last(network: Network, whole: nn.Module) -> dict[str, Tensor]:
    """Our last layer under the name it has in timm's network. Raises ValueError where that has no such layer."""
    classifier = whole.get_classifier()  # type: ignore[operator]
    name = next((name for name, module in whole.named_modules() if module is classifier), "")
    if not name or not isinstance(classifier, nn.Linear) or classifier.weight.shape != network.last.weight.shape:
        raise ValueError("its last layer is not one linear layer")
    return {f"{name}.weight": network.last.weight, f"{name}.bias": network.last.bias}


def _alike(found: Restored, whole: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> bool:
    side = found.recipe.side
    pixels = torch.randint(0, 256, (2, side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        ours = found.network(augment.as_input(pixels, False))
        planes = pixels.float().permute(0, 3, 1, 2) / 255
        shape = (1, 3, 1, 1)
        theirs = whole((planes - torch.tensor(mean).view(shape)) / torch.tensor(std).view(shape))
    return bool((ours - theirs).abs().max() <= ALIKE * max(1.0, float(ours.abs().max())))


def _config(whole: nn.Module) -> dict[str, Any]:
    known: dict[str, Any] = dict(whole.pretrained_cfg)  # type: ignore[arg-type]
    kept = {name: known.get(name) for name in ("first_conv", "classifier", "fixed_input_size")}
    return {"num_features": int(whole.num_features), **kept}  # type: ignore[arg-type]


# ---- as layers ---------------------------------------------------------------------------------------


def _as_layers(found: Restored, card: Architecture) -> Portable:
    """The network as a list of plain layers, each named by its place."""
    network = found.network
    channels = 1 if card.grey else 3
    mean, std = _normalised(network, channels)
    last = network.last
    if isinstance(network, Hidden):
        body = list(network.body.children())
        curve: nn.Module = nn.Sigmoid() if found.recipe.activation == "sigmoid" else nn.ReLU()
        modules: list[nn.Module] = [*body, nn.Flatten(), network.first, curve, last]
        layers = [_layer(module) for module in modules]
    else:
        assert isinstance(network, Anything)
        modules = [network.body, last]
        sized = network.body.__dict__.get("_model_args", {}).get("img_size")
        arguments = {"img_size": sized} if sized else {}
        layers = [("timm", {"model_name": card.timm, "num_classes": 0, **arguments}), _layer(last)]
    return Portable(dict(nn.Sequential(*modules).state_dict()), mean, std, layers=tuple(layers))


def _layer(module: nn.Module) -> Layer:
    match module:
        case nn.Conv2d():
            said: dict[str, Any] = {
                "in_channels": module.in_channels,
                "out_channels": module.out_channels,
                "kernel_size": module.kernel_size[0],
                "padding": module.padding[0],
                "bias": module.bias is not None,
            }
        case nn.Linear():
            said = {"in_features": module.in_features, "out_features": module.out_features}
        case nn.BatchNorm2d():
            said = {"num_features": module.num_features}
        case nn.MaxPool2d():
            said = {"kernel_size": module.kernel_size}
        case _:
            said = {}
    return type(module).__name__, said

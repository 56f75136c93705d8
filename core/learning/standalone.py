"""Puts a classifier together from config.json and model.safetensors, which lie in one folder."""

# This file is taken away as network.py: it stands alone, and knows torch and what it is given.

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

LAYERS = ("BatchNorm2d", "Conv2d", "Flatten", "Linear", "MaxPool2d", "ReLU", "Sigmoid")


def load(folder: str | Path) -> nn.Sequential:
    """The network, ready to answer: normalised pictures (N, channels, side, side) in, logits (N, labels) out."""
    made = nn.Sequential(*(_layer(name, settings) for name, settings in _config(folder)["layers"]))
    made.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return made.eval()


def ready(picture: Any, folder: str | Path) -> Tensor:
    """(1, channels, side, side) of an upright RGB picture of Pillow's."""
    config = _config(folder)
    pixels = np.array(picture.resize((config["side"], config["side"]), 2))  # 2: bilinear
    planes = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    mean, std = (torch.tensor(config[name]).view(1, -1, 1, 1) for name in ("mean", "std"))
    if mean.shape[1] == 1:
        planes = (planes * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return (planes - mean) / std


def _layer(name: str, settings: dict[str, Any]) -> nn.Module:
    made: nn.Module
    if name == "timm":
        import timm

        made = timm.create_model(**settings)
    elif name in LAYERS:
        made = getattr(nn, name)(**settings)
    else:
        raise ValueError(f"config.json names a layer that is not known here: {name!r}")
    return made


def _config(folder: str | Path) -> dict[str, Any]:
    return dict(json.loads((Path(folder) / "config.json").read_text("utf-8")))

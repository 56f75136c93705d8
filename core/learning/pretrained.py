"""Reads a file of pretrained weights: tensors and nothing that could run, and only what fits the network whole."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import safetensors
import timm
import torch
from safetensors.torch import load_file
from torch import Tensor

from core.architectures import Architecture
from core.errors import Undecided
from core.learning.anything import Anything
from core.learning.checkpoint import Weights

WRAPPED = ("state_dict_ema", "model_ema", "state_dict", "model")  # where trainings put the tensors


def read(path: Path) -> Weights:
    """The tensors by name. Raises Undecided: it holds anything else."""
    found: Any
    try:
        if path.suffix == ".safetensors":
            found = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
            for name in WRAPPED:
                found = found.get(name, found) if isinstance(found, dict) else found
    except (OSError, RuntimeError, ValueError, KeyError, EOFError, safetensors.SafetensorError) as error:
        raise Undecided(f"The file {path.name} cannot be read: it is damaged, or no file of weights.") from error
    except Exception as error:
        if type(error).__name__ != "UnpicklingError":  # torch refused what is no tensor; its module is none of ours
            raise
        raise Undecided(f"The file {path.name} holds more than weights, so it was not opened.") from error
    if not isinstance(found, dict) or not all(isinstance(one, Tensor) for one in found.values()) or not found:
        raise Undecided(f"The file {path.name} does not hold weights by name.")
    return {str(name).removeprefix("module."): tensor for name, tensor in found.items()}


def load(network: Anything, card: Architecture, path: Path, side: int) -> None:
    """Puts the weights of `path` into the body of `network`, whose last layer stays as it is.

    They go through timm's own reading (names of older files, position codes of other picture sizes), which must use
    every tensor. Raises Undecided with what does not fit.
    """
    assert card.weights is not None
    tensors = read(path)
    source: dict[str, Any] = {"state_dict": tensors, "hf_hub_id": None, "url": "", "file": None, "custom_load": False}
    sized: dict[str, Any] = {"img_size": side} if side != card.native_side and _takes_size(card, side) else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # With the last layer they came with: only so does timm refuse what is missing or left over.
            whole: Any = timm.create_model(
                f"{card.timm}.{card.weights.tag}",
                pretrained=True,
                pretrained_cfg_overlay=source,
                num_classes=card.weights.labels,
                **sized,
            )
            whole.reset_classifier(0)
        network.body.load_state_dict(whole.state_dict())
    except (RuntimeError, KeyError, ValueError, TypeError, AttributeError, IndexError, AssertionError) as error:
        raise Undecided(f"The file {path.name} does not fit {card.title}: {_words(error)}") from error
    if not all(bool(tensor.isfinite().all()) for tensor in network.body.state_dict().values()):
        raise Undecided(f"The file {path.name} holds numbers that are none (NaN or infinite).")


def _takes_size(card: Architecture, side: int) -> bool:
    try:
        with torch.device("meta"):
            timm.create_model(card.timm, num_classes=0, img_size=side)
    except TypeError:
        return False
    return True


def _words(error: Exception) -> str:
    """The first thing that torch has against it, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[1] if len(lines) > 1 else lines[0] if lines else type(error).__name__
    return f"{said[:160].rstrip('. ')}."

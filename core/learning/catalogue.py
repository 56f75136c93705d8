"""What timm knows, written down for everyone without torch: `python -m core.learning.catalogue core/catalogue.json`.

Run again whenever the pinned timm moves; a test holds the file against it. Networks are built without memory (on
torch's `meta` device), so that the largest cost no more than the smallest. Nothing is fetched.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import timm
import torch
from timm.models import get_pretrained_cfg, list_models, list_pretrained
from timm.models._registry import _model_to_module


def weights_of(name: str) -> dict[str, dict[str, Any]]:
    """Tag -> what is known of these weights, of every tag that timm can fetch."""
    tags = [known.partition(".")[2] for known in list_pretrained(f"{name}.*") if known.partition(".")[0] == name]
    return {tag: _weights(name, tag) for tag in sorted(tags) if tag}


def _weights(name: str, tag: str) -> dict[str, Any]:
    config = get_pretrained_cfg(f"{name}.{tag}")
    assert config is not None
    return {
        "side": config.input_size[1],
        "mean": [round(value, 6) for value in config.mean],
        "std": [round(value, 6) for value in config.std],
        "licence": config.license if config.license not in (None, "unknown") else "",
        "hub": config.hf_hub_id or "",
        "labels": config.num_classes,
    }


def side_of(name: str) -> tuple[int, int]:
    """(height, width) of the pictures it is made for."""
    config = get_pretrained_cfg(name)
    if config is None:
        return 224, 224
    _, height, width = config.input_size
    return height, width


def describe(name: str) -> dict[str, Any]:
    """Everything about one network. Raises ValueError with the reason where it is none that learns labels."""
    height, width = side_of(name)
    if height != width:
        raise ValueError(f"it wants pictures of {width} x {height}, not squares")
    try:
        with torch.device("meta"):
            parameters = _parameters(name)
    except Exception:  # noqa: BLE001 - some draw their first weights from numbers, which needs memory
        parameters = _parameters(name)
    config = get_pretrained_cfg(name)
    return {
        "family": _model_to_module[name],
        "parameters": parameters,
        "side": height,
        "fixed": bool(config is not None and config.fixed_input_size),
        "weights": weights_of(name),
    }


def _parameters(name: str) -> int:
    """Without a last layer."""
    return sum(value.numel() for value in timm.create_model(name, num_classes=0).parameters())


def catalogue(names: Iterable[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """name -> description, and name -> why it is left out."""
    found: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of networks that nobody asked for by name
        for name in names:
            try:
                found[name] = describe(name)
            except Exception as error:  # noqa: BLE001 - as above; what fails here is not offered
                left_out[name] = str(error).strip().splitlines()[0][:100] or type(error).__name__
    return found, left_out


def written(found: dict[str, Any], left_out: dict[str, str]) -> str:
    """One network a line, so that a change can be read."""
    lines = [f"  {json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found)]
    return "".join(
        [
            f'{{"timm": {json.dumps(importlib.metadata.version("timm"))},\n',
            f' "left_out": {json.dumps(dict(sorted(left_out.items())))},\n',
            ' "networks": {\n',
            ",\n".join(lines),
            "\n }}\n",
        ]
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m core.learning.catalogue core/catalogue.json")
    Path(sys.argv[1]).write_text(written(*catalogue(list_models())), encoding="utf-8")

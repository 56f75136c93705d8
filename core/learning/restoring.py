"""From a model's files back to its network: model.json says which, weights.safetensors what it learned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from core import architectures
from core import recipe as recipes
from core.architectures import PACKAGED
from core.bundles import HEAD
from core.errors import Refused, StudioError
from core.learning.networks import Network, build
from core.recipe import Recipe
from core.records import ModelKind, TrainingSpec


@dataclass(frozen=True, slots=True, eq=False)
class Restored:
    network: Network  # as it answers
    recipe: Recipe  # of an instant model: what the packaged network is given
    labels: tuple[str, ...]


def restore(folder: Path) -> Restored:
    """The network of a model. Raises StudioError: the files are gone, or do not fit each other."""
    try:
        manifest = json.loads((folder / "model.json").read_bytes())
        tensors = load_file(folder / "weights.safetensors")
    except (OSError, ValueError) as error:
        raise StudioError("The files of this model are gone or damaged. Train it again.") from error
    labels = tuple(manifest["labels"])
    recipe = recipe_of(manifest)
    if _free_size(recipe.architecture):
        # How large it is the recipe alone says, and that may come from elsewhere: tried on paper first.
        with torch.device("meta"):
            require_fit(build(recipe.architecture, len(labels), recipe).state_dict(), _counted(tensors))
    network = build(recipe.architecture, len(labels), recipe)
    fill(network, tensors, instant=manifest["kind"] == ModelKind.INSTANT)
    return Restored(network.eval().requires_grad_(False), recipe, labels)


def recipe_of(manifest: Mapping[str, Any]) -> Recipe:
    """Raises Refused: it is of another program version."""
    if manifest["kind"] == ModelKind.INSTANT:
        return recipes.derive(TrainingSpec(PACKAGED, 1), 1, len(manifest["labels"]), 1)
    return recipes.from_dict(manifest["recipe"])


def fill(network: Network, tensors: Mapping[str, Tensor], instant: bool) -> None:
    """Puts the weights into it. Raises Refused with the first thing that does not fit."""
    if instant:
        wanted = dict(zip(HEAD, (network.last.weight, network.last.bias), strict=True))
        require_fit(wanted, tensors)
        network.load_head(*(tensors[name].numpy() for name in HEAD))
        return
    tensors = _counted(tensors)
    require_fit(network.state_dict(), tensors)
    network.load_state_dict(tensors)


def _counted(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A count is one number; older bundles hold it as a list of one."""
    return {
        name: one.reshape(()) if name.endswith("num_batches_tracked") and one.shape == (1,) else one
        for name, one in tensors.items()
    }


def _free_size(architecture: str) -> bool:
    """Of the networks written here: their hidden layer is as large as the pictures."""
    card = architectures.get(architecture)
    return not card.timm and not card.pretrained


def require_fit(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """The same names, shapes and types, and numbers all of them. Raises Refused, `kind` weights."""
    if odd := sorted(set(wanted) ^ set(found)):
        what = "lack" if odd[0] in wanted else "hold something else:"
        raise Refused(f"The weights do not fit the architecture: they {what} {odd[0][:100]!r}.", "weights")
    for name, one in found.items():
        if one.shape != wanted[name].shape or one.dtype != wanted[name].dtype:
            raise Refused(
                f"The weights do not fit the architecture: {name[:100]!r} is {_shape(one)} instead of "
                f"{_shape(wanted[name])}.",
                "weights",
            )
        if one.is_floating_point() and not bool(torch.isfinite(one).all()):
            raise Refused(f"The weights hold numbers that are none (NaN or infinite), in {name[:100]!r}.", "weights")


def _shape(one: Tensor) -> str:
    kind = str(one.dtype).removeprefix("torch.")
    return f"{' x '.join(str(side) for side in one.shape) or 'one number'} of {kind}"

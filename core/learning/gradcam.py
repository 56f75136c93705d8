"""Heat maps from the network itself: class activation where its last layers are a mean, Grad-CAM of any other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from core.errors import StudioError
from core.learning.network import Network

NONE = (
    "This network lets go of where things are before anything depends on the label, so there is no heat map of it. "
    "Occlusion and Erase here work with every network."
)
LEAST = 2  # places along a side, below which a map says nothing
OPEN = (nn.Dropout, nn.Identity, nn.Softmax)  # what they hand on may be no picture: attention is a square, too


def heat(network: Network, inputs: Tensor, label: int) -> Tensor:
    """(h, w) of a picture (1, C, S, S), 0 and above. Raises StudioError: the network has no places.

    By class activation a place counts for what it adds to the label more than to the others together: a bias that all
    labels share says nothing of any.
    """
    if not network.mapped:
        return grad_cam(network, inputs, label)
    with torch.no_grad():
        places: Tensor = network.answer(inputs)[2][0]
        shares = network(inputs)[0].index_fill(0, torch.tensor([label]), -torch.inf).softmax(0)
        more: Tensor = places[label] - (shares[:, None, None] * places).sum(0)
    return more.clamp_min(0)


def grad_cam(network: Network, inputs: Tensor, label: int) -> Tensor:
    """Selvaraju et al. (2017), at the last layer with places that the label still depends on. Raises StudioError.

    A network that answers from one token for the whole picture depends on its places in the layers before that.
    """
    with _outputs(network.body, inputs.shape[2]) as seen:
        logit = network(inputs.clone().requires_grad_())[0, label]
    slopes: Sequence[Tensor | None] = torch.autograd.grad(logit, seen, allow_unused=True) if seen else ()
    first = int(getattr(network.body, "num_prefix_tokens", 0))
    for layer, slope in zip(reversed(seen), reversed(slopes), strict=True):
        if slope is None:
            continue
        planes, weights = _planes(layer, first), _planes(slope, first).mean((2, 3), keepdim=True)
        found = (weights * planes).sum(1)[0].clamp_min(0)
        if bool(found.max() > found.min()):
            return found.detach()
    raise StudioError(NONE)


@contextmanager
def _outputs(body: nn.Module, side: int) -> Iterator[list[Tensor]]:
    """What each of the layers gives that has places, in the order of the sums."""
    seen: list[Tensor] = []
    first = int(getattr(body, "num_prefix_tokens", 0))

    def note(module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(module, OPEN) or not isinstance(output, Tensor):
            return
        if output.requires_grad and _has_places(output, first, side):
            seen.append(output)

    hooks = [module.register_forward_hook(note) for module in body.modules()]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _has_places(output: Tensor, first: int, side: int) -> bool:
    """A picture's planes, rows of places, or tokens; fewer places than points, else nothing was put together yet."""
    if output.ndim not in (3, 4) or output.shape[0] != 1:
        return False
    if output.ndim == 3:
        along = round(max(output.shape[1] - first, 0) ** 0.5)
        return bool(LEAST <= along < side and along * along == output.shape[1] - first)
    along = output.shape[2]
    return LEAST <= along < side and along in (output.shape[1], output.shape[3])


def _planes(output: Tensor, first: int) -> Tensor:
    """(1, C, h, w)"""
    if output.ndim == 3:
        along = round((output.shape[1] - first) ** 0.5)
        return output[:, first:].transpose(1, 2).reshape(1, -1, along, along)
    return output if output.shape[2] == output.shape[3] else output.permute(0, 3, 1, 2)

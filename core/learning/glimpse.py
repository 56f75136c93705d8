"""What a network says of a few fixed pictures, and where it saw it: a frame of the film strip."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from core.learning.events import Glimpse
from core.learning.networks import Network

RANKS = 3  # labels of a frame: the best ones, and the right one
MOST_PLACES = 14  # of a map's side: finer than that nobody sees at the size of a print
DIGITS = 3


def glimpse(network: Network, inputs: Tensor, targets: Tensor) -> Glimpse:
    """Of pictures (N, C, S, S), normalised, and their right labels (N,). Draws no random number and learns nothing.

    A picture's map is that of the label which the network finds most likely, from 0 (its least) to 255 (its most).
    """
    with torch.inference_mode():
        logits, maps = network.eval().glance(inputs)
        shares, heat = logits.float().softmax(1), _levels(maps.float())
    shares, heat = shares.cpu(), heat.cpu()
    said = tuple(_ranked(row, int(right)) for row, right in zip(shares, targets.tolist(), strict=True))
    height, width = heat.shape[1:]
    return Glimpse(said, tuple(bytes(one.flatten().tolist()) for one in heat), (height, width))


def _levels(maps: Tensor) -> Tensor:
    """(N, h, w) of any numbers to (N, h', w') of 0..255, no side longer than `MOST_PLACES`."""
    height, width = (min(side, MOST_PLACES) for side in maps.shape[1:])
    small = functional.adaptive_avg_pool2d(maps[:, None], (height, width))[:, 0]
    low, high = small.amin((1, 2), keepdim=True), small.amax((1, 2), keepdim=True)
    return ((small - low) / (high - low).clamp_min(1e-12) * 255).round().to(torch.uint8)


def _ranked(shares: Tensor, right: int) -> tuple[tuple[int, float], ...]:
    """(label, share) of the best few and of the right one, best first."""
    order = shares.topk(min(RANKS, len(shares))).indices.tolist()
    wanted = order if right in order else [*order, right]
    return tuple((label, round(float(shares[label]), DIGITS)) for label in wanted)

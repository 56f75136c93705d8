"""Which parts of a picture speak for a label and which against it, asked of the network itself in five ways.

All but the heat map explain one number: how far the label stands before all others, log(p / (1 - p)). Unlike the
probability it does not flatten where the network is sure, and unlike the label's own logit it does not move with what
all labels share.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from core import architectures
from core.errors import StudioError
from core.explanations import Map
from core.learning import augment, gradcam
from core.learning.network import Network
from core.learning.restoring import restore
from core.records import Method

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of libraries that captum could draw with
    from captum._utils.models.linear_model import SkLearnRidge
    from captum.attr import GradientShap, IntegratedGradients, Lime, Occlusion

Pixels = NDArray[np.uint8]  # (N, S, S, 3)
Tell = Callable[[float], None]  # how far it is, 0..1; may raise to end the work

MOST_PLACES = 56  # of a map's side
STEPS = 16  # of the way from grey to the picture
WINDOW = 5  # a covered square is so small a part of the side, and moves by half of itself
DRAWS = 24  # of SHAP: a picture to compare with, and a place on the way to it
DRAWS_AT_ONCE = 4  # each keeps what its gradient needs
SAMPLES = 128  # of LIME
PATCHES = 7  # of LIME, along a side
AT_ONCE = 16  # pictures, where no gradient is needed
CALM = 32  # gradients are averaged over so small a part of the side, twice
BRIGHT = 0.995  # of all places are below the strongest colour
SEED = 7
LAYOUT = torch.channels_last  # half the time of torch's usual one, gradients included


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """A network as its model's folder holds it, ready to be asked."""

    network: Network
    labels: tuple[str, ...]
    side: int  # px
    grey: bool


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    odds: nn.Module  # (N, C, S, S) to (N,)
    inputs: Tensor  # (1, C, S, S)
    others: Tensor  # (M, C, S, S), to compare with

    @property
    def plain(self) -> Tensor:
        """The picture's mean colour everywhere: what stands for a part that is not there."""
        return self.inputs.mean((2, 3), keepdim=True).expand_as(self.inputs)


def load(folder: Path) -> Explained:
    """Raises StudioError: the model's files are gone, or do not fit each other."""
    found = restore(folder)
    grey = architectures.get(found.recipe.architecture).grey
    return Explained(found.network.to(memory_format=LAYOUT), found.labels, found.recipe.side, grey)


def explain(of: Explained, pixels: Pixels, method: Method, label: str, others: Pixels, tell: Tell) -> Map:
    """The same for the same question.

    Args:
        pixels: (S, S, 3), the picture at the network's side.
        label: '': the one it finds most likely.
        others: (M, S, S, 3), pictures it may have learned from; M may be 0.

    Raises:
        StudioError: nothing can be said in this way of this network. Whatever `tell` raises.
    """
    inputs = augment.as_input(torch.from_numpy(pixels[None]), of.grey).contiguous(memory_format=LAYOUT)
    with torch.inference_mode():
        shares = of.network(inputs).softmax(1)[0]
    at = of.labels.index(label) if label else int(shares.argmax())
    around = augment.as_input(torch.from_numpy(others), of.grey) if len(others) else torch.zeros_like(inputs)
    with _seeded():
        if method is Method.HEAT:
            found = gradcam.heat(of.network, inputs, at)
        else:
            ask, pictures = WAYS[method]
            found = ask(Question(_Odds(of.network, at, pictures, tell), inputs, around))
    return Map(of.labels[at], float(shares[at]), _small(found))


@contextmanager
def _seeded() -> Iterator[None]:
    """Captum draws from both generators."""
    kept = np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(SEED)
        np.random.seed(SEED)
        try:
            yield
        finally:
            np.random.set_state(kept)


class _Odds(nn.Module):
    """log(p / (1 - p)) of a label, and how far the work is."""

    def __init__(self, network: Network, label: int, expected: int, tell: Tell) -> None:
        super().__init__()
        self.network, self.label, self.expected, self.tell = network, label, expected, tell
        self.seen = 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.tell(min(self.seen / self.expected, 1.0))
        logits = self.network(inputs)
        self.seen += len(inputs)
        others = torch.cat([logits[:, : self.label], logits[:, self.label + 1 :]], 1)
        odds: Tensor = logits[:, self.label] - others.logsumexp(1)
        return odds


# ---- the ways ----------------------------------------------------------------------------------------


def _integrated(asked: Question) -> Tensor:
    """Sundararajan, Taly and Yan (2017), from plain grey."""
    grey = torch.zeros_like(asked.inputs)
    found: Tensor = IntegratedGradients(asked.odds).attribute(
        asked.inputs, grey, n_steps=STEPS, internal_batch_size=DRAWS_AT_ONCE
    )
    return _calm(found.sum(1))


def _shap(asked: Question) -> Tensor:
    """Expected gradients (Erion et al. 2021), as captum's GradientShap; a few draws at a time, for they take memory."""
    ask = GradientShap(asked.odds)
    rounds = DRAWS // DRAWS_AT_ONCE
    found: list[Tensor] = [
        ask.attribute(asked.inputs, asked.others, n_samples=DRAWS_AT_ONCE, stdevs=0.05) for _ in range(rounds)
    ]
    return _calm(torch.stack(found).mean(0).sum(1))


def _occlusion(asked: Question) -> Tensor:
    """Zeiler and Fergus (2014): what the answer loses when a square has the picture's mean colour."""
    channels, side = asked.inputs.shape[1:3]
    window = max(side // WINDOW, 2)
    with torch.no_grad():
        found: Tensor = Occlusion(asked.odds).attribute(
            asked.inputs,
            (channels, window, window),
            strides=(channels, max(window // 2, 1), max(window // 2, 1)),
            baselines=asked.plain,
            perturbations_per_eval=AT_ONCE,
        )
    return found.mean(1)[0]


def _lime(asked: Question) -> Tensor:
    """Ribeiro, Singh and Guestrin (2016): a ridge over which patches are there."""
    patches = _patches(asked.inputs)
    with torch.no_grad():
        found: Tensor = Lime(asked.odds, SkLearnRidge(alpha=1.0)).attribute(
            asked.inputs,
            asked.plain,
            feature_mask=patches,
            n_samples=SAMPLES,
            perturbations_per_eval=AT_ONCE,
        )
    return found.mean(1)[0]


def _patches(inputs: Tensor) -> Tensor:
    """The number of the patch that each point belongs to, (1, C, S, S): k-means of place and colour, as SLIC does."""
    channels, side = inputs.shape[1:3]
    places = (torch.arange(side) + 0.5) / side
    down, across = torch.meshgrid(places, places, indexing="ij")
    points = torch.stack([PATCHES * down, PATCHES * across, *inputs[0]], -1).flatten(0, 1)
    middle = ((torch.arange(PATCHES) + 0.5) * side / PATCHES).long()
    centres = points.view(side, side, -1)[middle][:, middle].flatten(0, 1)
    for _ in range(5):
        nearest = torch.cdist(points, centres).argmin(1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        counts = torch.bincount(nearest, minlength=len(centres))[:, None]
        centres = torch.where(counts > 0, sums / counts.clamp_min(1), centres)
    numbers: Tensor = torch.unique(nearest, return_inverse=True)[1]
    return numbers.view(1, 1, side, side).expand(1, channels, side, side)


def _calm(found: Tensor) -> Tensor:
    """(h, w) of (1, h, w) gradients: neighbours share their noise, and no single point outshines all others."""
    side = found.shape[-1]
    reach = max(side // CALM, 1) | 1
    for _ in range(2):
        found = functional.avg_pool2d(found, reach, 1, reach // 2, count_include_pad=False)
    most = found.abs().flatten().quantile(BRIGHT).clamp_min(1e-12)
    return found[0].clamp(-most, most)


# Each with the pictures it shows the network, to tell how far it is.
_WINDOWS = (2 * WINDOW - 1) ** 2 + 1
WAYS: dict[Method, tuple[Callable[[Question], Tensor], int]] = {
    Method.INTEGRATED: (_integrated, STEPS),
    Method.SHAP: (_shap, DRAWS),
    Method.OCCLUSION: (_occlusion, _WINDOWS),
    Method.LIME: (_lime, SAMPLES),
}


def _small(found: Tensor) -> NDArray[np.float32]:
    """(h, w) of any numbers to at most 56 x 56 of -1..1; the strongest place is 1, or -1."""
    places = found.detach().float()
    height, width = (min(side, MOST_PLACES) for side in places.shape)
    places = functional.adaptive_avg_pool2d(places[None, None], (height, width))[0, 0]
    if not bool(places.isfinite().all()):
        raise StudioError("The network gave no usable numbers for this picture. Try another way to ask.")
    return (places / places.abs().max().clamp_min(1e-12)).numpy()

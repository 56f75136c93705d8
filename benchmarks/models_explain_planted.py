"""Photographs with a planted square, the instant models that learn them, and what explanations say of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from benchmarks import worlds
from core import caution
from core import recipe as recipes
from core.architectures import PACKAGED
from core.imaging.pool import DecoderPool
from core.index import instant
from core.index.backbone import usable_cores
from core.learning import augment, export
from core.learning.explaining import LAYOUT, Explained, explain
from core.learning.network import Network
from core.learning.networks import build
from core.records import Method, TrainingSpec

LABELS = ("red", "blue")
COLOURS = ((220, 60, 40), (40, 90, 220))
PART = 3  # of the side is the square's: a ninth of the picture
OTHERS = 16  # pictures to compare with
LEARNED, BY_LOT, SHUFFLED = "what it learned", "labels drawn by lot", "weights shuffled"
Pixels = NDArray[np.uint8]
Bools = NDArray[np.bool_]


def one(name: str, scratch: Path, many: int, asked: int) -> None:
    recipe = recipes.derive(TrainingSpec(PACKAGED, 1), many, len(LABELS), usable_cores())
    pixels, targets, squares = planted(photographs(name, scratch, many + asked, recipe.side))
    networks = learned(recipe, pixels[:many], targets[:many])
    sure = [
        float(shares[target])
        for shares, target in zip(said(networks[LEARNED], pixels[many:]), targets[many:], strict=True)
    ]
    print(f"{name:12} its labels of the asked pictures have {', '.join(f'{100 * one:.0f} %' for one in sure)}")
    for method in Method:
        shares: dict[str, list[float]] = {known: [] for known in networks}
        alike: dict[str, list[float]] = {known: [] for known in (BY_LOT, SHUFFLED)}
        for at in range(many, many + asked):
            maps = {
                known: explain(of, pixels[at], method, LABELS[targets[at]], pixels[:OTHERS], lambda _share: None).values
                for known, of in networks.items()
            }
            for known, found in maps.items():
                shares[known].append(on_square(found, squares[at]))
            for known, values in alike.items():
                values.append(correlation(maps[LEARNED], maps[known]))
        on = {known: 100 * float(np.mean(values)) for known, values in shares.items()}
        print(
            f"{name:12} {method:12} {on[LEARNED]:14.0f} % {on[BY_LOT]:18.0f} % {on[SHUFFLED]:19.0f} %   "
            f"{np.mean(alike[BY_LOT]):.2f}, {np.mean(alike[SHUFFLED]):.2f}",
            flush=True,
        )


def photographs(name: str, scratch: Path, many: int, side: int) -> Pixels:
    """(many, side, side, 3), drawn by lot."""
    paths = worlds.pictures(worlds.unpack(name, scratch))
    paths = [paths[at] for at in caution.choose(len(paths), many).tolist()]
    with DecoderPool(usable_cores()) as decoder:
        found = [pixels for _, pixels in sorted(decoder.resized(paths, side)) if pixels is not None]
    return np.stack(found)


def planted(pixels: Pixels) -> tuple[Pixels, NDArray[np.int64], Bools]:
    """With a square anywhere, whose colour is the label; and where it is."""
    chance, side = np.random.default_rng(0), pixels.shape[1]
    size = side // PART
    targets, squares = np.arange(len(pixels)) % 2, np.zeros(pixels.shape[:3], bool)
    for at, (y, x) in enumerate(chance.integers(0, side - size, (len(pixels), 2))):
        squares[at, y : y + size, x : x + size] = True
        pixels[at][squares[at]] = COLOURS[targets[at]]
    return pixels, targets, squares


def learned(recipe: recipes.Recipe, pixels: Pixels, targets: NDArray[np.int64]) -> Mapping[str, Explained]:
    """The instant model, one of labels that mean nothing, and one whose network knows nothing."""

    def made(network: Network) -> Explained:
        frozen = network.eval().requires_grad_(False).to(memory_format=LAYOUT)
        return Explained(frozen, LABELS, recipe.side, False)

    def head(wanted: NDArray[np.int64]) -> Network:
        network = build(PACKAGED, len(LABELS), recipe)
        fit = instant.fit(vectors, wanted, len(LABELS))
        network.load_head(fit.weight, fit.bias)
        return network

    _, vectors = export.predict(build(PACKAGED, len(LABELS), recipe), recipe, pixels, np.arange(len(pixels)))
    by_lot = np.random.default_rng(1).permutation(targets)
    networks = {LEARNED: head(targets), BY_LOT: head(by_lot), SHUFFLED: head(targets)}
    chance = np.random.default_rng(2)
    with torch.no_grad():
        for parameter in networks[SHUFFLED].parameters():  # each keeps its numbers, or nothing would come through
            shuffled = chance.permutation(parameter.numpy().ravel()).reshape(parameter.shape)
            parameter.copy_(torch.from_numpy(shuffled))
    return {known: made(network) for known, network in networks.items()}


def said(of: Explained, pixels: Pixels) -> NDArray[np.float32]:
    with torch.inference_mode():
        shares: NDArray[np.float32] = of.network(augment.as_input(torch.from_numpy(pixels), of.grey)).softmax(1).numpy()
    return shares


def on_square(values: NDArray[np.float32], square: Bools) -> float:
    """The share of the positive weight, a place of the map counting for all points below it."""
    large = functional.interpolate(torch.from_numpy(values)[None, None], square.shape, mode="nearest")[0, 0]
    large = large.clamp_min(0)
    return float(large[torch.from_numpy(square)].sum() / large.sum().clamp_min(1e-12))


def correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    if one.std() == 0 or other.std() == 0:
        return 0.0  # a map without any difference is like no other
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])

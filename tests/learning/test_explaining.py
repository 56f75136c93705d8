"""Whether explanations explain: asked of networks that look at nothing but a coloured patch, and of ones that know
nothing (Adebayo et al. 2018)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from core.architectures import PACKAGED
from core.errors import StudioError
from core.explanations import Map, unpacked
from core.index import instant
from core.learning import augment, export, gradcam
from core.learning.explaining import LAYOUT, Explained, explain
from core.learning.network import Network
from core.learning.networks import Pooled, build
from core.recipe import derive
from core.records import Method, TrainingSpec
from tests.learning.sets import recipe

SIDE, PATCH = 32, 12
LABELS = ("red", "blue")
COLOURS = ((220, 60, 40), (40, 90, 220))
MOST = 0.5  # of the positive weight, that has to lie on the patch, which is a seventh of the picture

Bools = NDArray[np.bool_]
Pixels = NDArray[np.uint8]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """These networks are so small that threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def patched(count: int, seed: int, side: int = SIDE) -> tuple[Pixels, NDArray[np.int64], Bools]:
    """Grey pictures of any light, each with a patch anywhere whose colour alone decides; and where the patches are."""
    chance, size = np.random.default_rng(seed), PATCH * side // SIDE
    grey = chance.integers(90, 160, (count, 1, 1, 1)) + chance.normal(0, 8, (count, side, side, 1))
    pixels = grey.clip(0, 255).astype(np.uint8).repeat(3, 3)
    targets, where = np.arange(count) % 2, np.zeros((count, side, side), bool)
    for at, (y, x) in enumerate(chance.integers(0, side - size, (count, 2))):
        where[at, y : y + size, x : x + size] = True
        pixels[at][where[at]] = COLOURS[targets[at]]
    return pixels, targets, where


def small() -> Network:
    body = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(1)
        body.append(nn.ReLU())
        return Pooled(body.append(nn.MaxPool2d(2)), 32, len(LABELS), 0.0)


@cache
def learned() -> Explained:
    """Tells the two colours apart."""
    network = small()
    pixels, targets, _ = patched(64, 0)
    inputs, wanted = augment.as_input(torch.from_numpy(pixels), False), torch.from_numpy(targets)
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(40):
        loss = functional.cross_entropy(network(inputs), wanted)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert (network(inputs).argmax(1) == wanted).all()
    return frozen(network)


@cache
def random() -> Explained:
    network = small()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(2)
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, 0.0, 0.3)
    return frozen(network)


@cache
def instant_models() -> tuple[Explained, Explained]:
    """The packaged network with a head fitted as the product fits it, and one fitted to labels that mean nothing."""
    asked_of = derive(TrainingSpec(PACKAGED, 1), 16, len(LABELS), 1)
    pixels, targets, _ = patched(16, 0, asked_of.side)
    learned, by_lot = (build(PACKAGED, len(LABELS), asked_of) for _ in range(2))
    _, vectors = export.predict(learned, asked_of, pixels, np.arange(len(pixels)))
    for network, wanted in ((learned, targets), (by_lot, np.random.default_rng(1).permutation(targets))):
        fit = instant.fit(vectors, wanted, len(LABELS))
        network.load_head(fit.weight, fit.bias)
    return frozen(learned, asked_of.side), frozen(by_lot, asked_of.side)


def frozen(network: Network, side: int = SIDE) -> Explained:
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return Explained(network.eval().to(memory_format=LAYOUT), LABELS, side, False)


def asked(of: Explained, pixels: Pixels, method: Method, label: str = "") -> Map:
    return explain(of, pixels, method, label, patched(16, 3, of.side)[0], lambda share: None)


def on_patch(values: NDArray[np.float32], where: Bools) -> float:
    """The share of the positive weight that lies on the patch, a place of the map counting for all points below it."""
    large = functional.interpolate(torch.from_numpy(values)[None, None], where.shape, mode="nearest")[0, 0].clamp_min(0)
    return float(large[torch.from_numpy(where)].sum() / large.sum())


@pytest.mark.parametrize("method", list(Method))
def test_most_of_the_weight_lies_on_what_alone_decides(method: Method) -> None:
    pixels, targets, where = patched(4, 99)
    shares = []
    for picture, target, place in zip(pixels, targets, where, strict=True):
        found = asked(learned(), picture, method)
        assert found.label == LABELS[target] and found.confidence > 0.9
        assert found.values.max() == 1.0 or found.values.min() == -1.0
        shares.append(on_patch(found.values, place))
    assert np.mean(shares) > MOST, shares


@pytest.mark.parametrize("method", list(Method))
def test_a_network_that_knows_nothing_gives_another_map(method: Method) -> None:
    pixels, _, where = patched(4, 99)
    alike, shares = [], []
    for picture, place in zip(pixels, where, strict=True):
        label = asked(learned(), picture, method).label
        one, other = (asked(of, picture, method, label).values for of in (learned(), random()))
        alike.append(float(np.corrcoef(one.ravel(), other.ravel())[0, 1]))
        shares.append(on_patch(other, place))
    assert np.mean(alike) < 0.5, alike


def test_the_heat_map_of_an_instant_model_shows_what_its_head_has_learned() -> None:
    alike, shares, even = [], [], []
    for picture, target, place in zip(*patched(4, 99, instant_models()[0].side), strict=True):
        one, other = (asked(of, picture, Method.HEAT, LABELS[target]).values for of in instant_models())
        alike.append(float(np.corrcoef(one.ravel(), other.ravel())[0, 1]))
        shares.append(on_patch(one, place))
        even.append(place.mean())
    assert np.mean(shares) > 2 * np.mean(even), shares  # a map of 7 x 7 places is coarse
    assert np.mean(alike) < 0.5, alike


@pytest.mark.parametrize("method", list(Method))
def test_what_speaks_for_one_label_speaks_against_the_other(method: Method) -> None:
    picture, place = patched(1, 99)[0][0], patched(1, 99)[2][0]
    against = asked(learned(), picture, method, "blue")
    assert against.label == "blue" and against.confidence < 0.1
    if method is not Method.HEAT:  # which shows only what speaks for a label
        large = functional.interpolate(torch.from_numpy(against.values)[None, None], place.shape, mode="nearest")[0, 0]
        assert float(large[torch.from_numpy(place)].mean()) < 0


def test_the_same_question_has_the_same_answer_and_leaves_chance_as_it_was() -> None:
    picture = patched(1, 5)[0][0]
    state, other = torch.get_rng_state(), np.random.get_state()
    for method in (Method.SHAP, Method.LIME):
        one, two = (asked(learned(), picture, method) for _ in range(2))
        assert np.array_equal(one.values, two.values)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(other[1], np.random.get_state()[1])  # type: ignore[index]


@pytest.mark.parametrize("method", [one for one in Method if one is not Method.HEAT])
def test_it_tells_how_far_it_is_and_ends_when_told_to(method: Method) -> None:
    heard: list[float] = []
    explain(learned(), patched(1, 5)[0][0], method, "", patched(4, 3)[0], heard.append)
    assert heard == sorted(heard) and heard[0] == 0 and 0.5 < heard[-1] <= 1

    class Enough(Exception): ...

    def stop(share: float) -> None:
        raise Enough

    with pytest.raises(Enough):
        explain(learned(), patched(1, 5)[0][0], method, "", patched(4, 3)[0], stop)


def test_a_map_comes_through_the_store_as_it_was() -> None:
    found = asked(learned(), patched(1, 5)[0][0], Method.INTEGRATED)
    again = unpacked(found.packed())
    assert again.label == found.label and again.confidence == pytest.approx(found.confidence, abs=1e-4)
    assert np.abs(again.values - found.values).max() <= 0.5 / 127 + 1e-6


# ---- Grad-CAM, of networks whose last layers want the whole picture ----


@pytest.mark.parametrize(
    "architecture",
    [
        "vit_tiny_patch16_224",
        "resnet18",
        pytest.param("swin_tiny_patch4_window7_224", marks=pytest.mark.slow),
        pytest.param("vgg11", marks=pytest.mark.slow),
    ],
)
def test_grad_cam_finds_places_in_networks_of_every_build(architecture: str) -> None:
    side = 32 if architecture in ("vgg11", "resnet18") else 64 if architecture.startswith("vit") else 224
    network = build(architecture, 2, replace(recipe("resnet18", side=side), architecture=architecture)).eval()
    found = gradcam.grad_cam(network, torch.rand(1, 3, side, side), 0)
    assert found.ndim == 2 and min(found.shape) >= 2 and float(found.max()) > 0


def test_a_network_without_places_says_so_in_words() -> None:
    class Flat(Network):
        mapped = False

        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Flatten()
            self.last = nn.Linear(3 * SIDE * SIDE, 2)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return self.last(self.body(pixels))  # type: ignore[no-any-return]

    with pytest.raises(StudioError, match="there is no heat map of it"):
        asked(frozen(Flat()), patched(1, 5)[0][0], Method.HEAT)

"""Any network of timm's: learned with, exported, and refused in a sentence where that cannot be."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from core import architectures
from core.architectures import Architecture
from core.errors import StudioError
from core.index.sessions import Ready
from core.learning import augment
from core.learning.anything import Anything
from core.learning.learner import Learner
from core.learning.networks import build
from core.learning.proving import fitting_batch, prove, require_size
from core.recipe import Recipe, derive
from core.records import TrainingSpec

# One of each build: planes, rows, tokens with and without one for the whole, a norm between mean and last layer.
KINDS = ["test_resnet", "test_vit", "test_vit3", "test_convnext", "test_efficientnet", "test_byobnet", "test_mambaout"]
LABELS = 3


def recipe_of(name: str, **overrides: object) -> Recipe:
    return derive(TrainingSpec(name, 1, {"threads": 1, **overrides}), 100, LABELS, cores=1)


@pytest.mark.parametrize("name", KINDS)
def test_what_is_downloaded_answers_as_the_network_does_and_shows_where(name: str, tmp_path: Path) -> None:
    card = architectures.get(name)

    proven = prove(card, recipe_of(name), LABELS)

    (tmp_path / "model.onnx").write_bytes(proven.graph)
    ready = Ready(tmp_path / "model.onnx")
    for at, picture in enumerate(proven.pixels.numpy()):
        said, _ = ready.run(picture, heat=True)
        assert np.abs(said.probabilities - proven.probabilities[at].numpy()).max() < 1e-3
        assert said.class_map is not None and said.class_map.shape[0] == LABELS and min(said.class_map.shape[1:]) > 1
    assert proven.picture_bytes > card.side**2 * 3 * 4  # the picture itself, at the least


def test_where_a_mean_is_all_that_follows_the_map_adds_up_to_the_answer() -> None:
    network = build("test_resnet", LABELS, recipe_of("test_resnet")).eval()
    with torch.inference_mode():
        logits, _, maps = network.answer(torch.randn(2, 3, 160, 160))
    assert torch.allclose(maps.mean((2, 3)), logits, atol=1e-4)


def test_a_network_that_looks_at_the_picture_as_a_whole_has_no_map_and_its_file_says_so(tmp_path: Path) -> None:
    network = build("vgg11", LABELS, recipe_of("vgg11", side=64))
    assert isinstance(network, Anything) and not network.mapped
    with torch.inference_mode():
        logits, maps = network.eval().glance(torch.zeros(1, 3, 64, 64))
    assert maps.shape == (1, 1, 1) and not maps.any() and logits.shape == (1, LABELS)


def test_pictures_reach_a_pretrained_network_in_the_colours_it_learned_from() -> None:
    name = "mobilenetv3_small_100.lamb_in1k"
    weights = architectures.get(name).weights
    assert weights is not None and weights.mean != (0.5, 0.5, 0.5)
    network = build(name, LABELS, recipe_of(name))
    assert isinstance(network, Anything)
    picture = torch.randint(0, 256, (1, 160, 160, 3), dtype=torch.uint8)

    seen = network._input(augment.as_input(picture, grey=False))

    mean, std = (torch.tensor(value).view(1, 3, 1, 1) for value in (weights.mean, weights.std))
    assert torch.allclose(seen, (picture.permute(0, 3, 1, 2) / 255 - mean) / std, atol=1e-5)


@pytest.mark.parametrize(("name", "kept"), [("test_resnet.r160_in1k", True), ("test_resnet", False)])
def test_statistics_that_a_million_pictures_gave_are_kept_and_others_are_learned(name: str, kept: bool) -> None:
    learner = Learner(recipe_of(name, freeze_epochs=0), LABELS, torch.device("cpu"), None, "")
    before = {key: value.clone() for key, value in learner.network.named_buffers() if "running" in key}
    learner.begin_epoch()
    learner.learn(torch.randn(4, 3, 160, 160), torch.tensor([0, 1, 2, 1]), rate=0.01)
    after = dict(learner.network.named_buffers())
    assert before and all(torch.equal(after[key], value) == kept for key, value in before.items())


def test_a_network_learns_at_another_picture_size_than_its_own() -> None:
    for name in ("test_vit", "test_resnet"):
        assert prove(architectures.get(name), recipe_of(name, side=96), LABELS).pixels.shape[1] == 96


def test_the_same_seed_begins_with_the_same_weights() -> None:
    first, again = (build("test_vit", LABELS, recipe_of("test_vit")).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], again[key]) for key in first)


# ---- what cannot work


def test_a_network_that_is_too_large_is_refused_before_it_is_built() -> None:
    card = architectures.get("resnet50")
    with pytest.raises(StudioError, match="24 million parameters and takes 0.6 GB .* 0.1 GB are free"):
        require_size(card, 100_000_000)
    with pytest.raises(StudioError, match="more than a model.onnx can hold"):
        require_size(architectures.get("vit_giant_patch14_224"), 10**13)
    require_size(card, 8_000_000_000)


def test_a_batch_is_halved_until_it_fits_and_refused_where_two_pictures_do_not() -> None:
    card, recipe = architectures.get("test_resnet"), dataclasses.replace(recipe_of("test_resnet"), batch_size=32)
    assert fitting_batch(1_000_000, card, recipe, 8_000_000_000) == 32
    assert fitting_batch(1_000_000_000, card, recipe, 10_000_000_000) == 8
    with pytest.raises(StudioError, match="for each picture"):
        fitting_batch(1_000_000_000, card, recipe, 1_000_000_000)


@pytest.mark.parametrize(
    ("break_", "word"),
    [("create_model", "built"), ("forward", "trained"), ("export", "exported")],
)
def test_what_fails_is_said_with_what_to_do(break_: str, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object, **_more: object) -> None:
        raise RuntimeError("the stars are wrong\nand more")

    match break_:
        case "create_model":
            monkeypatch.setattr(timm, "create_model", broken)
        case "forward":
            monkeypatch.setattr(Anything, "forward", broken)
        case _:
            monkeypatch.setattr("core.learning.proving.export", broken)
    with pytest.raises(StudioError, match=f"cannot be {word}.* the stars are wrong. Choose another"):
        prove(architectures.get("test_resnet"), recipe_of("test_resnet"), LABELS)


def test_what_is_kept_of_an_unmapped_network_can_be_read_back() -> None:
    file = io.BytesIO()
    network = build("test_resnet", LABELS, recipe_of("test_resnet"))
    torch.save(network.state_dict(), file)
    file.seek(0)
    build("test_resnet", LABELS, recipe_of("test_resnet")).load_state_dict(torch.load(file, weights_only=True))


def test_every_card_of_timm_is_what_its_name_says() -> None:
    cards: list[Architecture] = [card for card in architectures.ARCHITECTURES if card.timm]
    assert len(architectures.ARCHITECTURES) == 10 and all(card.weights for card in cards)
    assert {card.size for card in architectures.ARCHITECTURES} == {"small", "balanced", "accurate"}

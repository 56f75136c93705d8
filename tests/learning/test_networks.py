from __future__ import annotations

import pytest
import torch
from torch import nn

from core.architectures import ARCHITECTURES, Architecture
from core.learning.learner import Learner
from core.learning.networks import MobileNet, Pooled, build
from core.recipe import derive
from core.records import TrainingSpec
from tests.learning import sets

# Those of timm's have tests of their own (test_anything), with networks small enough for many of them.
NAMES = [card.name for card in ARCHITECTURES if not card.timm]


@pytest.mark.parametrize("card", ARCHITECTURES, ids=lambda card: card.name)
def test_a_card_tells_the_parameters_of_its_network(card: Architecture) -> None:
    recipe = derive(TrainingSpec(card.name, 1), images=100, labels=10, cores=1)

    network = build(card.name, 10, recipe)

    counted = network.body if card.timm else network  # of timm's networks the last layer is not counted
    assert sum(parameter.numel() for parameter in counted.parameters()) == card.parameters
    assert recipe.side == card.side


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_begins_with_the_same_weights_and_leaves_randomness_as_it_was(name: str) -> None:
    torch.manual_seed(1)
    untouched = torch.get_rng_state()

    first, again = (build(name, 3, sets.recipe(name)).state_dict() for _ in range(2))

    assert all(torch.equal(first[key], again[key]) for key in first)
    assert torch.equal(torch.get_rng_state(), untouched)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_a_network_answers_with_the_logits_it_is_trained_on(name: str, activation: str) -> None:
    recipe = sets.recipe(name, activation=activation)
    network = build(name, 3, recipe).eval()
    inputs = torch.randn(2, 1 if name == "digit-cnn" else 3, recipe.side, recipe.side)

    with torch.inference_mode():
        logits, vector, maps = network.answer(inputs)

        assert torch.allclose(logits, network(inputs), atol=1e-5)
        assert vector.shape == (2, network.last.in_features)
        assert maps.shape[:2] == (2, 3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_a_class_map_is_the_gradient_of_the_logit_times_the_features(name: str, activation: str) -> None:
    recipe = sets.recipe(name, activation=activation)
    network = build(name, 3, recipe).eval()
    inputs = torch.randn(1, 1 if name == "digit-cnn" else 3, recipe.side, recipe.side)
    features = network.body(inputs).detach().requires_grad_()
    network.body = nn.Identity()

    maps = network.answer(features)[2][0]

    # HiResCAM; where features are averaged every place has 1/(h w) of the gradient, and the map leaves that out.
    places = features.shape[2] * features.shape[3] if isinstance(network, Pooled | MobileNet) else 1
    for label in range(3):
        (gradient,) = torch.autograd.grad(network(features)[0, label], features)
        assert torch.allclose(maps[label], (gradient * features).sum(1)[0] * places, atol=1e-5)


def test_the_map_of_a_linear_head_adds_up_to_the_logit() -> None:
    network = build("resnet18", 3, sets.recipe("resnet18")).eval()

    with torch.inference_mode():
        logits, _, maps = network.answer(torch.randn(2, 3, 32, 32))

    assert torch.allclose(maps.mean((2, 3)) + network.last.bias, logits, atol=1e-5)


def test_a_pretrained_network_keeps_the_statistics_it_came_with() -> None:
    recipe = sets.recipe("efficientnet-lite0")
    learner = Learner(recipe, 2, torch.device("cpu"), None, "")
    before = {name: value.clone() for name, value in learner.network.named_buffers()}

    learner.begin_epoch()
    learner.learn(torch.randn(4, 3, recipe.side, recipe.side), torch.tensor([0, 1, 0, 1]), rate=0.01)

    assert all(torch.equal(value, before[name]) for name, value in learner.network.named_buffers())


def test_a_frozen_body_does_not_learn_while_the_last_layer_does() -> None:
    recipe = sets.recipe("resnet18", freeze_epochs=1)
    learner = Learner(recipe, 2, torch.device("cpu"), None, "")
    before = {name: value.clone() for name, value in learner.network.named_parameters()}

    learner.begin_epoch()
    learner.learn(torch.randn(4, 3, 32, 32), torch.tensor([0, 1, 0, 1]), rate=0.01)

    changed = {name for name, value in learner.network.named_parameters() if not torch.equal(value, before[name])}
    assert changed == {"last.weight", "last.bias"}


def test_the_hidden_layer_of_a_flat_network_takes_the_activation_of_the_recipe() -> None:
    inputs = torch.randn(2, 3, 8, 8)
    with torch.inference_mode():
        relu, sigmoid = (
            build("mlp", 2, sets.recipe("mlp", activation=name)).answer(inputs)[1] for name in ("relu", "sigmoid")
        )

    assert relu.min() == 0
    assert sigmoid.min() > 0 and sigmoid.max() < 1


def test_stages_that_are_left_alone_do_not_learn_and_all_else_does() -> None:
    recipe = sets.recipe("efficientnet-lite0", frozen_stages=4, precision="fp32", layout="contiguous")
    learner = Learner(recipe, 2, torch.device("cpu"), None, "")
    before = {name: value.clone() for name, value in learner.network.named_parameters()}

    learner.begin_epoch()
    learner.learn(torch.randn(4, 3, recipe.side, recipe.side), torch.tensor([0, 1, 0, 1]), rate=0.01)

    kept = {name for name, value in learner.network.named_parameters() if torch.equal(value, before[name])}
    first = ("conv_stem.", "bn1.", "blocks.0.", "blocks.1.", "blocks.2.")
    assert kept == {name for name in before if name.removeprefix("body.network.").startswith(first)}

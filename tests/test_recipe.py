from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from core.architectures import ARCHITECTURES, get
from core.errors import NotFound, Refused
from core.recipe import FIELDS, Recipe, derive, from_dict, parse_override
from core.records import TrainingSpec


def derived(architecture: str = "efficientnet-lite0", epochs: int = 5, images: int = 200, **overrides: Any) -> Recipe:
    return derive(TrainingSpec(architecture, epochs, overrides), images, labels=4, cores=2)


@pytest.mark.parametrize("card", ARCHITECTURES, ids=lambda card: card.name)
@pytest.mark.parametrize("images", [2, 40, 5000])
def test_what_is_derived_is_within_what_a_person_may_choose(card: Any, images: int) -> None:
    recipe = derived(card.name, images=images)

    for field in FIELDS:
        assert parse_override(field.name, str(getattr(recipe, field.name))) == getattr(recipe, field.name)


def test_every_part_of_a_recipe_can_be_set_but_the_two_dials() -> None:
    assert {field.name for field in FIELDS} == {field.name for field in fields(Recipe)} - {"architecture", "epochs"}
    assert all(field.words.endswith(".") and field.title for field in FIELDS)


def test_what_a_person_chose_is_kept() -> None:
    recipe = derived(batch_size=8, learning_rate=0.5, optimizer="sgd", mirror=False, seed=7)

    assert (recipe.batch_size, recipe.learning_rate, recipe.optimizer) == (8, 0.5, "sgd")
    assert (recipe.mirror, recipe.seed) == (False, 7)


def test_another_optimizer_gets_a_rate_of_its_own() -> None:
    assert derived(optimizer="sgd").learning_rate > derived().learning_rate > derived(optimizer="rmsprop").learning_rate


def test_a_warm_start_learns_faster_and_by_the_root_of_its_batch() -> None:
    assert derived().learning_rate > derived(warm_start=False).learning_rate
    rates = [derived(batch_size=size).learning_rate for size in (8, 32, 128)]
    assert rates[1] / rates[0] == rates[2] / rates[1] == 2
    assert derived(warm_start=False, batch_size=8).learning_rate == derived(warm_start=False).learning_rate


def test_only_a_pretrained_network_starts_from_the_instant_model() -> None:
    assert derived().warm_start
    assert not derived(warm_start=False).warm_start
    assert derived(warm_start=False).freeze_epochs == 1
    assert not derived("resnet18", warm_start=True).warm_start


def test_only_the_packaged_network_leaves_its_first_stages_alone() -> None:
    assert 0 < derived().frozen_stages < 9
    assert derived(frozen_stages=0).frozen_stages == 0
    assert not any(derived(card.name).frozen_stages for card in ARCHITECTURES if not card.packaged)
    with pytest.raises(Refused, match="Only EfficientNet-Lite0"):
        derived("resnet18", frozen_stages=2)


def test_a_warm_start_is_averaged_in_the_shortest_run_and_a_cold_one_in_a_long_run_only() -> None:
    assert 0 < derived(epochs=1, images=20).ema < derived(epochs=50).ema
    assert derived(epochs=1, images=20, warm_start=False).ema == 0 < derived(epochs=50, warm_start=False).ema
    assert derived(epochs=1, images=20, ema=0.5).ema == 0.5


def test_few_pictures_still_make_several_steps_an_epoch() -> None:
    for images in (40, 100, 200, 1000):
        assert images / derived(images=images).batch_size >= 5


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"colour": 3}, "no setting called 'colour'"),
        ({"batch_size": 0}, "a whole number from 2 to 512"),
        ({"batch_size": 8.5}, "a whole number"),
        ({"batch_size": True}, "a whole number"),
        ({"learning_rate": 100}, "a number from"),
        ({"learning_rate": float("nan")}, "a number from"),
        ({"optimizer": "lion"}, "one of adamw, adam, sgd, rmsprop"),
        ({"optimizer": ["sgd"]}, "one of"),
        ({"mirror": "perhaps"}, "yes or no"),
        ({"side": 32}, "at least 64"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_in_words(overrides: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        derived(**overrides)


@pytest.mark.parametrize("epochs", [0, -1, 1001])
def test_a_number_of_epochs_that_cannot_be_is_refused(epochs: int) -> None:
    with pytest.raises(Refused, match="from 1 to 1000"):
        derived(epochs=epochs)


def test_an_architecture_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(NotFound, match="'lenet5'.*efficientnet-lite0.*mlp"):
        get("lenet5")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("batch_size", " 16 ", 16),
        ("learning_rate", "1e-3", 0.001),
        ("ema", "0", 0.0),
        ("mirror", "No", False),
        ("mirror", "true", True),
        ("schedule", "step", "step"),
    ],
)
def test_text_becomes_a_value_of_the_right_type(name: str, text: str, value: Any) -> None:
    found = parse_override(name, text)

    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(("name", "text"), [("batch_size", "many"), ("batch_size", "1.5"), ("mirror", "2"), ("x", "1")])
def test_text_that_is_no_value_is_refused(name: str, text: str) -> None:
    with pytest.raises(Refused):
        parse_override(name, text)


def test_a_recorded_recipe_is_the_same_recipe() -> None:
    recipe = derived(seed=3)

    assert from_dict(recipe.as_dict()) == recipe
    with pytest.raises(Refused, match="another program version"):
        from_dict({**recipe.as_dict(), "rotation": 5})

"""The film strip's frames: what the network says of a few pictures, without a trace in the training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.learning import augment
from core.learning.checkpoint import Checkpoints
from core.learning.events import Validated
from core.learning.glimpse import MOST_PLACES, RANKS, glimpse
from core.learning.loop import train
from core.learning.networks import build
from tests.learning import sets, victim


@pytest.mark.parametrize("name", sorted(sets.SIDES))
def test_every_architecture_says_what_it_sees_and_where(name: str) -> None:
    recipe = sets.recipe(name)
    network = build(name, len(sets.LABELS), recipe)
    pixels, targets = sets.pictures(recipe.side, 3)
    inputs = augment.as_input(torch.from_numpy(pixels), grey=name == "digit-cnn")
    seen = glimpse(network, inputs, torch.from_numpy(targets))
    logits, _, maps = network.eval().answer(inputs)
    height, width = seen.shape
    assert 1 <= max(height, width) <= MOST_PLACES
    for at, said in enumerate(seen.said):
        assert [label for label, _ in said][0] == int(logits[at].argmax())
        assert sum(share for _, share in said) == pytest.approx(1, abs=0.01)
        assert len(seen.maps[at]) == height * width
        glanced = network.glance(inputs)[1][at]
        torch.testing.assert_close(glanced, maps[at, int(logits[at].argmax())], rtol=1e-3, atol=1e-4)
        if maps.shape[2:] == (height, width) and height * width > 1:
            strongest = int(maps[at, int(logits[at].argmax())].argmax())
            assert seen.maps[at][strongest] == 255 and min(seen.maps[at]) == 0


def test_the_right_label_is_always_told_even_where_it_is_the_least_likely() -> None:
    recipe = sets.recipe("mlp")
    network = build("mlp", 9, recipe)
    with torch.no_grad():
        network.last.bias.copy_(torch.arange(9.0) * 5)
    pixels, _ = sets.pictures(recipe.side, 2)
    inputs = augment.as_input(torch.from_numpy(pixels), grey=False)
    first, second = glimpse(network, inputs, torch.tensor([0, 8])).said
    assert [label for label, _ in first] == [8, 7, 6, 0]
    assert [label for label, _ in second] == [8, 7, 6] and len(second) == RANKS


def test_looking_at_a_strip_changes_no_bit_of_the_training(tmp_path: Path) -> None:
    recipe = sets.recipe("three-block-cnn", epochs=2, batch_size=4, ema=0.9, augmentation="strong", dropout=0.5)
    pixels, targets = sets.pictures(recipe.side)
    index = np.arange(len(targets))
    found = {}
    for name, strip in (("with", index[24:28]), ("without", None)):
        checkpoints = Checkpoints(tmp_path / name)
        events = list(
            train(
                pixels,
                targets,
                index[:24],
                index[24:],
                recipe,
                torch.device("cpu"),
                sets.LABELS,
                checkpoints,
                None,
                strip,
            )
        )
        found[name] = [event.glimpse for event in events if isinstance(event, Validated)]
    assert victim.digest(tmp_path / "with") == victim.digest(tmp_path / "without")
    assert len(found["with"]) == 2 and all(seen is not None and len(seen.said) == 4 for seen in found["with"])
    assert found["without"] == [None, None]

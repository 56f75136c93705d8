from __future__ import annotations

import numpy as np
import pytest
import torch

from core.learning.augment import CHANCES, STRENGTHS, as_input, chances, vary


def chance(indices: list[int], seed: int = 0, epoch: int = 0) -> torch.Tensor:
    return torch.from_numpy(chances(seed, epoch, np.array(indices, np.int64), CHANCES))


def test_chances_are_a_function_of_seed_epoch_and_picture_alone() -> None:
    assert torch.equal(chance([7, 8])[1], chance([3, 8, 9])[1])
    assert not torch.equal(chance([7], epoch=1), chance([7], epoch=2))
    assert not torch.equal(chance([7], seed=1), chance([7], seed=2))


def test_chances_are_spread_evenly() -> None:
    drawn = chances(3, 5, np.arange(5000), CHANCES)

    assert drawn.min() >= 0 and drawn.max() < 1
    assert np.allclose(drawn.mean(0), 0.5, atol=0.02)
    assert np.allclose(drawn.std(0), 12**-0.5, atol=0.02)
    assert np.abs(np.corrcoef(drawn.T) - np.eye(CHANCES)).max() < 0.06


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_varied_picture_is_another_picture_within_the_same_range(strength: str, channels: int) -> None:
    inputs = torch.rand(6, channels, 20, 20) * 2 - 1

    varied = vary(inputs, STRENGTHS[strength], mirror=True, chance=chance(list(range(6))))

    assert varied.shape == inputs.shape
    assert varied.min() >= -1 and varied.max() <= 1
    assert all(not torch.allclose(a, b, atol=0.1) for a, b in zip(varied, inputs, strict=True))


@pytest.mark.parametrize("strength", STRENGTHS)
def test_how_a_picture_is_varied_does_not_depend_on_its_batch(strength: str) -> None:
    inputs = torch.rand(4, 3, 20, 20) * 2 - 1
    together = vary(inputs, STRENGTHS[strength], True, chance([5, 6, 7, 8]))

    alone = vary(inputs[2:3], STRENGTHS[strength], True, chance([7]))

    assert torch.equal(together[2:3], alone)


def test_a_picture_is_mirrored_only_where_the_recipe_allows_it() -> None:
    left = torch.full((40, 3, 16, 16), -1.0)
    left[..., :8] = 1.0  # bright on the left

    def bright_on_the_right(mirror: bool) -> int:
        varied = vary(left, STRENGTHS["light"], mirror, chance(list(range(40))))
        return int((varied[..., 8:].mean((1, 2, 3)) > varied[..., :8].mean((1, 2, 3))).sum())

    assert bright_on_the_right(mirror=False) == 0
    assert 10 <= bright_on_the_right(mirror=True) <= 30


def test_grey_input_is_the_luminance() -> None:
    pixels = torch.tensor([[[[255, 0, 0]]], [[[0, 255, 0]]]], dtype=torch.uint8)

    assert as_input(pixels, grey=True).flatten().tolist() == pytest.approx([0.299 * 2 - 1, 0.587 * 2 - 1])
    assert as_input(pixels, grey=False)[0].flatten().tolist() == [1.0, -1.0, -1.0]

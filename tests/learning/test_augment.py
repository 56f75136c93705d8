from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from core.learning.augment import CHANCES, STRENGTHS, Strength, as_input, as_planes, chances, vary


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
    planes = torch.rand(6, channels, 20, 20) * 255
    inputs = planes / 127.5 - 1

    varied = vary(planes, STRENGTHS[strength], mirror=True, chance=chance(list(range(6))))

    assert varied.shape == inputs.shape
    assert varied.min() >= -1 and varied.max() <= 1
    assert all(not torch.allclose(a, b, atol=0.1) for a, b in zip(varied, inputs, strict=True))


@pytest.mark.parametrize("strength", STRENGTHS)
def test_how_a_picture_is_varied_does_not_depend_on_its_batch(strength: str) -> None:
    planes = torch.rand(4, 3, 20, 20) * 255
    together = vary(planes, STRENGTHS[strength], True, chance([5, 6, 7, 8]))

    alone = vary(planes[2:3], STRENGTHS[strength], True, chance([7]))

    assert torch.equal(together[2:3], alone)


@pytest.mark.parametrize("grey", [True, False])
def test_a_picture_varied_by_nothing_is_the_picture_as_it_is_checked(grey: bool) -> None:
    pixels = torch.randint(0, 256, (3, 20, 20, 3), dtype=torch.uint8)
    nothing = Strength(crop=1, turn=0, light=0, colour=0, erase=0)

    varied = vary(as_planes(pixels, grey), nothing, mirror=False, chance=chance([1, 2, 3]))

    assert torch.allclose(varied, as_input(pixels, grey), atol=1e-4)


@pytest.mark.parametrize("mirror", [True, False])
def test_a_picture_is_looked_at_where_torchs_own_grid_looks(mirror: bool) -> None:
    planes, drawn = torch.rand(5, 1, 20, 20) * 255, chance([1, 2, 3, 4, 5])
    moved = Strength(crop=0.6, turn=0.3, light=0, colour=0, erase=0)
    u = drawn * 2 - 1
    scale, sign = 1 - 0.4 * drawn[:, 0], torch.where((drawn[:, 3] < 0.5) & mirror, -1.0, 1.0)
    cos, sin = torch.cos(u[:, 2] * 0.3) * scale, torch.sin(u[:, 2] * 0.3) * scale
    across = (1 + 0.04 * u[:, 1]) * sign
    rows = [cos * across, -sin, u[:, 4] * (1 - scale), sin * across, cos, u[:, 5] * (1 - scale)]
    grid = functional.affine_grid(torch.stack(rows, 1).view(5, 2, 3), [5, 1, 20, 20], align_corners=False)
    wanted = functional.grid_sample(planes / 127.5 - 1, grid, padding_mode="reflection", align_corners=False)

    assert torch.allclose(vary(planes, moved, mirror, drawn), wanted, atol=1e-4)


def test_a_picture_is_mirrored_only_where_the_recipe_allows_it() -> None:
    left = torch.zeros(40, 3, 16, 16)
    left[..., :8] = 255.0  # bright on the left

    def bright_on_the_right(mirror: bool) -> int:
        varied = vary(left, STRENGTHS["light"], mirror, chance(list(range(40))))
        return int((varied[..., 8:].mean((1, 2, 3)) > varied[..., :8].mean((1, 2, 3))).sum())

    assert bright_on_the_right(mirror=False) == 0
    assert 10 <= bright_on_the_right(mirror=True) <= 30


def test_grey_input_is_the_luminance() -> None:
    pixels = torch.tensor([[[[255, 0, 0]]], [[[0, 255, 0]]]], dtype=torch.uint8)

    assert as_input(pixels, grey=True).flatten().tolist() == pytest.approx([0.299 * 2 - 1, 0.587 * 2 - 1])
    assert as_input(pixels, grey=False)[0].flatten().tolist() == [1.0, -1.0, -1.0]

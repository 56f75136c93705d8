"""From stored pixels to what a network sees; in training, varied.

How a picture is varied is a pure function of (seed, epoch, image): nothing has to be remembered to resume exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.graphs import LUMINANCE

MEAN = STD = 0.5  # of every channel, for every network
CHANCES = 12  # numbers that decide how one picture is varied


@dataclass(frozen=True, slots=True)
class Strength:
    crop: float  # least share of the side that stays in view
    turn: float  # most radians either way
    light: float  # most change of brightness and contrast, as a share
    colour: float  # most change of saturation, as a share
    erase: float  # chance of a grey rectangle over a part


STRENGTHS = {
    "light": Strength(crop=0.8, turn=math.radians(10), light=0.2, colour=0.2, erase=0.0),
    "strong": Strength(crop=0.6, turn=math.radians(20), light=0.4, colour=0.5, erase=0.5),
}


def chances(seed: int, epoch: int, indices: NDArray[np.int64], count: int) -> NDArray[np.float32]:
    """(N, count) numbers in 0..1, each a hash (splitmix64) of seed, epoch, index and its position."""
    golden = np.uint64(0x9E3779B97F4A7C15)
    start = _mixed(np.array([[seed]], np.uint64) * golden + np.uint64(epoch))  # (1, 1)
    each = _mixed(start + indices.astype(np.uint64)[:, None])
    mixed = _mixed(each + np.arange(1, count + 1, dtype=np.uint64) * golden)
    return (mixed >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def as_planes(pixels: Tensor, grey: bool) -> Tensor:
    """uint8 (N, S, S, 3) to float (N, 3 or 1, S, S), still 0..255."""
    planes = pixels.float().permute(0, 3, 1, 2)
    return (planes * planes.new_tensor(LUMINANCE).view(1, 3, 1, 1)).sum(1, keepdim=True) if grey else planes


def as_input(pixels: Tensor, grey: bool) -> Tensor:
    """uint8 (N, S, S, 3) to normalised float (N, 3 or 1, S, S), exactly as the exported graph does it."""
    return as_planes(pixels, grey).contiguous().mul_(1 / (255 * STD)).sub_(MEAN / STD)


def vary(planes: Tensor, strength: Strength, mirror: bool, chance: Tensor) -> Tensor:
    """Normalises `as_planes` (N, C, S, S), each cropped, turned, mirrored, lit and coloured by its row of `chance`."""
    u = chance * 2 - 1  # -1..1
    scale = 1 - (1 - strength.crop) * chance[:, 0]
    stretch = 1 + 0.1 * u[:, 1] * (1 - strength.crop)
    angle = u[:, 2] * strength.turn
    sign = torch.where((chance[:, 3] < 0.5) & mirror, -1.0, 1.0)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    right = torch.complex(cos * stretch * sign, sin * stretch * sign)
    down = torch.complex(-sin, cos)
    centre = torch.complex(u[:, 4], u[:, 5]) * (1 - scale)
    grid = _grid(right, down, centre, planes.shape[2])
    varied = functional.grid_sample(planes, grid, padding_mode="reflection", align_corners=False)
    varied = _relight(varied, 1 + strength.light * u[:, 6:8], 1 + strength.colour * u[:, 8:9])
    if strength.erase:
        varied = _erase(varied, strength.erase, chance[:, 9:12])
    return varied


def _grid(right: Tensor, down: Tensor, centre: Tensor, side: int) -> Tensor:
    """Where each point looks, (N, S, S, 2) in -1..1: a place in the plane is one complex number, here (N,) of each.

    The sums of `affine_grid` in a fortieth of its time: one addition a point instead of a product of matrices.
    """
    steps = (2 * torch.arange(side, device=centre.device) + 1) / side - 1
    row, column = right[:, None] * steps + centre[:, None], down[:, None] * steps
    return torch.view_as_real(row[:, None, :] + column[:, :, None])


def _relight(planes: Tensor, light: Tensor, colour: Tensor) -> Tensor:
    """Normalises; brightness and contrast (N, 2) and saturation (N, 1), 1 for as it was: one matrix for all of it."""
    count, channels, side, _ = planes.shape
    matrix = torch.eye(channels, device=planes.device).expand(count, channels, channels)
    if channels == 3:
        luminance = planes.new_tensor(LUMINANCE).expand(3, 3)
        matrix = colour[:, :, None] * matrix + (1 - colour[:, :, None]) * luminance
    matrix = light[:, 1, None, None] * matrix
    brightness = (light[:, 0] - 1)[:, None, None] - matrix.sum(2, keepdim=True) * (MEAN / STD)
    varied = torch.baddbmm(brightness, matrix / (255 * STD), planes.flatten(2))
    return varied.clamp_(-1, 1).view(count, channels, side, side)


def _erase(inputs: Tensor, probability: float, chance: Tensor) -> Tensor:
    """Covers a square of 30 % of the side, at a place of its own, in so many of the pictures."""
    side = inputs.shape[2]
    places = torch.arange(side, device=inputs.device) / side
    size = 0.3
    covered = [(places >= c[:, None] * (1 - size)) & (places < c[:, None] * (1 - size) + size) for c in chance.T[:2]]
    chosen = (chance[:, 2] < probability)[:, None, None, None]
    return inputs.masked_fill(covered[0][:, None, :, None] & covered[1][:, None, None, :] & chosen, 0.0)

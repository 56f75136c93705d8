"""What is measured of every picture once, when it arrives: its light, its edges, its sharpness, and a hash of its look.

Import waits for this, so it is taken from small copies and stays inside Pillow: a decoding child never loads numpy,
and a picture costs less than a millisecond.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict
from operator import mul
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from core.imaging.renditions import INPUT_SIDE
from core.records import PictureFacts

SMALL = INPUT_SIDE // 2  # px, the square copy that light, colour and border are taken from
DARK, BRIGHT = 24, 246  # luma: below there is no shape left, above no shade
EDGE = 0.06  # of each side: what counts as the border
MINI, WAVES = 16, 8  # px of the miniature, and how many of its frequencies the hash knows
PATCH = 128  # px of the thumbnail's middle, where sharpness is looked for
BLUR_RADIUS = 4  # px: wide against the grain of a thumbnail, narrow against what it shows

_COSINES = [[math.cos(math.pi * (2 * x + 1) * u / (2 * MINI)) for x in range(MINI)] for u in range(WAVES)]
_LEVELS = range(256)
_SQUARES = [level * level for level in _LEVELS]


def measure(thumb: Image.Image, seen: bytes) -> PictureFacts:
    """The facts of an upright RGB picture.

    Args:
        thumb: the picture, `fitted` to the size of the thumbnail.
        seen: the picture, `squash`ed to INPUT_SIDE; two pictures that agree in it are one picture in two files.
    """
    small = Image.frombytes("RGB", (INPUT_SIDE, INPUT_SIDE), seen).reduce(2)
    grey = small.convert("L")
    light = grey.histogram()
    mean, deviation = _moments(light)
    border, spread = _border(small)
    mini = grey.resize((MINI, MINI), Image.Resampling.BOX).tobytes()
    return PictureFacts(
        brightness=mean,
        contrast=deviation,
        dark=sum(light[:DARK]) / sum(light),
        bright=sum(light[BRIGHT:]) / sum(light),
        sharpness=_sharpness(thumb),
        colour=_colour(small),
        border=border,
        border_spread=spread,
        look=look(mini),
        mini=mini,
        pixels=hashlib.sha256(seen).hexdigest()[:32],
    )


def told(facts: PictureFacts) -> dict[str, Any]:
    """The facts as JSON can say them."""
    return {**asdict(facts), "mini": facts.mini.hex()}


def look(mini: bytes) -> str:
    """A perceptual hash, 16 hex digits: which of the 63 lowest frequencies of the miniature are above their median.

    Two that differ in few bits look alike. The DCT hash of Zauner, Implementation and Benchmarking of Perceptual Image
    Hash Functions (2010), without the mean, which is only the brightness.
    """
    rows = [mini[start : start + MINI] for start in range(0, MINI * MINI, MINI)]
    across = [[sum(map(mul, wave, row)) for row in rows] for wave in _COSINES]
    waves = [sum(map(mul, wave, column)) for column in across for wave in _COSINES][1:]
    middle = sorted(waves)[len(waves) // 2]
    bits = 0
    for wave in waves:
        bits = bits << 1 | (wave > middle)
    return f"{bits:016x}"


def _moments(counts: Sequence[int]) -> tuple[float, float]:
    """Mean and standard deviation of a histogram of 256 levels, 0..1."""
    total = max(sum(counts), 1)
    mean = sum(map(mul, counts, _LEVELS)) / total
    square = sum(map(mul, counts, _SQUARES)) / total
    return mean / 255, math.sqrt(max(square - mean * mean, 0.0)) / 255


def _sum(grey: Image.Image) -> int:
    return sum(map(mul, grey.histogram(), _LEVELS))


def _sharpness(thumb: Image.Image) -> float:
    """0..1: how much of the steps between neighbouring pixels goes when the picture is blurred; 0 where there are none.

    What is blurred already loses little. The blur effect of Crete, Dolmiere, Ladret and Nicolas (2007), turned round,
    in the middle of the thumbnail, where the thing is that the picture was taken of.
    """
    width, height = min(thumb.width, PATCH), min(thumb.height, PATCH)
    left, top = (thumb.width - width) // 2, (thumb.height - height) // 2
    grey = thumb.crop((left, top, left + width, top + height)).convert("L")
    if min(width, height) < 2 * BLUR_RADIUS:
        return 1.0  # nothing can be said of it
    sharp, soft = _steps(grey), _steps(grey.filter(ImageFilter.BoxBlur(BLUR_RADIUS)))
    before = _sum(sharp)
    return _sum(ImageChops.subtract(sharp, soft)) / before if before else 0.0


def _steps(grey: Image.Image) -> Image.Image:
    """How far each pixel is from the next one across and down."""
    width, height = grey.size
    return ImageChops.difference(grey.crop((1, 1, width, height)), grey.crop((0, 0, width - 1, height - 1)))


def _colour(small: Image.Image) -> float:
    red, green, blue = small.split()
    strongest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    weakest = ImageChops.darker(ImageChops.darker(red, green), blue)
    return _sum(ImageChops.subtract(strongest, weakest)) / (255 * SMALL * SMALL)


def _frame() -> Image.Image:
    frame = Image.new("1", (SMALL, SMALL), 1)
    edge = round(SMALL * EDGE)
    ImageDraw.Draw(frame).rectangle((edge, edge, SMALL - 1 - edge, SMALL - 1 - edge), fill=0)
    return frame


_FRAME = _frame()


def _border(small: Image.Image) -> tuple[tuple[float, float, float], float]:
    """The mean colour of the outermost pixels, and the mean standard deviation of its channels."""
    counts = small.histogram(_FRAME)
    (red, a), (green, b), (blue, c) = (_moments(counts[start : start + 256]) for start in (0, 256, 512))
    return (red, green, blue), (a + b + c) / 3

"""One view of every picture: upright, 8-bit RGB, transparency over white, 16 bit scaled by range, first frame.

Big pictures are converted in bands of rows, so that no second whole copy ever stands in memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

BAND_PIXELS = 2_000_000
ORIENTATION = 0x0112

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture as it is stored, and how to turn it. `width` and `height` are those of the upright view."""

    image: Image.Image
    format: str
    orientation: int  # EXIF 1..8; 1: upright already
    original: tuple[int, int]  # px, upright, before any reduced decoding

    @property
    def width(self) -> int:
        return self.image.height if self.orientation >= 5 else self.image.width

    @property
    def height(self) -> int:
        return self.image.width if self.orientation >= 5 else self.image.height

    def bands(self, factor: int = 1) -> Iterator[Image.Image]:
        """The upright RGB picture from top to bottom, in bands of full width, each side divided by `factor`."""
        rows = max(BAND_PIXELS // self.width // factor, 1) * factor
        if self._is_plain and rows >= self.height and factor == 1:
            yield self.image
            return
        span = self._grey_span()
        for top in range(0, self.height, rows):
            band = self.image.crop(self._stored_box(top, min(top + rows, self.height)))
            band = as_rgb(band, span)
            if self.orientation in TURNS:
                band = band.transpose(TURNS[self.orientation])
            yield band.reduce(factor) if factor > 1 else band

    def rgb(self, factor: int = 1) -> Image.Image:
        """The whole upright RGB picture, each side divided by `factor` (rounded up)."""
        if self._is_plain:
            return self.image.reduce(factor) if factor > 1 else self.image
        whole = Image.new("RGB", (math.ceil(self.width / factor), math.ceil(self.height / factor)))
        top = 0
        for band in self.bands(factor):
            whole.paste(band, (0, top))
            top += band.height
        return whole

    @property
    def _is_plain(self) -> bool:
        """Stored as it is seen."""
        return self.image.mode == "RGB" and self.orientation == 1 and not self.image.has_transparency_data

    def _stored_box(self, top: int, bottom: int) -> tuple[int, int, int, int]:
        """The part of the stored picture that becomes the upright rows top..bottom."""
        width, height = self.image.size
        if self.orientation in (1, 2):
            return 0, top, width, bottom
        if self.orientation in (3, 4):
            return 0, height - bottom, width, height - top
        if self.orientation in (5, 6):
            return top, 0, bottom, height
        return width - bottom, 0, width - top, height

    def _grey_span(self) -> tuple[float, float]:
        """Darkest and brightest value of a 32-bit or float picture, which has no range of its own."""
        if self.image.mode not in ("I", "F"):
            return 0.0, 0.0
        low, high = (float(value) for value in self.image.getextrema())  # type: ignore[arg-type]
        return (low, high) if math.isfinite(high - low) else (0.0, 1.0)


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation 1..8 of a loaded picture; 1 where there is none or the block is garbage."""
    if image.format == "TIFF":
        return 1  # Pillow turns TIFF pictures while it loads them
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception as error:  # noqa: BLE001 - a broken side block must not cost the picture, whatever it raises
        del error
        return 1
    return value if isinstance(value, int) and value in TURNS else 1


def as_rgb(image: Image.Image, span: tuple[float, float]) -> Image.Image:
    """8-bit RGB of any mode Pillow decodes to; `span` scales 32-bit and float grey to 0..255."""
    if image.mode.startswith("I;16"):
        image = _from_16_bit(image)
    elif image.mode in ("I", "F"):
        scale = 255 / max(span[1] - span[0], 1e-9)
        image = image.convert("F").point(lambda value: value * scale - span[0] * scale).convert("L")
        image.info.pop("transparency", None)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _from_16_bit(image: Image.Image) -> Image.Image:
    """The high byte; the one transparent value of a grey PNG, compared at full depth, becomes alpha."""
    wide = image.convert("I")
    grey = wide.point([value >> 8 for value in range(65536)], "L")
    clear = image.info.get("transparency")
    if not isinstance(clear, int):
        return grey
    alpha = wide.point([0 if value == clear else 255 for value in range(65536)], "L")
    return Image.merge("LA", (grey, alpha))

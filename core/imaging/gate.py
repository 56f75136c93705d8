"""The picture gate: bytes nobody vouches for become a picture, or a sentence. Runs in the decoding child only.

The verdict depends on the bytes alone: never on a file name, the machine or what was decoded before. What is offered is
an allow-list; limits hold before a pixel is decoded, because a file of forty bytes may ask for gigabytes.
"""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import dataclass

from PIL import AvifImagePlugin, Image

from core.errors import Refused
from core.imaging.signatures import ends_early, is_blank, jpeg_scans, offered_format, other_format
from core.imaging.upright import Picture, orientation_of

MAX_FILE_BYTES = 50 << 20
MAX_SIDE = 20_000  # px
MAX_PIXELS = 50_000_000
# These decode through buffers of about 15 bytes a pixel, and cannot be decoded reduced.
MAX_PIXELS_OF = {"WEBP": 16_777_216, "AVIF": 16_777_216, "HEIF": 25_000_000}
MAX_SCANS = 100
MAX_SCAN_PIXELS = 1_000_000_000  # scans x pixels: every scan goes over the whole picture again
MAX_PACKED_BMP_BYTES = 1_000_000  # Pillow unpacks run lengths in Python, about 1 s for so many
FULL_PIXELS = 25_000_000  # what phones call 24 megapixels; up to here every pixel comes when all are asked for
WHOLE = (1 << 30, 1 << 30)
LEAST = 8  # the most that a JPEG's sides are divided by while decoding; every bit of its code is read all the same

NAMES = {"HEIF": "HEIC"}  # what people call it
OFFERED = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"

AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # the pool has one child a core already
Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # our own limits come first; this one stands behind parsers that reach further


class OutOfMemory(Exception):
    """A picture within every limit needed more memory than this process has left."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a picture is decoded for: both sides may shrink as long as they stay above these."""

    shorter: int  # px
    longer: int  # px
    most_pixels: int = 16_777_216

    def factor(self, width: int, height: int) -> int:
        """The largest whole number that both sides may be divided by."""
        kept = min(min(width, height) // self.shorter, max(width, height) // self.longer)
        return max(kept, math.ceil(math.sqrt(width * height / self.most_pixels)), 1)


ALL_PIXELS = Need(*WHOLE, most_pixels=FULL_PIXELS)
EVERY_PIXEL = Need(*WHOLE, most_pixels=MAX_PIXELS)  # for a copy that is to lose nothing


def open_picture(data: bytes, need: Need = ALL_PIXELS, glance_below: int = 0) -> Picture:
    """A decoded picture, reduced while decoding where the format can and the need allows it.

    Below `glance_below` pixels nobody looks at it: all of its code is read, and of a JPEG an eighth of the sides drawn.

    Raises:
        Refused: with one sentence and a stable `kind`.
        OutOfMemory: in this process it cannot be said; a fresh one may know.
    """
    format = _admit(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = _open(data, format)
        _require_size(image, format)
        if format == "JPEG":
            _require_few_scans(data, image)
            original = image.size
            factor = need.factor(*original) if original[0] * original[1] >= glance_below else LEAST
            image.draft(None, (max(image.width // factor, 1), max(image.height // factor, 1)))
        else:
            _require_little_packing(data, format)
            original = image.size
        _load(image, data, format)
        orientation = orientation_of(image)
    if format == "TIFF":
        original = image.size
    return Picture(image, NAMES.get(format, format), orientation, original[::-1] if orientation >= 5 else original)


def _admit(data: bytes) -> str:
    """The format of these bytes, from the allow-list."""
    if is_blank(data):
        raise Refused("The file is empty. Please copy it again from where it came from.", "empty")
    if format := offered_format(data):
        return format
    if name := other_format(data):
        raise Refused(f"This is {name}, which cannot be used here. Please save it as JPEG or PNG first.", "format")
    raise Refused(f"This is not a picture. Please choose a file that is {OFFERED}.", "not_a_picture")


def _open(data: bytes, format: str) -> Image.Image:
    if format == "HEIF":
        # Imported with the first such file: most children never need it.
        import pillow_heif

        pillow_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)
    try:
        return Image.open(io.BytesIO(data), formats=(format,))
    except Image.DecompressionBombError:
        raise Refused(too_many_pixels("more than 100", format), "too_large") from None
    except Exception as error:  # dozens of kinds come out of broken files, MemoryError among them
        raise _broken(data, format) from error


def _load(image: Image.Image, data: bytes, format: str) -> None:
    try:
        image.load()
    except Image.DecompressionBombError:
        raise Refused(too_many_pixels("more than 100", format), "too_large") from None
    except MemoryError as error:
        if image.width * image.height > 1_000_000:
            raise OutOfMemory from error
        raise _broken(data, format) from error
    except Exception as error:
        raise _broken(data, format) from error


def _broken(data: bytes, format: str) -> Refused:
    if ends_early(data, format):
        return Refused(
            "The picture is cut short: the end of the file is missing. Please copy or download it again.", "cut_short"
        )
    return Refused(
        f"The picture is damaged: it begins like a {NAMES.get(format, format)} file, but cannot be read. "
        "Please use another copy of it.",
        "damaged",
    )


# ---- limits before decoding --------------------------------------------------------------------------


def too_many_bytes(limit: int) -> str:
    return f"The file is larger than {limit >> 20} MB. Please save the picture smaller, as JPEG for example."


def too_many_pixels(megapixels: str, format: str) -> str:
    most = MAX_PIXELS_OF.get(format, MAX_PIXELS) // 1_000_000
    return (
        f"The picture has {megapixels} megapixels, but a {NAMES.get(format, format)} file may have at most {most}. "
        "Please make it smaller, or save it as JPEG."
    )


def _require_size(image: Image.Image, format: str) -> None:
    if max(image.size) > MAX_SIDE:
        raise Refused(
            f"The picture is {image.width:,} x {image.height:,} pixels, but no side may be longer than {MAX_SIDE:,}. "
            "Please cut it into smaller pictures.",
            "too_large",
        )
    pixels = image.width * image.height
    if pixels > MAX_PIXELS_OF.get(format, MAX_PIXELS):
        raise Refused(too_many_pixels(f"{math.ceil(pixels / 1e6):,}", format), "too_large")


def _require_few_scans(data: bytes, image: Image.Image) -> None:
    most = min(MAX_SCANS, MAX_SCAN_PIXELS // (image.width * image.height))
    # The fast count is never too low; the true one is only needed for what it makes suspicious.
    if data.count(b"\xff\xda") > most and jpeg_scans(data, most) > most:
        raise Refused(
            "The picture is stored in so many layers that reading it takes too long. "
            "Please open it and save it again as an ordinary JPEG.",
            "too_costly",
        )


def _require_little_packing(data: bytes, format: str) -> None:
    packed = format == "BMP" and data[30:31] in (b"\1", b"\2")
    if packed and len(data) > MAX_PACKED_BMP_BYTES:
        raise Refused(
            "This kind of compressed BMP takes too long to read at this size. Please save it as PNG.", "too_costly"
        )

"""A stripped picture: the same pixels, the same way up, and not a byte of what was said beside them."""

from __future__ import annotations

import io
import struct

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from core.imaging.gate import EVERY_PIXEL, open_picture
from core.imaging.pool import DecoderPool
from core.imaging.stripping import Unclear, stripped
from tests.imaging.conftest import Corpus

CANARY = b"CANARY-52.5163N-13.3777E"
XMP = b'<x:xmpmeta xmlns:tiff="http://ns.adobe.com/tiff/1.0/"><note>' + CANARY + b"</note></x:xmpmeta>"


def picture() -> Image.Image:
    noise = np.random.default_rng(3).integers(0, 255, (40, 60, 3), np.uint8)
    noise[:20] //= 3  # the upper half is darker: which side is up can be seen
    return Image.fromarray(noise)


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010E] = CANARY.decode()
    block.get_ifd(0x8825)[0x001D] = CANARY.decode()
    return block


def saved(format: str, orientation: int = 6) -> bytes:
    """A picture that says a lot about itself."""
    out, image = io.BytesIO(), picture()
    said: dict[str, object] = {"exif": exif(orientation).tobytes()}
    if format in ("JPEG", "WEBP", "AVIF"):
        said["xmp"] = XMP
    if format == "JPEG":
        said |= {"comment": CANARY, "quality": 90, "icc_profile": b"profile" * 20}
    if format == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", CANARY.decode())
        text.add_text("Place", CANARY.decode(), zip=True)
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        said["pnginfo"] = text
    if format == "GIF":
        said = {"comment": CANARY, "save_all": True, "append_images": [image.rotate(90)], "loop": 3}
    if format == "BMP":
        said = {}
    if format == "HEIF":
        pillow_heif.from_pillow(image).save(out, exif=exif(1).tobytes(), xmp=XMP, quality=90)
        return out.getvalue()
    image.save(out, format, **said)
    if format == "JPEG":  # Photoshop's own segment, and a second picture behind the first, as phones write them
        iptc = b"Photoshop 3.0\0" + CANARY
        whole = out.getvalue()
        return whole[:2] + b"\xff\xed" + struct.pack(">H", len(iptc) + 2) + iptc + whole[2:] + whole
    return out.getvalue()


def seen(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(open_picture(data, EVERY_PIXEL).rgb())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF"])
def test_nothing_that_was_said_is_left_and_no_pixel_is_changed(format: str, orientation: int) -> None:
    data = saved(format, orientation)
    assert CANARY in data
    clean = stripped(data)
    assert CANARY not in clean and b"xmpmeta" not in clean and b"CANARY" not in clean
    assert np.array_equal(seen(clean), seen(data))
    assert stripped(clean) == clean
    with Image.open(io.BytesIO(clean)) as image:
        assert image.format == format
        assert set(image.getexif()) <= {0x0112}
        assert not {"comment", "xmp", "photoshop", "Comment", "Place", "mp"} & image.info.keys()
        assert format == "GIF" or ("exif" in image.info) == (orientation != 1)


@pytest.mark.parametrize("format", ["TIFF", "BMP", "AVIF", "HEIF"])
def test_what_cannot_be_taken_apart_becomes_a_png_of_the_same_pixels(decoder: DecoderPool, format: str) -> None:
    data = saved(format)
    with pytest.raises(Unclear):
        stripped(data)
    clean = decoder.png(data)
    assert CANARY not in clean
    assert np.array_equal(seen(clean), seen(data))
    assert stripped(clean) == clean


def test_the_colour_profile_stays() -> None:
    with Image.open(io.BytesIO(stripped(saved("JPEG")))) as image:
        assert image.info["icc_profile"] == b"profile" * 20


def test_animations_keep_their_frames() -> None:
    with Image.open(io.BytesIO(stripped(saved("GIF")))) as image:
        assert (getattr(image, "n_frames"), image.info["loop"]) == (2, 3)  # noqa: B009 - only some plug-ins have it


def test_a_thumbnail_inside_the_file_is_left_out() -> None:
    data = saved("JPEG", 1)
    small = b"JFIF\0\1\1\0\0\1\0\1\2\2" + CANARY[:12]
    planted = data[:2] + b"\xff\xe0" + struct.pack(">H", len(small) + 2) + small + data[2:]
    assert CANARY[:12] not in stripped(planted)


def test_cmyk_and_layered_jpegs_look_as_before() -> None:
    for mode, said in (("CMYK", {}), ("L", {}), ("RGB", {"progressive": True, "quality": 95})):
        out = io.BytesIO()
        picture().convert(mode).save(out, "JPEG", comment=CANARY, **said)
        clean = stripped(out.getvalue())
        assert CANARY not in clean
        assert np.array_equal(seen(clean), seen(out.getvalue()))


def test_every_picture_of_the_corpus_looks_as_before(corpus: Corpus, decoder: DecoderPool) -> None:
    anew = 0
    for row in corpus.of("accept"):
        data = corpus.bytes(row)
        try:
            clean = stripped(data)
        except Unclear:
            clean = decoder.png(data)
            anew += row["format"] in ("JPEG", "PNG", "WEBP", "GIF")
        assert np.array_equal(decoder.pixels(clean), decoder.pixels(data)), row["path"]
        assert stripped(clean) == clean, row["path"]
    assert anew < 60  # oddly built ones only


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "WEBP", "GIF"]), st.data())
def test_no_bytes_lead_astray(format: str, draw: st.DataObject) -> None:
    data = bytearray(saved(format))
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    cut = bytes(data[: draw.draw(st.integers(0, len(data)))])
    try:
        clean = stripped(cut)
    except Unclear:
        return
    assert len(clean) <= len(cut) + 64

"""The picture gate against invented and mangled files: a verdict in words for each, and never a dead child."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from core.imaging.pool import DecoderPool

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "HEIF")
BATCH = 12  # pictures that one example asks about: a child costs more to ask than to answer
FUZZ = settings(deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate], derandomize=True)


def whole(format: str) -> bytes:
    picture = Image.effect_noise((40, 30), 60).convert("RGB")
    target = io.BytesIO()
    if format == "HEIF":
        heif = pytest.importorskip("pillow_heif")
        heif.from_pillow(picture).save(target, format="HEIF", quality=60)
    else:
        picture.save(target, format, exif=Image.Exif() if format in ("JPEG", "PNG", "WEBP") else b"")
    return target.getvalue()


WHOLE = {format: whole(format) for format in FORMATS}
mangled = st.builds(
    lambda format, flips, cut, more: _mangle(WHOLE[format], flips, cut, more),
    st.sampled_from(FORMATS),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=10),
    st.floats(0, 1) | st.just(1.0),
    st.binary(max_size=40),
)


def _mangle(content: bytes, flips: list[tuple[float, int]], cut: float, more: bytes) -> bytes:
    body = bytearray(content)
    for place, value in flips:
        # Half of all blows fall on the first tenth, where the lengths and sizes stand.
        body[min(int(place * place * place * len(body)), len(body) - 1)] = value
    return bytes(body[: int(cut * len(body))]) + more


def _png(width: int, height: int, depth: int, colour: int, rows: bytes, ends: bool) -> bytes:
    """A PNG whose header says anything."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + (chunk(b"IEND", b"") if ends else b"")


side = st.integers(0, 60) | st.integers(0, 2**32 - 1)
invented = st.builds(
    _png,
    side,
    side,
    st.sampled_from([0, 1, 2, 4, 8, 16, 32]),
    st.integers(0, 7),
    st.binary(max_size=200),
    st.booleans(),
)


@pytest.fixture(scope="module")
def two() -> Iterator[DecoderPool]:
    with DecoderPool(children=2) as pool:
        yield pool


def _ask(pool: DecoderPool, folder: Path, contents: list[bytes]) -> None:
    sources = []
    for number, content in enumerate(contents):
        sources.append(folder / str(number))
        sources[-1].write_bytes(content)
    before = set(pool.pids)
    found = list(pool.check(sources))
    assert len(found) == len(sources)
    for one in found:
        if one.accepted:
            assert one.width > 0 and one.height > 0 and one.format in {*FORMATS, "HEIC"}
        else:
            assert re.fullmatch(r"[A-Z].*\.", one.reason) and one.kind != "too_costly", one
    assert before <= set(pool.pids), "no file ends the process that looks at it"


@settings(parent=FUZZ, max_examples=25)
@given(contents=st.lists(mangled | invented, min_size=BATCH, max_size=BATCH))
def test_a_mangled_picture_gets_a_sentence_and_its_child_lives(
    two: DecoderPool, tmp_path: Path, contents: list[bytes]
) -> None:
    _ask(two, tmp_path, contents)


@pytest.mark.slow
@settings(parent=FUZZ, max_examples=3000)
@given(contents=st.lists(mangled | invented, min_size=BATCH, max_size=BATCH))
def test_tens_of_thousands_of_mangled_pictures_get_a_sentence(
    two: DecoderPool, tmp_path: Path, contents: list[bytes]
) -> None:
    _ask(two, tmp_path, contents)

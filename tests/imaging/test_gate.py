"""The gate's own promises, on pictures made here."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.errors import Refused
from core.imaging.pool import DecoderPool
from core.ports import Pixels

CORNERS = {"red": (250, 10, 10), "green": (10, 250, 10), "blue": (10, 10, 250), "white": (250, 250, 250)}


def quarters(width: int = 64, height: int = 40) -> Image.Image:
    """Red and green above, blue and white below: shows every turn and flip."""
    image = Image.new("RGB", (width, height))
    half = (width // 2, height // 2)
    for at, colour in zip(((0, 0), (half[0], 0), (0, half[1]), half), CORNERS.values(), strict=True):
        image.paste(colour, (*at, at[0] + half[0], at[1] + half[1]))
    return image


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, format, **options)
    return target.getvalue()


def with_gps(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "CANARYMAKER"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 29.0)
    return exif


TO_STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_all_eight_orientations_come_out_upright(
    format: str, orientation: int, pool: DecoderPool, tmp_path: Path
) -> None:
    turn = TO_STORED[orientation]
    stored = quarters() if turn is None else quarters().transpose(turn)
    content = saved(stored, format, exif=with_gps(orientation))
    picture = pool.pixels(content)
    assert picture.shape == (40, 64, 3)
    seen = [picture[y, x].astype(int) for y, x in ((8, 12), (8, 52), (32, 12), (32, 52))]
    assert np.abs(np.array(seen) - np.array(list(CORNERS.values()))).max() <= 12
    source = tmp_path / "picture"
    source.write_bytes(content)
    [found] = pool.check([source])
    assert (found.width, found.height) == (64, 40)
    small = drawn(pool, source)
    assert np.abs(small[40, 40].astype(int) - CORNERS["red"]).max() <= 12


def test_a_large_turned_picture_is_turned_in_bands_without_a_seam(pool: DecoderPool) -> None:
    stored = Image.effect_noise((3000, 1700), 80).convert("RGB")
    expected = np.asarray(stored.transpose(Image.Transpose.ROTATE_270))
    assert np.array_equal(pool.pixels(saved(stored, "PNG", exif=with_gps(6), compress_level=1)), expected)


def drawn(pool: DecoderPool, source: Path) -> Pixels:
    """What the indexer gets; the thumbnail lies beside the source."""
    [(_, made)] = pool.draw([(source, Path(f"{source}.thumb"))], 224)
    assert made is not None
    return made.pixels


def test_only_a_picture_that_is_dear_to_decode_is_drawn_while_it_is_checked(pool: DecoderPool, tmp_path: Path) -> None:
    for name, side in (("small", 300), ("large", 1500)):
        source = tmp_path / name
        source.write_bytes(saved(Image.new("RGB", (side, side)), "PNG"))
        [found] = pool.check([source])
        beside = [Path(f"{source}{ending}").exists() for ending in (".thumb", ".rgb")]
        assert beside == [found.drawn] * 2 == [name == "large"] * 2


def test_a_copy_of_an_accepted_picture_is_made_on_the_way_and_none_of_a_refused_one(
    pool: DecoderPool, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_bytes(saved(quarters(), "PNG"))
    bad.write_bytes(b"no picture")
    copies = {good: tmp_path / "copy of good", bad: tmp_path / "copy of bad"}
    found = {one.source: one.accepted for one in pool.check([good, bad], copies)}
    assert found == {good: True, bad: False}
    assert copies[good].read_bytes() == good.read_bytes()
    assert not copies[bad].exists()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_no_metadata_leaves_with_the_thumbnail_or_the_view(format: str, pool: DecoderPool, tmp_path: Path) -> None:
    source = tmp_path / "picture"
    source.write_bytes(saved(quarters(), format, exif=with_gps()))
    assert b"CANARYMAKER" in source.read_bytes()
    drawn(pool, source)
    for copy in (Path(f"{source}.thumb").read_bytes(), pool.view(source, 1600)):
        assert b"CANARYMAKER" not in copy and b"EXIF" not in copy and b"XMP" not in copy and b"ICCP" not in copy
        with Image.open(io.BytesIO(copy)) as image:
            assert image.format == "WEBP" and not image.getexif()


def test_a_heic_photo_is_accepted(pool: DecoderPool, tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    source = tmp_path / "picture"
    heif.from_pillow(quarters(128, 80)).save(source, format="HEIF", quality=90)
    [found] = pool.check([source])
    assert (found.format, found.width, found.height) == ("HEIC", 128, 80), found.reason
    assert np.abs(pool.pixels(source)[10, 10].astype(int) - CORNERS["red"]).max() <= 16


def test_garbage_in_the_exif_block_does_not_cost_the_picture(pool: DecoderPool) -> None:
    content = saved(quarters(), "PNG", exif=b"Exif\0\0" + os.urandom(64))
    assert pool.pixels(content).shape == (40, 64, 3)


def test_transparency_lies_over_white_and_16_bit_is_scaled_by_range(pool: DecoderPool) -> None:
    clear = Image.new("RGBA", (8, 8), (200, 0, 0, 0))
    assert (pool.pixels(saved(clear, "PNG")) == 255).all()
    deep = Image.fromarray(np.full((8, 8), 0x8000, np.uint16))
    assert (pool.pixels(saved(deep, "PNG")) == 0x80).all()


def test_the_thumbnail_is_at_most_384_px_and_never_enlarged(pool: DecoderPool, tmp_path: Path) -> None:
    sizes = {}
    for name, size in {"large": (2000, 1000), "small": (50, 30), "line": (9000, 2)}.items():
        source = tmp_path / name
        source.write_bytes(saved(Image.new("RGB", size), "PNG"))
        drawn(pool, source)
        with Image.open(f"{source}.thumb") as thumb:
            sizes[name] = thumb.size
    assert sizes == {"large": (384, 192), "small": (50, 30), "line": (384, 1)}


def test_the_indexers_input_is_the_antialiased_squash_of_the_whole_picture(pool: DecoderPool, tmp_path: Path) -> None:
    source = tmp_path / "picture"
    image = Image.effect_noise((640, 360), 70).convert("RGB")
    source.write_bytes(saved(image, "PNG"))
    made = drawn(pool, source)
    assert np.array_equal(made, np.asarray(image.resize((224, 224), Image.Resampling.BILINEAR)))


def test_reduced_decoding_changes_what_the_network_sees_by_little(pool: DecoderPool, tmp_path: Path) -> None:
    source = tmp_path / "picture"
    image = Image.effect_noise((330, 250), 70).resize((3300, 2500), Image.Resampling.BICUBIC).convert("RGB")
    source.write_bytes(saved(image, "JPEG", quality=92))
    list(pool.check([source]))
    made = np.frombuffer(Path(f"{source}.rgb").read_bytes(), np.uint8).reshape(224, 224, 3).astype(int)
    exact = np.asarray(image.resize((224, 224), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(made - exact).mean() < 2


def test_pixels_above_25_megapixels_come_divided_by_a_whole_number(pool: DecoderPool) -> None:
    assert pool.pixels(saved(Image.new("L", (6000, 4000)), "JPEG")).shape == (4000, 6000, 3)
    assert pool.pixels(saved(Image.new("L", (6000, 5000)), "JPEG")).shape == (2500, 3000, 3)
    assert pool.pixels(saved(Image.new("L", (6000, 5000)), "PNG")).shape == (2500, 3000, 3)


def test_the_name_does_not_matter(pool: DecoderPool, tmp_path: Path) -> None:
    for name in ("a.txt", "b.exe", "c", "d.svg", "naïve 🙂.png", "e\n.jpg"):
        (tmp_path / name).write_bytes(saved(quarters(), "JPEG"))
    assert all(found.accepted for found in pool.check(sorted(tmp_path.iterdir())))


def png_claiming(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


JPEG = saved(quarters(), "JPEG")
MOTION = JPEG + b"\xff\xda\0\0" * 5000  # a film behind the photo, as some phones write it


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b"\0" * 1000, "empty"),
        (b"hello", "not_a_picture"),
        (b"%PDF-1.7 and so on", "not_a_picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "format"),
        (JPEG[: len(JPEG) // 3], "cut_short"),
        (saved(quarters(), "PNG")[:-30], "cut_short"),
        (JPEG[:20] + b"\xff\xd9", "damaged"),
        (png_claiming(8000, 8000), "too_large"),
        (png_claiming(30_000, 2), "too_large"),
        (png_claiming(100, 100), "damaged"),
    ],
)
def test_each_refusal_has_its_kind(content: bytes, kind: str, pool: DecoderPool) -> None:
    with pytest.raises(Refused) as refused:
        pool.pixels(content)
    assert refused.value.kind == kind, refused.value
    assert str(refused.value).endswith(".") and len(str(refused.value).split()) > 5


def test_scan_marks_inside_a_film_behind_the_photo_are_no_scans(pool: DecoderPool) -> None:
    assert pool.pixels(MOTION).shape == (40, 64, 3)


def test_what_is_no_plain_file_or_gone_is_refused(pool: DecoderPool, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    found = {answer.source.name: answer.kind for answer in pool.check([*tmp_path.iterdir(), tmp_path / "gone"])}
    assert found == {"pipe": "not_a_picture", "folder": "not_a_picture", "gone": "unreadable"}


def test_a_file_over_the_limit_is_refused_without_being_read(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    (tmp_path / "fits").write_bytes(JPEG)
    with DecoderPool(children=1, picture_limit_bytes=1 << 20) as pool:
        found = {answer.source.name: answer.kind for answer in pool.check(tmp_path.iterdir())}
        with pytest.raises(Refused, match="1 MB"):
            pool.pixels(JPEG + bytes(1 << 20))
    assert found == {"huge": "too_large", "fits": ""}

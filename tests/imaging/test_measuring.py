"""What is measured of a picture says what a person would say of it, and stays the same from file to file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from core.imaging.pool import DecoderPool
from core.records import PictureFacts


def scene(seed: int = 0, width: int = 320, height: int = 240) -> Image.Image:
    """Shapes on a ground, another for each seed: sharp edges, many shades."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.full((height, width, 3), rng.integers(60, 200, 3), float)
    for _ in range(14):
        inside = abs(x - rng.uniform(0, width)) / rng.uniform(15, 80) + abs(y - rng.uniform(0, height)) / 50 < 1
        pixels[inside] = rng.integers(0, 255, 3)
    return Image.fromarray((pixels + rng.normal(0, 3, pixels.shape)).clip(0, 255).astype(np.uint8))


def facts_of(
    pool: DecoderPool, folder: Path, picture: Image.Image, format: str = "PNG", **options: Any
) -> PictureFacts:
    target = folder / f"{len(list(folder.iterdir()))}"
    content = io.BytesIO()
    picture.save(content, format, **options)
    target.write_bytes(content.getvalue())
    ((_, facts),) = pool.measured([target])
    assert facts is not None
    return facts


def bits_apart(a: PictureFacts, b: PictureFacts) -> int:
    return (int(a.look, 16) ^ int(b.look, 16)).bit_count()


def test_a_picture_is_measured_where_it_is_drawn_and_asking_again_gives_the_same(
    pool: DecoderPool, tmp_path: Path
) -> None:
    large, small = tmp_path / "large", tmp_path / "small"
    scene(width=1800, height=1200).save(large, "JPEG")
    scene().save(small, "JPEG")
    (checked,) = pool.check([large])
    ((_, drawn),) = pool.draw([(small, tmp_path / "thumb")], 224)
    assert checked.facts is not None and drawn is not None
    assert dict(pool.measured([large, small])) == {0: checked.facts, 1: drawn.facts}


def test_what_cannot_be_decoded_has_no_facts(pool: DecoderPool, tmp_path: Path) -> None:
    source = tmp_path / "text"
    source.write_bytes(b"no picture at all")
    assert list(pool.measured([source])) == [(0, None)]
    (checked,) = pool.check([source])
    assert checked.facts is None


def test_the_same_pixels_have_one_name_in_every_lossless_format(pool: DecoderPool, tmp_path: Path) -> None:
    picture = scene()
    names = {facts_of(pool, tmp_path, picture, format).pixels for format in ("PNG", "BMP", "TIFF")}
    names.add(facts_of(pool, tmp_path, picture, "WEBP", lossless=True).pixels)
    assert len(names) == 1
    assert facts_of(pool, tmp_path, picture, "JPEG", quality=60).pixels not in names


@pytest.mark.parametrize(
    ("level", "dark", "bright"), [(3, 1.0, 0.0), (128, 0.0, 0.0), (252, 0.0, 1.0)], ids=["black", "grey", "white"]
)
def test_light_is_measured_in_shares(pool: DecoderPool, tmp_path: Path, level: int, dark: float, bright: float) -> None:
    facts = facts_of(pool, tmp_path, Image.new("RGB", (200, 100), (level,) * 3))
    assert facts.brightness == pytest.approx(level / 255, abs=0.01)
    assert (facts.dark, facts.bright, facts.contrast, facts.colour, facts.sharpness) == (dark, bright, 0, 0, 0)


def test_a_blurred_picture_is_less_sharp_at_any_size(pool: DecoderPool, tmp_path: Path) -> None:
    for seed in range(4):
        for size in ((320, 240), (1600, 1200)):
            sharp = scene(seed).resize(size, Image.Resampling.LANCZOS)
            blurred = sharp.filter(ImageFilter.GaussianBlur(size[0] / 60))
            assert facts_of(pool, tmp_path, sharp).sharpness > 1.5 * facts_of(pool, tmp_path, blurred).sharpness


def test_the_border_is_the_outermost_pixels(pool: DecoderPool, tmp_path: Path) -> None:
    framed = Image.new("RGB", (320, 240), (250, 20, 20))
    framed.paste(scene(width=270, height=200), (25, 20))
    facts = facts_of(pool, tmp_path, framed)
    assert facts.border == pytest.approx((250 / 255, 20 / 255, 20 / 255), abs=0.02)
    assert facts.border_spread < 0.02 < facts_of(pool, tmp_path, scene()).border_spread


def test_grey_has_no_colour(pool: DecoderPool, tmp_path: Path) -> None:
    assert facts_of(pool, tmp_path, scene().convert("L")).colour == 0
    assert facts_of(pool, tmp_path, Image.new("RGB", (64, 64), (255, 0, 0))).colour == 1


def test_the_look_survives_another_size_file_and_light_and_tells_pictures_apart(
    pool: DecoderPool, tmp_path: Path
) -> None:
    for seed in range(6):
        picture = scene(seed)
        facts = facts_of(pool, tmp_path, picture)
        brighter = picture.point([min(round(level * 1.1 + 6), 255) for level in range(256)] * 3)
        for other in (picture.resize((150, 112)), brighter):
            assert bits_apart(facts, facts_of(pool, tmp_path, other, "JPEG", quality=40)) <= 8
        assert bits_apart(facts, facts_of(pool, tmp_path, scene(seed + 100))) > 16


def test_the_smallest_picture_is_measured_too(pool: DecoderPool, tmp_path: Path) -> None:
    facts = facts_of(pool, tmp_path, Image.new("RGB", (1, 1), (9, 9, 9)))
    assert facts.dark == 1 and len(facts.mini) == 256

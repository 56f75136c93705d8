"""The sample set: photographs of road signs that were never taken.

`python -m core.imaging.signs FOLDER` draws FOLDER/train/LABEL/*.jpg and FOLDER/held_back/*.jpg. Background, light,
angle, distance, blur and grain vary; five of the eight signs are red and the colours of every scene wander, so that
colour alone does not tell them apart. The same seed draws the same pictures.
"""

from __future__ import annotations

import argparse
import functools
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from core.imaging.sign_faces import LABELS, SIDE, draw_face

Random = np.random.Generator
Colour = tuple[int, int, int]
MARGIN = 6  # px around a sign, for its shadow


@dataclass(frozen=True, slots=True)
class Scene:
    """The colours of a place at an hour."""

    above: Colour
    horizon: Colour
    ground: Colour
    things: tuple[Colour, ...]  # houses, trees
    lights: tuple[Colour, ...]  # out-of-focus lamps
    light: float  # how bright the sign is, 1: noon


SCENES = (
    Scene(  # a street at noon
        (96, 152, 214), (206, 224, 236), (122, 120, 116), ((168, 140, 118), (198, 186, 170), (120, 132, 140)), (), 1.0
    ),
    Scene((70, 130, 200), (190, 215, 225), (92, 112, 70), ((58, 92, 48), (78, 112, 56), (44, 74, 44)), (), 1.0),
    Scene(  # sunset
        (58, 66, 112),
        (246, 164, 104),
        (74, 64, 66),
        ((66, 56, 72), (92, 70, 76)),
        ((255, 206, 140), (255, 150, 96)),
        0.85,
    ),
    Scene(  # night
        (14, 18, 34),
        (44, 48, 74),
        (30, 30, 36),
        ((24, 26, 40), (36, 36, 52)),
        ((255, 190, 92), (236, 70, 56), (120, 170, 255), (250, 240, 210)),
        0.72,
    ),
    Scene((176, 182, 188), (208, 211, 212), (140, 142, 140), ((150, 154, 156), (164, 168, 168)), (), 0.92),
    Scene(  # a wood, the light through its leaves
        (40, 72, 50),
        (116, 150, 84),
        (64, 74, 46),
        ((34, 64, 36), (80, 108, 50), (118, 134, 62)),
        ((190, 214, 120), (226, 232, 170)),
        0.88,
    ),
    Scene((178, 70, 52), (214, 120, 80), (120, 82, 66), ((150, 58, 46), (196, 92, 66), (170, 120, 96)), (), 0.98),
    Scene(  # blue walls: the background of a blue sign may be blue
        (40, 92, 150),
        (110, 160, 200),
        (80, 90, 104),
        ((36, 84, 140), (70, 120, 168), (196, 200, 204)),
        ((180, 220, 255),),
        0.95,
    ),
)


def draw_samples(folder: Path, seed: int = 7, per_label: int = 60, held_back: int = 12, workers: int = 1) -> list[Path]:
    """Writes the whole set below `folder`, with so many processes; the files written, in order."""
    plan = list(_plan(folder, per_label, held_back))
    for place in {path.parent for _, _, path in plan}:
        place.mkdir(parents=True, exist_ok=True)
    draw = functools.partial(_draw_into, seed)
    if workers == 1:
        for entry in plan:
            draw(entry)
    else:
        with ProcessPoolExecutor(workers) as pool:
            list(pool.map(draw, plan, chunksize=16))
    return [path for _, _, path in plan]


def _plan(folder: Path, per_label: int, held_back: int) -> Iterator[tuple[str, int, Path]]:
    """(label, number, file). Numbers above `per_label` are held back: no picture is in both parts."""
    for label in LABELS:
        for number in range(1, per_label + 1):
            yield label, number, folder / "train" / label / f"{label.replace(' ', '-')}-{number:03}.jpg"
    for at in range(held_back):
        label = LABELS[at % len(LABELS)]
        number = per_label + 1 + at // len(LABELS)
        yield label, number, folder / "held_back" / f"{label.replace(' ', '-')}_{at + 1:02}.jpg"


def _draw_into(seed: int, entry: tuple[str, int, Path]) -> None:
    label, number, path = entry
    random = np.random.default_rng([seed, LABELS.index(label), number])
    draw_sign(label, random).save(path, "JPEG", quality=int(random.integers(62, 93)))


def draw_sign(label: str, random: Random) -> Image.Image:
    """One photograph, 176..224 px wide, RGB."""
    size = (int(random.integers(176, 225)), int(random.integers(176, 225)))
    scene = SCENES[random.integers(len(SCENES))]
    # Half size: what is out of focus loses nothing, and takes a quarter of the time.
    photo = draw_background(scene, (size[0] // 2, size[1] // 2), random).resize(size, Image.Resampling.BILINEAR)
    sign, corner = _pose(label, size, random)
    _put_up(photo, sign, corner, scene, random)
    return _photograph(photo, scene, random)


# ---- the place ---------------------------------------------------------------------------------------


def draw_background(scene: Scene, size: tuple[int, int], random: Random) -> Image.Image:
    """Sky, ground and things out of focus."""
    width, height = size
    horizon = int(height * random.uniform(0.5, 0.85))
    rows = np.linspace(0, 1, horizon)[:, None]
    sky = np.array(scene.above) * (1 - rows) + np.array(scene.horizon) * rows
    ground = np.array(scene.ground) * np.linspace(1.1, 0.75, height - horizon)[:, None]
    columns = np.repeat(np.concatenate([sky, ground])[:, None], width, axis=1)
    photo = Image.fromarray(np.clip(columns, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(photo)
    for _ in range(random.integers(2, 8)):
        _draw_thing(draw, scene, size, horizon, random)
    photo = photo.filter(ImageFilter.GaussianBlur(random.uniform(0.5, 2.5)))
    return _add_lights(photo, scene, random) if scene.lights else photo


def _draw_thing(draw: ImageDraw.ImageDraw, scene: Scene, size: tuple[int, int], horizon: int, random: Random) -> None:
    """A house, a tree or a disc, standing on the horizon."""
    colour = _wander(scene.things[random.integers(len(scene.things))], 18, random)
    left = random.uniform(-0.2, 1) * size[0]
    wide, high = random.uniform(0.12, 0.45) * size[0], random.uniform(0.12, 0.6) * size[1]
    kind = random.integers(3)
    if kind == 0:
        draw.rectangle((left, horizon - high, left + wide, horizon + 2), fill=colour)
        pane = _wander(colour, 40, random)
        for at in range(1, 4):
            draw.rectangle(
                (left + wide * 0.2, horizon - high * at / 4, left + wide * 0.8, horizon - high * at / 4 + 3), fill=pane
            )
    elif kind == 1:
        draw.ellipse((left, horizon - high, left + wide, horizon - high * 0.15), fill=colour)
        draw.rectangle((left + wide * 0.45, horizon - high * 0.3, left + wide * 0.55, horizon + 2), fill=colour)
    else:
        draw.polygon(((left, horizon + 2), (left + wide / 2, horizon - high), (left + wide, horizon + 2)), fill=colour)


def _add_lights(photo: Image.Image, scene: Scene, random: Random) -> Image.Image:
    """Out-of-focus lamps: soft discs that add up."""
    glow = Image.new("RGB", photo.size)
    for _ in range(random.integers(4, 14)):
        radius = random.uniform(2, 8.5)
        disc = Image.new("L", (19, 19))
        draw = ImageDraw.Draw(disc)
        draw.ellipse((9 - radius, 9 - radius, 9 + radius, 9 + radius), fill=int(random.integers(60, 190)))
        place = (int(random.uniform(0, photo.width)) - 9, int(random.uniform(0, photo.height * 0.8)) - 9)
        glow.paste(_wander(scene.lights[random.integers(len(scene.lights))], 12, random), place, disc)
    glow = glow.filter(ImageFilter.GaussianBlur(0.7))
    return Image.fromarray(np.minimum(np.asarray(photo).astype(np.uint16) + np.asarray(glow), 255).astype(np.uint8))


# ---- the sign ----------------------------------------------------------------------------------------


@functools.cache
def _face(label: str, side: int) -> Image.Image:
    """A face near the size it will have: shrinking far in one step would lose its lines."""
    face = draw_face(label)
    return face if side == SIDE else face.convert("RGBa").resize((side, side), Image.Resampling.LANCZOS).convert("RGBA")


def _pose(label: str, size: tuple[int, int], random: Random) -> tuple[Image.Image, tuple[int, int]]:
    """The sign at its distance, turned and seen at an angle: RGBA with a margin, and where its top left corner lies."""
    side = min(size) * random.uniform(0.36, 0.8)
    centre = (
        size[0] * 0.5 + random.uniform(-0.5, 0.5) * (size[0] - side) * 0.8,
        size[1] * 0.46 + random.uniform(-0.5, 0.5) * (size[1] - side) * 0.7,
    )
    yaw, tilt = random.uniform(-0.85, 0.85), np.radians(random.normal(0, 7))
    flat = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float)
    depth = 2.6 + flat[:, 0] * np.sin(yaw)  # the viewer stands 2.6 half-sides away: near edges look larger
    seen = np.stack([flat[:, 0] * np.cos(yaw), flat[:, 1]], axis=1) * 2.6 / depth[:, None]
    turn = np.array([(np.cos(tilt), -np.sin(tilt)), (np.sin(tilt), np.cos(tilt))])
    target = seen @ turn.T * side / 2 + centre
    corner = np.floor(target.min(axis=0)).astype(int) - MARGIN
    extent = np.ceil(target.max(axis=0)).astype(int) + MARGIN - corner
    face = _face(label, next((level for level in (96, 144, 192) if level >= side), SIDE))
    source = (flat + 1) / 2 * face.width
    warped = face.convert("RGBa").transform(
        (int(extent[0]), int(extent[1])),
        Image.Transform.PERSPECTIVE,
        _perspective(target - corner, source),
        Image.Resampling.BILINEAR,
    )
    return warped.convert("RGBA"), (int(corner[0]), int(corner[1]))


def _perspective(target: NDArray[np.float64], source: NDArray[np.float64]) -> list[float]:
    """The eight numbers by which Pillow finds the source of each target point, from four pairs of points (4, 2)."""
    rows = []
    for (x, y), (u, v) in zip(target, source, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    return [float(value) for value in np.linalg.solve(np.array(rows), source.reshape(8))]


def _put_up(photo: Image.Image, sign: Image.Image, corner: tuple[int, int], scene: Scene, random: Random) -> None:
    """Pole, shadow, then the sign in the light of the scene."""
    left, top = corner
    x, y, half = left + sign.width / 2, top + sign.height / 2, max(photo.width * 0.014, 1.5)
    grey, lean = int(random.integers(90, 170) * scene.light), random.normal(0, 3)
    ImageDraw.Draw(photo).polygon(
        [(x - half, y), (x + half, y), (x + half + lean, photo.height), (x - half + lean, photo.height)],
        fill=(grey, grey, int(grey * 1.04)),
    )
    alpha = sign.getchannel("A")
    shadow = alpha.reduce(2).point(lambda value: value * 0.35).filter(ImageFilter.GaussianBlur(1.5)).resize(sign.size)
    photo.paste((10, 10, 14), (left + 2, top + 3), shadow)
    face = sign.convert("RGB")
    face = Image.blend(face, face.convert("L").convert("RGB"), random.uniform(0, 0.28))  # the sun bleaches paint
    across, along = _axes(face.size)
    light = 1 + across * random.uniform(-0.18, 0.18) + along * random.uniform(-0.18, 0.18)
    light *= scene.light * random.uniform(0.85, 1.08)
    photo.paste(_image(np.asarray(face) * light), corner, alpha)
    if random.random() < 0.3:
        _hang_leaves(photo, scene, random)


def _hang_leaves(photo: Image.Image, scene: Scene, random: Random) -> None:
    """A twig that reaches into the picture from one side."""
    draw = ImageDraw.Draw(photo)
    from_left = random.random() < 0.5
    top = random.uniform(0, 0.5) * photo.height
    for _ in range(random.integers(8, 20)):
        reach = abs(random.normal(0, 0.16)) * photo.width
        x = reach if from_left else photo.width - reach
        y, long, wide = top + random.normal(0, 0.1) * photo.height, random.uniform(4, 11), random.uniform(3, 6)
        green = (int(60 * scene.light), int(random.integers(80, 130) * scene.light), int(48 * scene.light))
        draw.ellipse((x - long, y - wide, x + long, y + wide), fill=green)


# ---- the camera --------------------------------------------------------------------------------------


def _photograph(photo: Image.Image, scene: Scene, random: Random) -> Image.Image:
    """Focus, light, colour cast, haze, vignette and grain."""
    if random.random() < 0.6:
        photo = photo.filter(ImageFilter.BoxBlur(random.uniform(0.2, 1.3)))
    pixels = np.asarray(photo).astype(np.float32)
    pixels *= random.uniform(0.78, 1.18) * (1 + random.normal(0, 0.06, 3)).astype(np.float32)
    if random.random() < 0.25:
        haze = random.uniform(0.1, 0.4)
        pixels = pixels * (1 - haze) + np.array(scene.horizon, np.float32) * np.float32(haze)
    across, along = _axes(photo.size)
    pixels *= 1 - random.uniform(0, 0.22) * (across**2 + along**2) / 2
    grain = random.standard_normal((photo.height, photo.width, 1), np.float32) * random.uniform(1, 9)
    return _image(pixels + grain)


def _axes(size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """-1..1 across (1, W, 1) and along (H, 1, 1)."""
    across, along = (np.linspace(-1, 1, side, dtype=np.float32) for side in size)
    return across[None, :, None], along[:, None, None]


def _image(pixels: NDArray[np.float32]) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255, out=pixels).astype(np.uint8))


def _wander(colour: Colour, by: float, random: Random) -> Colour:
    red, green, blue = (int(value) for value in np.clip(np.array(colour) + random.normal(0, by, 3), 0, 255))
    return red, green, blue


def main() -> None:
    parser = argparse.ArgumentParser(description="Draws the sample pictures.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--per-label", type=int, default=60)
    parser.add_argument("--held-back", type=int, default=12)
    wish = parser.parse_args()
    draw_samples(wish.folder, wish.seed, wish.per_label, wish.held_back, workers=min(os.cpu_count() or 1, 4))


if __name__ == "__main__":
    main()

"""The faces of the sample road signs: flat drawings, front on, before the weather.

Drawn by hand of a program, from circles, polygons and Pillow's own typeface, so nobody's rights are in them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFont

SIDE = 256  # px of a finished face
DRAWN = 2  # drawn so many times larger, then reduced: smooth edges

Colour = tuple[int, int, int]
Point = tuple[float, float]

RED: Colour = (196, 24, 34)
BLUE: Colour = (12, 84, 166)
YELLOW: Colour = (250, 190, 24)
WHITE: Colour = (245, 244, 240)
BLACK: Colour = (22, 22, 24)


class Face:
    """A square to draw on, in units of its side: (0, 0) top left, (1, 1) bottom right."""

    def __init__(self) -> None:
        self.image = Image.new("RGBA", (SIDE * DRAWN, SIDE * DRAWN), (0, 0, 0, 0))
        self.draw = ImageDraw.Draw(self.image)

    def polygon(self, points: list[Point], colour: Colour) -> None:
        self.draw.polygon([(x * SIDE * DRAWN, y * SIDE * DRAWN) for x, y in points], fill=colour)

    def rounded(self, points: list[Point], colour: Colour, radius: float) -> None:
        """A polygon whose corners lie on `points` and are rounded outwards by `radius`."""
        self.polygon(points, colour)
        for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
            self.line([(x0, y0), (x1, y1)], colour, 2 * radius)
            self.disc(x0, y0, radius, colour)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        box = [(v * SIDE * DRAWN) for v in (x - radius, y - radius, x + radius, y + radius)]
        self.draw.ellipse(box, fill=colour)

    def line(self, points: list[Point], colour: Colour, width: float, round_ends: bool = False) -> None:
        scaled = [(x * SIDE * DRAWN, y * SIDE * DRAWN) for x, y in points]
        self.draw.line(scaled, fill=colour, width=round(width * SIDE * DRAWN), joint="curve")
        if round_ends:
            for x, y in (points[0], points[-1]):
                self.disc(x, y, width / 2, colour)

    def text(self, words: str, height: float, colour: Colour, stroke: float, y: float = 0.5) -> None:
        font = ImageFont.load_default(height * SIDE * DRAWN)
        middle = SIDE * DRAWN / 2
        width = round(stroke * SIDE * DRAWN)
        self.draw.text((middle, y * SIDE * DRAWN), words, colour, font, "mm", stroke_width=width, stroke_fill=colour)

    def finished(self) -> Image.Image:
        # Premultiplied while shrinking: else the empty corners darken the edge.
        return self.image.convert("RGBa").reduce(DRAWN).convert("RGBA")


def corners(count: int, radius: float, turn_deg: float) -> list[Point]:
    angles = [math.radians(turn_deg + 360 * at / count) for at in range(count)]
    return [(0.5 + radius * math.cos(angle), 0.5 + radius * math.sin(angle)) for angle in angles]


def stop(face: Face) -> None:
    face.polygon(corners(8, 0.5, 22.5), WHITE)
    face.polygon(corners(8, 0.465, 22.5), RED)
    face.text("STOP", 0.27, WHITE, 0.012)


def no_entry(face: Face) -> None:
    face.disc(0.5, 0.5, 0.49, WHITE)
    face.disc(0.5, 0.5, 0.465, RED)
    face.rounded([(0.17, 0.43), (0.83, 0.43), (0.83, 0.57), (0.17, 0.57)], WHITE, 0.012)


def yield_(face: Face) -> None:
    face.rounded([(0.06, 0.11), (0.94, 0.11), (0.5, 0.87)], RED, 0.05)
    face.rounded([(0.22, 0.2), (0.78, 0.2), (0.5, 0.685)], WHITE, 0.015)


def speed_limit_50(face: Face) -> None:
    face.disc(0.5, 0.5, 0.49, RED)
    face.disc(0.5, 0.5, 0.375, WHITE)
    face.text("50", 0.44, BLACK, 0.016)


def danger(face: Face) -> None:
    face.rounded([(0.5, 0.12), (0.94, 0.88), (0.06, 0.88)], RED, 0.05)
    face.rounded([(0.5, 0.3), (0.785, 0.795), (0.215, 0.795)], WHITE, 0.015)
    face.polygon([(0.46, 0.4), (0.54, 0.4), (0.522, 0.64), (0.478, 0.64)], BLACK)
    face.disc(0.5, 0.72, 0.04, BLACK)


def priority_road(face: Face) -> None:
    face.rounded(corners(4, 0.45, 0), BLACK, 0.035)
    face.rounded(corners(4, 0.44, 0), WHITE, 0.03)
    face.rounded(corners(4, 0.3, 0), YELLOW, 0.02)


def pedestrian_crossing(face: Face) -> None:
    face.rounded([(0.06, 0.06), (0.94, 0.06), (0.94, 0.94), (0.06, 0.94)], WHITE, 0.05)
    face.rounded([(0.08, 0.08), (0.92, 0.08), (0.92, 0.92), (0.08, 0.92)], BLUE, 0.04)
    face.polygon([(0.5, 0.13), (0.89, 0.84), (0.11, 0.84)], WHITE)
    face.disc(0.51, 0.335, 0.048, BLACK)
    face.line([(0.505, 0.4), (0.49, 0.57)], BLACK, 0.075, round_ends=True)
    face.line([(0.49, 0.57), (0.56, 0.66), (0.585, 0.755)], BLACK, 0.045, round_ends=True)
    face.line([(0.485, 0.57), (0.45, 0.67), (0.38, 0.745)], BLACK, 0.045, round_ends=True)
    face.line([(0.51, 0.42), (0.575, 0.48), (0.62, 0.53)], BLACK, 0.034, round_ends=True)
    face.line([(0.5, 0.42), (0.435, 0.475), (0.41, 0.545)], BLACK, 0.034, round_ends=True)
    for left in (0.19, 0.32, 0.45, 0.58, 0.71):
        face.polygon([(left, 0.79), (left + 0.075, 0.79), (left + 0.065, 0.825), (left - 0.01, 0.825)], BLACK)


def turn_right(face: Face) -> None:
    face.disc(0.5, 0.5, 0.49, WHITE)
    face.disc(0.5, 0.5, 0.465, BLUE)
    face.line([(0.36, 0.78), (0.36, 0.52), (0.385, 0.455), (0.45, 0.43), (0.62, 0.43)], WHITE, 0.115)
    face.polygon([(0.6, 0.27), (0.82, 0.43), (0.6, 0.59)], WHITE)


DRAWINGS: dict[str, Callable[[Face], None]] = {
    "stop": stop,
    "no entry": no_entry,
    "yield": yield_,
    "speed limit 50": speed_limit_50,
    "danger": danger,
    "priority road": priority_road,
    "pedestrian crossing": pedestrian_crossing,
    "turn right": turn_right,
}
LABELS = tuple(DRAWINGS)


def draw_face(label: str) -> Image.Image:
    """SIDE x SIDE RGBA."""
    face = Face()
    DRAWINGS[label](face)
    return face.finished()

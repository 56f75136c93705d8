"""The look's promises: colours people can tell apart, texts they can read, and no other host."""

from __future__ import annotations

import itertools
import re
import tomllib

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser

from pages.components import assets
from pages.parts.text import ago, count, duration, joined, percent
from pages.parts.theme import DARK, LABEL_COLOURS, LIGHT, UNLABELLED, Ground, label_colour
from tests.browser import ROOT, settled, watched
from tests.components.conftest import World
from tests.components.fake import EVIL

Vector = NDArray[np.float64]

# Machado, Oliveira, Fernandes 2009, full severity, on linear RGB.
EYES = {
    "common": np.eye(3),
    "no red cones": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "no green cones": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "no blue cones": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}


def linear(colour: str) -> Vector:
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    rgb: Vector = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return rgb


def oklab(rgb: Vector) -> Vector:
    cones = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]])
    mixed = np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]])
    lab: Vector = mixed @ np.cbrt(np.clip(cones @ np.clip(rgb, 0, 1), 0, None))
    return lab


def contrast(one: str, other: str) -> float:
    """WCAG's ratio, 1..21."""
    dark, bright = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("eye", EYES)
def test_the_first_ten_label_colours_differ_for_every_eye(eye: str) -> None:
    seen = {colour: oklab(EYES[eye] @ linear(colour)) for colour in LABEL_COLOURS}
    nearest = min(float(np.linalg.norm(seen[a] - seen[b])) for a, b in itertools.combinations(LABEL_COLOURS, 2))
    assert nearest >= 0.06  # OKLab; about three just noticeable differences


@pytest.mark.parametrize("eye", EYES)
def test_what_speaks_for_a_label_and_what_speaks_against_it_differ_for_every_eye(eye: str) -> None:
    """The colours of the maps of *Why this answer?*, as the scripts have them."""
    [line] = [one for one in assets.path("kit.js").read_text("utf-8").splitlines() if "v ** 0.8" in one]
    glow = re.findall(r"(\d+) \+ (\d+) \* v(?: \*\* ([\d.]+))?", line)[:3]
    stops = re.findall(r"\[(\d+), (\d+), (\d+)\]", assets.path("why_map.js").read_text("utf-8"))[:3]
    for strength in (0.4, 0.6, 0.8, 1.0):
        bright = [int(a) + int(b) * strength ** float(power) for a, b, power in glow]
        blue = [np.interp(strength, [0, 0.6, 1], [float(stop[at]) for stop in stops]) for at in range(3)]
        one, other = (f"#{''.join(f'{round(part):02x}' for part in parts)}" for parts in (bright, blue))
        apart = np.linalg.norm(oklab(EYES[eye] @ linear(one)) - oklab(EYES[eye] @ linear(other)))
        assert apart >= 0.12, f"{one} and {other}"  # twice what two labels' colours have


def test_a_label_keeps_its_colour_when_others_are_added_and_no_label_has_its_own() -> None:
    assert [label_colour(n) for n in range(10)] == list(LABEL_COLOURS)
    assert len({label_colour(n) for n in range(30)}) == 30
    assert label_colour(None) == UNLABELLED


@pytest.mark.parametrize("ground", [DARK, LIGHT], ids=["dark", "light"])
def test_texts_pass_wcag_aa_on_every_surface(ground: Ground) -> None:
    for surface in (ground.background, ground.surface, ground.raised):
        assert contrast(ground.text, surface) >= 7
        assert contrast(ground.good, surface) >= 4.5
        assert contrast(ground.warning, surface) >= 4.5
    assert contrast(ground.on_accent, ground.accent) >= 4.5
    assert contrast(ground.accent, ground.background) >= 3  # buttons and curves, not texts


def test_the_configuration_says_the_same_colours() -> None:
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]
    for ground, name in ((DARK, "dark"), (LIGHT, "light")):
        found = [
            theme[name][key] for key in ("primaryColor", "backgroundColor", "secondaryBackgroundColor", "textColor")
        ]
        assert found == [ground.accent, ground.background, ground.surface, ground.text]
        assert theme[name]["chartCategoricalColors"] == list(LABEL_COLOURS)


def test_no_static_names_another_host() -> None:
    for path in [
        *assets.FOLDER.iterdir(),
        *(ROOT / "pages" / "parts").glob("*.css"),
        ROOT / ".streamlit" / "config.toml",
    ]:
        if path.suffix in (".js", ".css", ".svg", ".toml"):
            hosts = set(
                re.findall(r"(?:https?:)?//([\w.-]+\.\w+)", re.sub(r"(?m)^\s*//.*$", "", path.read_text("utf-8")))
            )
            assert hosts <= {"www.w3.org"}, path.name  # the name of SVG, never fetched


def test_an_asset_is_found_by_name_alone_and_its_address_follows_its_content() -> None:
    for name in assets.names():
        assert assets.path(name).is_file() and re.fullmatch(
            rf"/assets/{re.escape(name)}\?v=[0-9a-f]{{12}}", assets.url(name)
        )
    for name in ("../assets.py", "nothing.js", "/etc/passwd", ""):
        with pytest.raises(KeyError):
            assets.path(name)


def test_numbers_are_said_as_people_say_them() -> None:
    assert (percent(0.934), percent(0.934, 1)) == ("93 %", "93.4 %")
    assert (count(12345), count(1, "picture"), count(2000, "picture")) == ("12,345", "1 picture", "2,000 pictures")
    said = [duration(s) for s in (0.4, 4, 33, 61, 150, 3600, 5400)]
    assert said == [
        "a moment",
        "about 4 seconds",
        "about 35 seconds",
        "about 1 minute",
        "about 3 minutes",
        "about 1 hour",
        "about 1 hour 30 minutes",
    ]
    assert (ago(100, 130), ago(0, 7300)) == ("just now", "2 hours ago")
    assert (joined(["a", "b", "c"]), joined(["a"] * 5)) == ("a, b and c", "a, a, a and 2 more")


@pytest.mark.browser
def test_the_browser_says_times_as_the_server_does(browser: Browser, address: str) -> None:
    seconds = [0.4, 4, 33, 61, 150, 3570, 3600, 5400, 7190, 19_000]
    with watched(browser, address) as page:
        page.goto("/?show=text")
        script = "async ([kit, some]) => { const { duration } = await import(kit); return some.map(duration); }"
        said = page.evaluate(script, [assets.url("kit.js"), seconds])
    assert said == [duration(s) for s in seconds]


def test_hostile_names_are_shown_letter_by_letter(browser: Browser, address: str, world: World) -> None:
    with watched(browser, address) as page:
        page.goto("/?show=text")
        settled(page)
        for number, text in enumerate(EVIL):
            place = page.locator(f".st-key-text{number}")
            texts = place.locator("[data-testid=stMarkdownContainer]")
            shown = [texts.nth(0).inner_text(), place.locator("button").inner_text(), texts.nth(2).inner_text()]
            assert [one.replace("\u2060", "") for one in shown] == [text, text, f"{text} {text}"]


@pytest.mark.browser
@pytest.mark.parametrize("show", ["uploader", "sheet", "label", "curves&run=2", "tryit"])
def test_on_a_phone_nothing_scrolls_sideways_and_targets_are_large(
    browser: Browser, address: str, world: World, show: str
) -> None:
    with watched(browser, address, viewport={"width": 390, "height": 844}, color_scheme="light") as page:
        page.goto(f"/?show={show}")
        settled(page)
        page.locator(".root[data-theme=light] :is(button, .badge:not(:empty))").first.wait_for()
        page.wait_for_timeout(500)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
        main = page.locator("[data-testid=stMain]").evaluate("node => [node.scrollWidth, node.clientWidth]")
        assert main[0] <= main[1]
        buttons = page.locator(".root button:visible, .root select:visible")
        heights = [box["height"] for one in buttons.all() if (box := one.bounding_box())]
        assert all(height >= 39.5 for height in heights), heights

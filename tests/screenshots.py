"""Pictures of every screen: `make screenshots`, or `python -m tests.screenshots WORLD[/SHOT] ... [LOOK] ...`.

A look is dark-desk, dark-phone, light-desk or light-phone; all four are taken where none is named.

Starts the real app with its real processes on a scratch folder, with real pictures, and visits each screen dark and
light, on a desk and on a phone. The pictures and a page that shows them side by side are in build/screenshots; those
that the README shows are put into docs/pictures. What worlds there are stands in `tests/screens`; *crowd*, of 50,000
pictures, takes minutes to fill and is visited only when it is named.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence

from playwright.sync_api import Browser, Page, expect

from core.embedded import open_studio
from core.settings import read_settings
from tests.browser import OPEN, ROOT, chromium, free_port, serve, settled, watched
from tests.screens import ASKED_FOR, WORLDS, World
from tests.screens.shots import LOOKS, SIZES, Shot

OUT = ROOT / "build" / "screenshots"
README = ROOT / "docs" / "pictures"
PAGE = "document.querySelector('[data-testid=stMain]') ?? document.documentElement"
MOST_PX = 3000  # of a page's height
QUIET_MS, LISTENS_MS = 15_000, 2_400  # at most; a request, not of a picture, that is open for so long waits for news


def main(named: Sequence[str]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    every = {f"{theme}-{size}": (theme, size) for theme, size in LOOKS}
    looks = [every[name] for name in every if name in named] or LOOKS
    worlds = asked([name for name in named if name not in every])
    with chromium() as browser:
        done = [name for world, shots in worlds.items() for name in visit(browser, WORLDS[world], shots, looks)]
    contact_page(done)
    for name, source in (("home", "home-first"), ("training", "run-live"), ("try-it", "try-answered")):
        picture = OUT / f"{source}-dark-desk.png"
        if picture.name in done:
            README.mkdir(parents=True, exist_ok=True)
            (README / f"{name}.png").write_bytes(picture.read_bytes())
    print(f"{len(done)} pictures in {OUT}; open {OUT / 'index.html'}")


def asked(named: Sequence[str]) -> Mapping[str, set[str]]:
    """World -> names of its shots; all of them where the set is empty."""
    found: dict[str, set[str]] = {} if named else {world: set() for world in WORLDS if world not in ASKED_FOR}
    for name in named:
        world, _, shot = name.partition("/")
        if world not in WORLDS:
            sys.exit(f"There is no world called {world}: name one of {', '.join(WORLDS)}.")
        found.setdefault(world, set()).update([shot] if shot else [])
    return found


def visit(browser: Browser, world: World, names: set[str], looks: Sequence[tuple[str, str]]) -> list[str]:
    """Runs the app on a scratch folder, and ends and removes it all after; gives the names of the pictures taken."""
    with tempfile.TemporaryDirectory(prefix="darkroom-shots-") as folder:
        port = free_port()
        environment = {"DARKROOM_HOME": folder, "DARKROOM_PORT": str(port), "DARKROOM_IDLE_EXIT_S": "120"}
        studio = open_studio(read_settings({**os.environ, **environment}))
        try:
            with serve("app:app", environment, port) as address:
                shots = [shot for shot in world(studio) if not names or shot.name in names]
                return [name for look in looks for name in take(browser, address, shots, look)]
        finally:
            studio.services.stop(trainers=True)  # type: ignore[attr-defined]
            studio.decoder.close()


def take(browser: Browser, address: str, shots: list[Shot], look: tuple[str, str]) -> list[str]:
    """Visits them one after another in one window; gives the names of the pictures."""
    (theme, size), taken = look, []
    width, height = SIZES[size]
    with watched(browser, address, color_scheme=theme, viewport={"width": width, "height": height}) as page:
        for shot in [one for one in shots if look in one.looks]:
            page.set_viewport_size({"width": width, "height": height})
            page.goto(shot.path)
            if not shot.bare:
                settled(page)
            if shot.act:
                shot.act(page)
            page.wait_for_timeout(shot.wait_ms)
            there(page)
            if shot.whole:
                stretched(page, width, height)
            name = f"{shot.name}-{theme}-{size}.png"
            page.screenshot(path=OUT / name)
            print(f"{name}{'  SCROLLS SIDEWAYS' if wide(page) else ''}")
            taken.append(name)
    return taken


def stretched(page: Page, width: int, height: int) -> None:
    """Makes the window as high as its page, which may grow while what is below comes into sight."""
    for _ in range(4):
        reached = min(max(height, tall(page)), MOST_PX)
        page.set_viewport_size({"width": width, "height": reached})
        page.wait_for_timeout(400)
        there(page)
        if tall(page) <= reached or reached == MOST_PX:
            return


def there(page: Page) -> None:
    """Waits until nothing of the page is a placeholder any more and no picture is on its way; not for ever, for a page
    that shows what is under way asks again and again."""
    expect(page.locator("[data-testid=stSkeleton]")).to_have_count(0)
    for waited_ms in range(0, QUIET_MS, 300):
        page.wait_for_timeout(300)
        on_the_way = (
            OPEN[page] if waited_ms < LISTENS_MS else [one for one in OPEN[page] if one.resource_type == "image"]
        )
        if not on_the_way:
            return


def wide(page: Page) -> bool:
    """Something is wider than the window."""
    too_wide: bool = page.evaluate(f"(page => page.scrollWidth > page.clientWidth)({PAGE})")
    return too_wide


def tall(page: Page) -> int:
    """px that the page is high."""
    height: int = page.evaluate(
        "(document.querySelector('[data-testid=stMain]') ?? document.documentElement).scrollHeight"
    )
    return height + 8


def contact_page(names: list[str]) -> None:
    """All pictures on one page."""
    figure = '<figure><a href="{0}"><img src="{0}" loading="lazy"></a><figcaption>{0}</figcaption></figure>'
    figures = "".join(figure.format(name) for name in sorted(names))
    style = "body{background:#131110;color:#f3ede4;columns:4 300px} img{width:100%} figure{margin:0 0 1em}"
    page = f"<!doctype html><title>Screenshots</title><style>{style}</style>{figures}"
    (OUT / "index.html").write_text(page, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

"""Erase here: from the brush to the bars, in Chromium, on the same cores as the server."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

from benchmarks.worlds import ROOT, pictures, running, unpack, until
from core.embedded import open_studio
from core.settings import read_settings

AIM_MS = 300
MOVES = 12  # of the hand, in a stroke
LISTEN = """(node) => {
    window.delays = [];
    const hear = () => window.delays.push(Number(node.dataset.delay));
    new MutationObserver(hear).observe(node, {attributeFilter: ['data-delay']});
}"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--set", default="demo_clothes4", help="a picture set of ../shared/data")
    parser.add_argument("--strokes", type=int, default=60)


def run(wish: argparse.Namespace) -> None:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        sys.exit("There is no Chromium here.")
    with tempfile.TemporaryDirectory() as scratch:
        home, folder = Path(scratch) / "home", unpack(wish.set, Path(scratch))
        with running(home) as server, sync_playwright() as playwright:
            command = [sys.executable, "-m", "core", "import", str(folder), "--dataset", "set"]
            environment = {**os.environ, "DARKROOM_HOME": str(home)}
            subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            studio = open_studio(read_settings({"DARKROOM_HOME": str(home)}))
            until(lambda: studio.store.models.all(), 300)
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"http://127.0.0.1:{server.port}/try")
            page.locator("input[type=file]").first.set_input_files(pictures(folder)[0])
            page.get_by_role("button", name="Why this answer?").click(timeout=60_000)
            page.locator("dialog.why").get_by_role("button", name="Erase here").click()
            canvas = page.locator("canvas.erase[data-stroke]")
            canvas.wait_for(timeout=60_000)
            canvas.evaluate(LISTEN)
            last = [_stroke(page, canvas, number + 1) for number in range(wish.strokes)]
            every = [float(one) for one in page.evaluate("window.delays")]
            browser.close()
    _say(f"the last answer of {len(last)} strokes", last)
    _say(f"all {len(every)} answers, {len(every) / len(last):.1f} a stroke", every)


def _stroke(page: Page, canvas: Locator, number: int) -> float:
    """Milliseconds from where the hand stopped to the bars."""
    box = canvas.bounding_box()
    assert box is not None
    chance = random.Random(number)
    x = box["x"] + chance.uniform(0.2, 0.6) * box["width"]
    y = box["y"] + chance.uniform(0.2, 0.6) * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(MOVES):
        page.mouse.move(x + 6 * step, y + chance.uniform(-4, 4))
        page.wait_for_timeout(16)
    page.mouse.up()
    page.wait_for_timeout(600)  # everything is answered, or it is far too late
    page.locator(f'canvas.erase[data-stroke="{number}"]').wait_for(timeout=20_000)
    return float(canvas.get_attribute("data-delay") or "nan")


def _say(what: str, found: list[float]) -> None:
    p95 = sorted(found)[int(0.95 * len(found))]
    print(f"{what}: median {statistics.median(found):.0f} ms, p95 {p95:.0f} ms ({p95 / AIM_MS:.2f} of the aim)")

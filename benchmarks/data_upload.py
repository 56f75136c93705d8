"""Upload: what the web process takes in memory while 20,000 pictures (1 GB) and a zip of 3 GB arrive.

    python benchmarks/data.py upload [--pictures 20000] [--zip-gb 3]

The pictures are dropped as a folder in a real Chromium; the zip is sent by a client of its own, as the browser does.
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks import data_import, worlds

PIECE = 4 << 20


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--zip-gb", type=float, default=3.0)


def run(wish: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as scratch:
        with worlds.running(Path(scratch) / "home") as server:
            _zip(server, int(wish.zip_gb * 1e9))
        with worlds.running(Path(scratch) / "second") as server:
            _folder(server, data_import.draw(Path(scratch) / "pictures", wish.pictures, (480, 360), 85))


class Watch:
    """The most memory of the web process while it is open."""

    def __init__(self, server: worlds.Server) -> None:
        self.server, self.idle_mb, self.peak_mb = server, server.rss_mb, server.rss_mb
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._over.wait(0.05):
            self.peak_mb = max(self.peak_mb, self.server.rss_mb)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def __str__(self) -> str:
        return f"web process {self.idle_mb:.0f} MB before, +{self.peak_mb - self.idle_mb:.0f} MB at the peak"


def _folder(server: worlds.Server, folder: Path) -> None:
    from playwright.sync_api import sync_playwright

    from tests.browser import ARGUMENTS, drop, executable, settled

    files = worlds.pictures(folder)
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        page = browser.new_page()
        page.set_default_timeout(1_800_000)
        page.goto(f"http://127.0.0.1:{server.port}/")
        settled(page)
        page.wait_for_timeout(3000)
        with Watch(server) as watch:
            began_s = time.perf_counter()
            drop(page, ".card", [folder])
            page.get_by_role("button", name="Upload").click()
            page.get_by_text("Looking at every picture").wait_for()
            sent_s = time.perf_counter() - began_s
            add = page.get_by_role("button", name=f"Add {len(files):,} pictures")
            add.wait_for()
            checked_s = time.perf_counter() - began_s
            add.click()
            page.get_by_text(f"{len(files):,} pictures").first.wait_for()
        browser.close()
    print(f"{len(files):,} pictures ({megabytes:.0f} MB) dropped in Chromium: all arrived, {watch}")
    print(f"  sent in {sent_s:.0f} s ({megabytes / sent_s:.0f} MB/s), understood {checked_s - sent_s:.0f} s later")


def _zip(server: worlds.Server, size: int) -> None:
    upload = _ask(server, "POST", "/api/uploads", json.dumps({"name": "large"}).encode())["id"]
    piece, at = bytes(PIECE), 0
    began_s = time.perf_counter()
    with Watch(server) as watch:
        while at < size:
            body = piece[: size - at]
            at = _ask(server, "PUT", f"/api/uploads/{upload}/archive?name=a.zip&offset={at}", body)["size"]
    seconds = time.perf_counter() - began_s
    print(f"a zip of {size / 1e9:.1f} GB: {size / 1e6 / seconds:.0f} MB/s to disk, {watch}")
    _ask(server, "DELETE", f"/api/uploads/{upload}", b"")


def _ask(server: worlds.Server, method: str, path: str, body: bytes) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    try:
        kind = "application/json" if method == "POST" else "application/octet-stream"
        connection.request(method, path, body, {"X-Darkroom": "1", "Content-Type": kind})
        answer = connection.getresponse()
        content = json.loads(answer.read())
        assert answer.status == 200, content
        return content
    finally:
        connection.close()

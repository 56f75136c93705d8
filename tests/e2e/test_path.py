"""The whole path in a real Chromium, with real pictures, as a person walks it. One walk, in this order."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Browser, Page, expect

from core.running.services import LocalServices
from core.settings import read_settings
from core.storage import LocalFiles
from tests.browser import drop, settled, watched
from tests.worlds import shared_set

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
ROOT = Path(__file__).parent.parent.parent
LABELS = ("hat", "pants", "shoes", "t-shirt")


@dataclass
class Walk:
    """What one step leaves for the next."""

    address: str
    home: Path
    folder: Path  # labelled pictures to drop
    held: dict[str, Path]  # label -> a picture that was kept out of the folder


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Walk]:
    scratch = tmp_path_factory.mktemp("path")
    folder = shared_set("demo_clothes4", scratch)
    held = {}
    (scratch / "held").mkdir()
    for label in LABELS:
        first = sorted((folder / label).iterdir())[0]
        held[label] = scratch / "held" / f"{label}.jpg"
        shutil.move(first, held[label])
    with darkroom(scratch / "home") as address:
        yield Walk(address, scratch / "home", folder, held)


@contextmanager
def darkroom(home: Path) -> Iterator[str]:
    """Darkroom as `make app` opens it, on a data folder of its own."""
    own = {"DARKROOM_HOME": str(home), "DARKROOM_PORT": "0", "DARKROOM_IDLE_EXIT_S": "30"}
    environment = {**os.environ, **own, "DARKROOM_DISK_RESERVE_BYTES": "1000000"}
    command = [sys.executable, "-u", "-m", "core", "open"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found, "Darkroom says where it is in its first line"
        yield found.group()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        settings = read_settings(environment)
        LocalServices(settings, LocalFiles(settings.home, 0)).stop(trainers=True)


@pytest.fixture
def page(browser: Browser, walk: Walk) -> Iterator[Page]:
    """A fresh page each time: whatever a step needs stands in the address or on disk. No request leaves this host."""
    with watched(browser, walk.address) as opened:
        yield opened


def visit(page: Page, path: str) -> None:
    page.goto(path)
    settled(page)


def test_a_dropped_folder_is_understood_before_it_is_added(page: Page, walk: Walk) -> None:
    visit(page, "/")
    drop(page, ".card", [walk.folder])
    page.get_by_role("button", name="Upload").click()
    page.get_by_text("4 labels, 196 pictures").wait_for()
    expect(page.locator(".chip .name")).to_have_text(list(LABELS))
    page.get_by_role("button", name="Add 196 pictures").click()
    page.get_by_text(re.compile(r"Gets \d+ of 100 right, give or take \d+")).first.wait_for()


def test_the_gallery_shows_the_pictures_that_were_dropped(page: Page, walk: Walk) -> None:
    visit(page, "/datasets?dataset=1")
    page.locator(".sheet img").first.wait_for()
    until(
        page,
        lambda: page.locator(".sheet img").evaluate_all("all => all.filter(i => i.naturalWidth > 50).length") >= 20,
    )


def test_the_instant_model_is_at_least_ninety_percent_right(page: Page, walk: Walk) -> None:
    told = page.request.get(f"{walk.address}/api/datasets/1/instant").json()
    assert told["state"] == "ready"
    assert told["accuracy"] >= 0.90
    low, high = told["interval"]
    assert low < told["accuracy"] < high


def start(page: Page, architecture: str, epochs: int) -> int:
    visit(page, f"/train?dataset=1&architecture={architecture}")
    field = page.get_by_label("Epochs", exact=True)
    field.fill(str(epochs))
    field.press("Enter")
    settled(page)
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"run=\d+"))
    return int(re.findall(r"run=(\d+)", page.url)[0])


def until(page: Page, holds: Callable[[], bool], patience_s: float = 300) -> None:
    """Asks again and again; the strict policy of the pages lets no test evaluate its own conditions inside them."""
    for _ in range(int(patience_s * 2)):
        if holds():
            return
        page.wait_for_timeout(500)
    pytest.fail("waited in vain")


def curve(page: Page, walk: Walk, run: int) -> dict[str, Any]:
    told: dict[str, Any] = page.request.get(f"{walk.address}/api/runs/{run}/curve?since=-1").json()
    return told


@pytest.mark.parametrize("architecture", ["efficientnet-lite0", "three-block-cnn"])
def test_three_epochs_are_trained_while_the_curves_move(page: Page, walk: Walk, architecture: str) -> None:
    run = start(page, architecture, 3)
    page.locator(".js-plotly-plot path.js-line").first.wait_for(state="attached")
    until(page, lambda: curve(page, walk, run)["state"] == "succeeded")
    page.get_by_text(re.compile(r"Gets \d+ of 100 right")).first.wait_for()
    told = curve(page, walk, run)
    assert told["epoch"] == told["epochs"] == 3
    assert len(told["points"]["val_loss"]) >= 3


def test_a_run_goes_on_through_a_reload_and_stop_keeps_its_best_model(page: Page, walk: Walk) -> None:
    run = start(page, "three-block-cnn", 400)
    page.get_by_role("button", name="Stop and keep the best").wait_for()
    until(page, lambda: curve(page, walk, run)["epoch"] >= 2)
    before = curve(page, walk, run)["step"]
    page.reload()
    settled(page)
    page.get_by_role("button", name="Stop and keep the best").click()
    page.get_by_text(re.compile(r"Gets \d+ of 100 right")).first.wait_for()
    told = curve(page, walk, run)
    assert told["state"] == "succeeded"
    assert told["step"] >= before
    assert told["best"] is not None


def test_a_dropped_picture_is_answered_with_its_reasons(page: Page, walk: Walk) -> None:
    visit(page, "/try?dataset=1")
    drop(page, '[aria-label="Drop or paste pictures"]', [walk.held["shoes"], walk.held["pants"]])
    expect(page.locator(".verdict h3")).to_have_count(2)
    assert set(page.locator(".verdict h3").all_inner_texts()) == {"shoes", "pants"}
    expect(page.locator(".answer canvas.heat").first).to_be_visible()
    expect(page.locator(".answer").first.locator(".near img")).to_have_count(3)
    expect(page.locator(".answer").first.locator(".facts")).to_contain_text("ms")


def test_a_correction_is_learned_within_seconds_and_becomes_data(page: Page, walk: Walk) -> None:
    instant = page.request.get(f"{walk.address}/api/datasets/1/instant").json()
    visit(page, f"/try?dataset=1&model={instant['model_id']}")
    drop(page, '[aria-label="Drop or paste pictures"]', [walk.held["hat"]])
    said = page.locator(".verdict h3").inner_text()
    other = next(label for label in LABELS if label != said)
    page.get_by_text("That\u2019s wrong").click()
    page.locator(".options").get_by_text(other, exact=True).click()
    change = page.locator(".learned .change b")  # how sure it was of that label, before and after
    expect(change).to_have_count(2)
    before, after = change.all_inner_texts()
    assert float(after.removesuffix(" %")) > float(before.removesuffix(" %"))
    again = page.request.get(f"{walk.address}/api/datasets/1/instant").json()
    assert again["revision"] > instant["revision"]
    visit(page, "/datasets?dataset=1")
    page.get_by_text("197 pictures").first.wait_for()


def test_the_downloaded_model_gives_the_apps_answers(page: Page, walk: Walk, tmp_path: Path) -> None:
    for model in _models(walk):
        body = page.request.get(f"{walk.address}/api/models/{model['id']}/bundle.zip").body()
        with zipfile.ZipFile(io.BytesIO(body)) as bundle:
            bundle.extractall(tmp_path / str(model["id"]))
        unpacked = next((tmp_path / str(model["id"])).rglob("model.onnx"))
        session = onnxruntime.InferenceSession(unpacked, providers=["CPUExecutionProvider"])
        labels = json.loads((unpacked.parent / "model.json").read_text())["labels"]
        for picture in walk.held.values():
            answer = page.request.post(
                f"{walk.address}/api/predict?model={model['id']}&name=x.jpg",
                data=picture.read_bytes(),
                headers={"x-darkroom": "1", "content-type": "application/octet-stream"},
            ).json()
            said = {one["label"]: one["confidence"] for one in answer["ranked"]}
            with Image.open(picture) as opened:
                pixels = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
            (plain,) = session.run(["probabilities"], {"image": pixels[None]})
            differences = [abs(said[label] - plain[0][i]) for i, label in enumerate(labels)]
            assert max(differences) <= 0.001


def test_many_answers_become_data_and_the_flip_board_shows_what_they_brought(page: Page, walk: Walk) -> None:
    instant = page.request.get(f"{walk.address}/api/datasets/1/instant").json()
    visit(page, f"/try?dataset=1&model={instant['model_id']}")
    drop(page, '[aria-label="Drop many pictures"]', list(walk.held.values()))
    page.get_by_text("4 pictures answered.").wait_for()
    page.get_by_role("button", name="Choose all that match").click()
    page.get_by_role("button", name="Right: add them").click()
    page.get_by_text(re.compile("Taking 4 pictures in ")).wait_for()
    page.get_by_text("Show which").click()
    page.get_by_text("Flip board").first.wait_for()
    page.get_by_role("button", name="Go back to the model before").click()
    page.get_by_text("Taken back: the model is as it was before").wait_for()
    again = page.request.get(f"{walk.address}/api/datasets/1/instant").json()
    assert again["revision"] > instant["revision"]
    visit(page, "/datasets?dataset=1")
    page.get_by_text("197 pictures").first.wait_for()


def _models(walk: Walk) -> list[dict[str, Any]]:
    """What the command line says there is: the instant model and those of three runs."""
    command = [sys.executable, "-m", "core", "models", "--json"]
    environment = {**os.environ, "DARKROOM_HOME": str(walk.home)}
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    found: list[dict[str, Any]] = json.loads(told)
    assert sorted(one["kind"] for one in found) == ["instant", "trained", "trained", "trained"]
    return found

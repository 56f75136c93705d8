"""Predictions against bare ONNX Runtime plus decoding, alone and while a run trains; a batch; the live camera."""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks.worlds import ROOT, Server, at_rest, computed_s, pictures, running, unpack, until
from core import tokens
from core.embedded import open_studio
from core.index.backbone import new_session, usable_cores
from core.records import Model, RunState
from core.settings import read_settings
from core.studio import Studio

CAMERA_S = 8.0
LARGE, MIDDLE = (4000, 3000), (1600, 1200)
PAUSE_S = 0.06  # between two: by default ONNX Runtime's threads spin for more than 20 ms after a picture
TOKEN_PAUSE_S = 0.11  # what a token may ask is limited
Way = Callable[[bytes], None]
Timed = Callable[[bytes], float]  # the same, and the seconds it took


class Wire:
    """A connection that is kept open. `taken_s`: from the first byte of the last request to the last one of its answer;
    what a caller does before and after is no server time."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.taken_s = 0.0

    def post(self, path: str, picture: bytes, headers: Mapping[str, str]) -> Any:
        named = {"host": "127.0.0.1", "content-length": str(len(picture)), "x-darkroom": "1", **headers}
        head = "".join(
            [f"POST {path} HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in named.items()), "\r\n"]
        )
        request, answer = head.encode() + picture, bytearray()
        began_s = time.perf_counter()
        self._socket.sendall(request)
        while not (whole := _ANSWER.match(answer)) or len(answer) < whole.end() + int(whole["length"]):
            if not (piece := self._socket.recv(1 << 20)):
                sys.exit(f"{path}: the server left")
            answer += piece
        self.taken_s = time.perf_counter() - began_s
        if whole["status"] != b"200":
            sys.exit(f"{path}: {bytes(answer[:2000])!r}")
        return json.loads(answer[whole.end() :])

    def close(self) -> None:
        self._socket.close()


_ANSWER = re.compile(
    rb"HTTP/1.1 (?P<status>\d+).*?\r\ncontent-length: (?P<length>\d+)\r\n.*?\r\n\r\n", re.DOTALL | re.IGNORECASE
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--set", default="demo_clothes4", help="a picture set of ../shared/data")
    parser.add_argument("--pictures", type=int, default=60, help="asked about one by one")
    parser.add_argument("--batch", type=int, default=200, help="pictures of the batch")
    parser.add_argument("--only", choices=("alone", "batch", "camera", "training"), help="one part alone")


def run(wish: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as scratch:
        home, folder = Path(scratch) / "home", unpack(wish.set, Path(scratch))
        with running(home) as server:
            environment = {**os.environ, "DARKROOM_HOME": str(home)}
            command = [sys.executable, "-m", "core"]
            quiet = {"cwd": ROOT, "env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            subprocess.run([*command, "import", str(folder), "--dataset", "set"], **quiet)  # type: ignore[call-overload]
            studio = open_studio(read_settings({"DARKROOM_HOME": str(home)}))
            until(lambda: studio.store.models.all(), 300)
            at_rest(home)
            some = [path.read_bytes() for path in pictures(folder)[: wish.pictures]]
            if wish.only in (None, "alone"):
                _alone(server, studio, some * wish.trials, "one picture")
                _alone(server, studio, enlarged(some[:12], MIDDLE) * 2 * wish.trials, "one of 2 megapixels")
                _alone(server, studio, enlarged(some[:6]) * 2 * wish.trials, "one of 12 megapixels")
            if wish.only in (None, "batch"):
                _batch(server, studio, pictures(folder), wish.batch)
            if wish.only in (None, "camera"):
                _camera(server)
            if wish.only in (None, "training"):
                train = ["train", "set", "--architecture", "resnet18", "--epochs", "50"]
                subprocess.run([*command, *train], **quiet)  # type: ignore[call-overload]
                until(
                    lambda: any(one.state is RunState.RUNNING and one.step > 2 for one in studio.store.runs.all()), 240
                )
                _while_training(server, studio, some)


def enlarged(some: Sequence[bytes], size: tuple[int, int] = LARGE) -> list[bytes]:
    """As large as a phone's, or of another size, with some noise, without which a JPEG is decoded unusually fast."""
    chance = np.random.default_rng(0)
    found = []
    for one in some:
        large = np.asarray(Image.open(io.BytesIO(one)).convert("RGB").resize(size, Image.Resampling.BICUBIC))
        noisy = large.astype(np.int16) + chance.integers(-6, 7, (*large.shape[:2], 1))
        content = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(content, "JPEG", quality=88)
        found.append(content.getvalue())
    return found


# ---- one by one --------------------------------------------------------------------------------------


def bare_ways(studio: Studio, model: Model) -> dict[str, Way]:
    """Decoding and ONNX Runtime in this process: by default, and with the options of our session."""
    path = studio.files.model(model.folder) / "model.onnx"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    sessions = {"bare, default": onnxruntime.InferenceSession(path, options)}
    sessions["bare, our session"] = new_session(path, usable_cores())

    def way(session: onnxruntime.InferenceSession) -> Way:
        def bare(picture: bytes) -> None:
            image = Image.open(io.BytesIO(picture))
            pixels = np.asarray(image if image.mode == "RGB" else image.convert("RGB"))  # which would copy it
            session.run(["probabilities", "vector"], {"image": pixels[None]})

        return bare

    return {name: way(session) for name, session in sessions.items()}


def _alone(server: Server, studio: Studio, some: list[bytes], what: str) -> None:
    """Each picture in turn by every way, so that all meet the same machine."""
    [model] = studio.store.models.all()
    _, secret = tokens.make(studio, what)
    wire = Wire(server.port)
    inside: list[float] = []

    def asked(path: str, **headers: str) -> Timed:
        def ask(picture: bytes) -> float:
            inside.append(wire.post(path, picture, headers)["milliseconds"] / 1000)
            return wire.taken_s

        return ask

    token = asked(f"/api/v1/models/{model.id}/predict", authorization=f"Bearer {secret}")
    ways: dict[str, Timed] = {
        **{name: timed(way) for name, way in bare_ways(studio, model).items()},
        "the predictor, from another process": timed(lambda one: _predictor(studio, model, one)),
        "a request": asked(f"/api/predict?model={model.id}&keep=no"),
        "a request of a program": token,
        "a request, kept, with its reasons": asked(f"/api/predict?model={model.id}"),
    }
    for one in some[:3]:
        for way in ways.values():
            way(one)
    inside.clear()
    times: dict[str, list[float]] = {name: [] for name in ways}
    for one in some:
        for name, way in ways.items():
            time.sleep(max(PAUSE_S, TOKEN_PAUSE_S if way is token else 0))
            times[name].append(way(one))
    middle = {name: statistics.median(found) for name, found in times.items()}
    best = min(middle[name] for name in middle if name.startswith("bare"))
    print(f"{what}, medians of {len(some)}, taking turns:")
    for name, taken_s in {**middle, "of which decoding and inference": statistics.median(inside)}.items():
        print(f"  {name:36} {1000 * taken_s:7.1f} ms: {taken_s / best:.2f} x the better bare one", flush=True)
    wire.close()


def timed(way: Way) -> Timed:
    def run(picture: bytes) -> float:
        began_s = time.perf_counter()
        way(picture)
        return time.perf_counter() - began_s

    return run


def _predictor(studio: Studio, model: Model, picture: bytes) -> None:
    studio.predictor.predict(model, picture, neighbours=0, heat=False)


def _while_training(server: Server, studio: Studio, some: list[bytes]) -> None:
    model = studio.store.models.all()[-1]
    times = []
    for _ in range(3):
        for picture in some:
            began_s = time.perf_counter()
            server.post(f"/api/predict?model={model.id}&keep=no", picture, "application/octet-stream")
            times.append(time.perf_counter() - began_s)
    times.sort()
    print(
        f"while a run trains, {len(times)} pictures: median {1000 * statistics.median(times):.0f} ms, "
        f"p95 {1000 * times[int(0.95 * len(times))]:.0f} ms, slowest {1000 * times[-1]:.0f} ms"
    )


# ---- many ---------------------------------------------------------------------------------------------


def _batch(server: Server, studio: Studio, paths: list[Path], many: int) -> None:
    """So many pictures, each another file: the set again and again with some bytes behind its end."""
    [model] = studio.store.models.all()
    contents = [paths[at % len(paths)].read_bytes() + b"\0" * (at // len(paths)) for at in range(many)]
    bare = {name: _pace(way, contents[:100]) for name, way in bare_ways(studio, model).items()}
    begun = {"model_id": model.id, "name": "all", "expected": many}
    began_s, began_cpu_s, memory_mb = time.perf_counter(), computed_s(studio.files.root), server.rss_mb
    batch = server.post("/api/batches", json.dumps(begun).encode())
    for start in range(0, many, 64):
        found = contents[start : start + 64]
        entries = [{"place": start + at, "path": f"{start + at}.jpg", "size": len(one)} for at, one in enumerate(found)]
        head = json.dumps(entries).encode()
        body = struct.pack("<I", len(head)) + head + b"".join(found)
        server.post(f"/api/batches/{batch['id']}/pictures", body, "application/octet-stream")
    sent_s = time.perf_counter() - began_s
    until(lambda: server.get(f"/api/batches/{batch['id']}")["over"], 900, 0.2)
    ours = many / (time.perf_counter() - began_s)
    cpu_ms = 1000 * (computed_s(studio.files.root) - began_cpu_s) / many
    best, least_ms = max(pace for pace, _ in bare.values()), min(spent for _, spent in bare.values())
    print(f"a batch of {many}: {ours:.0f} pictures a second, sending included (sent after {sent_s:.1f} s)")
    for name, (pace, spent_ms) in bare.items():
        print(f"  {name}, one after the other: {pace:.0f} a second, {spent_ms:.1f} ms of processor time each")
    print(f"  {ours / best:.2f} x the better one; {cpu_ms:.1f} ms each, all processes: {cpu_ms / least_ms:.2f} x")
    print(f"  the web process grew by {server.rss_mb - memory_mb:.0f} MB")
    _looked_through(server, model, int(batch["id"]), many)


def _pace(way: Way, contents: Sequence[bytes]) -> tuple[float, float]:
    """Pictures a second, and milliseconds of processor time of each."""
    way(contents[0])
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    for one in contents:
        way(one)
    taken_s, spent_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    return len(contents) / taken_s, 1000 * spent_s / len(contents)


def _looked_through(server: Server, model: Model, batch_id: int, many: int) -> None:
    """The table in each order, far down and filtered; then all of it as CSV and as a zip."""
    place = f"/api/datasets/{model.dataset_id}/predictions"
    slowest = ("", 0.0)
    for order in ("worth", "sure", "unsure", "label", "name", "arrival", "newest"):
        for what in ("", f"&offset={max(0, many - 40)}", f"&label={model.labels[0]}", "&least=0.5&most=0.9&filed=no"):
            began_s = time.perf_counter()
            server.get(f"{place}?batch={batch_id}&order={order}&limit=40{what}")
            slowest = max(slowest, (order + what, time.perf_counter() - began_s), key=lambda pair: pair[1])
    print(f"  a page of its table: at most {1000 * slowest[1]:.0f} ms ({slowest[0]})")
    for ending in ("csv", "zip"):
        before_mb, began_s = server.rss_mb, time.perf_counter()
        size = server.size(f"{place}.{ending}?batch={batch_id}")
        taken_s = time.perf_counter() - began_s
        grown_mb = server.rss_mb - before_mb
        print(f"  as {ending}: {size / 1e6:.1f} MB in {taken_s:.1f} s, the web process grew by {grown_mb:.0f} MB")


# ---- the camera ---------------------------------------------------------------------------------------


def _camera(server: Server) -> None:
    """Chromium's fake camera on the Try it screen, on the same cores."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        print("camera: no Chromium here")
        return
    fake = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=fake)
        page = browser.new_page()
        answers: list[float] = []
        page.on("response", lambda one: answers.append(time.monotonic()) if "/api/predict" in one.url else None)
        page.goto(f"http://127.0.0.1:{server.port}/try")
        page.get_by_role("button", name="Photograph").click(timeout=60_000)
        page.wait_for_timeout(2000)
        answers.clear()
        page.wait_for_timeout(1000 * CAMERA_S)
        browser.close()
    gaps = sorted(1000 * (after - before) for before, after in zip(answers, answers[1:], strict=False))
    print(
        f"live camera, browser and server on the same cores: {len(answers) / CAMERA_S:.1f} answers a second; "
        f"between two of them median {statistics.median(gaps):.0f} ms, p95 {gaps[int(0.95 * len(gaps))]:.0f} ms"
    )

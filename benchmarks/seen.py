"""What it costs to be seen: live curves with many viewers, and the film strip.

    python benchmarks/seen.py [--set trash5] [--viewers 50] [--seconds 60]

A viewer is what a browser is to the server: a session that opened the page of a run and stays, the curve asked for
every second and the film strip every two, compressed, on a connection that is kept. The lag is from the moment the
trainer writes the end of an epoch into its log to the moment a viewer has that epoch's validation.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import worlds
from core import architectures, datasets, runs, uploads
from core.embedded import open_studio
from core.recipe import derive
from core.records import RunState, TrainingSpec
from core.settings import read_settings

CURVE_S, STRIP_S = 1.0, 2.0  # between two questions of a browser; pages/run.py
TARGET_CPU, TARGET_LAG_S, TARGET_STRIP = 0.30, 2.0, 0.02
EPOCHS = 400  # more than there is time for


@dataclass(slots=True)
class Seen:
    """What all viewers saw."""

    epochs: dict[int, list[float]] = field(default_factory=dict)  # epoch -> when each viewer had it
    requests: int = 0
    bytes: int = 0
    pages: int = 0  # that have curves on them
    reruns: int = 0  # pieces of the page that ask to be run again and again


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="trash5")
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", choices=("strip", "viewers"))
    wish = parser.parse_args()
    print(worlds.header(1))
    missed = [] if wish.only == "viewers" else strip()
    if wish.only != "strip":
        with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as scratch:
            missed += watched(wish, Path(scratch))
    print("targets: " + ("; ".join(missed) if missed else "all met"))
    return 1 if missed else 0


# ---- many viewers


def watched(wish: argparse.Namespace, scratch: Path) -> list[str]:
    """Prints; gives the targets that were missed."""
    home = scratch / "home"
    studio = open_studio(read_settings({**os.environ, "DARKROOM_HOME": str(home)}))
    folder = worlds.unpack(wish.set, scratch / "sets")
    for beside in folder.glob("*.csv"):  # it says where the pictures are from, in columns that look like labels
        beside.unlink()
    uploads.import_path(studio, folder, wish.set)
    studio.decoder.close()
    with worlds.running(home) as server:
        studio.services.wake()
        worlds.until(lambda: studio.store.vectors.todo_count() == 0, 300)  # the run has the machine to itself
        dataset = datasets.find(studio, wish.set)
        run = runs.start(studio, dataset.id, "three-block-cnn", EPOCHS, {"side": 64, "schedule": "constant"})
        worlds.until(lambda: runs.get(studio, run.id).epoch >= 2, 300)
        alone = _share(server, 5.0)
        before, began_s = server.cpu_s, time.monotonic()
        seen = asyncio.run(_watch(server.port, run.id, wish.viewers, wish.seconds))
        share = (server.cpu_s - before) / (time.monotonic() - began_s)
        now = runs.get(studio, run.id)
        lags = _lags(_told(studio.files.log(f"run-{run.id}.{now.attempt}")), seen)
        runs.cancel(studio, run.id)
        worlds.until(lambda: runs.get(studio, run.id).state is RunState.CANCELLED, 60)
        memory_mb = server.rss_mb
    p50, p95, worst = (_percentile(lags, part) for part in (0.5, 0.95, 1.0))
    rate = seen.requests / wish.seconds
    print(f"{wish.viewers} viewers for {wish.seconds:.0f} s, run at epoch {now.epoch}: {rate:.0f} requests/s")
    print(f"web process: {share:.0%} of one core with viewers, {alone:.0%} without; {memory_mb:.0f} MB")
    print(f"  {(share - alone) / rate * 1000:.2f} ms of CPU and {seen.bytes / seen.requests:.0f} bytes a request")
    print(f"lag of {len(lags):,} looks at an epoch's end: p50 {p50:.2f} s, p95 {p95:.2f} s, worst {worst:.2f} s")
    assert seen.pages >= wish.viewers, "the page of the run did not come"
    print(f"pieces of the page that run by themselves: {seen.reruns}")
    missed = [f"CPU {share:.0%} > {TARGET_CPU:.0%}"] if share > TARGET_CPU else []
    return missed + ([f"lag {p95:.2f} s > {TARGET_LAG_S} s"] if p95 > TARGET_LAG_S else [])


def _share(server: worlds.Server, seconds: float) -> float:
    before = server.cpu_s
    time.sleep(seconds)
    return (server.cpu_s - before) / seconds


async def _watch(port: int, run_id: int, viewers: int, seconds: float) -> Seen:
    seen, tasks = Seen(), []
    ends_at = time.monotonic() + seconds
    for number in range(viewers):
        tasks.append(asyncio.create_task(_viewer(port, run_id, number / viewers, ends_at, seen)))
    await asyncio.gather(*tasks)
    return seen


async def _viewer(port: int, run_id: int, offset: float, ends_at: float, seen: Seen) -> None:
    await asyncio.sleep(5 * offset)  # people do not come all at once
    address, origin = f"ws://127.0.0.1:{port}/_stcore/stream", f"http://127.0.0.1:{port}"
    async with websockets.connect(address, subprotocols=["streamlit"], origin=origin, max_size=None) as socket:  # type: ignore[arg-type, list-item]
        message = BackMsg()
        message.rerun_script.query_string, message.rerun_script.page_name = f"run={run_id}", "train"
        await socket.send(message.SerializeToString())
        page = asyncio.create_task(_page(socket, seen))
        curve = _asking(port, f"/api/runs/{run_id}/curve", CURVE_S, ends_at, seen, _newest_step)
        strip = _asking(port, f"/api/runs/{run_id}/strip", STRIP_S, ends_at, seen, _newest_frame)
        await asyncio.gather(curve, strip)
        page.cancel()


async def _page(socket: websockets.ClientConnection, seen: Seen) -> None:
    """Reads what the server sends, and counts what would make a browser ask for more."""
    async for content in socket:
        answer = ForwardMsg()
        answer.ParseFromString(content)
        seen.pages += b"darkroom_curves" in content
        seen.reruns += answer.WhichOneof("type") == "auto_rerun"


async def _asking(port: int, path: str, every_s: float, ends_at: float, seen: Seen, newest: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    since, had = -1, set[int]()
    while time.monotonic() < ends_at:
        head = f"GET {path}?since={since} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept-Encoding: gzip\r\n\r\n"
        writer.write(head.encode())
        answer = await _answer(reader, seen)
        since = newest(answer, since, seen, had)
        await asyncio.sleep(every_s)
    writer.close()


async def _answer(reader: asyncio.StreamReader, seen: Seen) -> Mapping[str, Any]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    assert head.startswith("http/1.1 200"), head
    fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    if "content-length" in fields:
        body = await reader.readexactly(int(fields["content-length"]))
    else:
        body = b""
        while size := int((await reader.readline()).strip(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    seen.requests, seen.bytes = seen.requests + 1, seen.bytes + len(head) + len(body)
    answer: Mapping[str, Any] = json.loads(gzip.decompress(body) if fields.get("content-encoding") == "gzip" else body)
    return answer


def _newest_step(answer: Mapping[str, Any], since: int, seen: Seen, had: set[int]) -> int:
    for epoch in {round(epoch) for epoch, _ in answer["points"].get("val_loss", ())} - had:
        if since >= 0:  # what there was already when they came is no news
            seen.epochs.setdefault(epoch, []).append(time.time())
        had.add(epoch)
    return int(answer["last_step"])


def _newest_frame(answer: Mapping[str, Any], since: int, _seen: Seen, _had: set[int]) -> int:
    return max((frame["epoch"] for frame in answer["frames"]), default=since)


def _told(log: Path) -> dict[int, float]:
    """epoch -> when the trainer wrote that it is over."""
    found = {}
    for line in log.read_text("utf-8").splitlines():
        parts = line.split(" ", 3)
        if len(parts) > 3 and parts[2] == "Epoch":
            at = datetime.strptime(f"{parts[0]} {parts[1]}", "%Y-%m-%d %H:%M:%S,%f").astimezone()
            found[int(parts[3].split()[0])] = at.timestamp()
    return found


def _lags(told: Mapping[int, float], seen: Seen) -> list[float]:
    """Of each viewer and epoch."""
    return [at - told[epoch] for epoch, times in seen.epochs.items() if epoch in told for at in times]


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


# ---- the film strip


def strip() -> list[str]:
    """The look at the film strip as a share of an epoch, for each architecture, at its fullest.

    In CPU seconds of one thread: a ratio that holds on a machine that others use too.
    """
    import torch

    from core.learning import augment
    from core.learning.glimpse import glimpse
    from core.learning.learner import Learner
    from core.strip import MOST, TRAINED_FOR_EACH

    missed = []
    torch.set_num_threads(1)
    for card in architectures.ARCHITECTURES:
        learned_from, labels = MOST * TRAINED_FOR_EACH, 5
        recipe = derive(TrainingSpec(card.name, 5, {"warm_start": False}), learned_from, labels, cores=1)
        learner = Learner(recipe, labels, torch.device("cpu"), None, "")
        stored = np.random.default_rng(0).integers(0, 255, (64, recipe.side, recipe.side, 3), np.uint8)
        pixels, targets = augment.as_input(torch.from_numpy(stored), card.grey), torch.arange(64) % labels
        size = recipe.batch_size
        learner.begin_epoch()
        learn = _median_s(lambda: learner.learn(pixels[:size], targets[:size], 1e-5), 6) / size  # noqa: B023
        check = _median_s(lambda: learner.check(pixels, targets), 3) / 64  # noqa: B023
        look = _median_s(lambda: glimpse(learner.shown, pixels[:MOST], targets[:MOST]), 6)  # noqa: B023
        share = look / (learned_from * learn + learned_from / 4 * check)
        print(f"film strip of {MOST}, {card.name}: {look * 1000:.0f} ms, {share:.2%} of an epoch of {learned_from}")
        if share > TARGET_STRIP:
            missed.append(f"film strip of {card.name} {share:.1%} > {TARGET_STRIP:.0%}")
    return missed


def _median_s(work: Any, trials: int) -> float:
    work()
    seconds = []
    for _ in range(trials):
        began_s = time.process_time()
        work()
        seconds.append(time.process_time() - began_s)
    return statistics.median(seconds)


if __name__ == "__main__":
    sys.exit(main())

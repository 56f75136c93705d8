"""Training, measured: `python benchmarks/training.py [loop] [start] [memory] [peers]`, all of them by default.

loop    images/s of the real loop against bare steps of the same network on one batch, in turns within one process
start   from the click to the run's first event, with a trainer that waits and without
memory  the trainer's memory by number of pictures
peers   time to accuracy against a plain script, fastai and timm's parts, the same weights; cell by cell (--cells)

Ratios within one run; CPU-seconds where others may use the machine too. Ends with 1 when a promise is not kept.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import race, worlds
from core import datasets, runs, uploads
from core.architectures import get
from core.embedded import open_studio
from core.running.engine import TRAINER
from core.settings import read_settings
from core.studio import Studio
from core.trainer import LOADED

PARTS = ("loop", "start", "memory", "peers")
NETWORKS = ("resnet18", "mobilenetv3-small", "efficientnet-lite0")
SETS = ("trash5", "clothing10_split", "caltech20", "signdigits10")
STEADY, FIRST = 0.95, 0.8  # of the speed of bare steps
WARM_S, COLD_S = 1.0, 4.0
EPOCHS, BARE_S = 4, 3.0
SPOKEN = {"preparing", "waiting", "tuned", "recipe", "training"}  # what a trainer says first


def main() -> int:
    wish = _arguments()
    if wish.inside:
        return _inside(wish)
    print(worlds.header(wish.trials))
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as scratch:
        for part in wish.parts or PARTS:
            failed += globals()[f"_{part}"](wish, Path(scratch))
    for sentence in failed:
        print(f"NOT KEPT  {sentence}")
    return bool(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="part")
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--images", type=int, default=1280, help="of the loop")
    parser.add_argument("--train", type=int, default=100_000, help="pictures of the race to learn from")
    parser.add_argument("--test", type=int, default=100_000, help="pictures of the race to measure on")
    parser.add_argument("--epochs", type=int, default=5, help="of the race; Darkroom takes three times as many")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of each racer")
    parser.add_argument("--tools", nargs="+", default=(race.OURS, *race.TOOLS), choices=(race.OURS, *race.TOOLS))
    parser.add_argument(
        "--cells", type=int, default=1_000, help="of the race to run now at most; the others another time"
    )
    parser.add_argument("--results", type=Path, default=Path("build/race"), help="where what was run is written down")
    parser.add_argument("--environment", type=Path, default=Path("build/peers"), help="where the peers are installed")
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def _child(wish: argparse.Namespace, *inside: str) -> dict[str, float]:
    """What the other half of a part found, in a process set up as a trainer is."""
    command = [sys.executable, __file__, "--images", str(wish.images), "--inside", *inside]
    ended = subprocess.run(command, env={**os.environ, **TRAINER}, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found


def _inside(wish: argparse.Namespace) -> int:
    what, value = wish.inside
    print(json.dumps(_compare(value, wish.images) if what == "loop" else _grown(int(value))))
    return 0


# ---- loop


def _loop(wish: argparse.Namespace, scratch: Path) -> list[str]:
    failed = []
    for name in wish.networks:
        trials = [_child(wish, "loop", name) for _ in range(wish.trials)]
        steady, first, bare, prepare_s = (
            statistics.median(trial[key] for trial in trials) for key in ("steady", "first", "bare", "prepare_s")
        )
        worst = min(trial["steady"] for trial in trials)
        print(
            f"{get(name).title}: {bare:.0f} images/s bare; the loop {steady:.2f} x that from epoch 2 on (worst trial "
            f"{worst:.2f}), {first:.2f} x in epoch 1, after {prepare_s:.1f} s of resizing {wish.images} pictures"
        )
        if steady < STEADY:
            failed.append(f"{name}: {steady:.2f} x the speed of bare steps from epoch 2 on, not {STEADY}")
        if first < FIRST:
            failed.append(f"{name}: {first:.2f} x the speed of bare steps in epoch 1, not {FIRST}")
    return failed


def _compare(name: str, images: int) -> dict[str, float]:
    import torch

    from core import recipe as recipes
    from core.imaging.cache import open_cache
    from core.imaging.pool import DecoderPool
    from core.learning.checkpoint import Checkpoints
    from core.learning.events import Prepared, Stepped, Validated
    from core.learning.learner import Learner
    from core.learning.loop import train
    from core.learning.tuning import tune
    from core.records import TrainingSpec

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        files = worlds.pictures(worlds.unpack("caltech20", folder / "set"))[:images]
        spec = TrainingSpec(name, EPOCHS, {"patience": 0})
        recipe = recipes.derive(spec, 2000, 5, os.cpu_count() or 1)
        began_s = time.perf_counter()
        with DecoderPool(0, 1 << 30) as decoder:
            cache = open_cache(folder / "pixels", [(file.name, file) for file in files], recipe.side, decoder)
        prepare_s = time.perf_counter() - began_s
        targets = np.arange(len(files)) % 5
        everything, few, device = np.arange(len(files)), np.arange(8), torch.device("cpu")
        recipe = tune(recipe, 5, device, cache.pixels, targets, everything, folder / "tuning").recipe
        learner = Learner(dataclasses.replace(recipe), 5, device, None, "")
        learner.network.train()
        batch = torch.randn(recipe.batch_size, 3, recipe.side, recipe.side).contiguous(memory_format=learner.layout)
        wanted = torch.arange(recipe.batch_size) % 5

        def step() -> None:
            with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bf16"):
                logits = learner.network(batch)
            loss = torch.nn.functional.cross_entropy(logits.float(), wanted)
            learner.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            learner.optimizer.step()

        ratios, bares = [], [recipe.batch_size / _seconds_each(step)]
        run = train(
            cache.pixels, targets, everything, few, recipe, device, "abcde", Checkpoints(folder / "checkpoints")
        )
        since_s = until_s = 0.0
        for event in run:
            if isinstance(event, Prepared):
                since_s = time.perf_counter()
            if isinstance(event, Stepped):
                until_s = time.perf_counter()
            if isinstance(event, Validated):
                bares.append(recipe.batch_size / _seconds_each(step))
                # The machine may be slower for a while: against what it did right before and after.
                ratios.append(len(files) / (until_s - since_s) / statistics.mean(bares[-2:]))
                since_s = time.perf_counter()
    steady = statistics.median(ratios[1:])
    return {"steady": steady, "first": ratios[0], "bare": statistics.median(bares), "prepare_s": prepare_s}


def _seconds_each(step: Callable[[], None]) -> float:
    step()
    began_s, steps = time.perf_counter(), 0
    while time.perf_counter() - began_s < BARE_S:
        step()
        steps += 1
    return (time.perf_counter() - began_s) / steps


# ---- start


def _start(wish: argparse.Namespace, scratch: Path) -> list[str]:
    studio = open_studio(read_settings({**os.environ, "DARKROOM_HOME": str(scratch / "home")}))
    folder = worlds.unpack("demo_clothes4", scratch / "sets")
    (folder / "ORIGINAL_NAMES.csv").unlink()  # a list beside the labels that is not about them
    uploads.import_path(studio, folder, "clothes")
    studio.decoder.close()
    dataset = datasets.find(studio, "clothes")
    seconds: dict[str, list[float]] = {"cold": [], "warm": []}
    with worlds.running(studio.settings.home):
        worlds.until(lambda: studio.store.vectors.todo_count() == 0, 300)
        said = studio.files.log("trainer")
        for _ in range(wish.trials):
            for kind in ("cold", "warm"):
                if kind == "warm":
                    said.unlink(missing_ok=True)
                    studio.services.expect_training()
                    worlds.until(lambda: said.exists() and LOADED in said.read_text("utf-8"), 120)
                    time.sleep(2)  # idle, as somebody reads the screen
                seconds[kind].append(_click(studio, dataset.id))
                studio.files.lock("training.expected").unlink(missing_ok=True)
                time.sleep(5)  # the one that waited leaves
    failed = []
    for kind, most_s in (("warm", WARM_S), ("cold", COLD_S)):
        median_s = statistics.median(seconds[kind])
        print(f"click to first event, {kind}: median {median_s:.2f} s, worst {max(seconds[kind]):.2f} s")
        if median_s > most_s:
            failed.append(f"from the click to the first event: {median_s:.2f} s {kind}, not {most_s:.0f}")
    return failed


def _click(studio: Studio, dataset_id: int) -> float:
    """Seconds from the start of a small run to the first word of its trainer; returns when the run is over."""
    began_s = time.perf_counter()
    run = runs.start(studio, dataset_id, "mlp", 1)
    worlds.until(lambda: SPOKEN & {event.kind for event in studio.store.runs.events(run.id)}, 120)
    passed_s = time.perf_counter() - began_s
    worlds.until(lambda: studio.store.runs.get(run.id).state.final, 120)
    return passed_s


# ---- memory


def _memory(wish: argparse.Namespace, scratch: Path) -> list[str]:
    sizes = (2_000, 20_000, 100_000)
    grown = [_child(wish, "memory", str(size))["mb"] for size in sizes]
    told = ", ".join(f"{mb:.0f} MB with {size:,}" for size, mb in zip(sizes, grown, strict=True))
    print(f"memory of a training, the cache's pages aside: {told} pictures")
    return [] if grown[-1] < 1.1 * grown[0] + 50 else [f"a trainer's memory grows with the pictures: {told}"]


def _grown(pictures: int) -> dict[str, float]:
    """Megabytes of its own after a few hundred steps on a cache of so many made pictures of 64 x 64."""
    import psutil
    import torch

    from core import recipe as recipes
    from core.learning.checkpoint import Checkpoints
    from core.learning.events import Validated
    from core.learning.loop import train
    from core.records import TrainingSpec

    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "made.pixels"
        with place.open("wb") as file:
            file.truncate(pictures * 64 * 64 * 3)
        pixels = np.memmap(place, np.uint8, "r", shape=(pictures, 64, 64, 3))
        spec = TrainingSpec("mlp", 1, {"side": 64, "batch_size": 64, "threads": 1})
        recipe = recipes.derive(spec, pictures, 2, 1)
        index = np.arange(pictures)
        device, checkpoints = torch.device("cpu"), Checkpoints(Path(scratch) / "checkpoints")
        for event in train(pixels, index % 2, index[64:], index[:64], recipe, device, "ab", checkpoints):
            if isinstance(event, Validated):
                found = psutil.Process().memory_info()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        return {"mb": (found.rss - found.shared) / 1e6, "peak_mb": peak}


# ---- peers


def _peers(wish: argparse.Namespace, scratch: Path) -> list[str]:
    """Runs the cells that are missing, as many as are wished for, and reports what is known by then."""
    python = race.make_environment(wish.environment.absolute())
    failed: list[str] = []
    left = wish.cells
    for name in wish.sets:
        lines: dict[str, race.Line] = {}
        for tool in (race.OURS, *race.TOOLS):
            epochs = wish.epochs * (race.OUR_TIMES if tool == race.OURS else 1)
            cell = race.Cell(tool, name, wish.train, wish.test, epochs, wish.threads)
            line = cell.recall(wish.results)
            if line is None and left and tool in wish.tools:
                left -= 1
                line = cell.run(python, scratch, wish.results)
            if line is not None:
                lines[tool] = line
        failed += race.report(name, lines)
    return failed


if __name__ == "__main__":
    sys.exit(main())

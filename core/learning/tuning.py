"""Which precision, memory layout and number of threads are fastest here, for one network: timed, not guessed.

Only what agrees is chosen: a candidate's loss must be the loss in full precision. What was found is kept beside the
caches, so that the same run on the same machine is tuned, and ends, alike.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core import architectures
from core.learning import augment
from core.learning.checkpoint import write_atomically
from core.learning.frozen import set_apart
from core.learning.learner import Head, Learner
from core.learning.loop import repeatable
from core.recipe import LAYOUTS, PRECISIONS, Recipe

MOST_S, MOST_SHARE = 3.0, 0.02  # seconds of timing at most, and of the estimated run
PICTURES = 8  # in a timed step of a large network: enough to rank by, and soon over
FEW_CORES = 4  # below them there is nothing to try with fewer threads
TOLERANCE = 0.05  # a loss of bfloat16 and one of float32 are the same when they differ by less, in nats and relatively
NAMES = ("precision", "layout", "threads")


@dataclass(frozen=True, slots=True)
class Tried:
    precision: str
    layout: str
    threads: int
    images_per_s: float
    loss: float
    agrees: bool


@dataclass(frozen=True, slots=True)
class Tuned:
    recipe: Recipe  # nothing in it is "auto" any more
    tried: tuple[Tried, ...] = ()  # none: known already, or nothing was left open
    seconds: float = 0.0


def tune(
    recipe: Recipe,
    labels: int,
    device: torch.device,
    pixels: NDArray[np.uint8],
    targets: NDArray[np.int64],
    index: NDArray[np.int64],
    memory: Path,
    chosen: Collection[str] = (),
    head: Head | None = None,
) -> Tuned:
    """Fills in what is "auto", and the threads unless they are among the `chosen` by a person.

    Args:
        pixels, targets: of all pictures; those of `index` are learned from, a few of them here, without any effect.
        memory: folder of what is known of this machine.
    """
    candidates = _candidates(recipe, device)
    few_threads = "threads" not in chosen and device.type == "cpu" and recipe.threads >= FEW_CORES
    if len(candidates) == 1 and not few_threads:
        precision, layout = candidates[0]
        return Tuned(dataclasses.replace(recipe, precision=precision, layout=layout))
    known = memory / f"{_mark(recipe, device, few_threads)}.json"
    if (found := _recall(known, recipe)) is not None:
        return Tuned(found)
    began_s = time.monotonic()
    trials = _Trials(recipe, labels, device, head, pixels, targets, index)
    for precision, layout in candidates:
        trials.time(precision, layout, recipe.threads)
    if few_threads:
        trials.time(trials.best.precision, trials.best.layout, recipe.threads // 2)
    best = trials.best
    choice = {name: getattr(best, name) for name in NAMES}
    memory.mkdir(parents=True, exist_ok=True)
    write_atomically(known, lambda file: file.write(json.dumps(choice).encode()))
    return Tuned(dataclasses.replace(recipe, **choice), tuple(trials.tried), time.monotonic() - began_s)


def _candidates(recipe: Recipe, device: torch.device) -> list[tuple[str, str]]:
    """(precision, layout), what is most often fastest first: time may be up before the last."""
    precisions = [name for name in reversed(PRECISIONS) if name != "auto"]
    if device.type == "mps" or (device.type == "cpu" and not computes_bf16()):
        precisions = ["fp32"]
    layouts = [name for name in reversed(LAYOUTS) if name != "auto"]
    return list(
        product(
            precisions if recipe.precision == "auto" else [recipe.precision],
            layouts if recipe.layout == "auto" else [recipe.layout],
        )
    )


def computes_bf16() -> bool:
    """Whether this processor has arithmetic for bfloat16. One of x86 without AVX-512 has not: a step takes 20 to 50
    times as long there, so that one trial of it is longer than all the time there is."""
    return platform.machine() not in ("x86_64", "AMD64") or torch.backends.cpu.get_cpu_capability().startswith("AVX512")


class _Trials:
    """Steps of one network at a learning rate of zero, each time computed in another way."""

    def __init__(
        self,
        recipe: Recipe,
        labels: int,
        device: torch.device,
        head: Head | None,
        pixels: NDArray[np.uint8],
        targets: NDArray[np.int64],
        index: NDArray[np.int64],
    ) -> None:
        self._began_s = time.monotonic()
        repeatable(recipe.threads)
        stages = set_apart(recipe, device)
        self._learner = Learner(dataclasses.replace(recipe, ema=0.0), labels, device, head, "", skipped=stages)
        large = architectures.get(recipe.architecture).side >= 128
        few = np.resize(index, min(recipe.batch_size, PICTURES) if large else recipe.batch_size)
        stored = torch.from_numpy(np.ascontiguousarray(pixels[few])).to(device)
        inputs = augment.as_input(stored, architectures.get(recipe.architecture).grey)
        with torch.no_grad():
            self._inputs = self._learner.network.through(inputs, stages)
        self._targets = torch.from_numpy(targets[few]).to(device)
        self._images = len(index) * recipe.epochs  # of the whole run
        self._exact: Tried | None = None  # one step in full precision
        self._open = recipe.precision == "auto"
        self.tried: list[Tried] = []

    def time(self, precision: str, layout: str, threads: int) -> None:
        """Times a candidate, unless time is up."""
        if self.tried and time.monotonic() - self._began_s > self._allowed_s():
            return
        learner = self._learner
        if self._exact is None:
            loss, took_s = self._step("fp32", layout)
            self._exact = Tried("fp32", layout, threads, len(self._targets) / took_s, loss, True)
        torch.set_num_threads(threads)
        learner.optimizer.state.clear()  # it lies in memory as the weights did
        self._step(precision, layout)  # the first prepares
        loss, took_s = min((self._step(precision, layout) for _ in range(2)), key=lambda found: found[1])
        agrees = abs(loss - self._exact.loss) <= TOLERANCE * (1 + abs(self._exact.loss))
        self.tried.append(Tried(precision, layout, threads, len(self._targets) / took_s, loss, agrees))

    @property
    def best(self) -> Tried:
        agreeing = [tried for tried in self.tried if tried.agrees] or self.tried[:1]
        if self._exact and self._open and all(tried.precision != "fp32" for tried in agreeing):
            # Time was up before: what is slower than the very first step in full precision is not chosen.
            agreeing.append(self._exact)
        return max(agreeing, key=lambda tried: tried.images_per_s)

    def _allowed_s(self) -> float:
        return min(MOST_S, MOST_SHARE * self._images / max(tried.images_per_s for tried in self.tried))

    def _step(self, precision: str, layout: str) -> tuple[float, float]:
        """Mean loss, seconds."""
        learner = self._learner
        learner.arrange(dataclasses.replace(learner.recipe, precision=precision, layout=layout))
        learner.step = 0  # the same dropout each time
        learner.network.train()
        learner.sums.zero_()
        began_s = time.perf_counter()
        learner.learn(self._inputs, self._targets, rate=0.0)
        loss, _, images = learner.sums.tolist()  # waits for the device
        return loss / images, time.perf_counter() - began_s


def _mark(recipe: Recipe, device: torch.device, few_threads: bool) -> str:
    """Names everything that what is fastest depends on, and what was open."""
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    parts = [
        getattr(recipe, name) for name in ("architecture", "side", "batch_size", "optimizer", "frozen_stages", *NAMES)
    ]
    machine = [device.type, where, torch.backends.cpu.get_cpu_capability(), os.cpu_count(), str(torch.__version__)]
    facts = [*parts, few_threads, *machine]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8", "replace").splitlines() if cpuinfo.exists() else []
    return next((line for line in lines if line.startswith("model name")), platform.processor())


def _recall(known: Path, recipe: Recipe) -> Recipe | None:
    try:
        found = json.loads(known.read_text("utf-8"))
        choice = {name: found[name] for name in NAMES}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    fits = choice["precision"] in PRECISIONS[1:] and choice["layout"] in LAYOUTS[1:]
    return dataclasses.replace(recipe, **choice) if fits and isinstance(choice["threads"], int) else None


def as_words(tuned: Tuned) -> dict[str, object]:
    """For the record."""
    chosen = {name: getattr(tuned.recipe, name) for name in NAMES}
    return {**chosen, "seconds": tuned.seconds, "tried": [asdict(tried) for tried in tuned.tried]}

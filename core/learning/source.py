"""Batches as the network takes them; while it learns from one, a thread of its own begins the next."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core import architectures
from core.learning import augment
from core.learning.frozen import FrozenStages
from core.learning.learner import memory_layout
from core.recipe import Recipe

Pixels = NDArray[np.uint8]  # (N, S, S, 3), RGB, S the recipe's side
Indices = NDArray[np.int64]
Batch = tuple[Tensor, Tensor]  # (N, C, S, S) normalised, (N,) class indices
CACHED = 1 << 19  # numbers of a part: what is made of them on the way stays in the processor's cache
LEAST_NICE = 19


class Source:
    """A batch is a function of its pictures and the epoch alone, so who makes it, and when, changes nothing."""

    def __init__(
        self,
        pixels: Pixels,
        targets: Indices,
        recipe: Recipe,
        device: torch.device,
        frozen: FrozenStages | None = None,
    ) -> None:
        """With `frozen` a batch is what those stages give of its pictures, (N, C, h, w)."""
        self.pixels, self.targets, self.recipe, self.device, self.frozen = pixels, targets, recipe, device, frozen
        self.grey = architectures.get(recipe.architecture).grey
        self.strength = augment.STRENGTHS.get(recipe.augmentation)

    def plain(self, chosen: Indices) -> Batch:
        """As a check sees them: float32, whatever the precision of the steps."""
        return _finish(self._begin(chosen, torch.float32, self._unvaried))

    def varied(self, chosen: Indices, epoch: int) -> Batch:
        """As a step sees them: in its precision, each varied by a chance of its own."""
        return _finish(self._begin_varied(chosen, epoch))

    def epoch(self, batches: Iterable[Indices], epoch: int) -> Generator[Batch]:
        """`varied` of each in turn, one begun ahead of who asks. To be closed, or read to its end."""
        if self.device.type != "cpu":  # what is computed there is queued, and runs ahead by itself
            yield from (self.varied(chosen, epoch) for chosen in batches)
            return
        with ThreadPoolExecutor(1, "next batch") as worker:
            worker.submit(_stand_back).result()
            # What is set in another thread is set for all who come later, so ours is set again.
            torch.set_num_threads(self.recipe.threads)
            ahead: tuple[_Making, Future[None]] | None = None
            for chosen in batches:
                following = self._begin_varied(chosen, epoch)
                begun = following, worker.submit(following.work)
                if ahead is not None:
                    yield _finish(*ahead)
                ahead = begun
            if ahead is not None:
                yield _finish(*ahead)

    def _begin_varied(self, chosen: Indices, epoch: int) -> _Making:
        chosen = np.sort(chosen)  # neighbours on disk are read together
        strength, precision = self.strength, torch.bfloat16 if self.recipe.precision == "bf16" else torch.float32
        if strength is None:
            return self._begin(chosen, precision, self._unvaried)
        numbers = augment.chances(self.recipe.seed, epoch, chosen, augment.CHANCES)
        chance = torch.from_numpy(numbers).to(self.device)

        def vary(some: Indices, part: slice) -> Tensor:
            planes = augment.as_planes(self._stored(some), self.grey)
            varied = augment.vary(planes, strength, self.recipe.mirror, chance[part])
            return varied if self.frozen is None else self.frozen(varied)

        return self._begin(chosen, precision, vary)

    def _unvaried(self, some: Indices, _: slice) -> Tensor:
        def load(wanted: Indices) -> Tensor:
            return augment.as_input(self._stored(wanted), self.grey)

        return load(some) if self.frozen is None else self.frozen.unvaried(some, load)

    def _stored(self, some: Indices) -> Tensor:
        """uint8 (n, S, S, 3)."""
        return torch.from_numpy(self.pixels[some]).to(self.device)

    def _begin(self, chosen: Indices, precision: torch.dtype, make: Callable[[Indices, slice], Tensor]) -> _Making:
        """A batch of what `make` makes of the pictures of these numbers, a part of the batch each time."""
        picture = (1 if self.grey else 3, self.recipe.side, self.recipe.side)
        shape = (len(chosen), *(picture if self.frozen is None else self.frozen.shape))
        layout = memory_layout(self.recipe)
        inputs = torch.empty(shape, dtype=precision, device=self.device, memory_format=layout)
        targets = torch.from_numpy(self.targets[chosen]).to(self.device)

        def fill(part: slice) -> None:
            inputs[part] = make(chosen[part], part)

        size = max(1, CACHED // math.prod(picture)) if self.device.type == "cpu" else len(chosen)
        return _Making((inputs, targets), fill, [slice(at, at + size) for at in range(0, len(chosen), size)])


class _Making:
    """A batch in parts. Whoever has time takes the next part that nobody has taken."""

    def __init__(self, batch: Batch, fill: Callable[[slice], None], parts: Iterable[slice]) -> None:
        self.batch, self._fill, self._left = batch, fill, deque(parts)

    def work(self) -> None:
        """Returns when no part is left; another may still be at work on one."""
        while True:
            try:
                part = self._left.popleft()
            except IndexError:
                return
            self._fill(part)


def _finish(making: _Making, another: Future[None] | None = None) -> Batch:
    """Makes what nobody has begun, and waits for the part that another may have under way."""
    making.work()
    if another is not None:
        another.result()
    return making.batch


def _stand_back() -> None:
    """This thread takes only what the step leaves: a step waits for the slowest of its threads."""
    torch.get_num_threads()  # with its first question or sum a thread takes over what holds for all, and only then
    torch.set_num_threads(1)  # it can be told: were it to have help, it would take that from the step
    if sys.platform == "linux":  # elsewhere priorities are of whole processes
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LEAST_NICE)

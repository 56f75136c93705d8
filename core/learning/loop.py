"""Train a classifier, saying what happens as it happens.

`train` is a generator: it yields events and knows neither who reads them nor where they go. Closing it saves a
checkpoint between two steps and ends it; calling it again goes on from there. On the CPU the weights are the same in
the end, bit for bit, however often it was closed or killed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing

import numpy as np
import torch

from core.errors import StudioError
from core.learning.checkpoint import Checkpoints, Weights
from core.learning.events import (
    Advanced,
    Checked,
    Event,
    Finished,
    Glimpse,
    Halved,
    Prepared,
    Reason,
    Saved,
    Stepped,
    Validated,
    WentBack,
)
from core.learning.frozen import FrozenStages, set_apart
from core.learning.glimpse import glimpse
from core.learning.learner import Head, Learner, fingerprint, learning_rate, mix
from core.learning.source import Indices, Pixels, Source
from core.recipe import Recipe

SAY_S = 0.25
SAVE_EPOCH_S, SAVE_STEP_S = 2.0, 60.0  # least seconds between checkpoints, at the end of an epoch and within one
SAVE_COST = 100  # times as long as a checkpoint takes passes at least before the next
CHECK_BATCH = 64
WINDOWS = 1000  # of the curve, where there are so many steps; at most twice as many


def train(
    pixels: Pixels,
    targets: Indices,
    train_index: Indices,
    validation_index: Indices,
    recipe: Recipe,
    device: torch.device,
    labels: Sequence[str],
    checkpoints: Checkpoints,
    head: Head | None = None,
    strip: Indices | None = None,
    begin: Mapping[str, Weights | None] | None = None,
) -> Generator[Event]:
    """Yields Prepared first and Finished last; the best weights are then in `checkpoints`.

    Args:
        pixels: may be a memory map; a batch is read at a time.
        targets: (N,) class indices.
        head: weight (K, D) and bias (K,) to begin with; epoch 0 then tells what they score.
        begin: {network, averaged} of an earlier run to begin with; epoch 0 then tells what they score.
        strip: pictures of the validation part that every Validated says more about.

    Raises:
        StudioError: nothing to learn from or to check on; the checkpoints belong to other settings or pictures; the
            loss ceased to be a number before there was anything to keep.
        Whatever `checkpoints.before_write` raises.
    """
    _refuse(pixels, train_index, validation_index, recipe)
    repeatable(recipe.threads)
    mark = fingerprint(recipe, labels, targets, train_index, validation_index)
    stages = set_apart(recipe, device)
    learner = Learner(recipe, len(labels), device, head, mark, begin, stages)
    resumed = learner.resume(checkpoints)
    frozen = FrozenStages(learner.network, stages, recipe.side, len(pixels)) if stages else None
    source = Source(pixels, targets, recipe, device, frozen)
    batches = cut(len(train_index), recipe.batch_size)
    total = len(batches) * recipe.epochs
    saver = _Saver(learner, checkpoints, resumed)
    yield Prepared(total, recipe.epochs, len(train_index), len(validation_index), str(device), learner.step)

    diverged = False
    try:
        while not diverged:
            try:
                yield from _learn(learner, source, saver, batches, train_index, validation_index, strip)
                break
            except _Diverged:
                diverged = learner.went_back
                if not diverged:
                    yield _back(learner)
    except GeneratorExit:
        saver.save()
        raise
    if learner.best is None:
        raise StudioError(DIVERGED)
    if saver.due(0):
        yield saver.save()
    yield _finished(learner, diverged)


def _learn(
    learner: Learner,
    source: Source,
    saver: _Saver,
    batches: Sequence[tuple[int, int]],
    train_index: Indices,
    validation_index: Indices,
    strip: Indices | None,
) -> Generator[Event]:
    """Epoch by epoch to the end. Raises _Diverged."""
    recipe, total = learner.recipe, len(batches) * learner.recipe.epochs
    window = 1 + total // (2 * WINDOWS)
    knows = learner.head is not None or learner.begin is not None
    if learner.best is None and learner.step == 0 and (knows or recipe.epochs == 0):
        val_loss, val_accuracy = yield from _check(learner, source, validation_index)
        best = learner.end_epoch(val_loss, val_accuracy, epoch=0)
        shown = _look(learner, source, strip)
        learner.cool()  # before anybody hears of the epoch, and may close the run
        yield Validated(0, 0, None, None, val_loss, val_accuracy, best, shown)

    while learner.epoch < recipe.epochs and not learner.tired:
        # ---- learn from every picture once
        learner.begin_epoch()
        order = permutation(train_index, recipe.seed, learner.epoch)
        pace = _Pace()
        left = batches[learner.batch :]
        with closing(source.epoch([order[start:stop] for start, stop in left], learner.epoch)) as made:
            for (start, stop), (inputs, wanted) in zip(left, made, strict=True):
                rate = learning_rate(recipe, learner.step, total) * learner.rate_scale
                if learner.learn(inputs, wanted, rate):
                    yield Halved(learner.step, (stop - start) // learner.parts_of(stop - start))
                if learner.step % window == 0:
                    learner.mark()
                if pace.due(stop - start):
                    if len(learner.marks) == 1:
                        yield Advanced(learner.step, learner.epoch + 1)
                    yield from _windows(learner, total, pace.images_per_s())
                    if saver.due(SAVE_STEP_S):
                        yield saver.save()
        learner.mark()
        yield from _windows(learner, total, pace.images_per_s())

        # ---- see what it has learnt
        seen = _means(learner.sums.tolist())
        val_loss, val_accuracy = yield from _check(learner, source, validation_index)
        best = learner.end_epoch(val_loss, val_accuracy, learner.epoch + 1)
        shown = _look(learner, source, strip)
        yield Validated(learner.step, learner.epoch, *seen, val_loss, val_accuracy, best, shown)
        if saver.due(SAVE_EPOCH_S):
            yield saver.save()


def _refuse(pixels: Pixels, train_index: Indices, validation_index: Indices, recipe: Recipe) -> None:
    if not len(train_index) or not len(validation_index):
        raise StudioError("Training needs pictures to learn from and others to check on. Add pictures.")
    if pixels.shape[1:] != (recipe.side, recipe.side, 3):
        raise ValueError(f"pixels are {pixels.shape[1:]}, the recipe's side is {recipe.side}")


def repeatable(threads: int) -> None:
    """The same sums in the same order whenever this run is taken up, as far as the device can."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # It would pass over all memory once more.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


class _Diverged(Exception):
    """A loss is no number any more, and no step will make it one again."""


DIVERGED = "The loss grew beyond all numbers, at a lower learning rate too. Choose a much smaller learning rate."


def _means(sums: Sequence[float]) -> tuple[float, float]:
    """Loss and accuracy of (sum of the losses, right answers, images). Raises _Diverged."""
    loss, right, images = sums
    if not math.isfinite(loss):
        raise _Diverged
    return loss / images, right / images


def cut(count: int, size: int) -> list[tuple[int, int]]:
    """(start, stop) of every batch of an epoch. None is of one picture alone, of which batch norm knows no variance."""
    count = max(count, 2)  # `permutation` shows a picture that is all alone twice
    starts = list(range(0, count, size))
    stops = [*starts[1:], count]
    if len(starts) > 1 and stops[-1] - starts[-1] == 1:
        del starts[-1], stops[-2]
    return list(zip(starts, stops, strict=True))


def permutation(index: Indices, seed: int, epoch: int) -> Indices:
    """The order of an epoch, a function of the seed and the epoch; a picture that is all alone comes twice."""
    order = np.random.Generator(np.random.Philox(mix(seed, epoch))).permutation(index)
    return np.repeat(order, 2) if len(order) == 1 else order


class _Pace:
    """When there is something to say again, and how fast it went since."""

    def __init__(self) -> None:
        self.since_s, self.images, self.latest = time.monotonic(), 0, 0.0

    def due(self, images: int) -> bool:
        """So many more were learned from."""
        self.images += images
        return time.monotonic() - self.since_s >= SAY_S

    def images_per_s(self) -> float:
        now_s = time.monotonic()
        if self.images:
            self.latest = self.images / max(now_s - self.since_s, 1e-9)
        self.since_s, self.images = now_s, 0
        return self.latest


def _windows(learner: Learner, total: int, speed: float) -> Generator[Stepped]:
    """Tells of the windows that are over. One is forgotten as it is told, so that a checkpoint knows the others."""
    told = torch.stack([sums for _, sums in learner.marks]).diff(dim=0).tolist()  # waits for the device, once
    for window in told:
        means = _means(window)
        del learner.marks[0]
        step = learner.marks[0][0]
        rate = learning_rate(learner.recipe, step - 1, total) * learner.rate_scale
        yield Stepped(step, learner.epoch + 1, *means, rate, speed)


class _Saver:
    """Decides when a checkpoint is due: often enough to lose little, seldom enough to cost little."""

    def __init__(self, learner: Learner, checkpoints: Checkpoints, resumed: bool) -> None:
        self.learner, self.checkpoints = learner, checkpoints
        self.saved = learner.told if resumed else None
        self.saved_s, self.took_s = time.monotonic(), 0.0

    def due(self, least_s: float) -> bool:
        if self.saved == self.learner.told or not least_s:
            return self.saved != self.learner.told
        # However long one takes: more than a minute of work is never done again.
        wait_s = min(max(least_s, SAVE_COST * self.took_s), SAVE_STEP_S)
        return time.monotonic() - self.saved_s >= wait_s

    def save(self) -> Saved:
        """Writes a checkpoint unless this very state is written already."""
        if self.saved != self.learner.told:
            began_s = time.monotonic()
            self.learner.save(self.checkpoints)
            self.saved, self.saved_s = self.learner.told, time.monotonic()
            self.took_s = self.saved_s - began_s
        return Saved(self.learner.step)


def _check(learner: Learner, source: Source, index: Indices) -> Generator[Checked, None, tuple[float, float]]:
    """Mean loss and accuracy over `index`."""
    sums, said_s = torch.zeros_like(learner.sums), time.monotonic()
    for start in range(0, len(index), CHECK_BATCH):
        sums += learner.check(*source.plain(index[start : start + CHECK_BATCH]))
        if time.monotonic() - said_s >= SAY_S:
            said_s = time.monotonic()
            yield Checked(min(start + CHECK_BATCH, len(index)), len(index))
    return _means(sums.tolist())


def _back(learner: Learner) -> WentBack:
    epoch = learner.epoch + 1
    learner.go_back()
    rate = learner.recipe.learning_rate * learner.rate_scale
    place = f"epoch {learner.epoch}, the best so far," if learner.best is not None else "the beginning"
    sentence = (
        f"The loss grew beyond all numbers in epoch {epoch}. The run went back to {place} and goes on with a tenth of "
        f"the learning rate, {rate:.2g}."
    )
    return WentBack(learner.step, learner.epoch, rate, sentence)


def _look(learner: Learner, source: Source, strip: Indices | None) -> Glimpse | None:
    if strip is None or not len(strip):
        return None
    return glimpse(learner.shown, *source.plain(strip))


def _finished(learner: Learner, diverged: bool) -> Finished:
    best = learner.best
    assert best is not None  # the first check that ends in a number is the best so far
    if diverged:
        reason = Reason.DIVERGED
        sentence = (
            f"The loss grew beyond all numbers again after epoch {learner.epoch}, at a tenth of the learning rate. The "
            f"best model, of epoch {best.epoch}, is kept; a much smaller learning rate would go further."
        )
    elif learner.epoch < learner.recipe.epochs:
        reason = Reason.EARLY
        sentence = (
            f"Stopped after epoch {learner.epoch}: nothing better than epoch {best.epoch} came in "
            f"{learner.recipe.patience} epochs."
        )
    else:
        reason = Reason.DONE
        sentence = f"All epochs are done; epoch {best.epoch} was the best."
    return Finished(reason, sentence, learner.step, best.epoch, best.val_loss, best.val_accuracy)

"""Everything that changes while a network learns, in one object that can be written down and taken up again."""

from __future__ import annotations

import copy
import gc
import hashlib
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from core.errors import StudioError
from core.learning.checkpoint import Checkpoints, Weights
from core.learning.networks import Network, build
from core.recipe import Recipe

Head = tuple[NDArray[np.float32], NDArray[np.float32]]  # weight (K, D), bias (K,)
AVERAGE_EVERY = 4  # steps: each time it costs a pass over all weights
COOLED = 0.3  # what is left of a warm start's logits before it learns (docs/decisions.md)
LOWER = 0.1  # what is left of the learning rate after the loss grew beyond all numbers


@dataclass(frozen=True, slots=True)
class Best:
    step: int
    epoch: int
    val_loss: float
    val_accuracy: float


def mix(*numbers: int) -> int:
    """A 63-bit seed from a few integers, the same on every machine."""
    packed = struct.pack(f"<{len(numbers)}q", *numbers)
    return int.from_bytes(hashlib.blake2b(packed, digest_size=8).digest(), "little") >> 1


def choose_device(wanted: str) -> torch.device:
    """The device that a setting (auto, cuda, mps, cpu) names. Raises StudioError where the machine has none."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, usable in there.items() if usable))
    if not there.get(wanted):
        raise StudioError(f"This machine has no {wanted} that PyTorch can use. Set DARKROOM_DEVICE to auto or cpu.")
    return torch.device(wanted)


def learning_rate(recipe: Recipe, step: int, total: int) -> float:
    """For the step after `step` steps: a function of the step alone, so there is no schedule to save."""
    warmup = round(recipe.warmup_share * total)
    if step < warmup:
        return recipe.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, total - warmup)  # 0..1
    if recipe.schedule == "cosine":
        return recipe.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)
    if recipe.schedule == "step":
        return recipe.learning_rate * 0.1 ** int(done * 3)
    return recipe.learning_rate


def memory_layout(recipe: Recipe) -> torch.memory_format:
    """How inputs and weights lie in memory."""
    return torch.channels_last if recipe.layout == "channels_last" else torch.contiguous_format


def _memory_ran_out(error: RuntimeError) -> bool:
    # The processor's allocator has no exception of its own.
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def _optimizer(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},  # biases and norms
    ]
    rate = recipe.learning_rate
    match recipe.optimizer:
        case "sgd":
            return torch.optim.SGD(groups, rate, momentum=0.9, nesterov=True, fused=True)
        case "adam":
            return torch.optim.Adam(groups, rate, fused=True)
        case "rmsprop":
            return torch.optim.RMSprop(groups, rate, alpha=0.9, momentum=0.9)
        case _:
            return torch.optim.AdamW(groups, rate, fused=True)


def _pairs(averaged: nn.Module, network: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """What is averaged, and of what: listing it takes as long as averaging it."""
    mine, theirs = ([*one.parameters(), *one.buffers()] for one in (averaged, network))
    pairs = [(a, b) for a, b in zip(mine, theirs, strict=True) if a.is_floating_point()]
    return [a for a, _ in pairs], [b for _, b in pairs]


class Learner:
    """A network with its optimizer, its averaged weights, its place in the run and its best weights so far."""

    def __init__(
        self,
        recipe: Recipe,
        labels: int,
        device: torch.device,
        head: Head | None,
        fingerprint: str,
        begin: Mapping[str, Weights | None] | None = None,
        skipped: int = 0,
    ) -> None:
        """Learns from pixels, or from what so many `skipped` first stages give of them."""
        self.recipe, self.labels, self.device, self.head = recipe, labels, device, head
        self.fingerprint, self.begin, self.skipped = fingerprint, begin, skipped
        # Loss, right answers, images of the epoch under way; read rarely, because reading waits for the device.
        self.sums = torch.zeros(3, device=device, dtype=torch.float32 if device.type == "mps" else torch.float64)
        self.best: Best | None = None
        self.best_weights: Weights = {}
        self.rate_scale = 1.0  # LOWER once it went back
        self.parts = 1  # a batch is worked through in so many
        self._begin()

    def _begin(self) -> None:
        self.network = build(self.recipe.architecture, self.labels, self.recipe)
        if self.head is not None:
            self.network.load_head(*self.head)
        if self.begin is not None and (known := self.begin["network"]) is not None:
            self.network.load_state_dict(known)
        self.network.freeze(False, self.recipe.frozen_stages)
        self.network.skip(self.skipped)
        self.network.to(self.device)
        self.arrange(self.recipe)
        self.averaged: Network | None = copy.deepcopy(self.network) if self.recipe.ema else None
        if self.averaged is not None and self.begin is not None and (known := self.begin["averaged"]) is not None:
            self.averaged.load_state_dict(known)
        self._pairs = _pairs(self.averaged, self.network) if self.averaged is not None else ([], [])
        self.optimizer = _optimizer(self.recipe, self.network)
        self.epoch = self.batch = self.step = 0  # whole epochs done; batches done in this one; steps in all
        # Where the windows of the curve end, each with what `sums` was there: the last one that was told of (0 sums at
        # the begin of an epoch), then those that wait to be told of.
        self.marks: list[tuple[int, Tensor]] = []

    def arrange(self, recipe: Recipe) -> None:
        """Computes as that recipe says from now on, with the weights in its layout."""
        self.recipe = recipe
        self.layout = memory_layout(recipe)
        self.network.to(memory_format=self.layout)

    def go_back(self) -> None:
        """To the best epoch so far, or to the begin where there is none, and on from there at a lower rate.

        Not to the newest checkpoint: when that was written depends on the clock, and the run would end elsewhere each
        time. The optimizer begins anew, because its moments are what led here.
        """
        self._begin()
        self.rate_scale *= LOWER
        if self.best is not None:
            self.epoch, self.step = self.best.epoch, self.best.step
            for network in filter(None, (self.network, self.averaged)):
                network.load_state_dict(self.best_weights)
            if self.step == 0:
                self.cool()

    def cool(self) -> None:
        """Makes the head of a warm start less sure of itself; its answers stay what they are.

        It was fitted on the very pictures that are learned from and knows each by heart: as sure as it is of them, it
        would leave hardly a gradient for the stages before it.
        """
        if self.head is None:
            return
        with torch.no_grad():
            for network in filter(None, (self.network, self.averaged)):
                network.last.weight.mul_(COOLED)
                network.last.bias.mul_(COOLED)

    @property
    def went_back(self) -> bool:
        return self.rate_scale < 1

    # ---- learning

    def begin_epoch(self) -> None:
        self.network.train()
        self.network.freeze(self.epoch < self.recipe.freeze_epochs, self.recipe.frozen_stages)
        if self.batch == 0:
            self.sums.zero_()
            self.marks = [(self.step, self.sums.clone())]

    def learn(self, inputs: Tensor, targets: Tensor, rate: float) -> bool:
        """One optimizer step at that learning rate. True when the batch did not fit and is cut smaller from now on.

        Raises MemoryError when not even two pictures fit.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        halved = False
        while (scores := self._gradients(inputs, targets)) is None:
            # Here the error is forgotten, and with it all that the failed pass held.
            if self.parts_of(len(targets)) == len(targets) // 2:
                raise MemoryError
            halved, self.parts = True, 2 * self.parts
            gc.collect()
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
        self.optimizer.step()
        self.batch, self.step = self.batch + 1, self.step + 1
        self._average()
        self.sums += scores
        return halved

    def parts_of(self, images: int) -> int:
        """How many parts a batch is worked through in. None is of one picture alone, see `loop.cut`."""
        return max(1, min(self.parts, images // 2))

    def _gradients(self, inputs: Tensor, targets: Tensor) -> Tensor | None:
        """Puts the gradients of the batch's mean loss in place and gives its scores; None: memory ran out."""
        seed = mix(self.recipe.seed, self.step)  # dropout becomes a function of the step
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)
        self.optimizer.zero_grad(set_to_none=True)
        scores = torch.zeros_like(self.sums)
        try:
            parts = self.parts_of(len(targets))
            for some, wanted in zip(inputs.tensor_split(parts), targets.tensor_split(parts), strict=True):
                with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16"):
                    logits = self.network(some.contiguous(memory_format=self.layout))
                logits = logits.float()
                loss = functional.cross_entropy(logits, wanted, label_smoothing=self.recipe.label_smoothing)
                (loss * (len(wanted) / len(targets))).backward()  # type: ignore[no-untyped-call]
                scores += self._score(logits.detach(), wanted)
        except RuntimeError as error:
            if not _memory_ran_out(error):
                raise
            return None
        return scores

    def _average(self) -> None:
        if self.averaged is None or self.step % AVERAGE_EVERY:
            return
        keep = self.recipe.ema
        if self.head is None and self.begin is None:
            # Young averages forget quickly, else the first random weights would stay for long.
            keep = min(keep, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(*self._pairs, 1 - keep**AVERAGE_EVERY)

    def mark(self) -> None:
        """A window of the curve ends after this step."""
        if self.marks[-1][0] != self.step:
            self.marks.append((self.step, self.sums.clone()))

    # ---- checking

    @property
    def shown(self) -> Network:
        """The network that is checked and kept."""
        return self.averaged if self.averaged is not None else self.network

    def check(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """(sum of the losses, right answers, images) of a batch, without learning from it."""
        with torch.inference_mode():
            return self._score(self.shown.eval()(inputs).float(), targets).clone()

    def _score(self, logits: Tensor, targets: Tensor) -> Tensor:
        loss = functional.cross_entropy(logits, targets, reduction="sum")  # as in checks: without smoothing
        right = (logits.argmax(1) == targets).sum()
        return torch.stack([loss.to(self.sums), right.to(self.sums), torch.full_like(self.sums[0], len(targets))])

    def end_epoch(self, val_loss: float, val_accuracy: float, epoch: int) -> bool:
        """The epoch is over and was checked. True when it is the best so far."""
        self.epoch, self.batch = epoch, 0
        best = self.best
        if best is not None and (val_accuracy, -val_loss) <= (best.val_accuracy, -best.val_loss):
            return False
        self.best = Best(self.step, epoch, val_loss, val_accuracy)
        self.best_weights = {name: value.detach().cpu().clone() for name, value in self.shown.state_dict().items()}
        return True

    @property
    def place(self) -> tuple[int, int, int]:
        """Whole epochs, batches of this epoch, steps in all."""
        return self.epoch, self.batch, self.step

    @property
    def told(self) -> tuple[int, ...]:
        """Its place, and the last window that was told of: what has to be saved anew when it moved."""
        return *self.place, self.marks[0][0] if self.marks else 0

    @property
    def tired(self) -> bool:
        """No new best for as many epochs as the recipe has patience."""
        since = self.epoch - (self.best.epoch if self.best else 0)
        return 0 < self.recipe.patience <= since

    # ---- writing down

    def save(self, checkpoints: Checkpoints) -> None:
        state = {
            "fingerprint": self.fingerprint,
            "torch": str(torch.__version__),
            "place": list(self.place),
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict() if self.averaged is not None else None,
            "optimizer": self.optimizer.state_dict(),
            "sums": self.sums,
            "marks": self.marks,
            "rate_scale": self.rate_scale,
            "parts": self.parts,
            "best": asdict(self.best) if self.best else None,
        }
        checkpoints.save(self.step, state, (self.best.step, self.best_weights) if self.best else None)

    def resume(self, checkpoints: Checkpoints) -> bool:
        """Goes on from the newest checkpoint; False: there is none. Raises StudioError when it is not of this run."""
        found = checkpoints.load(self.device)
        if found is None:
            return False
        state, best = found
        if state["fingerprint"] != self.fingerprint:
            raise StudioError("The settings or the pictures changed since this run began. Start a new run.")
        self.epoch, self.batch, self.step = state["place"]
        self.network.load_state_dict(state["network"])
        if self.averaged is not None:
            self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.sums.copy_(state["sums"])
        self.marks = [(step, sums) for step, sums in state["marks"]]
        self.rate_scale, self.parts = state["rate_scale"], state["parts"]
        self.best = Best(**state["best"]) if state["best"] else None
        self.best_weights = best[1] if best else {}
        return True


def fingerprint(recipe: Recipe, labels: Sequence[str], *arrays: NDArray[np.int64]) -> str:
    """Names the settings and the data a checkpoint belongs to."""
    digest = hashlib.sha256(repr((sorted(recipe.as_dict().items()), list(labels))).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array, np.int64).tobytes())
    return digest.hexdigest()


def load_best(checkpoints: Checkpoints, labels: Sequence[str], recipe: Recipe) -> Network:
    """The best network of a training, on the CPU, ready to answer. Raises StudioError when there is none."""
    weights: Mapping[str, Tensor] | None = checkpoints.best()
    if weights is None:
        raise StudioError("This run was stopped before its first epoch was over, so there is no model to keep.")
    network = build(recipe.architecture, len(labels), recipe)
    network.load_state_dict(weights)
    return network.eval()

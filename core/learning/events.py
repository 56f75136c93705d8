"""What a training says as it happens. Losses are mean cross-entropy per image in nats, accuracies 0..1."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    DONE = "done"
    EARLY = "early"  # no new best for `patience` epochs
    DIVERGED = "diverged"  # the loss is no number any more, for the second time; the best model is kept


@dataclass(frozen=True, slots=True)
class Prepared:
    """The first event of every attempt."""

    total_steps: int
    epochs: int
    train_images: int
    validation_images: int
    device: str
    resumed_at: int  # the step this attempt begins after; 0: at the beginning


@dataclass(frozen=True, slots=True)
class Stepped:
    """A window of the curve is over: at the same steps however often the run is broken off, told of a little later."""

    step: int  # optimizer steps since the run began, from 1
    epoch: int  # the epoch under way, from 1
    train_loss: float  # over the images of the window, as the network saw them: varied, with dropout
    train_accuracy: float
    learning_rate: float
    images_per_s: float


@dataclass(frozen=True, slots=True)
class Advanced:
    """Within a window that takes long, about four times a second."""

    step: int
    epoch: int  # the epoch under way, from 1


@dataclass(frozen=True, slots=True)
class Checked:
    """A validation is under way, so far along."""

    done: int  # images
    images: int


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What the network says of the pictures of the film strip, each in turn."""

    said: tuple[tuple[tuple[int, float], ...], ...]  # (label, share): the best few and the right one, best first
    maps: tuple[bytes, ...]  # class activation of the best label, a byte a place, 0..255
    shape: tuple[int, int]  # rows and columns of a map


@dataclass(frozen=True, slots=True)
class Validated:
    """After every epoch; epoch 0 is the head that a run starts from."""

    step: int
    epoch: int
    train_loss: float | None  # over the whole epoch; None for epoch 0
    train_accuracy: float | None
    val_loss: float
    val_accuracy: float
    best: bool  # the best so far
    glimpse: Glimpse | None = None  # where there is a strip to look at


@dataclass(frozen=True, slots=True)
class Saved:
    step: int


@dataclass(frozen=True, slots=True)
class Halved:
    """A batch did not fit into memory: it is worked through in parts from now on, with the same sum of gradients."""

    step: int
    pictures: int  # in a part


@dataclass(frozen=True, slots=True)
class WentBack:
    """The loss was no number any more: it goes on from an earlier epoch, more slowly. What came after that is void."""

    step: int
    epoch: int  # whole epochs done there
    learning_rate: float  # the highest from now on
    sentence: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event. A training that is closed ends without one."""

    reason: Reason
    sentence: str
    step: int
    best_epoch: int
    val_loss: float  # of the best epoch
    val_accuracy: float


Event = Prepared | Stepped | Advanced | Checked | Validated | Saved | Halved | WentBack | Finished

"""What a training does, in full. A person turns two dials, architecture and epochs; `derive` works out the rest.

The run records its recipe, so that the same recipe on the same version gives the same model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from core import architectures
from core.errors import Refused
from core.records import TrainingSpec

PRECISIONS = ("auto", "fp32", "bf16")
LAYOUTS = ("auto", "contiguous", "channels_last")


@dataclass(frozen=True, slots=True)
class Recipe:
    architecture: str
    epochs: int
    side: int  # px
    batch_size: int
    optimizer: str  # sgd, adam, adamw, rmsprop
    learning_rate: float  # the highest of the schedule
    weight_decay: float
    schedule: str  # cosine, constant, step
    warmup_share: float  # 0..1 of all steps, during which the rate grows from nothing
    augmentation: str  # none, light, strong
    mirror: bool  # pictures may be flipped left to right
    dropout: float  # 0..1, before the last layer
    label_smoothing: float  # 0..1
    ema: float  # how much the averaged weights keep at a step; 0: no average
    warm_start: bool  # begin with the head of the instant model
    freeze_epochs: int  # so many first epochs train the last layer alone
    frozen_stages: int  # so many first stages of the packaged network do not learn
    patience: int  # stop after so many epochs without a new best; 0: never
    activation: str  # relu, sigmoid: of the hidden layer of the small networks
    validation_share: float  # 0..1 of the images that have no split of their own
    seed: int
    threads: int  # CPU threads; their number changes the last bits of a sum, so it is part of the recipe
    precision: str  # auto, fp32, bf16 (in steps; checks are fp32 always); auto: the machine is timed before the run
    layout: str  # auto, contiguous, channels_last: how pictures and weights lie in memory

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Field:
    """How a person may set one part of a recipe; forms and `--set` are made from it."""

    name: str
    title: str
    words: str
    kind: type  # int, float, bool or str
    low: float = 0
    high: float = 0
    choices: tuple[str, ...] = ()  # of a str


FIELDS = (
    Field("side", "Picture size", "Side of the square that pictures are resized to, in pixels.", int, 8, 1024),
    Field("batch_size", "Batch size", "Pictures looked at before each small correction.", int, 2, 512),
    Field("learning_rate", "Learning rate", "How large each correction is.", float, 1e-6, 10),
    Field("optimizer", "Optimizer", "How corrections are made.", str, choices=("adamw", "adam", "sgd", "rmsprop")),
    Field("weight_decay", "Weight decay", "Pulls weights towards zero, against memorising.", float, 0, 1),
    Field("schedule", "Schedule", "How the rate changes over the run.", str, choices=("cosine", "constant", "step")),
    Field("warmup_share", "Warm-up", "Share of the run in which the rate grows from nothing.", float, 0, 0.5),
    Field("augmentation", "Augmentation", "How much pictures are varied.", str, choices=("none", "light", "strong")),
    Field("mirror", "Mirror", "Also show pictures flipped left to right; not for text or arrows.", bool),
    Field("dropout", "Dropout", "Share of the last layer's inputs left out at random.", float, 0, 0.9),
    Field("label_smoothing", "Label smoothing", "How much doubt is put into every label.", float, 0, 0.5),
    Field("ema", "Averaged weights", "Share kept at each step by the averaged weights; 0 for none.", float, 0, 0.9999),
    Field("warm_start", "Start from the instant model", "Begin where the instant model already is.", bool),
    Field("freeze_epochs", "Head first", "So many first epochs train the last layer alone.", int, 0, 1000),
    Field("frozen_stages", "Stages left alone", "So many first stages of a pretrained body do not learn.", int, 0, 9),
    Field("patience", "Patience", "Stop after so many epochs without a new best; 0 for never.", int, 0, 1000),
    Field("activation", "Activation", "Of the hidden layer of the small networks.", str, choices=("relu", "sigmoid")),
    Field("validation_share", "Validation share", "Share of the pictures kept for checking.", float, 0.05, 0.5),
    Field("seed", "Seed", "The same seed gives the same model again.", int, 0, 2**31 - 1),
    Field("threads", "Threads", "CPU threads.", int, 1, 256),
    Field("precision", "Precision", "Of the sums in a step; auto: what is fastest here.", str, choices=PRECISIONS),
    Field("layout", "Memory layout", "Of pictures and weights; auto: what is fastest here.", str, choices=LAYOUTS),
)
_FIELDS = {field.name: field for field in FIELDS}
MOST_EPOCHS = 1000
DIGIT_RATE = 8e-3  # of the small network for digits: eight times what the others bear (docs/decisions.md)
WARM_RATE, WARM_BATCH = 5e-4, 32  # of a warm start, and pictures of a batch it is right for (docs/decisions.md)
FROZEN_STAGES = 4  # of nine: what edges and textures look like, no few hundred pictures know better (docs/decisions.md)


def _field(name: str) -> Field:
    if name not in _FIELDS:
        raise Refused(f"There is no setting called {name!r}. There are: {', '.join(_FIELDS)}.", "unknown_setting")
    return _FIELDS[name]


def _check(field: Field, value: Any) -> Any:
    """The value in the field's type. Raises Refused with what it may be."""
    wanted = {bool: "yes or no", int: f"a whole number from {field.low:g} to {field.high:g}"}.get(
        field.kind, f"a number from {field.low:g} to {field.high:g}"
    )
    if field.kind is str:
        wanted = f"one of {', '.join(field.choices)}"
    fits = {
        bool: lambda: isinstance(value, bool),
        str: lambda: value in field.choices,
        int: lambda: isinstance(value, int) and not isinstance(value, bool) and field.low <= value <= field.high,
        float: lambda: (
            isinstance(value, int | float) and not isinstance(value, bool) and field.low <= value <= field.high
        ),
    }[field.kind]()
    if not fits:
        raise Refused(f"{field.title} ({field.name}) is {value!r}, but must be {wanted}.", "setting_out_of_range")
    return field.kind(value)


def parse_override(name: str, text: str) -> Any:
    """The value of `--set name=text`. Raises Refused."""
    field = _field(name)
    value: Any = text.strip()
    try:
        if field.kind is bool:
            value = {
                "yes": True,
                "true": True,
                "on": True,
                "1": True,
                "no": False,
                "false": False,
                "off": False,
                "0": False,
            }[value.lower()]
        elif field.kind in (int, float):
            value = field.kind(value)
    except (ValueError, KeyError):
        pass  # stays text, which the check refuses in words
    return _check(field, value)


def derive(spec: TrainingSpec, images: int, labels: int, cores: int) -> Recipe:
    """The recipe for `images` training images of `labels` labels on a machine with so many cores.

    Raises:
        NotFound: no such architecture.
        Refused: an override is unknown or out of range, or the number of epochs is.
    """
    card = architectures.get(spec.architecture)
    if not 1 <= spec.epochs <= MOST_EPOCHS:
        raise Refused(f"Epochs is {spec.epochs}, but must be from 1 to {MOST_EPOCHS}.", "setting_out_of_range")
    chosen = {name: _check(_field(name), value) for name, value in spec.overrides.items()}
    if (side := chosen.get("side", card.side)) < card.least_side:
        raise Refused(
            f"Picture size (side) is {side}, but {card.title} needs at least {card.least_side}.", "setting_out_of_range"
        )
    if chosen.get("frozen_stages") and not card.packaged:
        packaged = architectures.get(architectures.PACKAGED).title
        raise Refused(f"Only {packaged} has stages that can be left alone (frozen_stages).", "setting_out_of_range")
    batch = chosen.get("batch_size", _batch_size(images, 32 if card.side >= 128 else 64))
    steps = spec.epochs * max(1, images // batch)
    optimizer = chosen.get("optimizer", "adamw")
    # The instant model's head is one of the packaged network's vectors.
    warm = chosen.get("warm_start", card.packaged) and card.packaged
    derived = {
        "side": card.side,
        "batch_size": batch,
        "optimizer": optimizer,
        "learning_rate": _learning_rate(card, optimizer, batch, warm),
        "weight_decay": 1e-4 if optimizer in ("sgd", "adam", "rmsprop") else 0.02,
        "schedule": "cosine",
        "warmup_share": 0.1 if card.side >= 128 else 0.05,
        "augmentation": "none" if card.name in ("mlp", "digit-cnn") else "light",
        "mirror": card.name not in ("mlp", "digit-cnn"),
        "dropout": 0.2 if card.pretrained or card.name == "mobilenetv3-small" else 0.3,
        "label_smoothing": 0.05 if labels > 2 and card.side >= 128 else 0.0,
        "ema": _averaging(card, steps, warm),
        "freeze_epochs": 1 if card.pretrained and not warm and spec.epochs > 1 else 0,
        "frozen_stages": FROZEN_STAGES if card.packaged else 0,
        "patience": max(5, spec.epochs // 3) if spec.epochs >= 12 else 0,
        "activation": "relu",
        "validation_share": 0.2,
        "seed": 0,
        "threads": max(1, min(cores, 16)),
        "precision": "auto",
        "layout": "auto",
    }
    return Recipe(architecture=card.name, epochs=spec.epochs, **{**derived, **chosen, "warm_start": warm})


def _averaging(card: architectures.Architecture, steps: int, warm: bool) -> float:
    # What a warm start knows is lost first and won back later: an average keeps it meanwhile, in the shortest run too.
    if steps < 100:
        return 0.95 if warm else 0.0
    return 0.98 if card.side >= 128 else 0.0


def _batch_size(images: int, most: int) -> int:
    """A power of two that leaves about ten steps an epoch."""
    size = 4
    while size < most and size * 20 <= images:
        size *= 2
    return size


def _learning_rate(card: architectures.Architecture, optimizer: str, batch: int, warm: bool) -> float:
    # A dense layer of ten thousands of inputs answers a large step with a leap.
    careful = card.name in ("plain-cnn", "three-block-cnn") or card.timm
    adaptive = 1e-4 if card.pretrained else 3e-4 if careful else 1e-3
    if optimizer in ("adamw", "adam"):  # the others were not measured
        if card.name == "digit-cnn":
            return DIGIT_RATE
        if warm:
            # By the root of the batch, as adaptive optimizers bear it (Malladi et al. 2022, arXiv:2205.10287).
            return round(WARM_RATE * math.sqrt(batch / WARM_BATCH), 6)
    return {"sgd": 20 * adaptive, "rmsprop": adaptive / 3}.get(optimizer, adaptive)


def from_dict(values: Mapping[str, Any]) -> Recipe:
    """A recorded recipe; names it did not have yet when it was recorded are an error, not a guess. Raises Refused."""
    names = {field.name for field in fields(Recipe)}
    if set(values) != names:
        raise Refused(f"This recipe is of another program version: {', '.join(sorted(set(values) ^ names))} differ.")
    return Recipe(**values)


def checked(values: Mapping[str, Any]) -> Recipe:
    """A recipe from elsewhere, every part of it within what a person may choose. Raises Refused, NotFound."""
    found = from_dict(values)
    card = architectures.get(found.architecture) if isinstance(found.architecture, str) else None
    if card is None or not isinstance(found.epochs, int) or not 1 <= found.epochs <= MOST_EPOCHS:
        raise Refused(f"Epochs must be from 1 to {MOST_EPOCHS}, of an architecture.", "setting_out_of_range")
    sound = replace(found, **{field.name: _check(field, values[field.name]) for field in FIELDS})
    if sound.side < card.least_side:
        raise Refused(f"Picture size (side) is {sound.side}, but at least {card.least_side} is needed.", "side")
    return sound

"""What a search may turn: dials, the points where they stand, and the settings that a point means.

Rates and sizes are searched as multiples of what the recipe has for that architecture: one good learning rate of all
architectures there is not. A point at which every dial stands as in the recipe means the recipe itself.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core import architectures, recipe, weights
from core.architectures import Architecture
from core.errors import Refused
from core.ports import Files
from core.records import SearchKind, TrainingSpec

Point = Mapping[str, Any]  # dial -> value
Space = Mapping[str, Sequence[Any]]  # dial -> its values; of a range its lowest and highest
SIDE_STEP = 8  # px
MOST_POINTS = 1000  # of a grid


@dataclass(frozen=True, slots=True)
class Dial:
    name: str  # of the recipe's part
    title: str
    values: tuple[Any, ...]  # to choose among, or of a grid
    times: bool = False  # the values are multiples of what the recipe has
    range: tuple[float, float] | None = None  # any number in between, by its order of magnitude
    usual: bool = True  # searched unless a person says otherwise


ARCHITECTURE = "architecture"
DIALS = (
    Dial(ARCHITECTURE, "Architecture", ()),
    Dial("learning_rate", "Learning rate", (0.3, 1.0, 3.0), times=True, range=(0.1, 10.0)),
    Dial("augmentation", "Augmentation", ("none", "light", "strong")),
    Dial("side", "Picture size", (0.75, 1.0, 1.25), times=True),
    Dial("weight_decay", "Weight decay", (0.1, 1.0, 10.0), times=True, range=(0.1, 10.0)),
    Dial("label_smoothing", "Label smoothing", (0.0, 0.05, 0.1)),
    Dial("mirror", "Mirror", (True, False), usual=False),
    Dial("dropout", "Dropout", (0.0, 0.2, 0.4), usual=False),
    Dial("optimizer", "Optimizer", ("adamw", "sgd"), usual=False),
)
BY_NAME = {dial.name: dial for dial in DIALS}
GRID = (ARCHITECTURE, "learning_rate", "augmentation")  # the usual dials of a grid: more are too many combinations


def at_hand(files: Files) -> list[Architecture]:
    """Those that can be trained at once: nothing has to be fetched first. Pretrained ones first; the cards, then other
    networks whose weights a person brought."""
    there = [card for card in architectures.ARCHITECTURES if weights.at_hand(files, card)]
    there += [card for card in weights.brought(files) if card not in there]
    return sorted(there, key=lambda card: not card.pretrained)


def usual(
    files: Files, kind: SearchKind, chosen: Sequence[str] = (), dials: Sequence[str] = ()
) -> dict[str, list[Any]]:
    """The space for most people: the architectures `chosen` (the pretrained cards at hand unless given), usual dials.

    Raises:
        NotFound: no such architecture. Refused: no such dial.
    """
    # Other networks that somebody brought are offered, but whoever does not choose did not mean them.
    known = [card.name for card in at_hand(files) if card.pretrained and card.size]
    names = list(chosen) or known or [at_hand(files)[0].name]
    wanted = list(dials) or [
        dial.name for dial in DIALS if (dial.name in GRID if kind is SearchKind.GRID else dial.usual)
    ]
    space: dict[str, list[Any]] = {ARCHITECTURE: [architectures.get(name).name for name in names]}
    for name in wanted:
        dial = _dial(name)
        if name != ARCHITECTURE:
            space[name] = list(dial.range if dial.range and kind is not SearchKind.GRID else dial.values)
    return space


def check(kind: SearchKind, space: Space, fixed: Mapping[str, Any], epochs: int) -> None:
    """Raises Refused, NotFound: what cannot be searched, in words."""
    for name, values in space.items():
        dial = _dial(name)
        if name in fixed:
            raise Refused(f"{dial.title} ({name}) cannot be searched and set at once. Leave one of them out.", "dial")
        if not values or len(set(values)) < len(values):
            raise Refused(f"{dial.title} ({name}) needs values to try, each of them once.", "dial")
        if is_range(kind, name) and (len(values) != 2 or not 0 < values[0] < values[1]):
            raise Refused(f"{dial.title} ({name}) needs its lowest and its highest value, both above 0.", "dial")
    if not space.get(ARCHITECTURE):
        raise Refused("Choose at least one architecture to search among.", "dial")
    if all(len(values) < 2 for values in space.values()):
        raise Refused("There is nothing to search: every dial has one value only.", "dial")
    if (size := points(kind, space)) is not None and kind is SearchKind.GRID and size > MOST_POINTS:
        raise Refused(f"{size:,} combinations are too many for a grid. Give fewer dials or values, or search.", "dial")
    for corner in _corners(space):
        spec = settings(corner, fixed, epochs, 100, 2)
        recipe.derive(spec, 100, 2, 1)  # raises in words where a value is out of range


def is_range(kind: SearchKind, name: str) -> bool:
    return kind is not SearchKind.GRID and _dial(name).range is not None


def points(kind: SearchKind, space: Space) -> int | None:
    """How many different points there are; None: any number."""
    if any(is_range(kind, name) for name in space):
        return None
    return math.prod(len(values) for values in space.values())


def combinations(space: Space) -> list[dict[str, Any]]:
    """Every point of a grid."""
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*space.values())]


def own(space: Space, fixed: Mapping[str, Any], epochs: int, images: int, labels: int) -> dict[str, Any]:
    """The recipe's own point, as near as the space has it: where a search begins."""
    architecture = space[ARCHITECTURE][0]
    base = recipe.derive(TrainingSpec(architecture, epochs, dict(fixed)), images, labels, os.cpu_count() or 1)
    point: dict[str, Any] = {ARCHITECTURE: architecture}
    for name, values in space.items():
        if name == ARCHITECTURE:
            continue
        there = 1.0 if BY_NAME[name].times else getattr(base, name)
        inside = there in values or (BY_NAME[name].range and values[0] <= there <= values[-1])
        point[name] = there if inside else values[0]
    return point


def settings(point: Point, fixed: Mapping[str, Any], epochs: int, images: int, labels: int) -> TrainingSpec:
    """What a run at this point is asked for; what the recipe has anyway is left to the recipe."""
    card = architectures.get(str(point[ARCHITECTURE]))
    first = dict(fixed) | ({"optimizer": point["optimizer"]} if "optimizer" in point else {})
    base = recipe.derive(TrainingSpec(card.name, epochs, first), images, labels, os.cpu_count() or 1)
    overrides = dict(fixed)
    for name, value in point.items():
        if name == ARCHITECTURE:
            continue
        before = getattr(recipe.derive(TrainingSpec(card.name, epochs, dict(fixed)), images, labels, 1), name)
        chosen = _multiple(card, name, getattr(base, name), value) if BY_NAME[name].times else value
        # A rate is a multiple of what goes with the optimizer chosen, and needs no mention where it is that very one.
        if chosen != (getattr(base, name) if BY_NAME[name].times else before):
            overrides[name] = chosen
    return TrainingSpec(card.name, epochs, overrides)


def words(point: Point) -> str:
    """*EfficientNet-Lite0, learning rate × 2.1, augmentation strong.*"""
    titles = {name: "" if name == ARCHITECTURE else f"{BY_NAME[name].title.lower()} " for name in point}
    return ", ".join(f"{titles[name]}{value(name, at)}" for name, at in point.items())


def value(name: str, at: Any) -> str:
    """Where a dial stands, for people."""
    if name == ARCHITECTURE:
        return architectures.get(str(at)).title
    if isinstance(at, bool):
        return "yes" if at else "no"
    return f"× {at:.3g}" if BY_NAME[name].times else f"{at:g}" if isinstance(at, float) else str(at)


def parse(name: str, texts: Sequence[str]) -> list[Any]:
    """A dial's values as typed. Raises Refused."""
    dial = _dial(name)
    typed = [text.strip() for text in texts if text.strip()]
    if name == ARCHITECTURE:
        return typed
    if not dial.times:
        return [recipe.parse_override(name, text) for text in typed]
    try:
        return [float(text) for text in typed]
    except ValueError:
        raise Refused(
            f"{dial.title} ({name}) is searched as multiples of the recipe's own: 0.5, 1, 2.", "dial"
        ) from None


def _multiple(card: Architecture, name: str, own: float, times: float) -> float | int:
    if name == "side":
        side = round(own * times / SIDE_STEP) * SIDE_STEP if times != 1 else own
        return int(min(max(side, card.least_side), 512))
    return own if times == 1 else min(float(f"{own * times:.3g}"), 1.0)


def _corners(space: Space) -> list[dict[str, Any]]:
    """Points that together have every value of every dial."""
    most = max(len(values) for values in space.values())
    return [{name: values[at % len(values)] for name, values in space.items()} for at in range(most)]


def _dial(name: str) -> Dial:
    if name not in BY_NAME:
        raise Refused(f"There is no dial called {name!r} to search. There are: {', '.join(BY_NAME)}.", "dial")
    return BY_NAME[name]

"""What timm knows: every network that learns labels, with the weights it can begin with. Facts only, without torch.

They stand in `catalogue.json` beside this file, which `python -m core.learning.catalogue core/catalogue.json` makes of
the pinned timm.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FILE = Path(__file__).with_suffix(".json")
NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class Pretrained:
    """Weights that a network may begin with."""

    tag: str
    side: int  # px; of the pictures they were made with
    mean: tuple[float, float, float]  # 0..1, of the pictures they were made with
    std: tuple[float, float, float]
    licence: str
    hub: str  # name at timm's hub; empty: it is not there
    labels: int  # of their last layer, which is left out; 0: they have none


@dataclass(frozen=True, slots=True)
class Known:
    name: str
    family: str  # of timm's modules
    parameters: int  # without a last layer
    side: int  # px
    fixed: bool  # other picture sizes need another position code
    weights: tuple[Pretrained, ...]  # by tag

    def pretrained(self, tag: str) -> Pretrained | None:
        return next((one for one in self.weights if one.tag == tag), None)


@lru_cache(maxsize=1)
def networks() -> Mapping[str, Known]:
    """By name, sorted."""
    document = json.loads(FILE.read_text(encoding="utf-8"))
    return {name: _known(name, facts) for name, facts in document["networks"].items()}


def _known(name: str, facts: dict[str, object]) -> Known:
    weights = facts.pop("weights")
    assert isinstance(weights, dict)
    each = (
        Pretrained(
            tag,
            said["side"],
            tuple(said["mean"]),
            tuple(said["std"]),
            said["licence"] or NOT_STATED,
            said["hub"],
            said["labels"],
        )
        for tag, said in weights.items()
    )
    return Known(name, **facts, weights=tuple(each))  # type: ignore[arg-type]


def names(known: Known) -> list[str]:
    """What a run may be told: the network that begins with nothing, then with each of its weights."""
    return [known.name, *(f"{known.name}.{one.tag}" for one in known.weights)]


def search(text: str) -> list[str]:
    """The names, with and without tags, in which every word of `text` stands, or in their family."""
    words = text.lower().split()
    everything = ((name, known.family) for known in networks().values() for name in names(known))
    return [name for name, family in everything if all(word in f"{name} {family}" for word in words)]

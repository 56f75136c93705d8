"""Pretrained weights: where they are looked for, and what is asked of a person where they cannot be had.

They lie in the weights folder (`weights` in the data folder) as `NAME.safetensors`, `NAME.pth` or `NAME.pt`, where NAME
is the architecture's name with its tag. Beside one may lie `FILE.sha256`, which it is then held against.
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from pathlib import Path

from core import architectures
from core.architectures import Architecture
from core.errors import NotFound, Refused
from core.ports import Files
from core.records import Choice, TrainingSpec
from core.settings import Settings

ENDINGS = (".safetensors", ".pth", ".pt")  # the first that is there counts
SUM = ".sha256"
HUB_FILE = "model.safetensors"


def find(files: Files, card: Architecture) -> Path | None:
    """The file of the weights in the weights folder."""
    places = [files.weights(f"{card.name}{ending}") for ending in ENDINGS]
    return next((path for path in places if path.is_file()), None)


def at_hand(files: Files, card: Architecture) -> bool:
    """Nothing has to be brought from anywhere."""
    return card.weights is None or find(files, card) is not None


def brought(files: Files) -> list[Architecture]:
    """The networks whose weights lie in the weights folder; files of other names are none of ours."""
    folder = files.weights(HUB_FILE).parent
    names = sorted({path.stem for path in folder.iterdir() if path.suffix in ENDINGS}) if folder.is_dir() else []
    found: list[Architecture] = []
    for name in names:
        with suppress(NotFound):
            found.append(architectures.get(name))
    return [card for card in found if card.weights is not None]


def address(settings: Settings, card: Architecture) -> str:
    """Where the file can be downloaded from; empty: nowhere."""
    if card.weights is None or not card.weights.hub or not settings.hub:
        return ""
    return f"{settings.hub.rstrip('/')}/{card.weights.hub}/resolve/main/{HUB_FILE}"


def choices(settings: Settings, card: Architecture) -> list[Choice]:
    """What a person may answer where the weights are not at hand."""
    return [Choice.DOWNLOAD, Choice.SCRATCH, Choice.PACKAGED][0 if address(settings, card) else 1 :]


def megabytes(card: Architecture) -> str:
    return f"about {max(1, round(card.weights_bytes / 1e6)):,} MB"


def host(settings: Settings) -> str:
    return settings.hub.partition("//")[2].partition("/")[0]


def missing(card: Architecture) -> str:
    """Why a run that is to begin with them cannot."""
    return f"The pretrained weights of {card.title} are not on this machine ({card.name}{ENDINGS[0]})."


def chosen(spec: TrainingSpec, choice: Choice) -> TrainingSpec:
    """What is trained after that answer. Raises Refused where an override does not fit the network any more."""
    card = architectures.get(spec.architecture)
    match choice:
        case Choice.DOWNLOAD:
            return dataclasses.replace(spec, fetch=True)
        case Choice.SCRATCH:
            return dataclasses.replace(spec, architecture=card.from_scratch)
        case Choice.PACKAGED:
            packaged = architectures.get(architectures.PACKAGED)
            if spec.overrides.get("side", packaged.side) < packaged.least_side:
                raise Refused(f"{packaged.title} needs pictures of at least {packaged.least_side} pixels.", "side")
            return dataclasses.replace(spec, architecture=packaged.name)


def asked(spec: TrainingSpec, choice: Choice) -> str:
    """What an answer means, in words."""
    card = architectures.get(spec.architecture)
    return {
        Choice.DOWNLOAD: f"Download {megabytes(card)}",
        Choice.SCRATCH: "Train from scratch",
        Choice.PACKAGED: f"Take {architectures.get(architectures.PACKAGED).title}",
    }[choice]

"""A bundle from elsewhere, taken apart: JSON and safetensors are read, and nothing else is ever opened.

model.onnx is not read either: a graph may name files beside itself. It is made anew from the weights, by our own code.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

from core import architectures, archives, bundles, caution
from core.archives import Entry
from core.bundles import HEAD, HeldOut
from core.packing import manifests, tensors
from core.packing.manifests import refused
from core.records import ModelKind

MIB = 1 << 20
READ = {"model.json": 16 * MIB, "weights.safetensors": 4 << 30, bundles.TRAVELLING: 64 * MIB}  # and the most of each
PASSED_OVER = ("README.md", "run.py", "model.onnx", "known.npz")  # in every bundle, and never opened
MOST_BYTES = 12 << 30  # of all of it, unpacked
MOST_KNOWN = 10_000  # vectors
WIDTH = 1280  # of the packaged network's vector
LEAST_SHARE = 0.9  # of the numbers an architecture has without its last layer


@dataclass(frozen=True, slots=True, eq=False)
class Unwrapped:
    manifest: dict[str, Any]
    weights: Path
    known: HeldOut | None  # `vectors`


def unwrap(bundle: Path, folder: Path) -> Unwrapped:
    """Puts what is read of a bundle into a folder that is there. Raises Refused, `kind` archive or bundle."""
    with archives.opened(bundle, MOST_BYTES) as (source, entries):
        for entry in _wanted(entries):
            _unpack(source, entry, folder / entry.path)
    manifest = manifests.checked(manifests.parse((folder / "model.json").read_bytes()))
    weights = folder / "weights.safetensors"
    width = _require_plausible(tensors.head(weights), manifest)
    if manifest.get("caution", {}).get("by") == caution.BACKBONES:
        width = WIDTH
    return Unwrapped(manifest, weights, _known(folder / bundles.TRAVELLING, width))


def _wanted(entries: list[Entry]) -> list[Entry]:
    """Those that are read. Raises Refused: one too many, one twice, or one missing."""
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.path not in READ and entry.path not in PASSED_OVER:
            raise refused(
                f"The zip holds “{entry.path[:80]}”, which no bundle of Darkroom's does. "
                "Send the zip as it was downloaded there."
            )
        if entry.path in found:
            raise refused(f"The zip holds “{entry.path}” twice.")
        found[entry.path] = entry
    if missing := [name for name in ("model.json", "weights.safetensors") if name not in found]:
        raise refused(f"The zip holds no {missing[0]}, so it is no bundle of Darkroom's.")
    wanted = [entry for name, entry in found.items() if name in READ]
    for entry in wanted:
        if entry.reason is not None:
            raise refused(f"{entry.path}: {entry.reason}")
        if entry.bytes > READ[entry.path]:
            raise refused(f"{entry.path} is larger than that of any model.")
    return wanted


def _unpack(source: ZipFile, entry: Entry, target: Path) -> None:
    if (problem := archives.unpack(source, entry, target, READ[entry.path])) is not None:
        raise refused(f"{entry.path}: {problem}")


def _require_plausible(found: dict[str, tensors.Tensor], manifest: dict[str, Any]) -> int:
    """The weights may be those of that architecture: how many there are, and how many labels they end in. Whether they
    fit, name by name, is for the network to say. Gives the width of the vector before the last layer."""
    labels = len(manifest["labels"])
    if manifest["kind"] == ModelKind.INSTANT:
        wanted = {HEAD[0]: tensors.Tensor("F32", (labels, WIDTH)), HEAD[1]: tensors.Tensor("F32", (labels,))}
        if found != wanted:
            raise refused(f"The weights do not fit the architecture: {_names(found)} instead of {_names(wanted)}.")
        return WIDTH
    card = architectures.get(manifest["architecture"])
    numbers = sum(one.numbers for one in found.values())
    if card.timm and numbers < LEAST_SHARE * card.parameters:
        raise refused(
            f"The weights do not fit the architecture: {numbers:,} numbers, where {card.name} has about "
            f"{card.parameters:,}."
        )
    last = found.get("last.weight")
    if last is None or len(last.shape) != 2 or last.shape[0] != labels:
        raise refused(f"The weights do not fit the architecture: no last layer for {labels:,} labels.")
    return last.shape[1]


def _names(found: dict[str, tensors.Tensor]) -> str:
    some = [f"{name[:40]} {' x '.join(map(str, one.shape))} {one.dtype}" for name, one in sorted(found.items())]
    return ", ".join(some[:3]) or "nothing"


def _known(path: Path, width: int) -> HeldOut | None:
    if not path.is_file():
        return None
    found = tensors.head(path)
    one = found.get("vectors")
    if set(found) != {"vectors"} or one is None or one.dtype != "F16" or len(one.shape) != 2:
        raise refused(f"{path.name} does not hold the vectors of what the model knows.")
    if one.shape[1] != width or not 0 < one.shape[0] <= MOST_KNOWN:
        raise refused(f"{path.name} holds vectors that are not this model's.")
    vectors = bundles.read_tensors(path)["vectors"].astype(np.float32)
    if not bool(np.isfinite(vectors).all()):
        raise refused(f"{path.name} holds numbers that are none.")
    return caution.as_arrays(vectors)


def clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)

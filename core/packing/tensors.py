"""A file of safetensors from elsewhere: its head is read and added up here before any library opens it.

The format: 8 bytes with the length of the head, the head as JSON {name: {dtype, shape, data_offsets}}, the numbers.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import Refused
from core.packing.manifests import refused

MOST_HEAD_BYTES = 16 << 20
MOST_TENSORS = 50_000
MOST_SIDES, MOST_SIDE = 8, 1 << 32
MOST_NAME = 300  # characters
WIDTHS = {"F32": 4, "F16": 2, "I64": 8}  # bytes of what a network of ours holds
METADATA = "__metadata__"


@dataclass(frozen=True, slots=True)
class Tensor:
    dtype: str
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        return math.prod(self.shape)


def head(path: Path) -> dict[str, Tensor]:
    """What is in the file, by name. Raises Refused where it is not exactly what it says."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(MOST_HEAD_BYTES, size - 8):
            raise _damaged("its head is longer than it may be")
        told = _parsed(file.read(length))
    found: dict[str, Tensor] = {}
    spans: list[tuple[int, int]] = []
    for name, one in told.items():
        if name == METADATA:
            continue
        if len(found) >= MOST_TENSORS or len(name) > MOST_NAME:
            raise _damaged("it names more than a network has")
        found[name], span = _tensor(one)
        spans.append(span)
    end = 0
    for first, last in sorted(spans):
        if first != end:
            raise _damaged("its parts overlap, or leave gaps")
        end = last
    if end != size - 8 - length:
        raise _damaged("it is longer or shorter than it says")
    return found


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        told = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError, MemoryError):
        raise _damaged("its head is no JSON") from None
    if not isinstance(told, dict):
        raise _damaged("its head names no tensors")
    return told


def _tensor(told: Any) -> tuple[Tensor, tuple[int, int]]:
    if not isinstance(told, dict) or told.get("dtype") not in WIDTHS:
        raise _damaged("it holds numbers of a kind that no network of Darkroom has")
    shape, span = _whole(told.get("shape"), MOST_SIDES), _whole(told.get("data_offsets"), 2)
    if shape is None or span is None or len(span) != 2:
        raise _damaged("it says no shape, or no place, for a tensor")
    found = Tensor(told["dtype"], tuple(shape))
    if span[1] - span[0] != found.numbers * WIDTHS[found.dtype]:
        raise _damaged("a shape and its numbers do not fit each other")
    return found, (span[0], span[1])


def _whole(told: Any, most: int) -> list[int] | None:
    """A list of at most so many whole numbers; None where it is anything else."""
    if not isinstance(told, list) or len(told) > most:
        return None
    whole = all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= MOST_SIDE for one in told)
    return told if whole else None


def _damaged(why: str) -> Refused:
    return refused(f"The weights cannot be read: {why}.")

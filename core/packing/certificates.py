"""The same-answer certificate: another form of a model and `model.onnx`, asked about the same held-out pictures."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (H, W, 3)
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Certificate:
    """What two forms of a model said of the same pictures."""

    pictures: int
    agreement: float  # share of the pictures with the same first label, 0..1
    difference: float  # the largest between two probabilities of one label for one picture, 0..1
    accuracy: float  # of this form on these pictures, 0..1
    reference_accuracy: float  # of model.onnx on these pictures, 0..1
    bytes: int  # of the file
    reference_bytes: int  # of model.onnx
    milliseconds: float  # median for one picture, model alone, one thread
    reference_milliseconds: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What a graph answers."""

    probabilities: Floats  # (pictures, labels)
    milliseconds: float  # median for one picture


def ask(graph: bytes, pictures: Sequence[Pixels]) -> Said:
    """Asks an ONNX graph about pictures one by one, on one thread: comparable whoever else is at work."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # conversions leave constants behind that ONNX Runtime would talk about
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    found, times = [], []
    for picture in pictures:
        began_s = time.perf_counter()
        found.append(session.run(["probabilities"], {"image": picture[None]})[0][0])
        times.append(time.perf_counter() - began_s)
    return Said(np.array(found, np.float32), 1000 * statistics.median(times))


def certify(reference: Said, other: Said, targets: NDArray[np.int64], sizes: tuple[int, int]) -> Certificate:
    """Compares two forms.

    Args:
        targets: (pictures,) the true labels' places.
        sizes: bytes of the reference's file and of the other's.
    """
    first, second = reference.probabilities.argmax(1), other.probabilities.argmax(1)
    return Certificate(
        len(targets),
        float((first == second).mean()),
        float(np.abs(reference.probabilities - other.probabilities).max()),
        float((second == targets).mean()),
        float((first == targets).mean()),
        sizes[1],
        sizes[0],
        other.milliseconds,
        reference.milliseconds,
    )

"""ONNX graphs, put together without torch: preprocessing in front, a head behind.

Every graph takes pictures as they come: uint8 RGB (N, H, W, 3) of any size, upright. The whole picture is squashed to a
square inside the graph (antialiased, as PIL does it), so nobody who runs a model has to know how it was trained.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, compose, helper, numpy_helper

OPSET = 18  # the first whose Resize has `antialias`
IR_VERSION = 10
BACKBONE = "backbone"
BACKBONE_VECTOR = "backbone_vector"  # the output of a model that carries the packaged network beside its own
LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R 601, as PIL's "L"


def _constant(name: str, values: Any, dtype: Any = np.float32) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def with_preprocessing(
    core: onnx.ModelProto,
    side: int,
    mean: Sequence[float],
    std: Sequence[float],
    grey: bool = False,
    name: str = "image",
) -> onnx.ModelProto:
    """`core` with resizing and normalising in front.

    Args:
        core: its one input is float32 (N, 1 or 3, side, side), normalised; changed in place.
        mean, std: of each channel of that input, in shares of 255.
        grey: the input has one channel, the luminance.
        name: of the new input, uint8 RGB (N, H, W, 3).
    """
    graph = core.graph
    [inner] = [value.name for value in graph.input]
    scale, shift = 1 / (255 * np.asarray(std)), -np.asarray(mean) / np.asarray(std)
    graph.initializer.extend(
        [
            _constant("pre.square", (side, side), np.int64),
            _constant("pre.scale", scale.reshape(1, -1, 1, 1)),
            _constant("pre.shift", shift.reshape(1, -1, 1, 1)),
        ]
    )
    nodes = [
        helper.make_node("Transpose", [name], ["pre.planes"], "pre.transpose", perm=(0, 3, 1, 2)),
        # All four sizes: with `axes` for two, ONNX Runtime's layout optimiser breaks the graph (seen in 1.31).
        helper.make_node("Shape", ["pre.planes"], ["pre.batch"], "pre.shape", start=0, end=2),
        helper.make_node("Concat", ["pre.batch", "pre.square"], ["pre.sizes"], "pre.concat", axis=0),
        # On uint8, so that its rounding is that of the pictures the network was trained on. At `side` it is a copy.
        helper.make_node(
            "Resize",
            ["pre.planes", "", "", "pre.sizes"],
            ["pre.resized"],
            "pre.resize",
            mode="linear",
            antialias=1,
            coordinate_transformation_mode="half_pixel",
        ),
        helper.make_node("Cast", ["pre.resized"], ["pre.float"], "pre.cast", to=TensorProto.FLOAT),
    ]
    last = "pre.float"
    if grey:
        graph.initializer.append(_constant("pre.luminance", np.reshape(LUMINANCE, (1, 3, 1, 1))))
        nodes.append(helper.make_node("Conv", [last, "pre.luminance"], ["pre.grey"], "pre.to_grey"))
        last = "pre.grey"
    nodes.append(helper.make_node("Mul", [last, "pre.scale"], ["pre.scaled"], "pre.mul"))
    nodes.append(helper.make_node("Add", ["pre.scaled", "pre.shift"], [inner], "pre.add"))
    body = list(graph.node)
    del graph.node[:], graph.input[:]
    graph.node.extend([*nodes, *body])
    graph.input.append(helper.make_tensor_value_info(name, TensorProto.UINT8, ("N", "H", "W", 3)))
    return core


def set_metadata(model: onnx.ModelProto, values: dict[str, str]) -> None:
    """Replaces `metadata_props`, which every ONNX runtime can read."""
    del model.metadata_props[:]
    helper.set_model_props(model, values)


GRAPH_FIELD = bytes([7 << 3 | 2])  # of ModelProto


@dataclass(frozen=True, slots=True)
class _Stem:
    """A backbone made ready for heads: its graph, serialised, still open at the end, and the model around it."""

    graph: bytes
    around: bytes  # without metadata
    metadata: dict[str, str]
    height: int  # of `features`
    width: int


@lru_cache(maxsize=1)
def _stem(backbone: bytes) -> _Stem:
    model = onnx.load_from_string(backbone)
    graph = model.graph
    for node in graph.node:
        node.input[:] = ["image" if name == "pixels" else name for name in node.input]
    graph.input[0].name = "image"
    [features] = [value for value in graph.output if value.name == "features"]
    height, width = (dimension.dim_value for dimension in features.type.tensor_type.shape.dim[2:])
    graph.output.remove(features)
    content, metadata = graph.SerializeToString(), {prop.key: prop.value for prop in model.metadata_props}
    model.ClearField("graph")
    del model.metadata_props[:]
    return _Stem(content, model.SerializeToString(), metadata, height, width)


def with_head(backbone: bytes, weight: NDArray[np.float32], bias: NDArray[np.float32], labels: Sequence[str]) -> bytes:
    """The instant model: `image` uint8 RGB (N, H, W, 3) of any size in, `probabilities` (N, K), `vector` (N, D) and
    `class_map` (N, K, h, w) out. The mean of a label's map over all places plus its bias is its logit.

    Args:
        backbone: has the input `pixels` and the outputs `vector` and `features`; the same bytes are parsed once.
        weight: (K, D), bias: (K,), for the vector as the backbone gives it.
    """
    stem, count = _stem(backbone), len(labels)
    weight = np.asarray(weight, np.float32)
    head = onnx.GraphProto()
    head.initializer.extend(
        [
            _constant("head.weight", weight),
            _constant("head.bias", bias),
            _constant("head.places", weight[:, :, None, None]),
        ]
    )
    head.node.extend(
        [
            helper.make_node("Gemm", ["vector", "head.weight", "head.bias"], ["head.logits"], "head.gemm", transB=1),
            helper.make_node("Softmax", ["head.logits"], ["probabilities"], "head.softmax", axis=1),
            helper.make_node("Conv", ["features", "head.places"], ["class_map"], "head.map"),
        ]
    )
    head.output.extend(
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ("N", count)),
            helper.make_tensor_value_info("class_map", TensorProto.FLOAT, ("N", count, stem.height, stem.width)),
        ]
    )
    around = onnx.ModelProto()
    set_metadata(around, {**stem.metadata, "labels": json.dumps(list(labels))})
    # A message is its fields one after the other, and a repeated field goes on wherever it comes again: so the head is
    # put behind the backbone's bytes, which are neither read nor written anew at every change of a label.
    added = head.SerializeToString()
    length = _varint(len(stem.graph) + len(added))
    return b"".join((stem.around, around.SerializeToString(), GRAPH_FIELD, length, stem.graph, added))


def with_backbone(graph: bytes, backbone: bytes) -> bytes:
    """A model with the packaged network beside it: one output more, BACKBONE_VECTOR (N, 1280), of the same `image`.

    Args:
        graph: has the input `image`.
        backbone: has the input `pixels` and the output `vector`, which is as it gives it there.
    """
    model = onnx.load_from_string(graph)
    beside = compose.add_prefix(onnx.load_from_string(backbone), f"{BACKBONE}.").graph
    for node in beside.node:
        node.input[:] = ["image" if name == f"{BACKBONE}.pixels" else name for name in node.input]
        node.output[:] = [BACKBONE_VECTOR if name == f"{BACKBONE}.vector" else name for name in node.output]
    [vector] = [value for value in beside.output if value.name == f"{BACKBONE}.vector"]
    vector.name = BACKBONE_VECTOR
    model.graph.node.extend(beside.node)
    model.graph.initializer.extend(beside.initializer)
    model.graph.output.append(vector)
    return bytes(model.SerializeToString())


def _varint(number: int) -> bytes:
    """Protobuf's way to write a length."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])

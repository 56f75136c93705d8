"""model.onnx made smaller: weights of 16 bits, or all of its sums in 8.

8 bits: static quantization, each channel by itself, ranges from pictures the model learned from (Jacob et al. 2018,
"Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", as ONNX Runtime has it).
Weights keep to 7 of them: x86 processors without VNNI add two products of 8 bits in 16, which overflows, and the form
would answer differently there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16

from core.packing.certificates import Pixels

PREPROCESSING = ["Resize", "Cast", "Shape", "Concat", "Transpose"]  # stays as it is: it works on bytes
QUANTIZED = ["Conv", "Gemm", "Clip", "Add"]
CALIBRATION = 48  # pictures; with the ranges that 99.999 % of the values keep to, more change nothing


def half(graph: bytes) -> bytes:
    """With weights and sums of 16 bits; pictures in and probabilities out as before."""
    converted = convert_float_to_float16(onnx.load_from_string(graph), keep_io_types=True, op_block_list=PREPROCESSING)
    return bytes(converted.SerializeToString())


def byte(graph: bytes, pictures: Sequence[Pixels]) -> bytes:
    """With weights and sums of 8 bits, their ranges measured on pictures (H, W, 3) that it learned from."""
    with tempfile.TemporaryDirectory(prefix="darkroom-") as scratch:
        source, target = Path(scratch) / "in.onnx", Path(scratch) / "out.onnx"
        source.write_bytes(graph)
        whole = [{"axis": 0, "reduce_range": False}]  # all 8 bits
        apart = dict.fromkeys(depthwise(onnx.load_from_string(graph).graph), whole)
        quantize_static(
            source,
            target,
            _Reader(iter(pictures)),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            extra_options={"TensorQuantOverrides": apart},
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,
            op_types_to_quantize=QUANTIZED,
        )
        return target.read_bytes()


def depthwise(graph: onnx.GraphProto) -> set[str]:
    """The weights of its depthwise convolutions: each channel has one of its own, and products are added one by one."""
    groups = {
        node.input[1]: next((one.i for one in node.attribute if one.name == "group"), 1)
        for node in graph.node
        if node.op_type == "Conv"
    }
    return {one.name for one in graph.initializer if [groups.get(one.name), 1] == list(one.dims[:2]) != [1, 1]}


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, pictures: Iterator[Pixels]) -> None:
        self._pictures = pictures

    def get_next(self) -> dict[str, Pixels] | None:
        picture = next(self._pictures, None)
        return None if picture is None else {"image": picture[None]}

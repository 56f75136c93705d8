"""From a PyTorch module to an ONNX graph."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import onnx
import torch
from torch import Tensor, nn

from core.graphs import IR_VERSION, OPSET


def to_onnx(network: nn.Module, example: Tensor, outputs: Sequence[str]) -> onnx.ModelProto:
    """The graph of `network` for any batch size; `example` (N, C, H, W) gives the other sizes."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        # Traced, not by torch.export: 1.3 s against 17 s for EfficientNet-Lite0, with the same answers.
        # It warns that it is old.
        warnings.simplefilter("ignore", DeprecationWarning)
        # Sizes become constants, as they should: only the batch is free, and what was exported is tried.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        torch.onnx.export(
            network,
            (example,),
            file,  # type: ignore[arg-type]  # a file object is fine for the tracer
            input_names=["input"],
            output_names=list(outputs),
            dynamic_axes={name: {0: "N"} for name in ("input", *outputs)},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_from_string(file.getvalue())
    model.ir_version = IR_VERSION
    return model

"""From a network to `model.onnx`, and the proof that both answer alike."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
import torch
from torch import Tensor, nn

from core.graphs import OPSET


def to_onnx(network: nn.Module, example: Tensor, outputs: Sequence[str]) -> onnx.ModelProto:
    """The graph of `network` for any batch size; `example` (N >= 2, C, H, W) gives the other sizes."""
    program = torch.onnx.export(
        network,
        (example,),
        input_names=["input"],
        output_names=list(outputs),
        dynamic_shapes=({0: torch.export.Dim("N")},),
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    assert isinstance(model, onnx.ModelProto)
    return model

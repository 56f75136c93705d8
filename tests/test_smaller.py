"""Smaller forms of the packaged network's graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from core.graphs import with_head
from core.packing import smaller
from core.settings import Settings
from tests.test_graphs import photograph

BACKBONE = Settings(Path()).backbone_path


@pytest.mark.skipif(not BACKBONE.exists(), reason="build/backbone.onnx is missing; run `make setup`")
def test_a_form_in_8_bits_adds_up_the_same_on_every_processor() -> None:
    weight = np.random.default_rng(0).normal(size=(2, 1280)).astype(np.float32)
    whole = with_head(BACKBONE.read_bytes(), weight, np.zeros(2, np.float32), ["cat", "dog"])
    graph = onnx.load_from_string(smaller.byte(whole, [photograph(40, 30)])).graph
    stored = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    widened = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    summed = [node for node in graph.node if node.op_type in ("Conv", "Gemm")]
    largest = {node.name: np.abs(stored[widened[node.input[1]]].astype(int)).max() for node in summed}
    apart = {node.name for node in summed if stored[widened[node.input[1]]].shape[1] == 1}
    assert (len(apart), len(summed)) == (16, 51)
    # Two products of a weight and 255 are added in 16 bits where a processor has no instruction for more.
    assert all(2 * 255 * most < 2**15 for name, most in largest.items() if name not in apart)
    assert {most for name, most in largest.items() if name in apart} == {127}, "these are added one by one"


def test_a_convolution_in_groups_of_several_channels_is_not_depthwise() -> None:
    kinds = {"depthwise": (4, (4, 1, 3, 3)), "grouped": (2, (4, 2, 3, 3)), "grey": (1, (4, 1, 3, 3))}
    nodes = [helper.make_node("Conv", ["x", name], [f"{name} out"], group=group) for name, (group, _) in kinds.items()]
    weights = [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, (_, shape) in kinds.items()]
    assert smaller.depthwise(helper.make_graph(nodes, "three", [], [], weights)) == {"depthwise"}

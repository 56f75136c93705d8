from __future__ import annotations

import io
import json

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from core.graphs import IR_VERSION, OPSET, set_metadata, with_backbone, with_head, with_preprocessing

D, SIDE = 6, 8


def identity(channels: int = 3, side: int = SIDE) -> onnx.ModelProto:
    shape = ("N", channels, side, side)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "core", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def backbone(width: int = D) -> bytes:
    """So many features at 2 x 2 places, by a convolution."""
    weight = np.random.default_rng(0).normal(size=(width, 3, 4, 4)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["features"], strides=(4, 4)),
        helper.make_node("GlobalAveragePool", ["features"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["vector"]),
    ]
    graph = helper.make_graph(
        nodes,
        "backbone",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("N", 3, SIDE, SIDE))],
        [
            helper.make_tensor_value_info("vector", TensorProto.FLOAT, ("N", width)),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ("N", width, 2, 2)),
        ],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    model = with_preprocessing(model, SIDE, (0.5,) * 3, (0.5,) * 3, name="pixels")
    set_metadata(model, {"package": "made up"})
    return bytes(model.SerializeToString())


def session(model: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def photograph(height: int, width: int) -> NDArray[np.uint8]:
    """Smooth with some noise, as photographs are."""
    random = np.random.default_rng(height)
    coarse = random.integers(0, 256, (max(2, height // 16), max(2, width // 16), 3), np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), np.int64)
    noisy: NDArray[np.int64] = smooth + random.integers(-15, 16, smooth.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(300, 400), (777, 500), (60, 90), (64, 200)])
def test_pictures_are_resized_in_the_graph_as_pil_does_it(height: int, width: int) -> None:
    picture = photograph(height, width)
    graph = with_preprocessing(identity(side=64), 64, (0.0,) * 3, (1.0,) * 3).SerializeToString()

    (found,) = session(graph).run(["y"], {"image": picture[None]})

    wanted = np.asarray(Image.fromarray(picture).resize((64, 64), Image.Resampling.BILINEAR), np.float64)
    difference = np.abs(found[0].transpose(1, 2, 0) * 255 - wanted)
    # In grey levels of 255; only points at the very edge differ by more.
    assert difference.mean() < 0.25 and np.quantile(difference, 0.98) <= 1.01


def test_a_picture_of_the_right_size_is_only_normalised() -> None:
    pixels = photograph(SIDE, SIDE)[None]
    graph = with_preprocessing(identity(), SIDE, (0.5, 0.4, 0.3), (0.5, 0.25, 0.2)).SerializeToString()

    (found,) = session(graph).run(["y"], {"image": pixels})

    wanted = (pixels / 255 - (0.5, 0.4, 0.3)) / (0.5, 0.25, 0.2)
    assert np.allclose(found, wanted.transpose(0, 3, 1, 2), atol=1e-5)


def test_a_grey_network_gets_the_luminance() -> None:
    pixels = photograph(SIDE, SIDE)[None]
    graph = with_preprocessing(identity(1), SIDE, (0.5,), (0.5,), grey=True).SerializeToString()

    (found,) = session(graph).run(["y"], {"image": pixels})

    assert found.shape == (1, 1, SIDE, SIDE)
    assert np.allclose(found[:, 0], pixels @ (0.299, 0.587, 0.114) / 127.5 - 1, atol=1e-5)


def test_a_head_on_the_backbone_answers_with_probabilities_and_maps() -> None:
    random = np.random.default_rng(1)
    weight, bias = random.normal(size=(3, D)).astype(np.float32), random.normal(size=3).astype(np.float32)
    pictures = random.integers(0, 256, (2, 20, 30, 3), np.uint8)
    bare = session(backbone()).run(["vector", "features"], {"pixels": pictures})

    running = session(with_head(backbone(), weight, bias, ("a", "b", "c")))
    probabilities, vector, class_map = running.run(["probabilities", "vector", "class_map"], {"image": pictures})

    logits = bare[0] @ weight.T + bias
    wanted = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert np.allclose(probabilities, wanted, atol=1e-5)
    assert np.allclose(vector, bare[0], atol=1e-6)
    assert np.allclose(class_map, np.einsum("kd,ndhw->nkhw", weight, bare[1]), atol=1e-5)
    assert np.allclose(class_map.mean((2, 3)) + bias, logits, atol=1e-5)


def test_the_instant_model_is_an_ordinary_file_with_its_labels_inside() -> None:
    labels = ("../../etc", "<b>", "=1+1", "Zoë")

    model = onnx.load(io.BytesIO(with_head(backbone(), np.ones((4, D), np.float32), np.zeros(4, np.float32), labels)))

    onnx.checker.check_model(model, full_check=True)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert tuple(json.loads(properties["labels"])) == labels
    assert properties["package"] == "made up"
    assert [value.name for value in model.graph.input] == ["image"]
    assert {value.name for value in model.graph.output} == {"probabilities", "vector", "class_map"}


def test_one_head_after_another_leaves_the_backbone_as_it_is() -> None:
    stem = backbone()
    first, again = (with_head(stem, np.ones((2, D), np.float32), np.zeros(2, np.float32), "ab") for _ in range(2))

    assert first == again
    # Once in the file: a reader that takes the last of two graphs would find half a model.
    content, fields = memoryview(first), []
    while content:
        fields.append(content[0] >> 3)
        size, at = _varint(content, 1)
        content = content[at + size :] if content[0] & 7 == 2 else content[at:]
    assert fields.count(7) == 1


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (content[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if content[at - 1] < 128:
            return value, at


def test_the_packaged_network_beside_a_model_looks_at_the_same_picture_and_changes_no_answer() -> None:
    pictures = np.stack([photograph(20, 30), photograph(20, 30)[::-1]])
    alone = with_head(backbone(), np.ones((2, D), np.float32), np.zeros(2, np.float32), "ab")  # has names in common
    [bare] = session(backbone()).run(["vector"], {"pixels": pictures})
    [wanted] = session(alone).run(["probabilities"], {"image": pictures})

    both = with_backbone(alone, backbone())

    onnx.checker.check_model(onnx.load_from_string(both), full_check=True)
    probabilities, beside = session(both).run(["probabilities", "backbone_vector"], {"image": pictures})
    assert np.array_equal(probabilities, wanted) and np.array_equal(beside, bare)
    assert [one.name for one in session(both).get_inputs()] == ["image"]

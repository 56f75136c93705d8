from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from core.architectures import ARCHITECTURES
from core.learning.augment import as_input
from core.learning.export import export, predict
from core.learning.networks import build
from tests.learning import sets

LABELS = ("a", "../b", "<c>")


def session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("name", [card.name for card in ARCHITECTURES if not card.timm])
def test_the_exported_file_answers_as_the_network_does(name: str) -> None:
    recipe = sets.recipe(name, activation="sigmoid" if name == "mlp" else "relu")
    network = build(name, 3, recipe).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (5, recipe.side, recipe.side, 3), np.uint8)
    inputs = as_input(torch.from_numpy(pixels), name == "digit-cnn")
    with torch.no_grad():  # fresh weights answer a third each; a difference should show
        network.last.weight /= (network(inputs) - network.last.bias).std()

    model = export(network, recipe, LABELS)
    answers = session(model).run(["probabilities", "vector", "class_map"], {"image": pixels})

    with torch.inference_mode():
        _, vector, maps = network.answer(inputs)
    assert np.abs(answers[0] - predict(network, recipe, pixels, np.arange(5))[0]).max() <= 1e-4
    assert np.allclose(answers[1], vector.numpy(), atol=1e-3)
    assert np.allclose(answers[2], maps.numpy(), atol=1e-3)
    assert answers[0].std() > 0.05


def test_the_exported_file_takes_pictures_of_any_size_and_knows_its_labels() -> None:
    recipe = sets.recipe("three-block-cnn")
    model = export(build("three-block-cnn", 3, recipe), recipe, LABELS)
    running = session(model)

    for height, width in ((1, 1), (16, 16), (50, 33), (300, 7)):
        (probabilities,) = running.run(["probabilities"], {"image": np.full((2, height, width, 3), 90, np.uint8)})
        assert np.allclose(probabilities.sum(1), 1, atol=1e-5)

    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    assert json.loads(running.get_modelmeta().custom_metadata_map["labels"]) == list(LABELS)


def test_a_large_picture_is_answered_as_its_resized_copy_is() -> None:
    recipe = sets.recipe("digit-cnn", side=28)
    running = session(export(build("digit-cnn", 3, recipe), recipe, LABELS))
    small, _ = sets.pictures(28, 2)
    large = small.repeat(4, axis=1).repeat(4, axis=2)

    answers = [running.run(["probabilities"], {"image": pictures})[0] for pictures in (small, large)]

    assert np.abs(answers[0] - answers[1]).max() < 0.02

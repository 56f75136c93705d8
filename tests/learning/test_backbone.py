from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import timm
import torch

from core.errors import StudioError
from core.learning import backbone
from core.learning.augment import as_input


def test_the_graph_gives_the_vectors_of_the_network(tmp_path: Path) -> None:
    backbone.main(tmp_path / "folder" / "backbone.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "folder" / "backbone.onnx", providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), np.uint8)

    vector, features = session.run(["vector", "features"], {"pixels": pixels})

    with torch.inference_mode():
        wanted = backbone.load_backbone(0).eval().forward_features(as_input(torch.from_numpy(pixels), False)).numpy()
    assert features.shape == (3, 1280, 7, 7) and vector.shape == (3, 1280)
    assert np.allclose(features, wanted, atol=1e-3)
    assert np.allclose(vector, wanted.mean((2, 3)), atol=1e-4)
    assert set(session.get_modelmeta().custom_metadata_map) == {"package", "weights_sha256"}
    assert not list(tmp_path.rglob("*.part"))


def test_weights_that_do_not_fit_are_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"w": torch.zeros(3)}, tmp_path / "other.pth")
    monkeypatch.setattr(backbone, "weights_path", lambda: tmp_path / "other.pth")

    with pytest.raises(StudioError, match="pinned version"):
        backbone.load_backbone(2)


@pytest.mark.parametrize("side", [64, 96, 224])
def test_fixed_padding_computes_what_the_original_does(side: int) -> None:
    fixed = backbone.load_backbone(0, side).eval()
    original = timm.create_model("tf_efficientnet_lite0", num_classes=0).eval()
    original.load_state_dict(fixed.state_dict())
    inputs = torch.randn(1, 3, side, side)

    with torch.inference_mode():
        assert torch.allclose(fixed(inputs), original(inputs), atol=1e-4)

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from core import bundles
from core.errors import Conflict, NotFound
from core.graphs import with_backbone, with_head
from tests.test_graphs import D, backbone

MANIFEST = {"labels": ["cat", "../dog"], "kind": "instant", "accuracy": 0.9}


def write(folder: Path, **changes: Any) -> Path:
    weight, bias = np.eye(2, D, dtype=np.float32), np.zeros(2, np.float32)
    parts: dict[str, Any] = {
        "manifest": MANIFEST,
        "tensors": {"head.weight": weight, "head.bias": bias},
        "onnx_bytes": with_head(backbone(), weight, bias, MANIFEST["labels"]),  # type: ignore[arg-type]
    }
    bundles.write_bundle(folder, **{**parts, **changes})
    return folder


def test_a_bundle_is_read_as_it_was_written(tmp_path: Path) -> None:
    held_out = {
        "image_id": np.array([4, 7]),
        "target": np.array([0, 1]),
        "probabilities": np.array([[0.9, 0.1], [0.4, 0.6]], np.float32),
    }

    folder = write(tmp_path / "model", held_out=held_out)

    assert bundles.read_manifest(folder) == {"format": bundles.FORMAT, **MANIFEST}
    assert load_file(folder / "weights.safetensors")["head.weight"].shape == (2, D)
    with np.load(folder / "held_out.npz", allow_pickle=False) as found:
        assert set(found) == set(held_out)
        assert all(np.array_equal(found[name], values) for name, values in held_out.items())
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_bundle_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write(tmp_path / "model", manifest={"accuracy": float("nan")})

    assert not list(tmp_path.iterdir())


def test_a_bundle_never_replaces_another(tmp_path: Path) -> None:
    folder = write(tmp_path / "model")

    with pytest.raises(Conflict):
        write(folder, manifest={"labels": []})

    assert bundles.read_manifest(folder)["labels"] == MANIFEST["labels"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_that_is_gone_or_damaged_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        bundles.read_manifest(tmp_path / "none")
    folder = write(tmp_path / "model")
    (folder / "model.onnx").unlink()
    with pytest.raises(NotFound):
        bundles.zip_bundle(folder)  # before the first piece
    (folder / "model.json").write_text("{")
    with pytest.raises(NotFound):
        bundles.read_manifest(folder)


def test_a_download_holds_the_very_file_the_app_predicts_with_in_small_pieces(tmp_path: Path) -> None:
    large = np.random.default_rng(0).bytes(5 * bundles.PIECE_BYTES)
    folder = write(tmp_path / "model", onnx_bytes=large)

    pieces = list(bundles.zip_bundle(folder))

    assert max(len(piece) for piece in pieces) < 2 * bundles.PIECE_BYTES
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {"README.md", "run.py", "model.json", "model.onnx", "weights.safetensors"}
        assert archive.read("model.onnx") == large


def test_the_example_in_a_download_runs_as_it_says(tmp_path: Path) -> None:
    content = b"".join(bundles.zip_bundle(write(tmp_path / "model")))
    zipfile.ZipFile(io.BytesIO(content)).extractall(tmp_path / "unpacked")
    shutil.rmtree(tmp_path / "model")
    Image.fromarray(np.full((30, 40, 3), 200, np.uint8)).save(tmp_path / "picture.png")

    command = [sys.executable, "run.py", str(tmp_path / "picture.png")]
    said = subprocess.run(command, cwd=tmp_path / "unpacked", capture_output=True, text=True, check=True).stdout

    assert "cat: " in said and "../dog: " in said
    assert json.loads((tmp_path / "unpacked" / "model.json").read_text())["format"] == bundles.FORMAT


@pytest.mark.parametrize(("by", "width"), [("vector", D), ("backbone_vector", D + 3)])
def test_a_downloaded_model_says_that_it_does_not_know(tmp_path: Path, by: str, width: int) -> None:
    unlike = {"vectors": -np.ones((6, width), np.float16) / np.sqrt(width)}  # nothing a picture's vector is near
    alone = with_head(backbone(), np.ones((2, D), np.float32), np.zeros(2, np.float32), MANIFEST["labels"])  # type: ignore[arg-type]
    points = [[wished, wished / 100, 1.0, 0.9, 1.0, 0.0] for wished in range(100, 49, -1)]
    caution = {"pictures": 6, "familiar": 0.9, "nearest": 5, "points": points, "confidence": 0.0, "answer_share": 1.0}
    told = {**MANIFEST, "caution": {**caution, "by": by}}
    folder = write(tmp_path / "model", manifest=told, known=unlike, onnx_bytes=with_backbone(alone, backbone(D + 3)))
    zipfile.ZipFile(io.BytesIO(b"".join(bundles.zip_bundle(folder)))).extractall(tmp_path / "unpacked")
    Image.fromarray(np.full((30, 40, 3), 200, np.uint8)).save(tmp_path / "picture.png")

    command = [sys.executable, "run.py", str(tmp_path / "picture.png")]
    said = subprocess.run(command, cwd=tmp_path / "unpacked", capture_output=True, text=True, check=True).stdout

    assert "I don't know" in said

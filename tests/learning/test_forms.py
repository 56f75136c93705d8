"""What leaves for PyTorch answers as the model does, in a process that knows nothing of Darkroom."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from safetensors.numpy import save

from core import architectures, bundles
from core.errors import Refused
from core.graphs import with_head
from core.learning import forms
from core.learning.export import export, predict
from core.learning.networks import Network, build
from core.learning.portable import OWN, portable
from core.learning.restoring import Restored, fill, restore
from core.recipe import Recipe, derive
from core.records import ModelKind, TrainingSpec
from core.settings import Settings

LABELS = ("a", "../b", "<c>")
SMALL = ("digit-cnn", "mlp", "plain-cnn", "three-block-cnn")
OF_TIMM = ("efficientnet-lite0", "resnet18", "mobilenetv3-small", "mobilenetv3_small_050", "vit_tiny_patch16_224")


def network_of(name: str) -> tuple[Network, Recipe]:
    """With answers that differ from picture to picture."""
    card = architectures.get(name)
    side = {"efficientnet-lite0": 64, "resnet18": 64, "vit_tiny_patch16_224": 64}.get(name, min(card.side, 64))
    overrides = {"side": side, "threads": 1, "activation": "sigmoid" if name == "mlp" else "relu"}
    recipe = derive(TrainingSpec(name, 3, overrides), 24, len(LABELS), 1)
    network = build(name, len(LABELS), recipe).eval()
    with torch.no_grad():
        some = torch.randn(4, 1 if card.grey else 3, side, side, generator=torch.Generator().manual_seed(0))
        network.last.weight /= (network(some) - network.last.bias).std()
    return network, recipe


def folder_of(folder: Path, network: Network, recipe: Recipe) -> Path:
    folder.mkdir()
    about = {"labels": LABELS, "kind": str(ModelKind.TRAINED), "recipe": recipe.as_dict()}
    (folder / "model.json").write_text(json.dumps(about))
    (folder / "weights.safetensors").write_bytes(
        save({name: np.array(one.numpy(), order="C") for name, one in network.state_dict().items()})
    )
    return folder


def made(form: str, folder: Path, side: int, work: Path) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Makes the form of a model; gives what it said of five pictures."""
    work.mkdir()
    np.save(work / "pictures.npy", pictures(side))
    forms.make(form, folder, work)
    with np.load(work / "said.npz") as said:
        assert said["milliseconds"] > 0
        return said["probabilities"]  # type: ignore[no-any-return]


def pictures(side: int) -> np.ndarray[tuple[int, int, int, int], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (5, side, side, 3), np.uint8)


def told(folder: Path, side: int) -> dict[str, float]:
    """What the example of its README says of a picture, in a fresh process."""
    readme = (folder / "README.txt").read_text("utf-8")
    example = textwrap.dedent("\n".join(line for line in readme.splitlines() if line.startswith("    ") or not line))
    (folder / "example.py").write_text(example, "utf-8")
    Image.fromarray(pictures(side)[0]).save(folder / "picture.png")
    command = [sys.executable, "-E", "-W", "ignore", "example.py", "picture.png"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return {label: float(share) for label, _, share in (one.rpartition(": ") for one in done.stdout.split("  ")[1:])}


def require_same(said: dict[str, float], wanted: np.ndarray[tuple[int], np.dtype[np.float32]]) -> None:
    assert set(said) == set(LABELS)
    assert all(abs(said[label] - share) < 1e-3 for label, share in zip(LABELS, wanted.tolist(), strict=True))


@pytest.mark.parametrize("name", ["digit-cnn", "mobilenetv3-small"])
def test_a_program_of_torch_answers_as_the_network_does_wherever_it_is_taken(name: str, tmp_path: Path) -> None:
    network, recipe = network_of(name)
    folder = folder_of(tmp_path / "model", network, recipe)
    said = made("torch", folder, recipe.side, tmp_path / "work")
    wanted, _ = predict(network, recipe, pictures(recipe.side), np.arange(5))
    assert np.abs(said - wanted).max() < 1e-4 and said.std() > 0.02
    if name == "digit-cnn":
        require_same(told(tmp_path / "work" / "form", recipe.side), wanted[0])
    several = torch.export.load(tmp_path / "work" / "form" / "model.pt2").module()
    together = several(torch.from_numpy(pictures(recipe.side)))
    assert np.abs(together.detach().numpy() - wanted).max() < 1e-4, "several pictures at once"


@pytest.mark.parametrize("name", OF_TIMM)
def test_timm_loads_what_it_knows_from_a_folder(name: str, tmp_path: Path) -> None:
    network, recipe = network_of(name)
    folder = folder_of(tmp_path / "model", network, recipe)
    said = made("timm", folder, recipe.side, tmp_path / "work")
    wanted, _ = predict(network, recipe, pictures(recipe.side), np.arange(5))
    assert np.abs(said - wanted).max() < 1e-3 and said.std() > 0.02
    files = {path.name for path in (tmp_path / "work" / "form").iterdir()}
    assert files == {"model.safetensors", "config.json", "README.txt"}
    if name == "vit_tiny_patch16_224":  # a process; the others are read in the same way
        require_same(told(tmp_path / "work" / "form", recipe.side), wanted[0])


@pytest.mark.parametrize("name", SMALL)
def test_a_network_that_timm_does_not_know_leaves_with_its_layers(name: str, tmp_path: Path) -> None:
    network, recipe = network_of(name)
    folder = folder_of(tmp_path / "model", network, recipe)
    said = made("timm", folder, recipe.side, tmp_path / "work")
    wanted, _ = predict(network, recipe, pictures(recipe.side), np.arange(5))
    assert np.abs(said - wanted).max() < 1e-4 and said.std() > 0.02
    out = tmp_path / "work" / "form"
    assert "timm does not know this network" in (out / "README.txt").read_text()
    if name == "digit-cnn":
        require_same(told(out, recipe.side), wanted[0])


def test_a_network_whose_end_is_more_than_a_linear_layer_leaves_as_timms_body_with_ours() -> None:
    network, recipe = network_of("levit_128s")
    found = portable(Restored(network, recipe, LABELS))
    assert not found.timm and [name for name, _ in found.layers] == ["timm", "Linear"]


def test_pictures_for_a_pretrained_network_are_normalised_as_it_learned() -> None:
    network, recipe = network_of("mobilenetv3_small_100.lamb_in1k")
    found = portable(Restored(network, recipe, LABELS))
    assert found.timm == "mobilenetv3_small_100"
    assert found.mean == pytest.approx((0.485, 0.456, 0.406)) and found.std == pytest.approx((0.229, 0.224, 0.225))


def test_an_instant_model_is_one_network_of_timms(tmp_path: Path) -> None:
    path = Settings(tmp_path).backbone_path
    if not path.is_file():
        pytest.skip("needs the backbone that `make setup` makes")
    weight = np.random.default_rng(0).normal(0, 0.1, (3, 1280)).astype(np.float32)
    bias = np.array([0.1, 0.2, -0.1], np.float32)
    folder = tmp_path / "model"
    bundles.write_bundle(
        folder,
        {"labels": LABELS, "kind": "instant"},
        {"head.weight": weight, "head.bias": bias},
        with_head(path.read_bytes(), weight, bias, LABELS),
    )
    said = made("timm", folder, 224, tmp_path / "work")
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    wanted = session.run(["probabilities"], {"image": pictures(224)})[0]
    assert np.abs(said - wanted).max() < 1e-3 and said.std() > 0.02
    assert (
        json.loads((tmp_path / "work" / "form" / "config.json").read_text())["architecture"]
        == OWN["efficientnet-lite0"]
    )


def test_a_model_is_restored_as_it_was_and_its_graph_with_it(tmp_path: Path) -> None:
    network, recipe = network_of("digit-cnn")
    folder = folder_of(tmp_path / "model", network, recipe)
    assert restore(folder).labels == LABELS
    (tmp_path / "work").mkdir()
    forms.make("graph", folder, tmp_path / "work")
    assert (tmp_path / "work" / "model.onnx").read_bytes() == export(network, recipe, LABELS)


def test_weights_that_do_not_fit_are_refused_by_name(tmp_path: Path) -> None:
    network, recipe = network_of("digit-cnn")
    right = network.state_dict()
    other = build("digit-cnn", len(LABELS), recipe)
    for wrong, word in (
        ({**right, "extra": torch.zeros(1)}, "hold something else"),
        ({name: one for name, one in right.items() if name != "last.bias"}, "lack"),
        ({**right, "last.bias": torch.zeros(4)}, "is 4 of float32 instead of 3 of float32"),
        ({**right, "last.bias": torch.zeros(3, dtype=torch.float16)}, "of float16"),
        ({**right, "last.bias": torch.tensor([0.0, float("nan"), 1.0])}, "NaN"),
        ({**right, "last.bias": torch.tensor([0.0, float("inf"), 1.0])}, "NaN or infinite"),
    ):
        with pytest.raises(Refused, match=word):
            fill(other, wrong, instant=False)

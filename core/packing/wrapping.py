"""Forms for PyTorch, made by a process that has it (`core.learning.forms`), and put into a zip with the model card."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core import bundles
from core.card import card
from core.packing.certificates import Pixels, Said
from core.ports import Aside
from core.records import PackageKind

FORMS = {PackageKind.TORCH: "pytorch", PackageKind.TIMM: "timm"}  # with what hubs are told to load them
MAKER = "core.learning.forms"
WHEN = (1980, 1, 1, 0, 0, 0)  # the same model gives the same zip


def make(aside: Aside, kind: PackageKind, folder: Path, pictures: Sequence[Pixels]) -> tuple[bytes, Said]:
    """The zip of a form, and what the form answered once it was read back.

    Args:
        folder: the model's.
        pictures: of the side that its network sees.

    Raises:
        StudioError: the network cannot be put into that form, and why.
    """
    with tempfile.TemporaryDirectory(prefix="darkroom-") as scratch:
        work = Path(scratch)
        np.save(work / "pictures.npy", np.stack(pictures), allow_pickle=False)
        aside((MAKER, str(kind), str(folder), str(work)))
        with np.load(work / "said.npz", allow_pickle=False) as said:
            found = Said(said["probabilities"], float(said["milliseconds"]))
        return _zip(work / "form", card(bundles.read_manifest(folder), FORMS[kind])), found


def graph(aside: Aside, folder: Path) -> bytes:
    """model.onnx of the network that weights.safetensors and model.json describe. Raises StudioError."""
    with tempfile.TemporaryDirectory(prefix="darkroom-") as scratch:
        aside((MAKER, "graph", str(folder), scratch))
        return (Path(scratch) / "model.onnx").read_bytes()


def _zip(folder: Path, about: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:  # stored: weights do not get smaller
        archive.writestr(zipfile.ZipInfo("README.md", WHEN), about)
        for path in sorted(folder.iterdir()):
            archive.writestr(zipfile.ZipInfo(path.name, WHEN), path.read_bytes())
    return content.getvalue()

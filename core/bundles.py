"""A model is a folder: `model.json` to read, `weights.safetensors`, `model.onnx` to predict with, `held_out.npz`.

The folder appears whole or not at all. What the app predicts with is the very file a person downloads.
"""

from __future__ import annotations

import json
import os
import secrets
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from core.errors import Conflict, NotFound
from core.scores import wilson_interval

__all__ = ["FORMAT", "HeldOut", "read_manifest", "wilson_interval", "write_bundle", "zip_bundle"]

FORMAT = 1
PIECE_BYTES = 1 << 20
PARTS = ("model.json", "model.onnx", "weights.safetensors")  # what is downloaded
HeldOut = Mapping[str, NDArray[Any]]  # image_id (n,), target (n,), probabilities (n, K)

README = """A model made with Darkroom.

model.onnx           predicts: uint8 RGB (N, height, width, 3) of any size in, probabilities (N, labels) out;
                     resizing and normalising happen inside
model.json           its labels, how good it is and on what that was measured, how it was trained
weights.safetensors  the weights alone
run.py               an example:  pip install numpy pillow onnxruntime  and  python run.py PICTURE...
"""
RUN = """import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

labels = json.load(open("model.json", encoding="utf-8"))["labels"]
session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
for path in sys.argv[1:]:
    image = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    probabilities = session.run(["probabilities"], {"image": image[None]})[0][0]
    best = probabilities.argsort()[::-1][:3]
    print(path, *(f"{labels[i]}: {probabilities[i]:.3f}" for i in best), sep="  ")
"""


def write_bundle(
    folder: Path,
    manifest: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    onnx_bytes: bytes,
    held_out: HeldOut | None = None,
) -> None:
    """Writes the folder beside its place, durably, and renames it there.

    Args:
        manifest: JSON; `format` is added. Labels in the order of the outputs.
        tensors: the weights.
        held_out: what the model said of pictures it had not learnt from.

    Raises:
        Conflict: there is a folder of that name already.
    """
    beside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    beside.mkdir(parents=True)
    try:
        text = json.dumps({"format": FORMAT, **manifest}, ensure_ascii=False, indent=2, allow_nan=False)
        _write(beside / "model.json", text.encode())
        _write(beside / "weights.safetensors", save({name: np.ascontiguousarray(t) for name, t in tensors.items()}))
        _write(beside / "model.onnx", onnx_bytes)
        if held_out is not None:
            with (beside / "held_out.npz").open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, **held_out)
                file.flush()
                os.fsync(file.fileno())
        _sync(beside)
        if folder.exists():
            raise Conflict(f"There is a model in {folder.name} already.")
        beside.rename(folder)
    except BaseException:
        for part in beside.iterdir():
            part.unlink()
        beside.rmdir()
        raise
    _sync(folder.parent)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Makes the names in a folder durable."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_manifest(folder: Path) -> dict[str, Any]:
    """model.json. Raises NotFound."""
    try:
        return dict(json.loads((folder / "model.json").read_bytes()))
    except (OSError, ValueError):
        raise NotFound("The files of this model are gone or damaged. Train it again.") from None


def read_head(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The linear head of an instant model: weight (K, D), bias (K,). Raises NotFound."""
    try:
        found = load((folder / "weights.safetensors").read_bytes())
        return found["head.weight"], found["head.bias"]
    except (OSError, KeyError):
        raise NotFound("The files of this model are gone. Change a label to have it made anew.") from None


class _Pieces:
    """A file that only grows: what was written is handed on and forgotten, so a download takes no room."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []

    def write(self, content: bytes, /) -> int:
        self.waiting.append(bytes(content))
        return len(content)

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def take(self) -> bytes:
        taken, self.waiting = b"".join(self.waiting), []
        return taken


def zip_bundle(folder: Path) -> Iterator[bytes]:
    """The bundle with a README and an example as a zip, about a MiB at a time.

    Raises:
        NotFound: before the first piece, when a part is missing.
    """
    read_manifest(folder)
    if not all((folder / name).is_file() for name in PARTS):
        raise NotFound("The files of this model are gone. Train it again.")
    return _zip(folder)


def _zip(folder: Path) -> Iterator[bytes]:
    pieces = _Pieces()
    with zipfile.ZipFile(pieces, "w") as archive:  # stored: weights do not get smaller
        for name, text in (("README.txt", README), ("run.py", RUN)):
            archive.writestr(zipfile.ZipInfo(name, time.localtime()[:6]), text)
        for name in PARTS:
            with (folder / name).open("rb") as source, archive.open(name, "w", force_zip64=True) as target:
                while piece := source.read(PIECE_BYTES):
                    target.write(piece)
                    yield pieces.take()
    yield pieces.take()

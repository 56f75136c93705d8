"""A model is a folder: `model.json` to read, `weights.safetensors`, `model.onnx` to predict with, `held_out.npz`.

The folder appears whole or not at all. What the app predicts with is the very file a person downloads.
"""

from __future__ import annotations

import io
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
from safetensors import SafetensorError
from safetensors.numpy import load, save

from core.card import card
from core.errors import Conflict, NotFound
from core.scores import wilson_interval

__all__ = ["FORMAT", "HeldOut", "read_manifest", "wilson_interval", "write_bundle", "zip_bundle"]

FORMAT = 1
HEAD = ("head.weight", "head.bias")  # tensors of an instant model
PIECE_BYTES = 1 << 20
PARTS = ("model.json", "model.onnx", "weights.safetensors")  # what is downloaded
KNOWN = "known.npz"  # and this, of a model that knows what it does not know ...
TRAVELLING = "known.safetensors"  # ... which travels so: what is read elsewhere is safetensors and JSON alone
HeldOut = Mapping[str, NDArray[Any]]  # image_id (n,), target (n,), probabilities (n, K)

README = """## Files

```
model.onnx           predicts: uint8 RGB (N, height, width, 3) of any size in, probabilities (N, labels) out;
                     resizing and normalising happen inside
model.json           its labels, how good it is and on what that was measured, how it was trained; `caution`: the
                     least familiarity and the least confidence of what it answers (anything else is a person's)
known.safetensors    vectors of what it has learned from, to tell how familiar a picture is: directions of the output
                     of model.onnx that `caution` names as `by`
weights.safetensors  the weights alone
run.py               an example:  pip install numpy pillow onnxruntime  and  python run.py PICTURE...
```
"""
RUN = """import json
import os
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def read(path):
    with open(path, "rb") as file:
        head = json.loads(file.read(int.from_bytes(file.read(8), "little")))["vectors"]
        return np.frombuffer(file.read(), np.float16).reshape(head["shape"]).astype(np.float32)


about = json.load(open("model.json", encoding="utf-8"))
labels, caution = about["labels"], about.get("caution")
known = read("known.safetensors") if caution and os.path.exists("known.safetensors") else None
session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])


by = caution.get("by", "vector") if caution else "vector"


def doubt(probability, vector):
    if known is not None:
        nearest = np.sort(known @ (vector / np.linalg.norm(vector)))[-min(caution["nearest"], len(known)):]
        if nearest.mean() < caution["familiar"]:
            return "I don't know: this is unlike anything I have learned."
    if caution and probability < caution["confidence"]:
        return "I am not sure: a person should look."
    return ""


for path in sys.argv[1:]:
    image = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    probabilities, vectors = session.run(["probabilities", by], {"image": image[None]})
    best = probabilities[0].argsort()[::-1][:3]
    words = [doubt(probabilities[0][best[0]], vectors[0])] + [f"{labels[i]}: {probabilities[0][i]:.3f}" for i in best]
    print(path, *filter(None, words), sep="  ")
"""


def write_bundle(
    folder: Path,
    manifest: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    onnx_bytes: bytes,
    held_out: HeldOut | None = None,
    known: HeldOut | None = None,
) -> None:
    """Writes the folder beside its place, durably, and renames it there.

    Args:
        manifest: JSON; `format` is added. Labels in the order of the outputs.
        tensors: the weights.
        held_out: what the model said of pictures it had not learnt from.
        known: what stands for everything it has learned: `vectors` (M, D) of length 1, directions of the output that
            its caution is told by.

    Raises:
        Conflict: there is a folder of that name already.
    """
    beside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    beside.mkdir(parents=True)
    try:
        text = json.dumps({"format": FORMAT, **manifest}, ensure_ascii=False, indent=2, allow_nan=False)
        _write(beside / "model.json", text.encode())
        _write(beside / "weights.safetensors", save({name: np.array(t, order="C") for name, t in tensors.items()}))
        _write(beside / "model.onnx", onnx_bytes)
        for name, arrays, keep in (("held_out", held_out, np.savez_compressed), ("known", known, np.savez)):
            if arrays is not None:
                content = io.BytesIO()
                keep(content, allow_pickle=False, **arrays)
                _write(beside / f"{name}.npz", content.getvalue())
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


def read_known(folder: Path) -> NDArray[np.float32] | None:
    """What stands for everything a model has learned, (M, D) of length 1; None of one that was made without."""
    try:
        with np.load(folder / KNOWN, allow_pickle=False) as file:
            return np.asarray(file["vectors"], np.float32)
    except (OSError, ValueError, KeyError):
        return None


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """A file of safetensors. Raises NotFound."""
    try:
        return load(path.read_bytes())
    except (OSError, SafetensorError):
        raise NotFound("The weights of this model are gone or damaged.") from None


def read_head(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The linear head of an instant model: weight (K, D), bias (K,). Raises NotFound."""
    try:
        found = load((folder / "weights.safetensors").read_bytes())
        return found[HEAD[0]], found[HEAD[1]]
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


def zip_bundle(folder: Path, manifest: bytes | None = None) -> Iterator[bytes]:
    """The bundle with a model card and an example as a zip, about a MiB at a time.

    Args:
        manifest: model.json as it is to be told; None: as it was written.

    Raises:
        NotFound: before the first piece, when a part is missing.
    """
    read_manifest(folder)
    if not all((folder / name).is_file() for name in PARTS):
        raise NotFound("The files of this model are gone. Train it again.")
    return _zip(folder, manifest or (folder / "model.json").read_bytes())


def _zip(folder: Path, manifest: bytes) -> Iterator[bytes]:
    pieces, about = _Pieces(), f"{card(json.loads(manifest))}\n{README}"
    with zipfile.ZipFile(pieces, "w") as archive:  # stored: weights do not get smaller
        for name, text in (("README.md", about), ("run.py", RUN), ("model.json", manifest)):
            archive.writestr(zipfile.ZipInfo(name, time.localtime()[:6]), text)
        if (folder / KNOWN).is_file():
            with np.load(folder / KNOWN, allow_pickle=False) as known:
                vectors = save({"vectors": np.ascontiguousarray(known["vectors"], np.float16)})
            archive.writestr(zipfile.ZipInfo(TRAVELLING, time.localtime()[:6]), vectors)
        for name in PARTS[1:]:
            with (folder / name).open("rb") as source, archive.open(name, "w", force_zip64=True) as target:
                while piece := source.read(PIECE_BYTES):
                    target.write(piece)
                    yield pieces.take()
    yield pieces.take()

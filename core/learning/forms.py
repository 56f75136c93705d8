"""The forms of a model that want torch, made and tried: `python -m core.learning.forms FORM MODEL_FOLDER WORK_FOLDER`.

WORK_FOLDER holds `pictures.npy`, uint8 (n, side, side, 3). In it are left: `form/`, the files of the form, and
`said.npz`, what they answered, read back as whoever takes them away would: probabilities (n, labels) and the
milliseconds of the median picture, on one thread. FORM is torch, timm, or graph: that one writes `model.onnx` alone.

Exit code 0; REFUSED_ASIDE: the last line of standard output says why not, in a sentence.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from core import architectures
from core.errors import StudioError
from core.learning import augment, standalone
from core.learning.export import export
from core.learning.portable import Portable, portable
from core.learning.restoring import Restored, restore
from core.ports import REFUSED_ASIDE

README = Path(__file__).with_name("readme")
Answer = Callable[[Tensor], Tensor]  # uint8 (1, side, side, 3) to probabilities (1, labels)


class _Program(nn.Module):
    """What `model.pt2` computes: normalising inside, so that nobody has to know how."""

    def __init__(self, found: Restored) -> None:
        super().__init__()
        self.network, self.grey = found.network, architectures.get(found.recipe.architecture).grey

    def forward(self, image: Tensor) -> Tensor:
        return self.network(augment.as_input(image, self.grey)).softmax(1)  # type: ignore[no-any-return]


def write_torch(found: Restored, out: Path) -> None:
    """model.pt2, labels.json, README.txt."""
    side = found.recipe.side
    program, several = _exported(_Program(found).eval(), side)
    torch.export.save(program, out / "model.pt2")
    (out / "labels.json").write_text(json.dumps(found.labels, ensure_ascii=False), "utf-8")
    told = (README / "torch.txt").read_text("utf-8")
    pictures = "N pictures at once" if several else "one picture at a time (N is 1)"
    _write_readme(out, told, SIDE=str(side), PICTURES=pictures, TORCH=torch.__version__.partition("+")[0])


def _exported(program: nn.Module, side: int) -> tuple[Any, bool]:
    """The program, and whether it takes several pictures at once: some networks count them while they are exported."""
    try:
        example = torch.zeros(2, side, side, 3, dtype=torch.uint8)
        return torch.export.export(program, (example,), dynamic_shapes=({0: torch.export.Dim("N", min=1)},)), True
    except Exception:  # noqa: BLE001 - each network has an error of its own here; alone it is one more try
        return torch.export.export(program, (torch.zeros(1, side, side, 3, dtype=torch.uint8),)), False


def read_torch(out: Path) -> Answer:
    module = torch.export.load(out / "model.pt2").module()
    return lambda image: module(image)


def write_timm(found: Restored, out: Path) -> None:
    """model.safetensors and config.json, which timm reads where it knows the network; else network.py reads them."""
    made, side = portable(found), found.recipe.side
    save_file({name: one.contiguous().clone() for name, one in made.tensors.items()}, out / "model.safetensors")
    config = _timm_config(made, side, found.labels) if made.timm else _own_config(made, side, found.labels)
    (out / "config.json").write_text(json.dumps(config, ensure_ascii=False, indent=2), "utf-8")
    if made.timm:
        told = (README / "timm.txt").read_text("utf-8")
        _write_readme(out, told, NAME=made.timm, SIDE=str(side), TIMM=timm.__version__)
        return
    (out / "network.py").write_bytes(Path(standalone.__file__).read_bytes())
    told = (README / "layers.txt").read_text("utf-8")
    _write_readme(out, told, NAME=found.recipe.architecture, SIDE=str(side))


def _timm_config(made: Portable, side: int, labels: tuple[str, ...]) -> dict[str, Any]:
    """As timm writes it for hubs. Pictures are squashed whole, as everywhere in Darkroom."""
    features = made.config["num_features"]
    return {
        "architecture": made.timm,
        "num_classes": len(labels),
        "num_features": features,
        "label_names": labels,
        "model_args": made.arguments,
        "pretrained_cfg": {
            "input_size": [3, side, side],
            "fixed_input_size": bool(made.config["fixed_input_size"]),
            "interpolation": "bilinear",
            "crop_pct": 1.0,
            "crop_mode": "squash",
            "mean": made.mean,
            "std": made.std,
            "num_classes": len(labels),
            "pool_size": None,
            "first_conv": made.config["first_conv"],
            "classifier": made.config["classifier"],
            "custom_load": False,
        },
    }


def _own_config(made: Portable, side: int, labels: tuple[str, ...]) -> dict[str, Any]:
    return {"labels": labels, "side": side, "mean": made.mean, "std": made.std, "layers": made.layers}


def read_timm(out: Path) -> Answer:
    """As its README does, without the picture file."""
    config = json.loads((out / "config.json").read_bytes())
    network: nn.Module
    if "layers" in config:
        network, settings = standalone.load(out), config
    else:
        network, settings = timm.create_model(f"local-dir:{out}", pretrained=True).eval(), config["pretrained_cfg"]
    mean, std = (torch.tensor(settings[name]).view(1, -1, 1, 1) for name in ("mean", "std"))
    grey = mean.shape[1] == 1
    return lambda image: network((augment.as_planes(image, grey) / 255 - mean) / std).softmax(1)


FORMS: dict[str, tuple[Callable[[Restored, Path], None], Callable[[Path], Answer]]] = {
    "torch": (write_torch, read_torch),
    "timm": (write_timm, read_timm),
}


def make(form: str, folder: Path, work: Path) -> None:
    """Raises StudioError with what is in the way."""
    found = restore(folder)
    if form == "graph":
        (work / "model.onnx").write_bytes(export(found.network, found.recipe, found.labels))
        return
    write, read = FORMS[form]
    out = work / "form"
    out.mkdir()
    with torch.no_grad():
        write(found, out)
        probabilities, milliseconds = ask(read(out), np.load(work / "pictures.npy", allow_pickle=False))
    np.savez(work / "said.npz", allow_pickle=False, probabilities=probabilities, milliseconds=milliseconds)


def ask(answer: Answer, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
    """(probabilities, milliseconds of the median picture), one by one on one thread."""
    torch.set_num_threads(1)
    found, times = [], []
    with torch.inference_mode():
        for picture in pictures:
            began_s = time.perf_counter()
            found.append(answer(torch.from_numpy(picture)[None])[0].numpy())
            times.append(time.perf_counter() - began_s)
    return np.array(found, np.float32), 1000 * statistics.median(times)


def _write_readme(out: Path, told: str, **values: str) -> None:
    for name, value in values.items():
        told = told.replace(f"@{name}@", value)
    (out / "README.txt").write_text(told, "utf-8")


def main(form: str, folder: str, work: str) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries, about themselves
        try:
            make(form, Path(folder), Path(work))
        except StudioError as error:
            sys.stdout.write(json.dumps({"problem": str(error)}) + "\n")
            return REFUSED_ASIDE
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

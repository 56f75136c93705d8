"""Models ready to answer: ONNX Runtime sessions by folder, the ones asked for last, within bounds."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import NotFound
from core.index.backbone import SIDE, Backbone, new_session, usable_cores
from core.studio import Pixels

MOST = 12  # sessions
MOST_BYTES = 1 << 30  # of model files; a session takes about three times its file

_computing = threading.Lock()  # one at a time has all cores: two would only take turns with each other's caches


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    probabilities: NDArray[np.float32]  # (K,)
    vector: NDArray[np.float32] | None  # of the network's own last layer
    class_map: NDArray[np.float32] | None  # (K, h, w)


class Ready:
    """One model.onnx, loaded."""

    def __init__(self, path: Path) -> None:
        """Raises NotFound when the model's files are gone or damaged."""
        self.bytes = 0
        try:
            self.bytes = path.stat().st_size
            self._session = new_session(path, usable_cores())
            labels = json.loads(self._session.get_modelmeta().custom_metadata_map.get("labels", "[]"))
        except Exception as error:
            raise NotFound("The files of this model are gone or damaged. Train it again.") from error
        self.labels: tuple[str, ...] = tuple(labels)
        self._input = self._session.get_inputs()[0].name
        self._outputs = {output.name for output in self._session.get_outputs()}

    def run(self, pixels: Pixels, heat: bool) -> tuple[Outputs, float]:
        """What it says of (H, W, 3), and the seconds it took."""
        wanted = ["probabilities"] + [
            name for name, asked in (("vector", True), ("class_map", heat)) if asked and name in self._outputs
        ]
        with _computing:
            began_s = time.perf_counter()
            said = dict(zip(wanted, self._session.run(wanted, {self._input: pixels[None]}), strict=True))
            taken_s = time.perf_counter() - began_s
        first = {name: value[0] for name, value in said.items()}
        return Outputs(first["probabilities"], first.get("vector"), first.get("class_map")), taken_s

    def warm(self) -> None:
        """The first run of a session takes memory and time that the next ones need not."""
        self.run(np.zeros((SIDE, SIDE, 3), np.uint8), heat=True)


class Sessions:
    """Thread-safe. A folder's files never change, so what is loaded stays right."""

    def __init__(self, backbone: Path) -> None:
        self._backbone_path = backbone
        self._backbone: Backbone | None = None
        self._kept: OrderedDict[Path, Ready] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, folder: Path) -> Ready:
        """Raises NotFound when the model's files are gone or damaged."""
        with self._lock:
            if folder not in self._kept:
                self._kept[folder] = Ready(folder / "model.onnx")
            self._kept.move_to_end(folder)
            while len(self._kept) > 1 and self._too_many():
                self._kept.popitem(last=False)
            return self._kept[folder]

    def backbone(self) -> Backbone:
        """Raises Unavailable when it was not made yet."""
        with self._lock:
            if self._backbone is None:
                self._backbone = Backbone(self._backbone_path, usable_cores())
            return self._backbone

    def _too_many(self) -> bool:
        return len(self._kept) > MOST or sum(ready.bytes for ready in self._kept.values()) > MOST_BYTES

"""Models ready to answer: ONNX Runtime sessions by folder, the ones asked for last, within bounds."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from core import bundles, caution
from core.caution import BACKBONES, OWN, Caution
from core.errors import NotFound
from core.index.backbone import SIDE, Backbone, new_session, usable_cores
from core.ports import Pixels

MOST = 12  # sessions
MOST_BYTES = 1 << 30  # of model files; a session takes about three times its file
GONE = "The files of this model are gone or damaged. Train it again."

_computing = threading.Lock()  # one at a time has all cores: two would only take turns with each other's caches


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    probabilities: NDArray[np.float32]  # (K,)
    vector: NDArray[np.float32] | None  # of the network's own last layer
    class_map: NDArray[np.float32] | None  # (K, h, w)
    backbone_vector: NDArray[np.float32] | None = None  # (1280,) of the packaged network, where the model carries it


class Ready:
    """One model.onnx, loaded."""

    def __init__(self, path: Path) -> None:
        """Raises NotFound when the model's files are gone or damaged."""
        self.bytes = 0
        self._path, self._making = path, threading.Lock()
        self._narrow: onnxruntime.InferenceSession | None = None  # made for the first batch
        try:
            self.bytes = path.stat().st_size
            self._session = new_session(path, usable_cores())
            labels = json.loads(self._session.get_modelmeta().custom_metadata_map.get("labels", "[]"))
        except Exception as error:
            raise NotFound(GONE) from error
        self.labels: tuple[str, ...] = tuple(labels)
        self.caution, self._known = _caution(path.parent)
        self._input = self._session.get_inputs()[0].name
        self._outputs = {output.name for output in self._session.get_outputs()}

    def run(self, pixels: Pixels, heat: bool, beside: bool = False) -> tuple[Outputs, float]:
        """What it says of (H, W, 3), and the seconds it took.

        `beside`: on one thread beside others, which answers many sooner than all cores do one after the other.

        Raises NotFound when the model's files are gone meanwhile.
        """
        beside_them = ((OWN, True), (BACKBONES, True), ("class_map", heat))
        wanted = ["probabilities"] + [name for name, asked in beside_them if asked and name in self._outputs]
        session = self._beside_others() if beside else self._session
        with nullcontext() if beside else _computing:
            began_s = time.perf_counter()
            said = dict(zip(wanted, session.run(wanted, {self._input: pixels[None]}), strict=True))
            taken_s = time.perf_counter() - began_s
        first = {name: value[0] for name, value in said.items()}
        rest = (first.get(name) for name in (OWN, "class_map", BACKBONES))
        return Outputs(first["probabilities"], *rest), taken_s

    def _beside_others(self) -> onnxruntime.InferenceSession:
        with self._making:
            if self._narrow is None:
                try:
                    self._narrow = new_session(self._path, 1)
                except Exception as error:
                    raise NotFound(GONE) from error
            return self._narrow

    def familiarity(self, said: Outputs) -> float | None:
        """See `core.caution`; None of a model that was made without."""
        by_backbone = self.caution is not None and self.caution.by == BACKBONES
        vector = said.backbone_vector if by_backbone else said.vector
        if vector is None or self._known is None or vector.shape != self._known.shape[1:]:
            return None
        return float(caution.familiarity(self._known, vector[None])[0])

    def warm(self) -> None:
        """The first run of a session takes memory and time that the next ones need not."""
        self.run(np.zeros((SIDE, SIDE, 3), np.uint8), heat=True)


def _caution(folder: Path) -> tuple[Caution | None, NDArray[np.float32] | None]:
    """What a model knows about what it does not know; the graph alone answers without."""
    known = bundles.read_known(folder)
    try:
        return (
            (caution.read(bundles.read_manifest(folder).get("caution")), known) if known is not None else (None, None)
        )
    except (NotFound, KeyError):
        return None, None


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

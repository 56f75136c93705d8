"""What the stages of a network that do not learn give of pictures: computed as answers are, by ONNX Runtime.

Without gradients to leave room for, ONNX Runtime takes these stages in a third of the time that torch takes, and
whoever makes a batch can do it while the network learns from the one before. Pictures that are not varied come out the
same in every epoch, so what was made of them is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.index.backbone import new_session
from core.learning.network import Network
from core.learning.tracing import to_onnx
from core.recipe import Recipe

Indices = NDArray[np.int64]
KEPT_BYTES = 1 << 27  # of features at most: a trainer's memory does not grow with the number of pictures


def set_apart(recipe: Recipe, device: torch.device) -> int:
    """So many first stages are computed by FrozenStages: elsewhere than on the processor torch is quick itself."""
    return recipe.frozen_stages if device.type == "cpu" else 0


class FrozenStages:
    """Thread-safe. A picture's features are the same bits, whoever is beside it, whoever asks and however often."""

    def __init__(self, network: Network, stages: int, side: int, pictures: int) -> None:
        """Of so many first stages as they are now, for `pictures` pictures (3, side, side) that may be kept."""
        example = torch.zeros(2, 3, side, side)
        graph = to_onnx(_First(network, stages).eval(), example, ["features"])
        # One thread each: who makes parts of a batch side by side has a core for each of them already.
        self._session = new_session(graph.SerializeToString(), 1)
        self.shape = tuple(self(example).shape[1:])  # (C, h, w) of one picture
        most = KEPT_BYTES // (4 * int(np.prod(self.shape)))
        self._kept = torch.empty((min(pictures, most), *self.shape))
        self._rows = np.full(pictures, -1, np.int32)  # of a picture's number the row in `_kept`; -1: it is not there
        self._used = 0
        self._lock = threading.Lock()

    def __call__(self, inputs: Tensor) -> Tensor:
        """(N, C, h, w) of normalised pictures (N, 3, S, S), float32."""
        return torch.from_numpy(self._session.run(["features"], {"input": inputs.numpy()})[0])

    def unvaried(self, chosen: Indices, load: Callable[[Indices], Tensor]) -> Tensor:
        """Those of the pictures of these numbers as they are; `load` gives the ones that are not kept, normalised."""
        rows = self._rows[chosen]
        known = rows >= 0
        found = torch.empty((len(chosen), *self.shape))
        found[known] = self._kept[rows[known]]
        if not known.all():
            found[~known] = made = self(load(chosen[~known]))
            self._keep(chosen[~known], made)
        return found

    def _keep(self, chosen: Indices, made: Tensor) -> None:
        with self._lock:
            first, self._used = self._used, min(self._used + len(chosen), len(self._kept))
            rows = np.arange(first, self._used)
        self._kept[first : first + len(rows)] = made[: len(rows)]
        self._rows[chosen[: len(rows)]] = rows


class _First(nn.Module):
    def __init__(self, network: Network, stages: int) -> None:
        super().__init__()
        self.network, self.stages = network, stages

    def forward(self, pixels: Tensor) -> Tensor:
        return self.network.through(pixels, self.stages)

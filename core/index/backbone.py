"""The packaged EfficientNet-Lite0 in ONNX Runtime: pictures to vectors, without torch."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime

from core.errors import Unavailable
from core.ports import Pixels, Vectors

SIDE = 224  # px; other sizes are resized inside the graph, which is slower than having them so already
SPIN_US = 20
BATCH = 2  # pictures a thread takes at once: of more, a layer no longer fits the cache that the next one reads


def usable_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def new_session(graph: Path | bytes, threads: int) -> onnxruntime.InferenceSession:
    """A CPU session that leaves the processor to others while it waits for more than a moment.

    Raises:
        OSError or one of ONNX Runtime's errors: no such file, or no such graph.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Between two operators there are microseconds: a thread that sleeps through them wakes too late for each. One that
    # spins for as long as it is told by default takes the cores from decoding and training.
    options.add_session_config_entry("session.intra_op.spin_duration_us", str(SPIN_US))
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


class Backbone:
    """Batches side by side on one thread each, rather than one after the other on all of them: threads that share a
    picture wait for each other at every layer, which costs a sixth on a free machine and nearly all on a busy one."""

    def __init__(self, path: Path, threads: int) -> None:
        """Raises Unavailable when the backbone was not made yet."""
        if not path.is_file():
            raise Unavailable(f"The pretrained network is missing ({path.name}). Run `make setup`, then try again.")
        self._session = new_session(path, 1)
        self._pool = ThreadPoolExecutor(threads, "backbone")

    def vectors(self, pixels: Pixels) -> Vectors:
        """(N, 1280) for (N, H, W, 3); quickest at 224 x 224."""
        starts = range(0, len(pixels), BATCH)
        return np.concatenate(list(self._pool.map(lambda at: self._batch(pixels[at : at + BATCH]), starts)))

    def _batch(self, pixels: Pixels) -> Vectors:
        found: Vectors = self._session.run(["vector"], {"pixels": pixels})[0]
        return found

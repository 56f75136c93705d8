"""What an attempt of a run records for the eye beside its numbers: the film strip, and what it takes of the machine."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from core import strip
from core.learning import gauges
from core.learning.events import Validated
from core.learning.gauges import Device
from core.ports import Files
from core.records import Frame, ModelKind, Run, VersionImage
from core.running import gauges as process
from core.running.context import RunContext
from core.stores import Store

Indices = NDArray[np.int64]


class Watcher:
    def __init__(self, files: Files, store: Store, run: Run, context: RunContext, device: Device) -> None:
        self._files, self._store, self._run = files, store, run
        self._context, self._device = context, device
        self._process = process.Gauges()
        self._gauged: dict[str, float] = {}

    # ---- the film strip

    def strip(self, images: Sequence[VersionImage], train: Indices, validation: Indices) -> Indices:
        """Rows of the pictures to watch, out of the `validation` rows of `images`: what the first attempt chose."""
        events = self._store.runs.events(self._run.id)
        pinned = next((event.data["pictures"] for event in events if event.kind == "strip"), None)
        if pinned is None:
            chosen = strip.choose([images[row] for row in validation], self._doubts(), len(train))
            pinned = [asdict(one) for one in chosen]
            self._context.say("strip", {"pictures": pinned})
            self._context.still_mine()
        rows = {image.image_id: row for row, image in enumerate(images)}
        return np.array([rows[one["image_id"]] for one in pinned], np.int64)

    def _doubts(self) -> dict[int, float]:
        """How far the instant model was from the label of each picture it had not learned from; {} without one."""
        instant = [m for m in self._store.models.all(self._run.dataset_id) if m.kind is ModelKind.INSTANT]
        try:
            with np.load(self._files.model(instant[0].folder) / "held_out.npz", allow_pickle=False) as found:
                sure = found["probabilities"][np.arange(len(found["target"])), found["target"]]
                return dict(zip(found["image_id"].tolist(), (1 - sure).tolist(), strict=True))
        except (IndexError, OSError, KeyError, ValueError):  # it may be replaced at this very moment
            return {}

    def saw(self, event: Validated) -> None:
        """Keeps the frame of an epoch."""
        if (seen := event.glimpse) is not None:
            maps = [base64.b64encode(one).decode() for one in seen.maps]
            data = {"said": seen.said, "maps": maps, "shape": seen.shape}
            self._context.show(Frame(event.step, event.epoch, data))

    # ---- the machine

    def begin(self) -> None:
        self._context.say("machine", {**process.machine(), **gauges.machine(self._device)})

    def gauged(self) -> dict[str, float]:
        """Memory and how busy: of the device where it tells, else of this process.

        Looked at once a second, told with every point: which rows a run has must not depend on the clock.
        """
        if not self._gauged or self._process.due():
            own_mb, share = self._process.read()
            if self._device.type == "cpu":
                self._gauged = {"memory_mb": own_mb, "utilisation": share}
            else:
                found = {"memory_mb": gauges.memory_mb(self._device), "utilisation": gauges.utilisation(self._device)}
                self._gauged = {key: value for key, value in found.items() if value is not None}
        return self._gauged

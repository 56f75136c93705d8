"""The part of the predictor that answers batches.

What waits stands in the database, so whatever ends this process costs a moment and no picture.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import NotFound, Refused
from core.index import useful
from core.index.backbone import usable_cores
from core.records import Answer, Batch, BatchItem, Model
from core.stores import NewPrediction
from core.studio import Studio

PIECE = 64  # pictures that are taken in hand together
TOGETHER = 1 + max(2, min(usable_cores(), 8))  # in hand: a core each computes, and one is decoded meanwhile
WRITE_S = 1.0  # after which what is answered is written down, however many are still in hand
LOOK_S = 0.2
PAUSE_S = 2.0  # after something went wrong
GONE = "The file of this picture is missing. Please drop it again."

log = logging.getLogger("predictor")


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    answer: Answer
    vector: NDArray[np.float32] | None  # the model's own, where it gives one
    format: str


class Looker(Protocol):
    """What answers: the predictor."""

    def look(
        self, model_id: int, folder: str, picture: bytes | Path, neighbours: int = 0, heat: bool = False
    ) -> Looked: ...
    def wait_for_callers(self) -> None: ...


class Answering:
    """One thread for all batches, the oldest first."""

    def __init__(self, studio: Studio, looker: Looker) -> None:
        self._studio, self._looker = studio, looker
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="batches", daemon=True)
        self._pulse = -1

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                while self._something_new() and self.step() and not self._stopped.is_set():
                    self._pulse = -1  # there may be more
            except Exception:
                # The database or the disk is away: nothing is decided, it is tried again.
                log.exception("a piece of a batch failed")
                self._pulse = -1
                self._stopped.wait(PAUSE_S)
            self._stopped.wait(LOOK_S)

    def _something_new(self) -> bool:
        before, self._pulse = self._pulse, self._studio.store.services.pulse()
        return self._pulse != before

    def step(self) -> bool:
        """Answers the next few pictures; False when none waits. Raises DiskFull."""
        items = self._studio.store.batches.due(PIECE)
        if not items:
            return False
        batch = self._studio.store.batches.get(items[0].batch_id)
        try:
            model = self._studio.store.models.get(batch.model_id)
        except NotFound as gone:
            self._studio.store.batches.answer(batch, [], {item.id: str(gone) for item in items})
            return True
        self._answer(batch, model, items)
        return True

    def _answer(self, batch: Batch, model: Model, items: list[BatchItem]) -> None:
        answers: list[NewPrediction] = []
        refused: dict[int, str] = {}

        def write() -> None:
            self._studio.store.batches.answer(batch, answers, refused)
            answers.clear()
            refused.clear()

        written_s = time.monotonic()
        try:
            for item, said in self._said(model, items):
                if isinstance(said, NewPrediction):
                    answers.append(said)
                elif said is not None:
                    refused[item.id] = str(said)
                if time.monotonic() - written_s >= WRITE_S:
                    write()
                    written_s = time.monotonic()
        finally:
            write()

    def _said(
        self, model: Model, items: list[BatchItem]
    ) -> Iterator[tuple[BatchItem, NewPrediction | Refused | NotFound | None]]:
        """Of each in turn; None: we were told to end."""

        def answer(item: BatchItem) -> NewPrediction | Refused | NotFound | None:
            self._looker.wait_for_callers()
            try:
                return None if self._stopped.is_set() else self._one(model, item)
            except (Refused, NotFound) as error:
                return error

        with ThreadPoolExecutor(TOGETHER, "batch") as pool:
            yield from zip(items, pool.map(answer, items), strict=True)

    def _one(self, model: Model, item: BatchItem) -> NewPrediction:
        """Raises Refused (the picture), NotFound (the model's files)."""
        path = self._studio.files.picture(item.sha256)
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise Refused(GONE, "gone") from None
        looked = self._looker.look(model.id, model.folder, path)
        answer = looked.answer
        return NewPrediction(
            item=item,
            ranked=answer.ranked,
            milliseconds=answer.milliseconds,
            verdict=answer.verdict,
            sketch=useful.sketch(looked.vector) if looked.vector is not None else b"",
            width=answer.width,
            height=answer.height,
            format=looked.format,
            bytes=size,
        )

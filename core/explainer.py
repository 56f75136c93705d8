"""The explainer's process: `python -m core.explainer`. It works out why models say what they say, when somebody asks.

One a data folder; started by the scheduler when something is asked, gone a while after the last answer, for it holds
torch. It reads models and pictures, writes explanations, nothing else, and may be killed at any moment.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.embedded import open_studio
from core.errors import NotFound
from core.explanations import Map
from core.jobs import Tell, Worker
from core.records import Explanation, Split
from core.running.alone import alone
from core.running.on_demand import work_on_demand
from core.stores import Where
from core.studio import Studio

POLL_S = 0.1
IDLE_S = 90.0  # the next question of who looks at an answer is not to wait for torch again
LONGEST_S = 900.0  # one that takes longer hangs: no heartbeat, and the scheduler starts anew
NICENESS = 2  # predictions go first, but a person waits
KEPT = 1000  # explanations
OTHERS = 16  # pictures to compare with
UNFORESEEN = "This could not be worked out. The model is safe; the explainer's log on the System page says why."

log = logging.getLogger("explainer")


class Asks(Protocol):
    def __call__(self, studio: Studio, asked: Explanation, tell: Tell) -> Map:
        """Raises StudioError, and whatever `tell` raises."""


class Explainer(Worker):
    """One question at a time."""

    def __init__(self, studio: Studio, ask: Asks, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(log, UNFORESEEN, clock)
        self._studio, self._store, self._ask = studio, studio.store.explanations, ask

    def tick(self) -> bool:
        asked = next(iter(self._store.due()), None)
        if asked is None:
            return False
        self._store.begin(asked.id)
        self._do(
            f"model {asked.model_id}: {asked.method}",
            lambda tell: self._ask(self._studio, asked, tell),
            lambda found, _seconds: self._store.put(asked.id, found.packed()),
            lambda problem: self._store.fail(asked.id, problem),
            lambda progress: self._store.tell(asked.id, progress),
        )
        return True


class Torch:
    """Asks the networks themselves; keeps the last one loaded."""

    def __init__(self, studio: Studio) -> None:
        # Captum brings a library that draws, which would write its list of fonts into the home of whoever runs this.
        os.environ.setdefault("MPLCONFIGDIR", str(studio.files.cache("matplotlib")))
        from core.learning import explaining

        self._explaining, self._folder = explaining, ""
        self._network: explaining.Explained | None = None

    def __call__(self, studio: Studio, asked: Explanation, tell: Tell) -> Map:
        tell(0.0)
        if self._network is None or self._folder != asked.folder:
            self._network, self._folder = self._explaining.load(studio.files.model(asked.folder)), asked.folder
        network = self._network
        [(_, pixels)] = studio.decoder.resized([studio.files.picture(asked.sha256)], network.side)
        if pixels is None:
            raise NotFound("The picture cannot be read any more. Add it again to ask about it.")
        others = self._others(studio, asked, network.side)
        return self._explaining.explain(network, pixels, asked.method, asked.label, others, tell)

    def _others(self, studio: Studio, asked: Explanation, side: int) -> NDArray[np.uint8]:
        """(M, side, side, 3) that the model may have learned from, mixed; the same each time."""
        dataset_id = studio.store.models.get(asked.model_id).dataset_id
        found = studio.store.images.page(dataset_id, Where(order="mixed"), 0, 2 * OTHERS)
        kept = [one.sha256 for one in found if one.split is not Split.TEST and one.sha256 != asked.sha256][:OTHERS]
        decoded = dict(studio.decoder.resized([studio.files.picture(one) for one in kept], side))
        pixels = [one for at in sorted(decoded) if (one := decoded[at]) is not None]
        return np.stack(pixels) if pixels else np.zeros((0, side, side, 3), np.uint8)


def serve(studio: Studio) -> None:
    studio.store.explanations.sweep(KEPT)
    work_on_demand(studio, "explainer", [Explainer(studio, Torch(studio))], POLL_S, IDLE_S, LONGEST_S)


def main() -> int:
    return alone(open_studio(), "explainer", serve, NICENESS)


if __name__ == "__main__":
    sys.exit(main())

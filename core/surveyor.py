"""The surveyor's process: `python -m core.surveyor`. It works out what takes longer than anybody would wait: surveys
and packages; and it reads the bundles of models that come from elsewhere.

One a data folder; started by the scheduler when one is asked for, gone a while after the last one. It reads vectors,
labels and models, writes surveys, packages and imported models, and may be killed at any moment: it is asked again.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from core import judgements, maps, measuring, travel
from core.embedded import open_studio
from core.enough import KIND as ENOUGH
from core.errors import NotFound, StudioError
from core.findings.reading import SURVEY as FINDINGS
from core.findings.surveying import survey
from core.index import advising, judging, mapping, travelling
from core.index import measuring as measuring_here
from core.jobs import Tell, Worker
from core.packing.bringer import Bringer
from core.packing.packer import Packer
from core.records import Dataset, Survey
from core.running.alone import alone
from core.running.aside import LocalAside
from core.running.on_demand import work_on_demand
from core.studio import Studio

Compute = Callable[[Studio, Dataset, Tell], Mapping[str, Any]]
ComputeAbout = Callable[[Studio, Dataset, Tell, str], Mapping[str, Any]]

KINDS: dict[str, Compute] = {
    FINDINGS: survey,
    ENOUGH: advising.survey,
    maps.KIND: mapping.compute,
    judgements.KIND: judging.compute,
}
ABOUT: dict[str, ComputeAbout] = {
    travel.KIND: travelling.compute,
    measuring.KIND: measuring_here.compute,
}  # a survey called `kind:what` is about that
POLL_S = 0.2
IDLE_S = 20.0  # it leaves, and gives its memory back
LONGEST_S = 3600.0  # a survey that takes longer hangs: no heartbeat, and the scheduler starts anew
NICENESS = 10  # whatever a person waits for goes first
UNFORESEEN = (
    "This could not be worked out. Your pictures and labels are safe; the surveyor's log on the System page says why."
)

log = logging.getLogger("surveyor")


class Surveyor(Worker):
    """One survey at a time, of a dataset that is at rest."""

    def __init__(
        self, studio: Studio, kinds: Mapping[str, Compute], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(log, UNFORESEEN, clock)
        self._studio, self._store, self._kinds = studio, studio.store, kinds

    def tick(self) -> bool:
        for asked in self._store.surveys.due():
            dataset = self._at_rest(asked)
            if dataset is not None:
                self._work(dataset, asked.kind)
                return True
        return False

    def _at_rest(self, asked: Survey) -> Dataset | None:
        """The dataset, once every picture has its vector and the instant model has seen every label."""
        try:
            dataset = self._store.datasets.get(asked.dataset_id)
        except NotFound:
            return None  # removed meanwhile
        return dataset if dataset.fitted_revision == dataset.labels_revision else None

    def _work(self, dataset: Dataset, kind: str) -> None:
        surveys, revision = self._store.surveys, dataset.labels_revision
        surveys.begin(dataset.id, kind)
        self._do(
            f"dataset {dataset.id} revision {revision}: {kind}",
            lambda tell: self._compute(kind)(self._studio, dataset, tell),
            lambda content, seconds: surveys.put(dataset.id, kind, revision, seconds, content),
            lambda problem: surveys.fail(dataset.id, kind, revision, problem),
            lambda progress: surveys.tell(dataset.id, kind, progress),
        )

    def _compute(self, kind: str) -> Compute:
        """Raises StudioError."""
        if kind in self._kinds:
            return self._kinds[kind]
        name, _, what = kind.partition(":")
        if name not in ABOUT:
            raise StudioError("This Darkroom does not know how to work that out. It was asked for by a newer one.")
        return lambda studio, dataset, tell: ABOUT[name](studio, dataset, tell, what)


def serve(studio: Studio) -> None:
    aside = LocalAside(studio.settings)
    workers = [Surveyor(studio, KINDS), Bringer(studio, aside), Packer(studio, aside)]
    work_on_demand(studio, "surveyor", workers, POLL_S, IDLE_S, LONGEST_S, lambda: bool(studio.store.surveys.due()))


def main() -> int:
    return alone(open_studio(), "surveyor", serve, NICENESS)


if __name__ == "__main__":
    sys.exit(main())

"""The surveyor's process: `python -m core.surveyor`. It works out what takes longer than anybody would wait: surveys.

One a data folder; started by the scheduler when a survey is asked for, gone a while after the last one. It reads
vectors and labels and writes surveys, nothing else, and may be killed at any moment: it is asked again.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from core import maps
from core.embedded import open_studio
from core.enough import KIND as ENOUGH
from core.errors import NotFound, StudioError
from core.findings.reading import SURVEY as FINDINGS
from core.findings.surveying import survey
from core.index import advising, mapping
from core.records import Dataset, Survey
from core.running.alone import alone, when_told_to_end
from core.studio import Studio

Tell = Callable[[float], None]  # how far it is, 0..1; raises Interrupted
Compute = Callable[[Studio, Dataset, Tell], Mapping[str, Any]]

KINDS: dict[str, Compute] = {
    FINDINGS: survey,
    ENOUGH: advising.survey,
    maps.KIND: mapping.compute,
}
BEAT_S = 2.0
TELL_S = 0.5
POLL_S = 0.2
IDLE_S = 20.0  # it leaves, and gives its memory back
LONGEST_S = 3600.0  # a survey that takes longer hangs: no heartbeat, and the scheduler starts anew
NICENESS = 10  # whatever a person waits for goes first
PAUSE_S = 2.0  # after something went wrong
UNFORESEEN = (
    "This could not be worked out. Your pictures and labels are safe; the surveyor's log on the System page says why."
)

log = logging.getLogger("surveyor")


class Interrupted(Exception):
    """Ordinary control flow: the process was told to end. The survey stays asked for."""


class Surveyor:
    """One survey at a time. `clock` is steady, in seconds."""

    def __init__(
        self, studio: Studio, kinds: Mapping[str, Compute], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._studio, self._store, self._kinds, self._clock = studio, studio.store, kinds, clock
        self.stopped = False
        self.busy_since_s: float | None = None

    def tick(self) -> bool:
        """Works out the one that was wanted first, of a dataset that is at rest. False when there was none."""
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
        began_s = told_s = self.busy_since_s = self._clock()

        def tell(progress: float) -> None:
            nonlocal told_s
            if self.stopped:
                raise Interrupted
            if self._clock() - told_s >= TELL_S:
                surveys.tell(dataset.id, kind, min(max(progress, 0.0), 1.0))
                told_s = self._clock()

        try:
            if kind not in self._kinds:
                raise StudioError("This Darkroom does not know how to work that out. It was asked for by a newer one.")
            content = self._kinds[kind](self._studio, dataset, tell)
        except Interrupted:
            raise
        except StudioError as error:
            surveys.fail(dataset.id, kind, revision, str(error))
        except Exception:
            log.exception("dataset %d revision %d: %s failed", dataset.id, revision, kind)
            surveys.fail(dataset.id, kind, revision, UNFORESEEN)
        else:
            seconds = self._clock() - began_s
            surveys.put(dataset.id, kind, revision, seconds, content)
            log.info("dataset %d revision %d: %s in %.2f s", dataset.id, revision, kind, seconds)
        finally:
            self.busy_since_s = None


class Process:
    """The loop around the surveys: until SIGTERM, until there is nothing to do, or until the data folder is gone."""

    def __init__(self, studio: Studio) -> None:
        self._studio, self._surveyor = studio, Surveyor(studio, KINDS)

    def stop(self, _received: int, _frame: object) -> None:
        self._surveyor.stopped = True

    def run(self) -> None:
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        idle_since_s = time.monotonic()
        while not self._surveyor.stopped and self._studio.files.lock("surveyor").exists():
            try:
                if self._surveyor.tick() or self._studio.store.surveys.due():
                    idle_since_s = time.monotonic()
                if time.monotonic() - idle_since_s > IDLE_S:
                    return
                time.sleep(POLL_S)
            except Interrupted:
                return
            except Exception:
                # The database is away: decide nothing, say it, try again.
                log.exception("a round failed")
                time.sleep(PAUSE_S)

    def _beat(self) -> None:
        while not self._surveyor.stopped:
            since_s = self._surveyor.busy_since_s
            if since_s is None or time.monotonic() - since_s < LONGEST_S:
                try:
                    self._studio.store.services.alive("surveyor", {"busy": since_s is not None})
                except Exception:
                    log.exception("the heartbeat could not be written")
            time.sleep(BEAT_S)


def serve(studio: Studio) -> None:
    process = Process(studio)
    when_told_to_end(process.stop)
    process.run()


def main() -> int:
    return alone(open_studio(), "surveyor", serve, NICENESS)


if __name__ == "__main__":
    sys.exit(main())

"""The indexer's process: `python -m core.indexer`. One a data folder; a second one finds the lock taken and leaves.

It asks the database again and again: what was uploaded and not looked at? Which bytes have no vector? Whose labels
changed since the last fit? It keeps nothing that it could not ask again, so killing it at any moment loses nothing.
"""

from __future__ import annotations

import logging
import random
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core import errands, surveys, trash, uploads, versions
from core.embedded import open_studio
from core.errors import NotFound, StudioError, Unavailable
from core.index.backbone import SIDE, Backbone, usable_cores
from core.index.fitting import fit_dataset, sweep
from core.ports import SHARDS, Pixels
from core.records import RunState
from core.running.alone import alone, when_told_to_end
from core.studio import Studio

BATCH = 64  # pictures between two entries in the database; half a second of work
CARRY_S = 1.0  # of errands, and
SETTLE_S = 5.0  # after its announcement: a run that began at once has written down its version by then
CHECK_S = 1.0  # of checking, then the vectors get their turn
QUIET_S = 0.05  # labels that changed just now may change on: a click seldom comes alone
POLL_S = 0.05  # how soon new work is noticed
LOOK_S = 1.0  # and how often we look although nobody wrote
BEAT_S, IDLE_BEAT_S = 1.0, 5.0
RUNS_S = 2.0  # how often we look whether a run trains
SWEEP_S = 120.0
PAUSE_S = 2.0  # after something went wrong
RETRY_S = 10.0  # before a fit that failed is tried again
NICENESS = 2  # the web process goes first
FIRST_LOOK = 100  # pictures after which a dataset gets a first model while the others wait; then 4 times as many
ACTIVE = (RunState.STARTING, RunState.RUNNING)

log = logging.getLogger("indexer")


@dataclass
class _Change:
    """A dataset whose labels changed: when we last saw its revision move, and how far its vectors are."""

    revision: int
    moved_s: float
    waited: int = 0  # pictures without a vector when we first looked
    next_look: int = FIRST_LOOK
    not_before_s: float = -1e9  # after a fit that failed


class Indexer:
    """One round of work at a time. `clock` is steady, in seconds."""

    def __init__(self, studio: Studio, clock: Callable[[], float] = time.monotonic) -> None:
        self._studio, self._store, self._clock = studio, studio.store, clock
        self._backbones: dict[int, Backbone] = {}
        self._changes: dict[int, _Change] = {}
        self._undrawn: deque[str] = deque()  # sha256s that have their vector, but neither thumbnail nor measurements
        self._beat_s = self._runs_s = self._sweep_s = -1e9
        self._shard = random.randrange(SHARDS)  # of pictures; one a sweep, and nobody remembers which was the last
        self._trains = False
        self._fitting: int | None = None
        self._rate = Rate(clock)
        self._problem = ""
        self._store.vectors.forgive()

    @property
    def pending(self) -> bool:
        """There is work that only waits for its moment."""
        return bool(self._changes or self._undrawn)

    def tick(self) -> bool:
        """Versions, then errands, then checks, then vectors, then fits, then drawings: each a bounded piece. True when
        there was any work."""
        carried = self._settle() or errands.carry_out(self._studio, CARRY_S)
        checked = self._check()
        indexed = self._index()
        fitted = self._refit()
        # First the model that somebody waits for, then what makes the screens quicker.
        drawn = not (carried or checked or indexed or fitted or self._changes) and self._draw()
        worked = carried or checked or indexed or fitted or drawn
        self._beat(worked)
        if self._clock() - self._sweep_s >= SWEEP_S:
            sweep(self._studio)
            self._shard = (self._shard + 1) % SHARDS
            trash.sweep_strays(self._studio, self._shard)
            trash.sweep(self._studio)
            uploads.sweep(self._studio)
            self._sweep_s = self._clock()
        return worked

    def _settle(self) -> bool:
        """Writes down a version that no run has written down by itself; True when there was one."""
        due = self._store.versions.due(time.time() - SETTLE_S)
        for version_id in due[:1]:
            with suppress(NotFound):  # another one took its place meanwhile
                versions.settle(self._store, version_id)
        return bool(due)

    # ---- uploads ----

    def _check(self) -> bool:
        """True when items were settled. Checked pictures wait on disk for their vectors: not too many of them."""
        waiting = self._store.uploads.waiting()
        if not waiting:
            return False
        room = self._studio.settings.spool_limit_bytes - self._studio.files.spooled_bytes()
        settled = 0
        for upload_id in waiting if room > 0 else ():
            with suppress(NotFound):  # cancelled meanwhile
                settled += uploads.check(self._studio, upload_id, CHECK_S)
        return settled > 0

    # ---- vectors ----

    def _index(self) -> bool:
        backbone = self._backbone()
        if backbone is None:
            return False
        shas = self._store.vectors.todo(BATCH)
        if not shas:
            return False
        known, pixels = self._pixels(shas)
        if known:
            first = self._store.vectors.next_row()
            self._studio.vectors.append(first, backbone.vectors(pixels))
            self._store.vectors.put({sha: first + at for at, sha in enumerate(known)})
        for sha in known:
            self._studio.files.spool(sha).unlink(missing_ok=True)
        self._rate.count(len(known))
        return True

    def _pixels(self, shas: Sequence[str]) -> tuple[list[str], Pixels]:
        """Those that can be read, and (N, 224, 224, 3): what the check left, else decoded anew."""
        found: dict[str, Pixels] = {}
        for sha in shas:
            with suppress(FileNotFoundError):
                content = self._studio.files.spool(sha).read_bytes()
                if len(content) == SIDE * SIDE * 3:
                    found[sha] = np.frombuffer(content, np.uint8).reshape(SIDE, SIDE, 3)
        missing = [sha for sha in shas if sha not in found]
        paths = [self._studio.files.picture(sha) for sha in missing]
        for at, square in self._studio.decoder.resized(paths, SIDE) if missing else ():
            if square is not None:
                found[missing[at]] = square
                self._undrawn.append(missing[at])
        known = [sha for sha in shas if sha in found]
        return known, np.stack([found[sha] for sha in known]) if known else np.empty((0, SIDE, SIDE, 3), np.uint8)

    def _draw(self) -> bool:
        """Thumbnails and measurements of what has its vector. Nobody waits for them: who looks earlier draws by
        himself, and so does a survey; after a kill they are left to those."""
        some = [self._undrawn.popleft() for _ in range(min(BATCH, len(self._undrawn)))]
        drawn = (
            {some[at]: one for at, one in self._studio.decoder.draw(self._places(some), SIDE) if one} if some else {}
        )
        if drawn:
            self._studio.files.sync([str(self._studio.files.thumb(sha)) for sha in drawn])
            self._store.facts.put({sha: one.facts for sha, one in drawn.items()})
        return bool(some)

    def _places(self, shas: Sequence[str]) -> list[tuple[Path, Path]]:
        """(picture, where its thumbnail goes) of each."""
        places = [(self._studio.files.picture(sha), self._studio.files.thumb(sha)) for sha in shas]
        for folder in {thumb.parent for _, thumb in places}:
            folder.mkdir(exist_ok=True)
        return places

    def _backbone(self) -> Backbone | None:
        """With a thread for each core, or for half of them while a run trains. None when it was not made yet."""
        now = self._clock()
        if now - self._runs_s >= RUNS_S:
            self._trains, self._runs_s = bool(self._store.runs.all(states=ACTIVE)), now
        cores = usable_cores()
        threads = max(1, cores // 2) if self._trains else cores
        if threads not in self._backbones:
            try:
                self._backbones[threads] = Backbone(self._studio.settings.backbone_path, threads)
            except Unavailable as error:
                self._problem = str(error)
                return None
            self._problem = ""
        return self._backbones[threads]

    # ---- fits ----

    def _refit(self) -> bool:
        stale = self._store.datasets.stale()
        self._changes = {one: change for one, change in self._changes.items() if one in dict(stale)}
        if not stale or self._backbone() is None:
            return False
        return any([self._look(dataset_id, revision) for dataset_id, revision in stale])

    def _look(self, dataset_id: int, revision: int) -> bool:
        """Fits when the labels have come to rest and the vectors are there; and now and then on the way."""
        now = self._clock()
        change = self._changes.setdefault(dataset_id, _Change(revision, now))
        if change.revision != revision:
            change.revision, change.moved_s = revision, now
        if now - change.moved_s < QUIET_S or now < change.not_before_s:
            return False
        missing = self._store.vectors.todo_count(dataset_id)
        change.waited = max(change.waited, missing)
        done = change.waited - missing
        if missing and (done < change.next_look or missing < done):  # after half of the way the whole comes soon
            return False
        while missing and change.waited - missing >= change.next_look:
            change.next_look *= 4
        change.not_before_s = now + RETRY_S
        if not self._fit(dataset_id, complete=not missing):
            return False
        change.not_before_s = now
        return True

    def _fit(self, dataset_id: int, complete: bool) -> bool:
        """False when it cannot be done now: the disk is full, say."""
        dataset = self._store.datasets.get(dataset_id)
        self._fitting = dataset_id
        self._beat(True, at_once=dataset.images > FIRST_LOOK)
        began_s = self._clock()
        try:
            model = fit_dataset(self._studio, dataset, self._backbone_bytes)
        except StudioError as error:
            log.warning("dataset %d revision %d: %s", dataset_id, dataset.labels_revision, error)
            self._problem = str(error)
            return False
        finally:
            self._fitting = None
        if complete:
            self._store.datasets.mark_fitted(dataset_id, dataset.labels_revision)
            surveys.ask(self._studio, dataset_id)
        if model is not None:
            told = (dataset_id, dataset.labels_revision, model.accuracy, model.measured_n, self._clock() - began_s)
            log.info("dataset %d revision %d: accuracy %.4f on %d pictures, %.2f s", *told)
        self._problem = ""
        return True

    @cached_property
    def _backbone_bytes(self) -> bytes:
        """One object: whoever puts heads behind it knows it again."""
        return self._studio.settings.backbone_path.read_bytes()

    # ---- telling ----

    def _beat(self, busy: bool, at_once: bool = False) -> None:
        now = self._clock()
        if not at_once and now - self._beat_s < (BEAT_S if busy else IDLE_BEAT_S):
            return
        todo, per_second = self._store.vectors.todo_count(), self._rate.per_second()
        detail: dict[str, Any] = {"todo": todo, "per_second": round(per_second, 1), "fitting": self._fitting}
        detail["seconds_left"] = round(todo / per_second, 1) if todo and per_second else None
        if self._problem:
            detail["problem"] = self._problem
        self._store.services.alive("indexer", detail)
        self._beat_s = now


class Rate:
    """Pictures a second over the last moments in which there was work."""

    WINDOW_S = 10.0

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counts: list[tuple[float, int]] = []

    def count(self, pictures: int) -> None:
        now = self._clock()
        self._counts = [(at, n) for at, n in self._counts if now - at <= self.WINDOW_S] + [(now, pictures)]

    def per_second(self) -> float:
        """0 until two batches are done."""
        if len(self._counts) < 2:
            return 0.0
        span_s = self._counts[-1][0] - self._counts[0][0]
        return sum(n for _, n in self._counts[1:]) / span_s if span_s > 0 else 0.0


class Process:
    """The loop around the rounds: until SIGTERM, or until the data folder is gone."""

    def __init__(self, studio: Studio) -> None:
        self._studio, self._stopped = studio, False

    def stop(self, _received: int, _frame: object) -> None:
        self._stopped = True

    def run(self) -> None:
        indexer = Indexer(self._studio)
        pulse, looked_s = -1, -1e9
        while not self._stopped and self._studio.files.lock("indexer").exists():
            try:
                before = self._studio.store.services.pulse()
                if before == pulse and not indexer.pending and time.monotonic() - looked_s < LOOK_S:
                    time.sleep(POLL_S)
                    continue
                pulse, looked_s = before, time.monotonic()
                if not indexer.tick() and indexer.pending:
                    time.sleep(POLL_S)
            except Exception:
                # The database is away, the disk is full, or something nobody foresaw: say it, ask again.
                log.exception("a round failed")
                time.sleep(PAUSE_S)


def serve(studio: Studio) -> None:
    process = Process(studio)
    when_told_to_end(process.stop)
    process.run()


def main() -> int:
    return alone(open_studio(), "indexer", serve, NICENESS)


if __name__ == "__main__":
    sys.exit(main())

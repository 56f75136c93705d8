"""The pictures of a run, resized before anything is learned from them. Knows no torch.

A trainer that begins cold loads torch for seconds: meanwhile, and in other processes, the pictures are made ready.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from core import architectures, versions
from core import recipe as recipes
from core.imaging.cache import PixelCache, open_cache
from core.imaging.pool import DecoderPool
from core.ports import Files
from core.recipe import Recipe
from core.records import Run, Split, TrainingSpec, VersionImage, Wish
from core.running.context import RunContext, Stopped
from core.settings import Settings
from core.stores import Store

SAY_S = 1.0  # between two words about progress
KEEPING = (Wish.STOP, Wish.SALVAGE)

log = logging.getLogger("trainer")


class Preparation:
    """Of one attempt of a run. Raises NotFound where dataset or version are gone."""

    def __init__(self, settings: Settings, files: Files, store: Store, run: Run, context: RunContext) -> None:
        self._settings, self._files, self._store = settings, files, store
        self._run, self._context = run, context
        self.dataset = store.datasets.get(run.dataset_id)  # somebody may have removed it while the run waited
        # It may be written down only now, or be another one since this attempt was begun.
        self.version = store.versions.get(versions.settle(store, store.runs.get(run.id).version_id))
        self.images: list[VersionImage] = store.versions.images(self.version.id)
        self._made: tuple[int, PixelCache] | None = None
        self._said_s = 0.0

    def ahead(self) -> None:
        """Makes ready what the run will ask for, as far as that is plain before torch is there.

        Where weights have to be brought first somebody may be asked for them, so nothing is made for them yet.
        """
        if architectures.get(self._run.spec.architecture).weights is None:
            self.pixels((self.recorded() or self.derive(self._run.spec)).side)

    def pixels(self, side: int) -> PixelCache:
        """Every picture of the version at that side. Raises Stopped for a wish obeyed, DiskFull, Unavailable."""
        if self._made is not None and self._made[0] == side:
            return self._made[1]
        sources = [(image.sha256, self._files.picture(image.sha256)) for image in self.images]
        log.info("Preparing %d pictures at %d x %d.", len(sources), side, side)
        self._said(0, len(sources))  # a word at once, before the decoders come up
        with DecoderPool(self._settings.decoders, self._settings.picture_limit_bytes) as decoder:
            folder, limit = self._files.cache("pixels"), self._settings.cache_limit_bytes
            cache = open_cache(folder, sources, side, decoder, self._said, limit)
        if lost := int((~cache.ok).sum()):
            log.warning("%d pictures cannot be read any more and are left out.", lost)
            self._context.say("left_out", {"pictures": lost})
        self._made = side, cache
        return cache

    def recorded(self, run_id: int = 0) -> Recipe | None:
        """What the first attempt decided; of another run where it is told."""
        events = self._store.runs.events(run_id or self._run.id)
        return next((recipes.from_dict(event.data["recipe"]) for event in events if event.kind == "recipe"), None)

    def derive(self, spec: TrainingSpec) -> Recipe:
        learnt_from = sum(image.split is Split.TRAIN for image in self.images)
        return recipes.derive(spec, learnt_from, len(self.version.labels), os.cpu_count() or 1)

    def leave_if_asked(self) -> None:
        """Raises Stopped."""
        wish = self._context.wish
        # A run that is to keep its best model still needs the pictures that the model is scored on.
        if wish is not None and not (wish in KEEPING and self._run.step):
            raise Stopped(wish)

    def _said(self, done: int, total: int) -> None:
        self.leave_if_asked()
        if done == total or time.monotonic() - self._said_s >= SAY_S:
            self._said_s = time.monotonic()
            self._context.say("preparing", {"done": done, "total": total})


def beside(load: Callable[[], object], preparation: Preparation) -> None:
    """Prepares while `load` runs in a thread of its own; returns when both are done.

    Raises whatever either of them does.
    """
    failed: list[BaseException] = []

    def loads() -> None:
        try:
            load()
        except BaseException as error:  # noqa: BLE001 - it is raised again, where somebody hears it
            failed.append(error)

    thread = threading.Thread(target=loads, daemon=True)
    thread.start()
    preparation.ahead()
    thread.join()
    if failed:
        raise failed[0]

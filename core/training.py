"""What one attempt of a run does, step by step: prepare, plan, learn, keep.

Torch and the store meet here: the loop speaks, and what it says becomes rows. Each step may be done again by the next
attempt; what the first attempt decided (recipe, head) is pinned, so that all of them end in the same weights.
"""

from __future__ import annotations

import dataclasses
import io
import logging
import math
import shutil
import time
from collections import Counter
from typing import assert_never

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from core import architectures
from core.beginnings import pin, pinned, take_over
from core.errors import StudioError
from core.familiar import Seen
from core.imaging.cache import PixelCache
from core.index import instant
from core.index.vector_file import LocalVectorFile
from core.keeping import Material, keep
from core.learning import loop
from core.learning.checkpoint import Checkpoints
from core.learning.events import (
    Advanced,
    Checked,
    Event,
    Finished,
    Halved,
    Prepared,
    Reason,
    Saved,
    Stepped,
    Validated,
    WentBack,
)
from core.learning.learner import Head, choose_device
from core.learning.proving import free_bytes
from core.learning.tuning import as_words, tune
from core.ports import Files
from core.preparing import KEEPING, Preparation
from core.readiness import Readiness
from core.recipe import Recipe
from core.records import Begin, Run, Split
from core.running.context import RunContext, Stopped
from core.running.gauges import free_memory_bytes
from core.settings import Settings
from core.stores import Store
from core.watching import Watcher
from core.words import of_hundred

NO_VECTORS_S = 120.0  # the indexer gets no further, nor comes up on a busy machine: a run does without what is missing
Indices = NDArray[np.int64]

log = logging.getLogger("trainer")


class Training:
    def __init__(
        self,
        settings: Settings,
        files: Files,
        store: Store,
        run: Run,
        context: RunContext,
        preparation: Preparation | None = None,
    ) -> None:
        """`preparation`: what was made ready before torch was there, if anything was."""
        self._settings, self._files, self._store = settings, files, store
        self._run, self._context = run, context
        self._preparation = preparation or Preparation(settings, files, store, run, context)
        self._dataset, self._version = self._preparation.dataset, self._preparation.version
        self._images = self._preparation.images
        self._folder = files.run(run.id)
        self._take_over()
        self._folder.mkdir(exist_ok=True)
        self._checkpoints = Checkpoints(self._folder / "checkpoints", self._before_write)
        self._device = choose_device(settings.device)
        self._watcher = Watcher(files, store, run, context, self._device)
        self._total_steps, self._checked_on = run.total_steps, 0
        self._diverged: str | None = None

    def work(self) -> None:
        """Raises Stopped for a wish obeyed, StudioError for what a person can mend."""
        recipe = self._preparation.recorded() or self._made_ready(self._preparation.derive(self._run.spec))
        cache = self._preparation.pixels(recipe.side)
        recipe = self._preparation.recorded() or self._record(recipe, cache)
        self._learn(recipe, self._pinned_head() if recipe.warm_start else None, cache)
        self._keep(recipe, cache)
        if self._diverged is not None:
            # Whoever tries again must not begin with weights that are no numbers.
            shutil.rmtree(self._checkpoints.folder)
            raise StudioError(self._diverged)

    def _before_write(self) -> None:
        self._context.still_mine()
        self._files.require_room()

    # ---- plan

    def _index(self, cache: PixelCache, split: Split) -> Indices:
        """Rows of the cache: the readable pictures of a split."""
        return np.flatnonzero(cache.ok & np.array([image.split is split for image in self._images], bool))

    @property
    def _targets(self) -> Indices:
        return np.array([image.label_index for image in self._images], np.int64)

    def _take_over(self) -> None:
        """A run that is tried again goes on where the one that failed stood, by the same recipe."""
        run = self._run
        if run.spec.begin == Begin.AGAIN and run.parent_id and self._preparation.recorded() is None:
            recipe = self._preparation.recorded(run.parent_id)
            if recipe is not None and take_over(self._files, run):
                self._context.say("recipe", {"recipe": recipe.as_dict()})
                self._context.still_mine()

    def _made_ready(self, recipe: Recipe) -> Recipe:
        """Tried out, with the weights it is to begin with. Raises Undecided where these cannot be had."""
        readiness = Readiness(
            self._settings,
            self._files,
            self._run,
            self._context,
            lambda: free_bytes(self._device) or free_memory_bytes(),
            self._before_write,
            self._preparation.leave_if_asked,
        )
        return readiness.make(recipe, len(self._version.labels), self._begins_elsewhere)

    def _record(self, recipe: Recipe, cache: PixelCache) -> Recipe:
        """The first attempt decides for all; it is on record before anything is learned by it."""
        if recipe.warm_start and not self._pin_head():
            log.info("There are no vectors to start from, so the last layer starts from nothing.")
            spec = self._run.spec
            recipe = self._preparation.derive(
                dataclasses.replace(spec, overrides={**spec.overrides, "warm_start": False})
            )
        recipe = self._tune(recipe, cache)
        if self._begins_elsewhere:
            self._before_write()
            pin(self._files, self._store, self._run)
        splits = Counter(str(image.split) for image in self._images)
        self._context.say("split", {str(split): splits[str(split)] for split in Split if split is not Split.AUTO})
        self._context.say("recipe", {"recipe": recipe.as_dict()})
        self._context.still_mine()
        return recipe

    def _tune(self, recipe: Recipe, cache: PixelCache) -> Recipe:
        index = self._index(cache, Split.TRAIN)
        if not len(index):
            return recipe  # refused in a moment, in words
        head = self._pinned_head() if recipe.warm_start else None
        labels, known, chosen = len(self._version.labels), self._files.cache("tuning"), self._run.spec.overrides
        tuned = tune(recipe, labels, self._device, cache.pixels, self._targets, index, known, chosen, head)
        self._context.say("tuned", as_words(tuned))
        found = tuned.recipe
        log.info("Computing in %s, %s, with %d threads.", found.precision, found.layout, found.threads)
        return found

    @property
    def _begins_elsewhere(self) -> bool:
        return self._run.spec.begin in (Begin.END, Begin.BEST)

    def _pin_head(self) -> bool:
        """Fits the instant model's head on the training pictures of this version, and keeps it beside the checkpoints.

        The instant model itself has learned from the pictures that this run is checked on: to start from it would make
        the run's accuracy look better than it is.
        """
        self._await_vectors()
        rows = self._store.vectors.rows([image.sha256 for image in self._images])
        chosen = [image for image in self._images if image.split is Split.TRAIN and image.sha256 in rows]
        targets = np.array([image.label_index for image in chosen], np.int64)
        if len(np.unique(targets)) < len(self._version.labels):
            return False
        vectors = LocalVectorFile(self._files.vectors()).read([rows[image.sha256] for image in chosen])
        with threadpool_limits(1):  # several share a sum as it suits them, and the same run would start elsewhere
            found = instant.fit(vectors, targets, len(self._version.labels))
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, weight=found.weight, bias=found.bias)
        self._before_write()
        self._files.write(self._folder / "head.npz", content.getvalue())
        return True

    def _pinned_head(self) -> Head:
        with np.load(self._folder / "head.npz", allow_pickle=False) as found:
            return found["weight"], found["bias"]

    def _await_vectors(self) -> None:
        """Gives the indexer the time it needs, as long as it gets on."""
        least, since = math.inf, time.monotonic()
        while waiting := self._store.vectors.todo_count(self._dataset.id):
            self._preparation.leave_if_asked()
            if waiting < least:
                least, since = waiting, time.monotonic()
                self._context.say("waiting", {"vectors": waiting})
            if time.monotonic() - since > NO_VECTORS_S:
                log.info("%d pictures have no vector yet; the run goes on without them.", waiting)
                return
            time.sleep(0.5)

    # ---- learn

    def _learn(self, recipe: Recipe, head: Head | None, cache: PixelCache) -> None:
        train, validation = self._index(cache, Split.TRAIN), self._index(cache, Split.VALIDATION)
        brought = architectures.get(recipe.architecture).weights is not None
        training = loop.train(
            cache.pixels,
            self._targets,
            train,
            validation,
            recipe,
            self._device,
            self._version.labels,
            self._checkpoints,
            head,
            begin=pinned(self._files, self._run) if self._begins_elsewhere or brought else None,
            strip=self._watcher.strip(self._images, train, validation),
        )
        for event in training:
            try:
                self._hear(event)
            except Exception as error:  # noqa: BLE001 - it is raised again
                training.throw(error)  # not closed: a checkpoint would hold what was never put on record
            if (wish := self._context.wish) is not None and not isinstance(event, Finished):
                training.close()  # saves where it stands
                if wish in KEEPING:
                    log.info("Stopped after step %d; the best model is kept.", self._step)
                    return
                raise Stopped(wish)

    def _hear(self, event: Event) -> None:
        context = self._context
        match event:
            case Prepared():
                self._begin(event)
            case Stepped():
                self._advance(event.step, event.epoch - 1)
                context.measure(
                    event.step,
                    {
                        "train_loss": event.train_loss,
                        "train_accuracy": event.train_accuracy,
                        "learning_rate": event.learning_rate,
                        "images_per_s": event.images_per_s,
                        **self._watcher.gauged(),
                    },
                )
            case Advanced():
                self._advance(event.step, event.epoch - 1)
            case Checked():
                context.say("checking", {"done": event.done, "images": event.images})
            case Validated():
                self._validated(event)
            case Saved():
                context.say("saved", {"step": event.step})
            case Halved():
                log.warning("A batch did not fit into memory; %d pictures at a time from now on.", event.pictures)
                context.say("halved", {"step": event.step, "pictures": event.pictures})
            case WentBack():
                self._go_back(event)
            case Finished():
                log.info("%s", event.sentence)
                self._diverged = event.sentence if event.reason is Reason.DIVERGED else None
                context.say("finished", {"reason": str(event.reason), "sentence": event.sentence})
            case _:
                assert_never(event)

    def _begin(self, event: Prepared) -> None:
        self._total_steps, self._checked_on = event.total_steps, event.validation_images
        # What lies beyond the checkpoint will be done again, and measured again.
        self._store.runs.drop_metrics_after(self._run.id, self._run.attempt, event.resumed_at)
        self._watcher.begin()
        self._advance(event.resumed_at, event.resumed_at * event.epochs // max(1, event.total_steps))
        if event.resumed_at:
            log.info("Resumed after step %d of %d.", event.resumed_at, event.total_steps)
            self._context.say("resumed", {"step": event.resumed_at})
        else:
            log.info(
                "Learning from %d pictures, checking on %d, on %s.",
                event.train_images,
                event.validation_images,
                event.device,
            )
            self._context.say("training", {"device": event.device, "images": event.train_images})

    def _go_back(self, event: WentBack) -> None:
        log.warning("%s", event.sentence)
        self._context.say("went_back", {"step": event.step, "epoch": event.epoch, "sentence": event.sentence})
        self._context.still_mine()  # what was measured on the way is on record now, and goes
        self._store.runs.drop_metrics_after(self._run.id, self._run.attempt, event.step)
        self._advance(event.step, event.epoch)

    def _validated(self, event: Validated) -> None:
        self._advance(event.step, event.epoch)
        self._context.measure(event.step, {"val_loss": event.val_loss, "val_accuracy": event.val_accuracy})
        self._watcher.saw(event)
        log.info(
            "Epoch %d of %d: %s right, loss %.4f%s",
            event.epoch,
            self._run.spec.epochs,
            of_hundred(event.val_accuracy, self._checked_on),
            event.val_loss,
            " (best so far)" if event.best else "",
        )

    def _advance(self, step: int, epoch: int) -> None:
        self._step = step
        self._context.advance(step, self._total_steps, epoch)

    # ---- keep

    def _keep(self, recipe: Recipe, cache: PixelCache) -> None:
        wish = self._context.wish
        if wish in KEEPING and self._checkpoints.best() is None:
            raise Stopped(wish, "It was stopped before its first epoch was over, so there was no model to keep.")
        self._context.say("scoring")
        train, validation, test = (self._index(cache, split) for split in (Split.TRAIN, Split.VALIDATION, Split.TEST))
        began_with_nothing = not architectures.get(recipe.architecture).pretrained
        material = Material(
            self._dataset,
            self._version,
            self._images,
            recipe,
            cache.pixels,
            self._targets,
            train,
            validation,
            test,
            Seen(self._settings, self._files, self._store) if began_with_nothing else None,
        )
        keep(self._files, self._store, self._run, self._checkpoints, material, go_on=self._diverged is None)

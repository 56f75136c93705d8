"""Before a run of one of timm's networks learns anything: does it fit, does it work, and are its weights at hand?

What cannot work fails here, in a sentence, before the first epoch; where only the weights are missing, a person is
asked. Nothing ever begins with other weights than were asked for.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core import architectures, weights
from core.architectures import Architecture
from core.beginnings import PINNED
from core.errors import StudioError, Undecided
from core.index.sessions import Ready
from core.learning.anything import Anything
from core.learning.checkpoint import write_atomically, write_weights
from core.learning.networks import build
from core.learning.pretrained import load
from core.learning.proving import Proven, fitting_batch, prove, require_size
from core.ports import Files
from core.recipe import Recipe
from core.records import Run
from core.running.context import RunContext
from core.running.fetching import fetch
from core.settings import Settings

SAY_S = 0.5
APART = 1e-2  # most that a file may answer otherwise than its network does, in shares

log = logging.getLogger("trainer")


class Readiness:
    def __init__(
        self,
        settings: Settings,
        files: Files,
        run: Run,
        context: RunContext,
        free_bytes: Callable[[], int],
        before_write: Callable[[], object],
        leave_if_asked: Callable[[], object],
    ) -> None:
        self._settings, self._files, self._run, self._context = settings, files, run, context
        self._free_bytes, self._before_write, self._leave_if_asked = free_bytes, before_write, leave_if_asked

    def make(self, recipe: Recipe, labels: int, begins_elsewhere: bool) -> Recipe:
        """The recipe as it fits this machine; the weights it begins with are pinned, and told of.

        Raises:
            Undecided: the weights cannot be had.
            StudioError: the network cannot be trained here.
        """
        card = architectures.get(recipe.architecture)
        if not card.timm:
            self._tell_own(card)
            return recipe
        require_size(card, self._free_bytes())
        needed = card.weights is not None and not begins_elsewhere
        source = self._bring(card) if needed else None
        recipe = self._prove(card, recipe, labels)
        if source is not None:
            self._pin(card, recipe, labels, *source)
        elif not begins_elsewhere:
            self._context.say("weights", {"source": "scratch"})
        return recipe

    def _tell_own(self, card: Architecture) -> None:
        source = "packaged" if card.packaged else "scratch"
        licence = {"licence": card.licence} if card.packaged else {}
        self._context.say("weights", {"source": source, "name": card.name, **licence})

    # ---- does it work

    def _prove(self, card: Architecture, recipe: Recipe, labels: int) -> Recipe:
        facts = [card.timm, recipe.side, importlib.metadata.version("timm"), importlib.metadata.version("torch")]
        mark = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
        known = self._files.cache("proven") / f"{mark}.json"
        picture_bytes = _recall(known)
        if picture_bytes is None:
            self._context.say("proving", {"architecture": card.name})
            log.info("Trying %s with two pictures of %d x %d.", card.name, recipe.side, recipe.side)
            proven = prove(card, recipe, labels)
            self._compare(card, proven)
            picture_bytes = proven.picture_bytes
            known.parent.mkdir(parents=True, exist_ok=True)
            content = json.dumps({"picture_bytes": picture_bytes}).encode()
            write_atomically(known, lambda file: file.write(content))
        batch = fitting_batch(picture_bytes, card, recipe, self._free_bytes())
        if batch < recipe.batch_size:
            log.warning("Batches of %d pictures do not fit into memory; %d fit.", recipe.batch_size, batch)
            self._context.say("smaller_batch", {"from": recipe.batch_size, "to": batch})
        return dataclasses.replace(recipe, batch_size=batch)

    def _compare(self, card: Architecture, proven: Proven) -> None:
        """What a person downloads must answer as what was trained."""
        place = self._files.run(self._run.id) / "proof.onnx"
        try:
            write_atomically(place, lambda file: file.write(proven.graph))
            ready = Ready(place)
            said = np.stack([ready.run(one, heat=True)[0].probabilities for one in proven.pixels.numpy()])
        except StudioError as error:
            raise StudioError(
                f"{card.title} can be trained, but its model.onnx does not run. Choose another."
            ) from error
        finally:
            place.unlink(missing_ok=True)
        if float(np.abs(said - proven.probabilities.numpy()).max()) > APART:
            raise StudioError(f"The model.onnx of {card.title} answers otherwise than the network. Choose another.")

    # ---- are its weights at hand

    def _bring(self, card: Architecture) -> tuple[Path, str]:
        """(file, where it is from). Raises Undecided."""
        if (path := weights.find(self._files, card)) is not None:
            return path, "folder"
        url = weights.address(self._settings, card)
        if not self._run.spec.fetch or not url:
            raise Undecided(weights.missing(card))
        said_s = 0.0

        def say(done: int, total: int) -> None:
            nonlocal said_s
            self._leave_if_asked()
            if done == total or time.monotonic() - said_s >= SAY_S:
                said_s = time.monotonic()
                self._context.say("downloading", {"done": done, "total": total or card.weights_bytes})

        log.info("Downloading the weights of %s.", card.name)
        path = self._files.weights(f"{card.name}{weights.ENDINGS[0]}")
        total = fetch(url, path, say, self._files.require_room)
        self._files.write(path.with_name(path.name + weights.SUM), f"{total}\n".encode())
        return path, "download"

    def _pin(self, card: Architecture, recipe: Recipe, labels: int, path: Path, source: str) -> None:
        """From here on the run has them itself, whatever becomes of the file."""
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        beside = path.with_name(path.name + weights.SUM)
        if beside.exists() and beside.read_text("utf-8", "replace").split()[:1] != [found]:
            raise Undecided(
                f"The file {path.name} is not what {beside.name} says it is (wrong checksum). Put it there again."
            )
        network = build(recipe.architecture, labels, recipe)
        assert isinstance(network, Anything)
        load(network, card, path, recipe.side)
        self._before_write()
        self._files.require_room(path.stat().st_size)
        write_weights(self._files.run(self._run.id) / PINNED, {"network": network.state_dict(), "averaged": None})
        facts: dict[str, Any] = {"name": card.name, "licence": card.licence, "file": path.name, "sha256": found}
        self._context.say("weights", {"source": source, **facts, "bytes": path.stat().st_size})
        log.info("Begins with %s (sha256 %s).", path.name, found)


def _recall(known: Path) -> int | None:
    try:
        return int(json.loads(known.read_text("utf-8"))["picture_bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return None

"""Makes models of the bundles that came from elsewhere: one at a time, read, rebuilt, tried, and only then named."""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from core import bundles, caution, incoming, measuring
from core.errors import NotFound, StudioError
from core.graphs import with_backbone, with_head
from core.jobs import Worker
from core.packing import unwrapping, wrapping
from core.packing.certificates import ask
from core.packing.manifests import refused
from core.packing.unwrapping import Unwrapped
from core.ports import Aside
from core.records import Incoming, Model, ModelKind
from core.studio import Studio

PREFIX = "brought-"
SIDE = 64  # px of the picture it is tried on
UNFORESEEN = "This bundle could not be imported. Nothing was changed; the surveyor's log on the System page says why."

log = logging.getLogger("surveyor")


class Bringer(Worker):
    """One bundle at a time. `aside` has torch."""

    def __init__(self, studio: Studio, aside: Aside, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(log, UNFORESEEN, clock)
        self._studio, self._store, self._aside = studio, studio.store.incoming, aside

    def tick(self) -> bool:
        made = next(iter(self._store.due()), None)
        if made is None:
            return False
        self._store.begin(made.id)
        self._do(
            f"import {made.id}",
            lambda _tell: bring(self._studio, self._aside, made),
            lambda model, _seconds: self._done(made, model),
            lambda problem: incoming.forget(self._studio, made, problem),
        )
        return True

    def _done(self, made: Incoming, model: Model) -> None:
        self._store.done(made.id, model.id)
        incoming.forget(self._studio, made)


def bring(studio: Studio, aside: Aside, made: Incoming) -> Model:
    """The model of a bundle. Raises StudioError with the reason; then nothing was changed."""
    bundle = incoming.place(studio, made)
    if not bundle.is_file():
        raise NotFound("The bundle is gone. Please send it again.")
    studio.files.require_room(2 * bundle.stat().st_size)
    with tempfile.TemporaryDirectory(prefix="darkroom-") as scratch:
        found = unwrapping.unwrap(bundle, Path(scratch))
        graph = _graph(studio, aside, found, Path(scratch))
        _try(graph, len(found.manifest["labels"]))
        return _publish(studio, made, found, graph)


def _graph(studio: Studio, aside: Aside, found: Unwrapped, scratch: Path) -> bytes:
    """model.onnx, made of the weights as it was where it comes from."""
    if found.manifest["kind"] == ModelKind.INSTANT:
        weight, bias = (bundles.read_tensors(found.weights)[name] for name in bundles.HEAD)
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise refused("The weights hold numbers that are none (NaN or infinite).")
        return with_head(studio.settings.backbone_path.read_bytes(), weight, bias, found.manifest["labels"])
    (scratch / "model.json").write_text(json.dumps(found.manifest), "utf-8")  # what was checked, and nothing else
    try:
        graph = wrapping.graph(aside, scratch)
    except StudioError as error:
        raise refused(str(error)) from None
    if found.manifest.get("caution", {}).get("by") == caution.BACKBONES:
        return with_backbone(graph, studio.settings.backbone_path.read_bytes())
    return graph


def _try(graph: bytes, labels: int) -> None:
    """Weights may be numbers and their sums none. Raises Refused."""
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    said = ask(graph, [pixels, np.zeros_like(pixels)]).probabilities
    if said.shape != (2, labels) or not np.isfinite(said).all() or np.abs(said.sum(1) - 1).max() > 1e-3:
        raise refused("The model answers with numbers that are none.")


def _publish(studio: Studio, made: Incoming, found: Unwrapped, graph: bytes) -> Model:
    about = found.manifest
    origin = {"dataset": about["dataset"], "kind": about["kind"], "file": made.name}
    folder = f"{PREFIX}{made.id}"
    unwrapping.clear(studio.files.model(folder))  # of a try that was killed before the row
    bundles.write_bundle(
        studio.files.model(folder),
        about | {"origin": origin},
        bundles.read_tensors(found.weights),
        graph,
        known=found.known,
    )
    dataset_id = _dataset(studio, made, about["dataset"], about["labels"])
    summary = about["summary"] | {"origin": origin}
    if "caution" in about:
        summary["caution"] = about["caution"]
    model = studio.store.models.put(
        dataset_id,
        ModelKind.IMPORTED,
        about["architecture"],
        about["labels"],
        about["accuracy"],
        (about["interval"][0], about["interval"][1]),
        about["measured_on"],
        about["measured_n"],
        folder,
        summary,
    )
    if measuring.pictures(studio, model):
        measuring.ask(studio, model)
    return model


def _dataset(studio: Studio, made: Incoming, name: str, labels: list[str]) -> int:
    """The one it was sent for, else a new one with its labels, so that its answers can be put right there."""
    if made.dataset_id is not None:
        return studio.store.datasets.get(made.dataset_id).id
    wanted = made.dataset_name or name
    number = 1
    while studio.store.datasets.find(free := wanted if number == 1 else f"{wanted} {number}") is not None:
        if made.dataset_name:
            incoming.require_free(studio, free)
        number += 1
    dataset = studio.store.datasets.create(free)
    studio.store.incoming.place(made.id, dataset.id)
    for label in labels:
        studio.store.datasets.add_label(dataset.id, label)
    return dataset.id

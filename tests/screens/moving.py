"""What is on its way: changes of many pictures, one that stopped, and models from another Darkroom."""

from __future__ import annotations

import io
import tempfile
import zipfile
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Page

from core import datasets, errands, incoming, models
from core.records import Errand, Incoming, IncomingState
from core.stores import Change, Where
from core.studio import Studio
from tests.screens.crowd import multiplied
from tests.screens.shots import Shot, facts_known, in_its_place, ready, signs, views_of_model, wait

PICTURES = 12_000
_held = ExitStack()  # until this process ends: nobody carries out what is to be seen under way


def moving(studio: Studio) -> list[Shot]:
    known = signs(studio)
    model = ready(studio, known.id)
    facts_known(studio, known)
    bundle = b"".join(models.bundle_zip(studio, model.id))
    alone, measured = (brought(studio, "darkroom-signs.zip", bundle, to) for to in (None, known.id))
    refused = io.BytesIO()
    with zipfile.ZipFile(refused, "w") as zipped:
        zipped.writestr("model.pkl", b"no bundle")
    brought(studio, "weights from a colleague.zip", refused.getvalue(), None)
    with in_its_place(studio):
        going, stopped, kept = (
            multiplied(studio, known, name, PICTURES).id for name in ("Going on", "Stopped half way", "Being kept")
        )
    for dataset_id in (going, stopped, kept):
        ready(studio, dataset_id)
    _held.enter_context(in_its_place(studio))
    walk(studio, going, 3)
    errand = walk(studio, stopped, 2)
    studio.store.errands.fail(errand.id, "The disk is full. Free some space, then have it go on.")
    errands.keep(studio, kept, "Before the fair")
    assert alone.model_id is not None and measured.model_id is not None
    return [
        Shot("errand", f"/datasets?dataset={going}", wait_ms=1500),
        Shot("errand-stopped", f"/datasets?dataset={stopped}", wait_ms=1500),
        Shot("errand-kept", f"/datasets?dataset={kept}&view=versions", wait_ms=1500),
        Shot("bring", "/models", act=bring),
        Shot("bring-refused", "/models", act=bring_what_is_none, wait_ms=3000),
        *views_of_model("brought", models.get(studio, measured.model_id)),
        Shot("brought-alone", f"/models?model={alone.model_id}"),
        Shot("brought-alone-dataset", f"/datasets?dataset={models.get(studio, alone.model_id).dataset_id}"),
    ]


def brought(studio: Studio, name: str, content: bytes, dataset_id: int | None) -> Incoming:
    """A model's bundle, once it was read."""
    made = incoming.receive(studio, incoming.begin(studio, name, dataset_id), [content])
    wait(lambda: incoming.get(studio, made.id).state in (IncomingState.DONE, IncomingState.REFUSED))
    return incoming.get(studio, made.id)


def walk(studio: Studio, dataset_id: int, pieces: int) -> Errand:
    """Asks for a change of every picture, and carries out the first pieces of it."""
    label = datasets.labels(studio, dataset_id)[0].name
    errand = errands.change_all(studio, dataset_id, "relabel", Where(), Change(0, label=label))
    assert isinstance(errand, Errand)
    for _ in range(pieces):
        studio.store.errands.step(errand.id, errands.PIECE)
    return errand


def bring(page: Page) -> None:
    page.get_by_text("Bring a model from another Darkroom").click()
    page.get_by_text("Drop a bundle here").wait_for()


def bring_what_is_none(page: Page) -> None:
    bring(page)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "holiday pictures.zip"
        with zipfile.ZipFile(file, "w") as zipped:
            zipped.writestr("beach.jpg", b"sand")
        page.locator("input[type=file]").first.set_input_files(file)
        page.wait_for_timeout(1500)

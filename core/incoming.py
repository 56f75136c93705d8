"""Incoming: a model from another Darkroom, as the bundle that was downloaded there.

The bundle is received here and read by the surveyor (`core.packing.bringer`), which opens JSON and safetensors alone.
The format stands in docs/bundles.md.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from core import names
from core.errors import Conflict, Refused
from core.records import Incoming, IncomingState, Model, ModelKind
from core.studio import Studio

MOST_BYTES = 4 << 30  # of a bundle
SHOWN = 5  # of the last ones, on the Models page
CUT_SHORT = "The bundle was cut short on its way. Please send it again."


def begin(studio: Studio, name: str, dataset_id: int | None = None, dataset_name: str = "") -> Incoming:
    """Opens an import.

    Args:
        name: of the file.
        dataset_id: whose pictures the model is to answer for; None makes a dataset.
        dataset_name: of the one to make; empty: called as in the bundle.

    Raises:
        NotFound: no such dataset. Conflict: the new name is taken. DiskFull.
    """
    studio.files.require_room()
    if dataset_id is not None:
        dataset_name = studio.store.datasets.get(dataset_id).name
    elif dataset_name := names.clean(dataset_name):
        require_free(studio, dataset_name)
    made = studio.store.incoming.create(names.clean(name) or "bundle.zip", dataset_id, dataset_name, studio.who)
    place(studio, made).parent.mkdir(exist_ok=True)
    return made


def receive(studio: Studio, made: Incoming, pieces: Iterable[bytes]) -> Incoming:
    """Writes it and has it read. Raises Refused: it is too large; DiskFull; and forgets it where that fails."""
    try:
        with place(studio, made).open("wb") as file:
            for piece in pieces:
                append(studio, file.tell(), len(piece))
                file.write(piece)
        return finish(studio, made)
    except BaseException:
        forget(studio, made, CUT_SHORT)
        raise


def append(studio: Studio, have: int, more: int) -> None:
    """Raises Refused, DiskFull: that much more is too much."""
    if have + more > MOST_BYTES:
        raise Refused(f"A bundle may have {MOST_BYTES >> 30} GB at most, and this one has more.", "too_large")
    studio.files.require_room(more)


def finish(studio: Studio, made: Incoming) -> Incoming:
    """All of it is here."""
    studio.store.incoming.ready(made.id)
    studio.services.wake()
    return get(studio, made.id)


def get(studio: Studio, incoming_id: int) -> Incoming:
    """Raises NotFound."""
    return studio.store.incoming.get(incoming_id)


def latest(studio: Studio) -> list[Incoming]:
    """Newest first."""
    return studio.store.incoming.all(SHOWN)


def place(studio: Studio, made: Incoming) -> Path:
    """Where its bytes are until it is read."""
    return studio.files.upload(f"model-{made.id}") / "bundle.zip"


def forget(studio: Studio, made: Incoming, problem: str | None = None) -> None:
    """Removes its bytes; with a problem it is refused, too."""
    if problem is not None:
        studio.store.incoming.refuse(made.id, problem)
    shutil.rmtree(place(studio, made).parent, ignore_errors=True)


def require_free(studio: Studio, name: str) -> None:
    """Raises Conflict."""
    if studio.store.datasets.find(name) is not None:
        raise Conflict(
            f"There is a dataset called “{name}” already. Choose it for the model, or give the new one another name."
        )


def origin(model: Model) -> dict[str, str]:
    """Where an imported model comes from: `dataset`, `kind`, `file`; {} of one made here."""
    return dict(model.summary.get("origin", {})) if model.kind is ModelKind.IMPORTED else {}


def sentence(made: Incoming) -> str:
    """How far it is."""
    return {
        IncomingState.RECEIVING: "On its way.",
        IncomingState.WAITING: "Being read and tried.",
        IncomingState.DONE: "Imported.",
        IncomingState.REFUSED: made.problem or "It was not imported.",
    }[made.state]

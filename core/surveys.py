"""Surveys: what is worked out in the background over all pictures of a dataset. Screens ask, and show the last one.

The process that works them out is `core.surveyor`; a newer one is asked for by looking at an old one.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.records import Survey
from core.studio import Studio

AUTOMATIC: tuple[str, ...] = ("findings",)  # kinds that follow every change of labels without anybody looking


def latest(studio: Studio, dataset_id: int, kind: str) -> Survey:
    """The newest there is; asks for one of the labels as they are now, where that is another. Cheap.

    Raises:
        NotFound: there is no such dataset.
    """
    found = studio.store.surveys.want(dataset_id, kind)
    if found.pending:
        studio.services.wake()
    return found


def ask(studio: Studio, dataset_id: int, kinds: Sequence[str] = AUTOMATIC) -> None:
    """Asks for these kinds of the labels as they are now."""
    for kind in kinds:
        studio.store.surveys.want(dataset_id, kind)


def anew(studio: Studio, dataset_id: int, kind: str) -> Survey:
    """Asks for one although the labels are the same: what it depends on has changed. Raises NotFound."""
    found = studio.store.surveys.want(dataset_id, kind, anew=True)
    studio.services.wake()
    return found

"""Which images are meant: a filter as people set it, made into what the store understands."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core import doubts
from core.stores import Where
from core.studio import Studio


@dataclass(frozen=True, slots=True)
class Selection:
    """All images that match, over all pages. What it means is decided at the moment it is used."""

    where: Where
    doubtful: bool = False  # the instant model finds their label wrong; in the order of the doubt when that is "given"


def resolve(studio: Studio, dataset_id: int, selection: Selection) -> Where:
    """Raises NotFound."""
    if not selection.doubtful:
        return selection.where
    ids, also = doubts.of(studio, dataset_id).ids, selection.where.ids
    wanted = set(also) if also is not None else None
    return replace(selection.where, ids=ids if wanted is None else tuple(one for one in ids if one in wanted))

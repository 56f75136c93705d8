"""The gallery: a contact sheet to look through and relabel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pages.components import why
from pages.components.mounting import component
from pages.parts.theme import label_colour

_mount = component("gallery", triggers=("changed", "like", "found"), min_height=420)
_COLOURS = 30
NEEDS = ("gallery_sheet.js", "gallery_bar.js", "gallery_large.js", "gallery_example.js", *why.NEEDS)


def gallery(
    key: str,
    dataset_id: int,
    images: Sequence[Mapping[str, Any]],
    labels: Sequence[Mapping[str, Any]],
    page: str,
    mode: Literal["sheet", "trash"] = "sheet",
    total: int = 0,
    where: Mapping[str, Any] | None = None,
    model: int | None = None,
) -> dict[str, Any]:
    """Draws the pictures; labelling, deleting and undoing go to the server without a run of this page.

    Gives `{"changed": {"changed": [image ids], "conflicts": [image ids]} or None}`: what happened since the last run.
    Further `{"like": {"id"} or None, "found": {"ids", "name"} or None}`: a person wants more like an image, or has
    found those most like a picture of that name.

    Args:
        images: {"id", "revision", "label", "label_id", "name", "width", "height"}; in the trash also "left" (days)
            and "held" (by a version).
        labels: {"id", "name", "color"} in order of position; the first nine have the keys 1 to 9.
        page: names what is shown (filter, page number ...). While it stays the same the pictures on screen keep their
            places, whatever `images` says; a new value draws them anew.
        total: images that match, over all pages.
        where: the filter they match, as POST /api/datasets/{id}/changes takes it; None: nothing beyond the page
            can be selected.
        model: whose answers these pictures are, as the "suggestion" of each says: it can be asked why.
    """
    data = {
        "dataset_id": dataset_id,
        "images": [dict(image) for image in images],
        "labels": [dict(label) for label in labels],
        "page": page,
        "mode": mode,
        "total": total,
        "where": dict(where) if where is not None else None,
        "palette": [label_colour(position) for position in range(_COLOURS)],
        "model": model,
        "ways": why.ways(),
    }
    return _mount(key, data, needs=NEEDS)

"""The map of a dataset: every picture a point, alike ones together; a lasso selects as in the gallery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pages.components.mounting import component
from pages.parts.theme import UNLABELLED, label_colour

_mount = component("map", triggers=("show", "changed"), min_height=640)
_COLOURS = 30


def picture_map(key: str, dataset_id: int, labels: Sequence[Mapping[str, Any]], revision: str) -> dict[str, Any]:
    """Draws the points, which the browser asks for itself.

    Gives `{"show": {"ids"} or None, "changed": {} or None}`: a person wants to see the selected pictures in the
    gallery, or has changed some.

    Args:
        labels: {"id", "name", "color"} in order of position.
        revision: another text when there are other points.
    """
    data = {
        "dataset_id": dataset_id,
        "labels": [dict(label) for label in labels],
        "revision": revision,
        "mode": "map",
        "unlabelled": UNLABELLED,
        "palette": [label_colour(position) for position in range(_COLOURS)],
    }
    return _mount(key, data, needs=("queue.js", "gallery_bar.js", "map_points.js", "gallery.css"))

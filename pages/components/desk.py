"""The labelling desk: one large picture after another, or a page of them, that fetches its own pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pages.components.mounting import component
from pages.parts.theme import label_colour

_mount = component("desk", triggers=("next", "named"), min_height=520)
_COLOURS = 30
_NEEDS = (
    "queue.js",
    "desk_hand.js",
    "desk_large.js",
    "desk_page.js",
    "desk_labels.js",
    "desk_meter.js",
    "desk_sure.js",
    "person.js",
)


def desk(
    key: str,
    dataset_id: int,
    labels: Sequence[Mapping[str, Any]],
    order: Literal["useful", "doubtful", "arrival"],
    mode: Literal["large", "page"] = "large",
) -> dict[str, Any]:
    """Draws the desk; what is labelled, accepted and undone goes to the server without a run of this page.

    Gives `{"next": {"labelled": n} or None, "named": {"name"} or None}`: once, when nothing waits any more and
    everything is on disk; and when the person has said another name.

    Args:
        labels: {"id", "name", "color"} in order of position; the first nine have the keys 1 to 9.
        order: of `core.labelling.ORDERS`; another one begins anew.
        mode: how it begins; the visitor changes it.
    """
    data = {
        "dataset_id": dataset_id,
        "labels": [dict(label) for label in labels],
        "page": f"{dataset_id}|{order}",
        "order": order,
        "mode": mode,
        "palette": [label_colour(position) for position in range(_COLOURS)],
    }
    return _mount(key, data, needs=_NEEDS)

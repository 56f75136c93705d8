"""Findings, one card each: what is wrong, the pictures side by side, and what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pages.components.mounting import component

_mount = component("findings", triggers=("settled",), min_height=300)


def findings(
    key: str,
    dataset_id: int,
    rows: Sequence[Mapping[str, Any]],
    labels: Sequence[Mapping[str, Any]],
    page: str,
) -> dict[str, Any]:
    """Draws the cards; acting, ignoring and undoing go to the server without a run of this page.

    Gives `{"settled": {"left": n} or None}`: the person wants to see the next ones, or the counts.

    Args:
        rows: {"key", "kind", "title", "severity", "sentence", "detail", "actions", "ignored", "images", "more"}; images
            are {"id", "revision", "label", "split", "name", "width", "height"}, `more` are not shown.
        labels: {"name", "color"} in order of position.
        page: names what is shown; while it stays the same, settled cards keep their places.
    """
    data = {
        "dataset_id": dataset_id,
        "findings": [dict(row) for row in rows],
        "labels": [{"name": label["name"], "color": label["color"]} for label in labels],
        "page": page,
    }
    return _mount(key, data)

"""Many pictures at once: dropped, answered in the background, looked through, confirmed and taken away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pages.components import why
from pages.components.mounting import component

_mount = component("many", triggers=(), min_height=90)


def many(
    key: str,
    model_id: int,
    dataset_id: int,
    labels: Sequence[Mapping[str, Any]],
    batches: Sequence[Mapping[str, Any]],
) -> None:
    """Draws the drop area for many, how far the last batch is, and the table of answers.

    Args:
        model_id: who answers the pictures that come from now on.
        labels: {"name", "color"} in order of position.
        batches: {"id", "name", "expected", "created_at", "over"}, newest first.
    """
    names = ("id", "name", "expected", "created_at", "over")
    data = {
        "model_id": model_id,
        "dataset_id": dataset_id,
        "labels": [{"name": label["name"], "color": label["color"]} for label in labels],
        "batches": [{name: batch[name] for name in names} for batch in batches],
        "ways": why.ways(),
    }
    _mount(key, data, needs=("sending.js", "many_table.js", *why.NEEDS))

"""A drop area for the bundle of a model from another Darkroom: it is sent, and read in the background."""

from __future__ import annotations

from typing import Any

from pages.components.mounting import component

_mount = component("bring", triggers=("done",), min_height=120)


def bring(key: str, dataset_id: int | None) -> int | None:
    """Draws it. Gives the id of the model in the one run after it was imported, else None.

    Args:
        dataset_id: that the model is to answer for; None makes one.
    """
    done: dict[str, Any] | None = _mount(key, {"dataset_id": dataset_id})["done"]
    return int(done["model_id"]) if done else None

"""The uploader: one large drop area; folders, zips and loose pictures become an upload, and then a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.components.mounting import component
from pages.parts.theme import label_colour

_mount = component("uploader", triggers=("done",), min_height=280)
_COLOURS = 30  # as many as differ; the palette comes again after them


def uploader(
    key: str,
    dataset_id: int | None,
    name: str = "",
    labels: Sequence[Mapping[str, Any]] = (),
    upload: str | None = None,
) -> dict[str, Any] | None:
    """Draws the uploader. Gives `{"dataset_id", "added"}` in the one run after pictures were added, else None.

    Args:
        dataset_id: where the pictures go; None makes a new dataset.
        name: of the dataset to make; when empty, the visitor is asked, with the folder's name as the proposal.
        labels: {"name", "color"} of those the dataset has, in order of position.
        upload: id of an upload to go on with, when this browser knows none of its own.
    """
    data = {
        "dataset_id": dataset_id,
        "name": name,
        "labels": [{"name": label["name"], "color": label["color"]} for label in labels],
        "palette": [label_colour(position) for position in range(_COLOURS)],
        "upload": upload,
        "memory": f"{key}-{dataset_id or 'new'}",
    }
    done: dict[str, Any] | None = _mount(key, data, needs=("sending.js", "label_plan.js"))["done"]
    return done


def just_added(key: str) -> bool:
    """Pictures were added in this very run: the uploader must be drawn once more, to say where they are."""
    return bool(st.session_state.get(key, {}).get("done"))

"""Try it: pictures dropped, pasted, browsed or photographed are answered, and a wrong answer is put right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pages.components import why
from pages.components.mounting import component

_mount = component("tryit", triggers=("predicted", "corrected"), min_height=130)


def tryit(
    key: str,
    model_id: int,
    dataset_id: int,
    labels: Sequence[Mapping[str, Any]],
    samples: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """Draws the drop area and the answers so far.

    Gives `{"predicted": {"id", "label"} or None, "corrected": {"prediction_id", "label", "image_id", "dataset_id"} or
    None}`: what happened since the last run.

    Args:
        model_id: who answers the pictures that come from now on.
        labels: {"name", "color"} in order of position, to choose from when an answer is wrong.
        samples: {"src", "name"} of pictures to try with one click; `src` is an address of our own.
    """
    data = {
        "model_id": model_id,
        "dataset_id": dataset_id,
        "labels": [{"name": label["name"], "color": label["color"]} for label in labels],
        "samples": [{"src": sample["src"], "name": sample["name"]} for sample in samples],
        "ways": why.ways(),
    }
    return _mount(key, data, needs=("sending.js", "tryit_answer.js", "tryit_camera.js", *why.NEEDS))

"""Two datasets with the same labels from elsewhere: does a model of the one do on the other?"""

from __future__ import annotations

from core import datasets, travel, uploads
from core.studio import Studio
from tests.screens.shots import DATA, SAMPLES, Shot, ready, wait, worked_out

PAIR = {"Handwriting": "digits_mnist.zip", "Envelopes": "digits_usps.zip"}


def abroad(studio: Studio) -> list[Shot]:
    """Digits of two hands, or the road signs twice where these are not there."""
    for name, archive in PAIR.items():
        uploads.import_path(studio, DATA / archive if (DATA / archive).exists() else SAMPLES, name)
    home, away = (datasets.find(studio, name) for name in PAIR)
    model, _ = ready(studio, home.id), ready(studio, away.id)
    travel.of(studio, home.id, away.id)
    wait(lambda: not travel.of(studio, home.id, away.id)[0].pending)
    at = f"/models?model={model.id}"
    return [
        Shot("travelled", f"{at}&view=travel", act=worked_out, wait_ms=2000),
        Shot("ten-labels", at, act=worked_out, wait_ms=2000),
        Shot("ten-labels-use", f"{at}&view=use", act=worked_out, wait_ms=2000),
    ]

"""Explanations: why a model says a label of a picture, asked in one of several ways, worked out in the background.

The process that works them out is `core.explainer`. One job is one picture, one way and one label of one model; what
was worked out is kept until a thousand newer ones were asked for.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import models
from core.errors import NotFound, Refused
from core.records import Explanation, Method
from core.studio import Studio

LEVELS = 127  # of a place's weight, either way


@dataclass(frozen=True, slots=True)
class Way:
    """A method as a person meets it: what it shows, what its colours mean, and when not to trust it."""

    title: str
    sentence: str


WAYS: dict[Method, Way] = {
    Method.HEAT: Way(
        "Heat map",
        "Shows how much each place added to the label in the network's last layers, the brighter the more; it is "
        "coarse and says where the model looked, not whether what it saw there was right.",
    ),
    Method.INTEGRATED: Way(
        "Integrated gradients",
        "Adds up what each point did to the answer while the picture came out of plain grey, red to yellow for the "
        "label and blue against it; single speckles are noise, so trust whole patches only.",
    ),
    Method.OCCLUSION: Way(
        "Occlusion",
        "Covers one square after another: where it glows red to yellow the label became less likely without it, where "
        "it is blue more likely; do not trust it where several parts each suffice, for then none seems needed.",
    ),
    Method.SHAP: Way(
        "SHAP",
        "Shares out among all points what sets this picture apart from others of the dataset, red to yellow for the "
        "label and blue against it; with few or one-sided pictures to compare with it misleads.",
    ),
    Method.LIME: Way(
        "LIME",
        "Hides random patches and fits a plain sum to the answers, red to yellow for patches that pull towards the "
        "label and blue away from it; weak colours change from draw to draw, so trust the strongest patches only.",
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """What each place of the picture counts, from 1 (most for the label) to -1 (as much against it)."""

    label: str
    confidence: float  # of the model in that label
    values: NDArray[np.float32]  # (h, w)

    def packed(self) -> dict[str, Any]:
        """As JSON: a signed byte a place, row by row."""
        height, width = self.values.shape
        levels = (self.values.clip(-1, 1) * LEVELS).round().astype(np.int8)
        said = {"label": self.label, "confidence": round(self.confidence, 5), "height": height, "width": width}
        return {**said, "values": base64.b64encode(levels.tobytes()).decode()}


def unpacked(content: dict[str, Any]) -> Map:
    levels = np.frombuffer(base64.b64decode(content["values"]), np.int8).reshape(content["height"], content["width"])
    return Map(content["label"], content["confidence"], levels.astype(np.float32) / np.float32(LEVELS))


def want(studio: Studio, model_id: int, sha256: str, method: Method, label: str = "") -> Explanation:
    """Asks for one; where it is there already, this is it.

    Args:
        label: to explain; '': whichever the model finds most likely.

    Raises:
        NotFound: no such model, or its files or the picture are gone. Refused: the model does not know the label.
    """
    model = models.get(studio, model_id)
    models.folder(studio, model)
    if label and label not in model.labels:
        raise Refused("This model does not know that label, so it cannot be asked about it.", "label")
    if not studio.files.picture(sha256).exists():
        raise NotFound("The file of this picture is gone. Add the picture again to ask about it.")
    asked = studio.store.explanations.want(model_id, sha256, method, label)
    if asked.pending:
        studio.services.wake()
    return asked


def get(studio: Studio, explanation_id: int) -> Explanation:
    """Raises NotFound."""
    return studio.store.explanations.get(explanation_id)

"""An imported model on the labelled pictures of its dataset: the survey of kind *measure*, about a model."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from core import caution, judgements, measuring, models, scores
from core.errors import Refused, StudioError
from core.index.sessions import Ready
from core.records import Dataset, Model
from core.studio import Studio

MOST = 1000  # pictures: each is looked at anew
TOLD_EVERY = 20  # pictures
Tell = Callable[[float], None]


def compute(studio: Studio, dataset: Dataset, tell: Tell, about: str) -> Mapping[str, Any]:
    """Writes what it said beside the model, and how good that is into its row. Raises Refused, NotFound."""
    model = models.get(studio, int(about))
    places = {name: at for at, name in enumerate(model.labels)}
    names = {one.id: one.name for one in studio.store.datasets.labels(dataset.id)}
    shown = [one for one in studio.store.images.labelled(dataset.id) if names[one.label_id] in places]
    shown = [shown[at] for at in caution.choose(len(shown), MOST).tolist()]
    if len({one.label_id for one in shown}) < measuring.LEAST_LABELS:
        raise Refused("The labelled pictures here show fewer than two labels of this model.", "labels")
    ready = Ready(models.folder(studio, model) / "model.onnx")
    ids, targets, said = [], [], []
    for at, one in enumerate(shown):
        if at % TOLD_EVERY == 0:
            tell(at / len(shown))
        try:
            pixels = studio.decoder.pixels(studio.files.picture(one.sha256))
        except StudioError:
            continue  # it cannot be read any more
        ids.append(one.image_id)
        targets.append(places[names[one.label_id]])
        said.append(ready.run(pixels, heat=False)[0].probabilities)
    if len(set(targets)) < measuring.LEAST_LABELS:
        raise Refused("Too few of the labelled pictures can be read to measure this model on them.", "pictures")
    _keep(studio, model, np.array(ids, np.int64), np.array(targets, np.int64), np.array(said, np.float32))
    return {"pictures": len(ids)}


def _keep(studio: Studio, model: Model, ids: Any, targets: Any, probabilities: Any) -> None:
    scored = scores.score(targets, probabilities, model.labels)
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, image_id=ids, target=targets, probabilities=probabilities)
    studio.files.write(models.folder(studio, model) / "held_out.npz", content.getvalue())
    judgements.file_of(studio, model).unlink(missing_ok=True)  # it was of what was measured before
    summary = dict(model.summary) | {"labels": scored.as_dict()["labels"], "loss": scored.loss}
    measured = (scored.accuracy, scored.interval, models.HERE, scored.images)
    studio.store.models.measured(model.id, *measured, summary)

"""Corrections: *that's wrong* takes the right label, and the picture becomes part of the dataset."""

from __future__ import annotations

from core import names
from core.errors import Conflict, Refused
from core.records import Image, Split
from core.studio import Change, NewImage, Studio


def correct(studio: Studio, prediction_id: int, label: str) -> Image:
    """Adds the predicted picture to the dataset under its right label; the instant model learns it within seconds.

    Doing so twice relabels the same image.

    Raises:
        NotFound: no such prediction. Refused: no name, or the picture is gone. Conflict: it was changed meanwhile.
    """
    label = names.require(label, "label")
    prediction = studio.store.predictions.get(prediction_id)
    source = studio.files.picture(prediction.sha256)
    if not source.exists():
        raise Refused("The picture of this prediction is gone. Please drop it again.", "gone")
    known = studio.store.images.by_sha(prediction.dataset_id, [prediction.sha256])
    summary = f"Corrected a prediction to “{label}”"
    if prediction.sha256 in known:
        image_id = known[prediction.sha256].id
        change = Change(image_id, label=label)
        outcome = studio.store.images.change(prediction.dataset_id, "relabel", summary, [change], studio.who)
        if outcome.conflicts:
            raise Conflict("Somebody changed this picture just now. Please look again.")
    else:
        image_id = _add(studio, prediction.dataset_id, prediction.sha256, prediction.name, label, summary)
    studio.store.predictions.correct(prediction_id, label, image_id)
    studio.services.wake()
    return studio.store.images.get(image_id)


def _add(studio: Studio, dataset_id: int, sha256: str, name: str, label: str, summary: str) -> int:
    (checked,) = studio.decoder.check([studio.files.picture(sha256)])
    if not checked.accepted:
        raise Refused(checked.reason, checked.kind)
    studio.files.keep_pictures([checked])
    if checked.facts:
        studio.store.facts.put({checked.sha256: checked.facts})
    for ending in (".thumb", ".rgb") if checked.drawn else ():
        checked.source.with_name(checked.source.name + ending).unlink(missing_ok=True)
    facts = (checked.width, checked.height, checked.format, checked.bytes)
    outcome = studio.store.images.add(
        dataset_id, [NewImage(sha256, name, label, Split.AUTO, *facts)], studio.who, summary
    )
    return outcome.changed[0]

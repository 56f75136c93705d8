"""Predictions: a picture, a model, an answer; kept, so that a wrong one can be put right."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePath

from core import models, names, tables
from core.errors import NotFound, Refused, StudioError
from core.records import Answer, Model, Prediction
from core.stores import Asked
from core.studio import Studio

PIECE = 500
NEAREST = 3  # training pictures shown as evidence


def predict(studio: Studio, model_id: int, picture: bytes, name: str) -> tuple[Prediction, Answer]:
    """Asks the predictor and keeps the picture and its answer; the picture while the answer is worked out.

    Raises:
        NotFound: no such model. Refused: not a picture we can read. Unavailable: no predictor just now.
    """
    model = models.get(studio, model_id)
    _check_size(studio, picture)
    studio.files.require_room(len(picture))
    sha256 = hashlib.sha256(picture).hexdigest()

    def keep() -> None:
        keep_pictures(studio, {sha256: picture})

    try:
        answer = studio.predictor.predict(model, picture, NEAREST + 1, meanwhile=keep)
    except StudioError:
        studio.store.images.leave([sha256])  # bytes that nobody asks about any more
        raise
    answer = _without_itself(answer, sha256)
    name = names.clean(PurePath(name.replace("\\", "/")).name) or "picture"
    said = answer.ranked, answer.milliseconds, answer.verdict
    kept = studio.store.predictions.add(model.dataset_id, model.id, sha256, name, *said)
    return kept, answer


def look(studio: Studio, model_id: int, picture: bytes) -> Answer:
    """Asks the predictor for the labels alone, and keeps nothing: for a camera, for programs, for guests.

    Raises as `predict` does.
    """
    _check_size(studio, picture)
    return studio.predictor.predict(models.get(studio, model_id), picture, neighbours=0, heat=False)


def again(studio: Studio, model_id: int, sha256: str) -> Answer:
    """What a model says of bytes that are here, with its reasons; keeps nothing.

    Raises:
        NotFound: no such model, or the file is gone. Refused, Unavailable: as `predict`.
    """
    model, path = models.get(studio, model_id), studio.files.picture(sha256)
    if not path.exists():
        raise NotFound("The file of this picture is gone. Add the picture again to ask about it.")
    return _without_itself(studio.predictor.predict(model, path, NEAREST + 1), sha256)


def _without_itself(answer: Answer, sha256: str) -> Answer:
    """A picture that was learned is its own nearest neighbour, which is evidence of nothing."""
    others = tuple(one for one in answer.neighbours if one.sha256 != sha256)
    return replace(answer, neighbours=others[:NEAREST])


def _check_size(studio: Studio, picture: bytes) -> None:
    if len(picture) > studio.settings.picture_limit_bytes:
        limit = studio.settings.picture_limit_bytes >> 20
        raise Refused(f"The picture is larger than {limit} MB. Please use a smaller copy.", "too_large")


def keep_pictures(studio: Studio, pictures: Mapping[str, bytes | memoryview]) -> None:
    """By their sha256. Durable when it returns, as many as there are by one call to the system."""
    studio.files.sync([studio.files.put_picture(sha256, content) for sha256, content in pictures.items()])


def find_model(studio: Studio, dataset_id: int) -> Model | None:
    """The model a prediction uses unless somebody picks another."""
    return models.in_use(studio, dataset_id)


def csv(studio: Studio, dataset_id: int, asked: Asked | None = None) -> Iterator[str]:
    """The dataset's predictions that match as CSV, newest first; names that a spreadsheet would run are quoted."""
    studio.store.datasets.get(dataset_id)
    asked = replace(asked or Asked(), order="newest")
    yield tables.line(
        [
            "file",
            "model",
            "label",
            "confidence",
            "second",
            "second confidence",
            "corrected to",
            "milliseconds",
            "verdict",
        ]
    )
    for one in every(studio, dataset_id, asked):
        first, *rest = one.ranked
        second = rest[0] if rest else None
        yield tables.line(
            [
                one.name,
                one.model_id,
                first.label,
                f"{first.confidence:.4f}",
                second.label if second else "",
                f"{second.confidence:.4f}" if second else "",
                one.corrected_label or "",
                f"{one.milliseconds:.1f}",
                one.verdict,
            ]
        )


def every(studio: Studio, dataset_id: int, asked: Asked) -> Iterator[Prediction]:
    """A piece at a time; what is new since the first piece is left out."""
    last: int | None = None
    while found := studio.store.predictions.page(dataset_id, replace(asked, before=last), 0, PIECE):
        yield from found
        last = found[-1].id

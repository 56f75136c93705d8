"""Pictures in, answers out; and the corrections that teach the instant model."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from core import caution, corrections, models, predictions
from core.records import Answer, Model
from core.serving.answers import Malformed, attachment, finite, number, whole_number
from core.serving.api import answered
from core.serving.batches import asked_of
from core.serving.bearer import private
from core.serving.bodies import fields, text, whole
from core.serving.datasets import LABEL_LIMIT
from core.serving.images import large_picture
from core.studio import Studio

NAME_LIMIT = 300
LINES = 500  # of a table in one piece


async def predict(request: Request, studio: Studio) -> Response:
    """POST /api/predict?model=ID&name=&keep=&most=: the picture is the body.

    Without `keep=no` it is kept with its answer; with it nothing is, and the best `most` labels are told (5).
    """
    model_id, most = whole_number(request, "model", 0), whole_number(request, "most", 5)
    keep = request.query_params.get("keep") != "no"
    name = request.query_params.get("name", "")[:NAME_LIMIT]
    data = await whole(request, studio.settings.picture_limit_bytes)
    if not data:
        raise Malformed("The request holds no picture.")
    if not keep:
        return private(
            JSONResponse(finite(answered(await run_in_threadpool(predictions.look, studio, model_id, data), most)))
        )
    return await run_in_threadpool(_predict, studio, model_id, data, name)


def _predict(studio: Studio, model_id: int, data: bytes, name: str) -> Response:
    model = models.get(studio, model_id)
    prediction, answer = predictions.predict(studio, model_id, data, name)
    return JSONResponse(finite({"id": prediction.id, **said(model, answer)}))


def said(model: Model, answer: Answer) -> dict[str, object]:
    """An answer with its reasons."""
    return {
        "model": {"id": model.id, "kind": model.kind},
        "ranked": [{"label": one.label, "confidence": round(one.confidence, 5)} for one in answer.ranked],
        "heat": [[round(value, 3) for value in row] for row in answer.heat],
        "neighbours": [
            {"image_id": one.image_id, "label": one.label, "similarity": round(one.similarity, 4)}
            for one in answer.neighbours
        ],
        "milliseconds": round(answer.milliseconds, 1),
        "width": answer.width,
        "height": answer.height,
        "verdict": answer.verdict,
        "verdict_words": caution.said(answer.verdict),
        "familiarity": answer.familiarity,
    }


async def correct(request: Request, studio: Studio) -> Response:
    """POST /api/predictions/{id}/correct {label}: the picture joins the dataset under the right label."""
    prediction_id = number(request, "prediction")
    label = text(await fields(request), "label", LABEL_LIMIT)
    image = await run_in_threadpool(corrections.correct, studio, prediction_id, label)
    return JSONResponse({"image_id": image.id, "dataset_id": image.dataset_id})


async def picture(request: Request, studio: Studio) -> Response:
    """GET /api/predictions/{id}/picture: WebP, longest side 1600 px."""
    prediction_id = number(request, "prediction")
    return await run_in_threadpool(
        lambda: large_picture(request, studio, studio.store.predictions.get(prediction_id).sha256)
    )


async def table(request: Request, studio: Studio) -> Response:
    """GET /api/datasets/{id}/predictions.csv?batch=...: those that match, or all."""
    dataset_id = number(request, "dataset")
    dataset = await run_in_threadpool(studio.store.datasets.get, dataset_id)
    return StreamingResponse(
        _in_pieces(predictions.csv(studio, dataset_id, asked_of(request.query_params))),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": attachment(f"{dataset.name} predictions.csv"), "cache-control": "no-store"},
    )


def _in_pieces(lines: Iterator[str]) -> Iterator[str]:
    """Many lines at a time: each piece costs a hop to another thread."""
    while piece := "".join(islice(lines, LINES)):
        yield piece

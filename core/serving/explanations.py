"""Why a model says what it says of a picture that is here: asked, looked after, and the answer that it is about."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core import explanations, models, predictions
from core.records import Explanation, Method
from core.serving.answers import Malformed, finite, number, whole_number
from core.serving.bodies import fields, optional_number, text
from core.serving.datasets import LABEL_LIMIT
from core.serving.predictions import said
from core.studio import Studio


async def of_image(request: Request, studio: Studio) -> Response:
    """GET /api/images/{id}/answer?model=ID: what a model says of an image of a dataset, with its reasons."""
    image_id = number(request, "picture")
    return await _answer(request, studio, lambda: studio.store.images.get(image_id).sha256)


async def of_prediction(request: Request, studio: Studio) -> Response:
    """GET /api/predictions/{id}/answer?model=ID: what a model says by now of a picture that was predicted."""
    prediction_id = number(request, "prediction")
    return await _answer(request, studio, lambda: studio.store.predictions.get(prediction_id).sha256)


async def _answer(request: Request, studio: Studio, sha256: Any) -> Response:
    model_id = whole_number(request, "model", 0)

    def answered() -> Response:
        model, answer = models.get(studio, model_id), predictions.again(studio, model_id, sha256())
        return JSONResponse(finite(said(model, answer)), headers={"cache-control": "no-store"})

    return await run_in_threadpool(answered)


async def ask(request: Request, studio: Studio) -> Response:
    """POST /api/explanations {model, method, image or prediction, label}: works it out in the background, once."""
    found = await fields(request)
    model_id, label = optional_number(found, "model"), text(found, "label", LABEL_LIMIT) if "label" in found else ""
    image_id, prediction_id = optional_number(found, "image"), optional_number(found, "prediction")
    if model_id is None or (image_id is None) == (prediction_id is None):
        raise Malformed("A question needs a model, and either an image or a prediction.")
    if text(found, "method") not in set(Method):
        raise Malformed(f"method must be one of {', '.join(Method)}.")

    def asked() -> Response:
        if image_id is not None:
            sha256 = studio.store.images.get(image_id).sha256
        else:
            sha256 = studio.store.predictions.get(prediction_id or 0).sha256
        return told(explanations.want(studio, model_id, sha256, Method(found["method"]), label))

    return await run_in_threadpool(asked)


async def known(request: Request, studio: Studio) -> Response:
    """GET /api/explanations/{id}: how far it is, or what came of it."""
    explanation_id = number(request, "explanation")
    return told(await run_in_threadpool(explanations.get, studio, explanation_id))


def told(one: Explanation) -> Response:
    state = "failed" if one.problem else "done" if one.at else "waiting" if one.progress is None else "working"
    content = one.content if state == "done" else None
    facts = {"id": one.id, "method": one.method, "state": state, "progress": one.progress, "problem": one.problem}
    return JSONResponse(finite({**facts, "map": content}), headers={"cache-control": "no-store"})

"""The HTTP API for programs: `/api/v1`. A token in the Authorization header, nothing else, opens it.

A browser's cookies mean nothing here and no other web site may read an answer, so a page elsewhere can do nothing with
a visitor's Darkroom.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core import caution, models, predictions, tokens
from core.errors import Unauthorized
from core.records import Answer, Model, Token
from core.serving import api_document
from core.serving.answers import Malformed, finite, number, whole_number
from core.serving.bearer import caller, picture, private, secret
from core.serving.limits import Limit, Together
from core.settings import Settings
from core.studio import Studio

WRONG_PER_MINUTE = 30  # secrets that nobody knows, from one address
AT_ONCE = 8  # pictures of one token
MOST_LABELS = 1000
NAME_LIMIT = 300


class Api:
    """The routes, and what they remember of who asked how often."""

    def __init__(self, settings: Settings) -> None:
        self._asked = Limit(settings.api_per_minute, max(1, settings.api_per_minute // 10))
        self._wrong = Limit(WRONG_PER_MINUTE, WRONG_PER_MINUTE)
        self._together = Together(AT_ONCE)

    async def models(self, request: Request, studio: Studio) -> Response:
        """GET /api/v1/models"""
        await self._token(request, studio)
        found = await run_in_threadpool(models.all_of, studio)
        return private(JSONResponse(finite({"models": [model_facts(model) for model in found]})))

    async def model(self, request: Request, studio: Studio) -> Response:
        """GET /api/v1/models/{id}"""
        await self._token(request, studio)
        found = await run_in_threadpool(models.get, studio, number(request, "model"))
        return private(JSONResponse(finite(model_facts(found))))

    async def predict(self, request: Request, studio: Studio) -> Response:
        """POST /api/v1/models/{id}/predict?top=&keep=&name=: a form with one file, or the picture as the body."""
        # The model as well, before a large picture is read in vain.
        token = await self._token(request, studio, lambda: models.get(studio, number(request, "model")))
        model_id, most = number(request, "model"), whole_number(request, "top", 5)
        keep = request.query_params.get("keep", "no")
        if keep not in ("yes", "no") or not 1 <= most <= MOST_LABELS:
            raise Malformed(f"keep must be yes or no, and top a number from 1 to {MOST_LABELS}.")
        name = request.query_params.get("name", "")[:NAME_LIMIT] or f"from {token.name}"
        with self._together.one(token.id):
            data = await picture(request, studio)
            return await run_in_threadpool(_predict, studio, model_id, data, name, most, keep == "yes")

    async def document(self, request: Request, studio: Studio) -> Response:
        """GET /api/v1/openapi.json: for everybody who reaches this server; it tells nothing of its models."""
        limit = studio.settings.picture_limit_bytes
        found = api_document.openapi(str(request.base_url).rstrip("/"), limit, studio.settings.api_per_minute)
        return private(JSONResponse(found))

    async def _token(self, request: Request, studio: Studio, then: Callable[[], object] = lambda: None) -> Token:
        """Who asks; `then` is done once they may. Raises Unauthorized, TooMany, and whatever `then` raises."""
        said, address = secret(request), caller(request)
        self._wrong.check(address)

        def known() -> Token:
            token = tokens.check(studio, said)
            self._asked.take(token.id)
            then()
            return token

        try:
            return await run_in_threadpool(known)
        except Unauthorized:
            self._wrong.take(address)
            raise


def _predict(studio: Studio, model_id: int, data: bytes, name: str, most: int, keep: bool) -> Response:
    model = models.get(studio, model_id)
    if keep:
        kept, answer = predictions.predict(studio, model_id, data, name)
        said = {"prediction_id": kept.id, **answered(answer, most)}
    else:
        said = answered(predictions.look(studio, model_id, data), most)
    return private(JSONResponse(finite({"model": {"id": model.id, "kind": str(model.kind)}, **said})))


def answered(answer: Answer, most: int) -> dict[str, object]:
    """What a program or a guest is told of an answer: its best label, and the best `most` of them."""
    first = answer.ranked[0]
    return {
        "label": first.label,
        "confidence": round(first.confidence, 5),
        "verdict": answer.verdict,
        "verdict_words": caution.said(answer.verdict),
        "ranked": [{"label": one.label, "confidence": round(one.confidence, 5)} for one in answer.ranked[:most]],
        "milliseconds": round(answer.milliseconds, 1),
        "width": answer.width,
        "height": answer.height,
    }


def model_facts(model: Model) -> dict[str, object]:
    return {
        "id": model.id,
        "dataset": model.dataset,
        "kind": str(model.kind),
        "architecture": model.architecture,
        "labels": list(model.labels),
        "accuracy": model.accuracy,
        "interval": list(model.interval),
        "measured_on": model.measured_on,
        "pictures": model.measured_n,
        "sentence": models.sentence(model),
        "created_at": model.created_at,
    }

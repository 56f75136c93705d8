"""What a link to share opens: the name of one model, and its answers. Nothing that a guest sends is kept."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core import models, predictions, shares
from core.errors import Unauthorized
from core.records import Model
from core.serving.answers import finite
from core.serving.api import WRONG_PER_MINUTE, answered
from core.serving.bearer import caller, picture, private, secret
from core.serving.limits import Limit, Together
from core.studio import Studio

PER_MINUTE = 120  # pictures of one model through all its links
AT_ONCE = 20
TOGETHER = 4
LABELS = 5


class Shared:
    """The routes, and what they remember of who asked how often."""

    def __init__(self) -> None:
        self._asked, self._together = Limit(PER_MINUTE, AT_ONCE), Together(TOGETHER)
        self._wrong = Limit(WRONG_PER_MINUTE, WRONG_PER_MINUTE)

    async def model(self, request: Request, studio: Studio) -> Response:
        """GET /api/share: what a guest is told of the model."""
        model = await self._model(request, studio)
        told = {"title": model.dataset, "sentence": models.sentence(model), "labels": list(model.labels)}
        return private(JSONResponse(told))

    async def predict(self, request: Request, studio: Studio) -> Response:
        """POST /api/share/predict: the picture is the body."""
        model = await self._model(request, studio)
        self._asked.take(model.id)
        with self._together.one(model.id):
            data = await picture(request, studio)
            answer = await run_in_threadpool(predictions.look, studio, model.id, data)
        return private(JSONResponse(finite(answered(answer, LABELS))))

    async def _model(self, request: Request, studio: Studio) -> Model:
        """Raises Unauthorized, TooMany."""
        said, address = secret(request), caller(request)
        self._wrong.check(address)
        try:
            return await run_in_threadpool(shares.check, studio, said)
        except Unauthorized:
            self._wrong.take(address)
            raise

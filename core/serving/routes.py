"""Every address of ours, in one table. Streamlit answers the rest; the gate stands before both."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from core.serving import (
    batches,
    datasets,
    explanations,
    exports,
    findings,
    images,
    incoming,
    labelling,
    models,
    predictions,
    runs,
    uploads,
)
from core.serving.answers import Ask, answering, nothing_here
from core.serving.api import Api
from core.serving.assets import assets
from core.serving.pages import pages
from core.serving.shared import Shared
from core.studio import Studio

SCHEDULER_ALIVE_S = 20.0

TABLE: tuple[tuple[str, str, Ask], ...] = (
    ("POST", "/api/predict", predictions.predict),  # first: it is looked for from the top, and somebody waits
    ("POST", "/api/uploads", uploads.begin),
    ("POST", "/api/uploads/{id}/batch", uploads.batch),
    ("PUT", "/api/uploads/{id}/archive", uploads.append_archive),
    ("GET", "/api/uploads/{id}/archive", uploads.archive_size),
    ("POST", "/api/uploads/{id}/finish", uploads.finish),
    ("POST", "/api/uploads/{id}/missing", uploads.missing),
    ("POST", "/api/uploads/{id}/read", uploads.read),
    ("POST", "/api/uploads/{id}/add", uploads.add),
    ("GET", "/api/uploads/{id}", uploads.understood),
    ("DELETE", "/api/uploads/{id}", uploads.cancel),
    ("GET", "/api/images/{id}", images.known),
    ("GET", "/api/images/{id}/thumb", images.thumb),
    ("GET", "/api/images/{id}/view", images.view),
    ("GET", "/api/samples/{name}", images.sample),
    ("POST", "/api/datasets/{id}/changes", datasets.change),
    ("GET", "/api/datasets/{id}/changes", labelling.news),
    ("POST", "/api/datasets/{id}/undo", datasets.undo_own),
    ("POST", "/api/datasets/{id}/next", labelling.queue),
    ("GET", "/api/datasets/{id}/sure", labelling.sure),
    ("POST", "/api/datasets/{id}/accept", labelling.accept),
    ("POST", "/api/datasets/{id}/similar", datasets.similar),
    ("GET", "/api/datasets/{id}/map", datasets.points),
    ("POST", "/api/actions/{id}/undo", datasets.undo),
    ("POST", "/api/datasets/{id}/findings/act", findings.act),
    ("POST", "/api/datasets/{id}/findings/ignore", findings.ignore),
    ("GET", "/api/datasets/{id}/instant", datasets.instant),
    ("GET", "/api/datasets/{id}/predictions.csv", predictions.table),
    ("GET", "/api/datasets/{id}/export.zip", exports.dataset),
    ("GET", "/api/versions/{id}/export.zip", exports.version),
    ("GET", "/api/datasets/{id}/predictions", batches.rows),
    ("GET", "/api/datasets/{id}/predictions.zip", batches.zipped),
    ("POST", "/api/datasets/{id}/predictions/file", batches.file),
    ("POST", "/api/datasets/{id}/predictions/unfile", batches.unfile),
    ("GET", "/api/datasets/{id}/corrections/{action}", batches.brought_by),
    ("POST", "/api/batches", batches.begin),
    ("POST", "/api/batches/{id}/pictures", batches.receive),
    ("GET", "/api/batches/{id}/missing", batches.missing),
    ("GET", "/api/batches/{id}", batches.known),
    ("DELETE", "/api/batches/{id}", batches.cancel),
    ("GET", "/api/predictions/{id}/thumb", batches.thumb),
    ("POST", "/api/predictions/{id}/correct", predictions.correct),
    ("GET", "/api/predictions/{id}/picture", predictions.picture),
    ("GET", "/api/predictions/{id}/answer", explanations.of_prediction),
    ("GET", "/api/images/{id}/answer", explanations.of_image),
    ("POST", "/api/explanations", explanations.ask),
    ("GET", "/api/explanations/{id}", explanations.known),
    ("GET", "/api/runs/{id}/strip", runs.film_strip),
    ("GET", "/api/runs/{id}/run.json", runs.run_json),
    ("GET", "/api/runs/{id}/tensorboard", runs.event_file),
    ("GET", "/api/runs/{id}/log", runs.log),
    ("POST", "/api/incoming", incoming.receive),
    ("GET", "/api/incoming/{id}", incoming.known),
    ("GET", "/api/models/{id}/bundle.zip", models.bundle),
    ("GET", "/api/models/{id}/model.onnx", models.onnx),
    ("GET", "/api/models/{id}/packages/{kind}", models.package),
)


def routes(studio: Studio, files: Mapping[str, Path]) -> list[BaseRoute]:
    """The routes of a web process.

    Args:
        files: what /assets/ serves, by name.
    """

    async def health(_request: Request, studio: Studio) -> Response:
        """GET /api/health: the database answers; and whether the scheduler does."""
        services = await run_in_threadpool(studio.store.services.all)
        scheduler = services.get("scheduler")
        alive = scheduler is not None and time.time() - scheduler.heartbeat_at < SCHEDULER_ALIVE_S
        return JSONResponse({"ok": True, "scheduler": alive}, headers={"cache-control": "no-store"})

    api, shared = Api(studio.settings), Shared()
    table = (
        ("POST", "/api/v1/models/{id}/predict", api.predict),
        *TABLE,
        ("GET", "/api/runs/{id}/curve", runs.Live().curve),
        ("GET", "/api/health", health),
        ("GET", "/api/share", shared.model),
        ("POST", "/api/share/predict", shared.predict),
        ("GET", "/api/v1/openapi.json", api.document),
        ("GET", "/api/v1/models", api.models),
        ("GET", "/api/v1/models/{id}", api.model),
    )
    ours = [Route(path, answering(ask, studio), methods=[method]) for method, path, ask in table]
    every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    return [
        *ours,
        *pages(files),
        Route("/assets/{name:path}", assets(files), methods=["GET"]),
        Route("/api/{rest:path}", nothing_here, methods=every),
    ]

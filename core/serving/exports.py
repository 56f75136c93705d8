"""Datasets and versions to take away, as zips that are made while they are sent."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from core import exports, versions
from core.serving.answers import attachment, number
from core.studio import Studio


async def dataset(request: Request, studio: Studio) -> Response:
    """GET /api/datasets/{id}/export.zip"""
    return await run_in_threadpool(_zip, studio, number(request, "dataset"), None)


async def version(request: Request, studio: Studio) -> Response:
    """GET /api/versions/{id}/export.zip"""
    found = await run_in_threadpool(versions.get, studio, number(request, "version"))
    return await run_in_threadpool(_zip, studio, found.dataset_id, found.id)


def _zip(studio: Studio, dataset_id: int, version_id: int | None) -> Response:
    export = exports.plan(studio, dataset_id, version_id)
    return StreamingResponse(
        exports.zip_pieces(studio, export),
        media_type="application/zip",
        headers={
            "content-disposition": attachment(f"{exports.name(export)}.zip"),
            "cache-control": "no-store",
            "content-encoding": "identity",  # pictures do not compress: gzip would only cost minutes
        },
    )

"""Models to take away: the bundle, and the very ONNX file that the app predicts with."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from core import models, packages
from core.errors import NotFound
from core.records import PackageKind
from core.serving.answers import attachment, number
from core.studio import Studio


async def bundle(request: Request, studio: Studio) -> Response:
    """GET /api/models/{id}/bundle.zip"""
    model = await run_in_threadpool(models.get, studio, number(request, "model"))
    return StreamingResponse(
        await run_in_threadpool(models.bundle_zip, studio, model.id),
        media_type="application/zip",
        headers={
            "content-disposition": attachment(f"{models.download_name(model)}.zip"),
            "cache-control": "no-store",
        },
    )


async def onnx(request: Request, studio: Studio) -> Response:
    """GET /api/models/{id}/model.onnx"""
    model = await run_in_threadpool(models.get, studio, number(request, "model"))
    path = models.folder(studio, model) / "model.onnx"
    if not path.is_file():
        raise NotFound("The ONNX file of this model is gone. Train it again.")
    headers = {
        "content-disposition": attachment(f"{models.download_name(model)}.onnx"),
        "cache-control": "no-store",
        "content-encoding": "identity",  # weights do not compress: gzip would only cost seconds
    }
    return FileResponse(path, media_type="application/octet-stream", headers=headers)


async def package(request: Request, studio: Studio) -> Response:
    """GET /api/models/{id}/packages/{kind}: a finished package, always to be saved, never to be opened here."""
    model = await run_in_threadpool(models.get, studio, number(request, "model"))
    name = str(request.path_params["kind"])
    if name not in list(PackageKind):
        raise NotFound("There is no such form of a model.")
    kind = PackageKind(name)
    path = await run_in_threadpool(packages.file, studio, model.id, kind)
    headers = {
        "content-disposition": attachment(packages.download_name(model, kind)),
        "cache-control": "no-store",
        "content-encoding": "identity",
    }
    return FileResponse(path, media_type=packages.FORMS[kind].media_type, headers=headers)

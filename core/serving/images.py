"""Pictures for the screens. Only copies of our own making: re-encoded, without metadata; never the uploaded bytes."""

from __future__ import annotations

import threading
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core import details, samples
from core.details import Details
from core.errors import NotFound
from core.serving.answers import finite, number
from core.studio import Studio

THUMB_PX = 384  # longest side
VIEW_PX = 1600
FOREVER = "private, max-age=31536000, immutable"  # an image's bytes never change
EACH_TIME = "private, no-cache"
_MAKING = tuple(threading.Lock() for _ in range(8))  # a view that two browsers want is made once


async def thumb(request: Request, studio: Studio) -> Response:
    """GET /api/images/{id}/thumb: WebP, longest side 384 px."""
    image_id = number(request, "picture")
    return await run_in_threadpool(_picture, request, studio, image_id, True)


async def view(request: Request, studio: Studio) -> Response:
    """GET /api/images/{id}/view: WebP, longest side 1600 px, made when first asked for."""
    image_id = number(request, "picture")
    return await run_in_threadpool(_picture, request, studio, image_id, False)


async def known(request: Request, studio: Studio) -> Response:
    """GET /api/images/{id}: its facts, what the instant model says of it, its versions and its history."""
    found = await run_in_threadpool(details.of, studio, number(request, "picture"))
    return JSONResponse(finite(_told(found)), headers={"cache-control": "no-store"})


def _told(found: Details) -> dict[str, object]:
    image = found.image
    facts = (
        "id",
        "name",
        "label",
        "label_id",
        "width",
        "height",
        "format",
        "bytes",
        "origin",
        "added_at",
        "deleted_at",
        "revision",
    )
    return {
        **{name: getattr(image, name) for name in facts},
        "split": str(image.split),
        "said": [{"label": one.label, "confidence": round(one.confidence, 4)} for one in found.said],
        "learned": found.learned,
        "versions": [{"id": one.id, "name": one.name, "created_at": one.created_at} for one in found.versions],
        "history": [
            {
                "at": step.action.at,
                "who": step.action.who,
                "kind": step.action.kind,
                "undone": step.action.undone_at is not None,
                "label": step.label,
                "split": [str(one) for one in step.split],
                "deleted": step.deleted,
            }
            for step in found.steps
        ],
    }


async def sample(request: Request, _studio: Studio) -> Response:
    """GET /api/samples/{name}: a held-back picture of the sample set, JPEG, which Darkroom drew itself."""
    path = await run_in_threadpool(samples.picture, request.path_params["name"])
    content = await run_in_threadpool(path.read_bytes)
    return Response(content, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})


def _picture(request: Request, studio: Studio, image_id: int, small: bool) -> Response:
    sha256 = studio.store.images.get(image_id).sha256
    return small_picture(request, studio, sha256) if small else large_picture(request, studio, sha256)


def small_picture(request: Request, studio: Studio, sha256: str) -> Response:
    """The thumbnail of some bytes, made now if the indexer has not yet. Raises NotFound, Refused, DiskFull."""
    path = studio.files.thumb(sha256)
    _made(studio, sha256, path, THUMB_PX)
    return _webp(request, path, f'"t-{sha256[:24]}"')


def large_picture(request: Request, studio: Studio, sha256: str) -> Response:
    """The view of some bytes. Raises NotFound, Refused (they cannot be decoded), DiskFull."""
    path = studio.files.view(sha256)
    _made(studio, sha256, path, VIEW_PX)
    return _webp(request, path, f'"v-{sha256[:24]}"')


def _made(studio: Studio, sha256: str, path: Path, longest_side: int) -> None:
    if not path.exists():
        with _MAKING[int(sha256[:2], 16) % len(_MAKING)]:
            if not path.exists():
                _make(studio, sha256, path, longest_side)


def _make(studio: Studio, sha256: str, path: Path, longest_side: int) -> None:
    source = studio.files.picture(sha256)
    if not source.exists():
        raise _missing()
    studio.files.require_room()
    content = studio.decoder.view(source, longest_side)
    path.parent.mkdir(exist_ok=True)
    studio.files.write(path, content)


def _webp(request: Request, path: Path, etag: str) -> Response:
    headers = {"cache-control": FOREVER if "v" in request.query_params else EACH_TIME, "etag": etag}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    try:
        return Response(path.read_bytes(), media_type="image/webp", headers=headers)
    except FileNotFoundError:
        raise _missing() from None


def _missing() -> NotFound:
    return NotFound("The file of this picture is missing. Add the picture again to repair it.")

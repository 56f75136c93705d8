"""Folders and archives on their way to the disk: streamed, never held, each piece acknowledged once it is written."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core import uploads
from core.records import ItemState
from core.serving.answers import Malformed, upload_id, whole_number
from core.serving.bodies import fields, optional_number, pieces, text
from core.settings import MIB
from core.studio import Studio

NAME_LIMIT = 300
MISSING_LIMIT = 1000
CHUNK_BYTES = 64 * MIB  # of an archive


async def begin(request: Request, studio: Studio) -> Response:
    """POST /api/uploads {dataset_id, name} -> {id}"""
    found = await fields(request)
    dataset_id = optional_number(found, "dataset_id")
    name = "" if found.get("name") is None else text(found, "name", NAME_LIMIT)
    upload = await run_in_threadpool(uploads.begin, studio, dataset_id, name)
    return JSONResponse({"id": upload.id})


async def batch(request: Request, studio: Studio) -> Response:
    """POST /api/uploads/{id}/batch: u32 little-endian length of the head | head as JSON [{path, size}] | the bytes."""
    receiver = await run_in_threadpool(uploads.Receiver, studio, upload_id(request))

    def write(piece: bytes) -> None:
        studio.files.require_room(len(piece))
        receiver.feed(piece)

    try:
        # One file of any size may be a batch: what is no picture is refused by name later, and the rest goes on.
        async for piece in pieces(request, studio.settings.upload_limit_bytes):
            await run_in_threadpool(write, piece)
        return JSONResponse({"received": await run_in_threadpool(receiver.finish)})
    finally:
        receiver.close()


async def append_archive(request: Request, studio: Studio) -> Response:
    """PUT /api/uploads/{id}/archive?name=&offset=&last=: one chunk -> {size}, how far the archive is."""
    upload, name, offset = upload_id(request), _name(request), whole_number(request, "offset", 0)
    size = await run_in_threadpool(uploads.archive_size, studio, upload, name)
    async for piece in pieces(request, CHUNK_BYTES):
        size = await run_in_threadpool(uploads.append_archive, studio, upload, name, offset, piece)
        offset += len(piece)
    if request.query_params.get("last") == "1":
        await run_in_threadpool(uploads.finish_archive, studio, upload, name)
    return JSONResponse({"size": size})


async def archive_size(request: Request, studio: Studio) -> Response:
    """GET /api/uploads/{id}/archive?name= -> {size}"""
    size = await run_in_threadpool(uploads.archive_size, studio, upload_id(request), _name(request))
    return JSONResponse({"size": size})


async def finish(request: Request, studio: Studio) -> Response:
    """POST /api/uploads/{id}/finish: everything was sent."""
    await run_in_threadpool(uploads.finish, studio, upload_id(request))
    return JSONResponse({})


async def understood(request: Request, studio: Studio) -> Response:
    """GET /api/uploads/{id}: what Darkroom has understood so far."""
    found = await run_in_threadpool(uploads.understood, studio, upload_id(request))
    return JSONResponse(_understood(found), headers={"cache-control": "no-store"})


def _understood(found: uploads.Understood) -> dict[str, object]:
    refused = [item for item in found.problems if item.state is ItemState.REFUSED]
    return {
        "id": found.upload.id,
        "dataset_id": found.upload.dataset_id,
        "name": found.upload.name,
        "state": found.upload.state,
        "received": found.upload.received,
        "checked": found.upload.checked,
        "accepted": found.counts.get(ItemState.ACCEPTED, 0),
        "duplicates": found.counts.get(ItemState.DUPLICATE, 0),
        "refused": found.counts.get(ItemState.REFUSED, 0),
        "ignored": found.counts.get(ItemState.IGNORED, 0),
        "labels": found.labels,
        "unlabelled": found.unlabelled,
        "splits": found.splits,
        "problems": [{"path": item.path, "reason": item.reason} for item in refused],
        "sentence": found.sentence,
        "advice": found.advice,
        "seconds_left": found.seconds_left,
        "can_add": found.can_add,
        "added": found.upload.added,
        "reading": found.upload.plan.get("reading"),
        "choices": found.choices,
        "explained": found.explained,
        "alike": found.alike,
        "torn": found.torn,
    }


async def missing(request: Request, studio: Studio) -> Response:
    """POST /api/uploads/{id}/missing {files: [[path, bytes], ...]} -> {missing: [place in the list, ...]}"""
    files = (await fields(request)).get("files")
    if not isinstance(files, list) or len(files) > MISSING_LIMIT or not all(_is_file(one) for one in files):
        raise Malformed(f"files must be a list of at most {MISSING_LIMIT} pairs of a path and its bytes.")
    pairs = [(path, size) for path, size in files]
    return JSONResponse({"missing": await run_in_threadpool(uploads.missing, studio, upload_id(request), pairs)})


def _is_file(one: object) -> bool:
    return isinstance(one, list) and len(one) == 2 and isinstance(one[0], str) and isinstance(one[1], int)


async def read(request: Request, studio: Studio) -> Response:
    """POST /api/uploads/{id}/read {reading}: the labels are read another way."""
    reading = text(await fields(request), "reading")
    await run_in_threadpool(uploads.choose, studio, upload_id(request), reading)
    return JSONResponse({})


async def add(request: Request, studio: Studio) -> Response:
    """POST /api/uploads/{id}/add {labels: {old: new or null}} -> {state}. The indexer adds."""
    labels = (await fields(request)).get("labels", {})
    if not isinstance(labels, dict) or not all(new is None or isinstance(new, str) for new in labels.values()):
        raise Malformed("labels must say a new name, or null, for each old one.")
    upload = await run_in_threadpool(uploads.accept, studio, upload_id(request), labels)
    return JSONResponse({"state": upload.state})


async def cancel(request: Request, studio: Studio) -> Response:
    """DELETE /api/uploads/{id}"""
    upload = await run_in_threadpool(uploads.get, studio, upload_id(request))
    await run_in_threadpool(uploads.cancel, studio, upload.id)
    return JSONResponse({})


def _name(request: Request) -> str:
    name = request.query_params.get("name", "")
    if not name or len(name) > NAME_LIMIT:
        raise Malformed("The archive needs a name.")
    return name

"""Models from another Darkroom: the bundle, streamed to the disk, and what became of it."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core import incoming
from core.records import Incoming
from core.serving.answers import Malformed, number
from core.serving.bodies import pieces
from core.studio import Studio

NAME_LIMIT = 300


async def receive(request: Request, studio: Studio) -> Response:
    """POST /api/incoming?name=&dataset=&called=: the bundle is the body -> {id}. It is read in the background.

    `dataset` is the number of the one that the model is to answer for; without it one is made, named `called`.
    """
    name, called = (request.query_params.get(key, "") for key in ("name", "called"))
    dataset = request.query_params.get("dataset", "")
    if len(name) > NAME_LIMIT or len(called) > NAME_LIMIT or not (dataset == "" or dataset.isdecimal()):
        raise Malformed("The bundle needs a name, and may name a dataset by its number.")
    made = await run_in_threadpool(incoming.begin, studio, name, int(dataset) if dataset else None, called)
    try:
        have = 0
        with incoming.place(studio, made).open("wb") as file:
            async for piece in pieces(request, incoming.MOST_BYTES):
                await run_in_threadpool(incoming.append, studio, have, len(piece))
                await run_in_threadpool(file.write, piece)
                have += len(piece)
    except BaseException:
        await run_in_threadpool(incoming.forget, studio, made, incoming.CUT_SHORT)
        raise
    return JSONResponse(_told(await run_in_threadpool(incoming.finish, studio, made)))


async def known(request: Request, studio: Studio) -> Response:
    """GET /api/incoming/{id} -> {id, state, sentence, model_id}"""
    made = await run_in_threadpool(incoming.get, studio, number(request, "import"))
    return JSONResponse(_told(made), headers={"cache-control": "no-store"})


def _told(made: Incoming) -> dict[str, object]:
    return {"id": made.id, "state": made.state, "sentence": incoming.sentence(made), "model_id": made.model_id}

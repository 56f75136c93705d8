"""What a screen asks of a run again and again: the newest points of its curves, and its log."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core import curves, runs
from core.serving.answers import finite, number, whole_number
from core.studio import Studio

LOG_BYTES = 256 << 10  # of one answer; the end of a longer log


async def curve(request: Request, studio: Studio) -> Response:
    """GET /api/runs/{id}/curve?since=STEP: only what is newer than that step."""
    run_id, since = number(request, "run"), whole_number(request, "since", -1)
    found = await run_in_threadpool(curves.curve, studio, run_id, since)
    run = found.run
    return JSONResponse(
        finite(
            {
                "state": run.state,
                "epoch": run.epoch,
                "epochs": run.spec.epochs,
                "step": run.step,
                "total_steps": run.total_steps,
                "points": found.points,
                "best": asdict(found.best) if found.best else None,
                "images_per_s": found.images_per_s,
                "seconds_left": found.seconds_left,
                "last_step": found.last_step,
                "error": run.error,
                "model_id": run.model_id,
            }
        ),
        headers={"cache-control": "no-store"},
    )


async def log(request: Request, studio: Studio) -> Response:
    """GET /api/runs/{id}/log?offset=: the newest attempt's log as text; `X-Next-Offset` says where it ends."""
    run_id, offset = number(request, "run"), whole_number(request, "offset", 0)
    return await run_in_threadpool(_log, studio, run_id, offset)


def _log(studio: Studio, run_id: int, offset: int) -> Response:
    content, end = _tail(runs.log_file(studio, run_id), offset)
    return Response(
        content,
        media_type="text/plain; charset=utf-8",
        headers={"cache-control": "no-store", "x-next-offset": str(end)},
    )


def _tail(path: Path, offset: int) -> tuple[bytes, int]:
    """(at most LOG_BYTES from `offset` on, where they end); nothing where there is no log yet."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            # A cut log starts again; one too long for an answer is shown from nearer its end.
            start = max(offset if offset <= size else 0, size - LOG_BYTES)
            file.seek(start)
            content = file.read(LOG_BYTES)
    except FileNotFoundError:
        return b"", 0
    return content, start + len(content)

"""What a screen asks of a run again and again: the newest points of its curves, its film strip and its log."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import asdict
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core import runs, strip, takeaway
from core.curves import Curve, Follower
from core.serving.answers import attachment, finite, number, whole_number
from core.studio import Studio

LOG_BYTES = 256 << 10  # of one answer; the end of a longer log
FRESH_S = 0.25  # a run is looked at so seldom however many watch it; the trainer tells twice a second
MOST_RUNS = 32  # that are followed; the one nobody asked for longest is let go


class Live:
    """The curves of the runs that somebody watches: read once, told to all of them."""

    def __init__(self) -> None:
        self._followed: OrderedDict[int, _Followed] = OrderedDict()
        self._lock = threading.Lock()

    async def curve(self, request: Request, studio: Studio) -> Response:
        """GET /api/runs/{id}/curve?since=STEP: what came at that step or later."""
        run_id, since = number(request, "run"), whole_number(request, "since", -1)
        found = self._fresh(run_id, since) if since >= 0 else None  # the whole of a long run takes a moment
        if found is None:
            found = await run_in_threadpool(self._look, studio, run_id, since)
        return JSONResponse(_told(found), headers={"cache-control": "no-store"})

    def _fresh(self, run_id: int, since: int) -> Curve | None:
        """Without waiting for anything, where the run was looked at a moment ago."""
        with self._lock:
            followed = self._followed.get(run_id)
        if followed is None or time.monotonic() - followed.looked_s >= FRESH_S or not followed.lock.acquire(False):
            return None
        try:
            return followed.follower.curve(since)
        finally:
            followed.lock.release()

    def _look(self, studio: Studio, run_id: int, since: int) -> Curve:
        with self._lock:
            if run_id not in self._followed:
                self._followed[run_id] = _Followed(Follower(studio, run_id))
            followed = self._followed[run_id]
            self._followed.move_to_end(run_id)
            while len(self._followed) > MOST_RUNS:
                self._followed.popitem(last=False)
        with followed.lock:
            if time.monotonic() - followed.looked_s >= FRESH_S:
                followed.follower.look()
                followed.looked_s = time.monotonic()
            return followed.follower.curve(since)


class _Followed:
    def __init__(self, follower: Follower) -> None:
        self.follower, self.lock, self.looked_s = follower, threading.Lock(), -FRESH_S


def _told(found: Curve) -> object:
    run = found.run
    return finite(
        {
            "state": run.state,
            "wish": run.wish,
            "hold": run.hold,
            "lives": found.lives,
            "epoch": run.epoch,
            "epochs": run.spec.epochs,
            "step": run.step,
            "total_steps": run.total_steps,
            "points": found.points,
            "best": asdict(found.best) if found.best else None,
            "right": found.right,
            "few": found.few,
            "images_per_s": found.images_per_s,
            "seconds_left": found.seconds_left,
            "last_step": found.last_step,
            "error": run.error,
            "model_id": run.model_id,
            "device": found.device,
            "advice": asdict(found.advice) if found.advice else None,
        }
    )


async def film_strip(request: Request, studio: Studio) -> Response:
    """GET /api/runs/{id}/strip?since=EPOCH: the watched pictures, and what was seen of them after that epoch."""
    run_id, since = number(request, "run"), whole_number(request, "since", -1)
    found = await run_in_threadpool(strip.strip, studio, run_id, since)
    pictures = [{"image_id": one.image_id, "v": one.sha256[:12], "label": one.label} for one in found.pictures]
    frames = [{"epoch": frame.epoch, **frame.data} for frame in found.frames]
    return JSONResponse(
        {"labels": found.labels, "pictures": pictures, "frames": frames}, headers={"cache-control": "no-store"}
    )


async def run_json(request: Request, studio: Studio) -> Response:
    """GET /api/runs/{id}/run.json: all there is to know of a run."""
    run_id = number(request, "run")
    content = await run_in_threadpool(takeaway.run_json, studio.store, run_id)
    return _download(f"darkroom-run-{run_id}.json", content, "application/json")


async def event_file(request: Request, studio: Studio) -> Response:
    """GET /api/runs/{id}/tensorboard: the log of a run as TensorBoard reads it."""
    name, content = await run_in_threadpool(takeaway.event_file, studio.store, number(request, "run"))
    return _download(name, content, "application/octet-stream")


def _download(name: str, content: bytes, kind: str) -> Response:
    headers = {"content-disposition": attachment(name), "cache-control": "no-store"}
    return Response(content, media_type=kind, headers=headers)


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

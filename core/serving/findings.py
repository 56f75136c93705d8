"""What a person does about findings. Sent again until it is acknowledged, done once."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core import findings
from core.serving.answers import Malformed, number
from core.serving.bodies import fields, text
from core.studio import Studio

KEY_LIMIT = 200


async def act(request: Request, studio: Studio) -> Response:
    """POST /api/datasets/{id}/findings/act: one action about some findings; the same token again changes nothing."""
    dataset_id = number(request, "dataset")
    found = await fields(request)
    action, token, keys = text(found, "action", 20), text(found, "token", 64), _keys(found)
    choice = found.get("choice")
    if choice is not None and not isinstance(choice, str | int):
        raise Malformed("choice must be a text or a number.")
    revisions = _revisions(found.get("revisions"))
    outcome = await run_in_threadpool(findings.act, studio, dataset_id, action, keys, token or None, choice, revisions)
    return JSONResponse(
        {
            "action_id": outcome.action.id if outcome.action else None,
            "summary": outcome.action.summary if outcome.action else "Nothing was changed.",
            "changed": list(outcome.changed),
            "conflicts": list(outcome.conflicts),
        }
    )


async def ignore(request: Request, studio: Studio) -> Response:
    """POST /api/datasets/{id}/findings/ignore: never again, or again after all. Idempotent."""
    dataset_id = number(request, "dataset")
    found = await fields(request)
    ignored = found.get("ignored", True)
    if not isinstance(ignored, bool):
        raise Malformed("ignored must be true or false.")
    await run_in_threadpool(findings.ignore, studio, dataset_id, _keys(found), ignored)
    return JSONResponse({"ignored": ignored})


def _keys(found: dict[str, Any]) -> list[str]:
    keys = found.get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, str) and len(key) <= KEY_LIMIT for key in keys):
        raise Malformed("keys must be a list of texts.")
    return keys


def _revisions(raw: object) -> dict[int, int]:
    pairs = raw if isinstance(raw, dict) else {}
    return {
        int(image_id): revision
        for image_id, revision in pairs.items()
        if str(image_id).isascii()
        and str(image_id).isdigit()
        and len(str(image_id)) < 16
        and isinstance(revision, int)
        and not isinstance(revision, bool)
    }

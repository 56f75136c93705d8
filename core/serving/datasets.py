"""Changes of a dataset from the label grid, which sends them again until they are acknowledged."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core import datasets, models
from core.records import Image, Split
from core.serving.answers import Malformed, finite, number
from core.serving.bodies import fields, optional_number, text
from core.studio import Change, Outcome, Studio, Where

MOST_CHANGES = 5000  # in one action
LABEL_LIMIT = 100


async def change(request: Request, studio: Studio) -> Response:
    """POST /api/datasets/{id}/changes: one action; the same token again gives the first answer."""
    dataset_id = number(request, "dataset")
    found = await fields(request)
    kind, token = text(found, "kind"), text(found, "token", 64)
    raw = found.get("changes")
    if kind not in datasets.KINDS or not token or not isinstance(raw, list) or not 1 <= len(raw) <= MOST_CHANGES:
        raise Malformed(
            f"A change needs a kind ({', '.join(datasets.KINDS)}), a token and 1 to {MOST_CHANGES} changes."
        )
    changes = [_change(one) for one in raw]
    return await run_in_threadpool(
        lambda: _outcome(studio, dataset_id, datasets.change(studio, dataset_id, kind, changes, token))
    )


async def undo(request: Request, studio: Studio) -> Response:
    """POST /api/actions/{id}/undo"""
    action_id = number(request, "action")

    def undone() -> Response:
        outcome = datasets.undo(studio, action_id)
        return _outcome(studio, outcome.action.dataset_id if outcome.action else None, outcome)

    return await run_in_threadpool(undone)


async def instant(request: Request, studio: Studio) -> Response:
    """GET /api/datasets/{id}/instant: how far the instant model is, in numbers and in a sentence."""
    dataset_id = number(request, "dataset")
    found = await run_in_threadpool(models.instant, studio, dataset_id)
    return JSONResponse(
        finite(
            {
                "state": found.state,
                "revision": found.revision,
                "labels_revision": found.labels_revision,
                "model_id": found.model.id if found.model else None,
                "accuracy": found.model.accuracy if found.model else None,
                "interval": found.model.interval if found.model else None,
                "waiting": found.waiting,
                "sentence": found.sentence,
            }
        )
    )


def _change(raw: object) -> Change:
    if not isinstance(raw, dict):
        raise Malformed("Each change must be a JSON object.")
    image_id = optional_number(raw, "image_id")
    if image_id is None:
        raise Malformed("Each change needs an image_id.")
    wanted: dict[str, Any] = {}
    if "label" in raw:
        wanted["label"] = None if raw["label"] is None else text(raw, "label", LABEL_LIMIT)
    if "deleted" in raw:
        if not isinstance(raw["deleted"], bool):
            raise Malformed("deleted must be true or false.")
        wanted["deleted"] = raw["deleted"]
    if "split" in raw:
        if raw["split"] not in list(Split):
            raise Malformed(f"split must be one of {', '.join(Split)}.")
        wanted["split"] = Split(raw["split"])
    if not wanted:
        raise Malformed("Each change needs a label, deleted or split.")
    return Change(image_id=image_id, revision=optional_number(raw, "revision"), **wanted)


def _outcome(studio: Studio, dataset_id: int | None, outcome: Outcome) -> Response:
    ids = (*outcome.changed, *outcome.conflicts)
    images: list[Image] = []
    if ids and dataset_id is not None:
        for deleted in (False, True):
            images += studio.store.images.page(dataset_id, Where(ids=ids, deleted=deleted), 0, len(ids))
    return JSONResponse(
        {
            "action_id": outcome.action.id if outcome.action else None,
            "summary": outcome.action.summary if outcome.action else "Nothing was changed.",
            "changed": list(outcome.changed),
            "conflicts": list(outcome.conflicts),
            "images": [
                {
                    "id": image.id,
                    "revision": image.revision,
                    "label": image.label,
                    "label_id": image.label_id,
                    "deleted": image.deleted_at is not None,
                }
                for image in images
            ],
        }
    )

"""Changes of a dataset from the label grid, which sends them again until they are acknowledged."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core import datasets, errands, maps, models, selections
from core.records import Errand, Image, Split
from core.selections import Selection
from core.serving import waiting
from core.serving.answers import Malformed, finite, number, whole_number
from core.serving.bodies import fields, optional_number, text, whole
from core.stores import Change, Outcome, Where
from core.studio import Studio

MOST_CHANGES = 5000  # in one action, image by image
LABEL_LIMIT = 100
MOST_NAMED = 100  # conflicts of one action that are told with who made them


async def change(request: Request, studio: Studio) -> Response:
    """POST /api/datasets/{id}/changes: one action; the same token again gives the first answer.

    Either `changes`, image by image, or `where` and `to`: the same for all that match, over all pages.
    """
    dataset_id = number(request, "dataset")
    found = await fields(request)
    kind, token = text(found, "kind"), text(found, "token", 64)
    if kind in datasets.KINDS and token and "where" in found:
        return await _change_all(studio, dataset_id, kind, token, found)
    raw = found.get("changes")
    if kind not in datasets.KINDS or not token or not isinstance(raw, list) or not 1 <= len(raw) <= MOST_CHANGES:
        raise Malformed(
            f"A change needs a kind ({', '.join(datasets.KINDS)}), a token and 1 to {MOST_CHANGES} changes."
        )
    changes = [_change(one) for one in raw]
    return await run_in_threadpool(
        lambda: told(studio, dataset_id, datasets.change(studio, dataset_id, kind, changes, token))
    )


async def _change_all(studio: Studio, dataset_id: int, kind: str, token: str, found: dict[str, Any]) -> Response:
    where, to = found.get("where"), found.get("to")
    if not isinstance(where, dict) or not isinstance(to, dict):
        raise Malformed("A change of all that match needs where and to, as JSON objects.")
    selection, change = selection_of(where), _change({**to, "image_id": 0})

    def changed() -> Outcome | Errand:
        meant = selections.resolve(studio, dataset_id, selection)
        return errands.change_all(studio, dataset_id, kind, meant, change, token)

    done = await waiting.outcome(studio, changed)
    return await run_in_threadpool(told, studio, dataset_id, done)


def selection_of(raw: dict[str, Any]) -> Selection:
    """A filter as the gallery names it. Raises Malformed: what is misunderstood must not be taken for everything."""
    known = {"label_id", "unlabelled", "split", "deleted", "text", "origin", "ids", "doubtful"}
    if unknown := sorted(set(raw) - known):
        raise Malformed(f"A filter knows no {unknown[0]!r}.")
    flags = {name: raw.get(name, False) for name in ("unlabelled", "deleted", "doubtful")}
    if not all(isinstance(value, bool) for value in flags.values()):
        raise Malformed(f"{', '.join(flags)} must be true or false.")
    split, ids = raw.get("split"), raw.get("ids")
    if split is not None and split not in list(Split):
        raise Malformed(f"split must be one of {', '.join(Split)}.")
    if ids is not None and not (isinstance(ids, list) and all(type(one) is int and 0 < one < 10**15 for one in ids)):
        raise Malformed("ids must be a list of whole numbers.")
    where = Where(
        label_id=optional_number(raw, "label_id"),
        unlabelled=flags["unlabelled"],
        split=Split(split) if split is not None else None,
        deleted=flags["deleted"],
        text=text(raw, "text") if raw.get("text") is not None else "",
        origin=text(raw, "origin") if raw.get("origin") is not None else None,
        ids=tuple(ids) if ids is not None else None,
    )
    return Selection(where, flags["doubtful"])


async def similar(request: Request, studio: Studio) -> Response:
    """POST /api/datasets/{id}/similar?count=N: the picture is the body; the images most like it, nearest first."""
    dataset_id = number(request, "dataset")
    count = whole_number(request, "count", datasets.MOST_SIMILAR)
    data = await whole(request, studio.settings.picture_limit_bytes)
    if not data:
        raise Malformed("The request holds no picture.")
    found = await run_in_threadpool(datasets.similar, studio, dataset_id, data, count)
    return JSONResponse({"images": [{"id": one.image_id, "similarity": round(one.similarity, 4)} for one in found]})


async def points(request: Request, studio: Studio) -> Response:
    """GET /api/datasets/{id}/map: see `maps.packed`. Nothing is sent twice: it has a tag."""
    dataset_id = number(request, "dataset")
    headers = {
        "etag": f'"{await run_in_threadpool(maps.tag, studio, dataset_id)}"',
        "cache-control": "private, no-cache",
    }
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    content = await run_in_threadpool(maps.packed, studio, dataset_id)
    return Response(content, media_type="application/octet-stream", headers=headers)


async def undo(request: Request, studio: Studio) -> Response:
    """POST /api/actions/{id}/undo"""
    action_id = number(request, "action")

    done = await waiting.outcome(studio, lambda: errands.undo(studio, action_id))
    return await run_in_threadpool(told, studio, done.action.dataset_id if done.action else None, done)


async def undo_own(request: Request, studio: Studio) -> Response:
    """POST /api/datasets/{id}/undo: takes back the action of the token `of`; the same token again does nothing more."""
    dataset_id = number(request, "dataset")
    found = await fields(request)
    of, token = text(found, "of", 64), text(found, "token", 64)
    if not of or not token:
        raise Malformed("Taking back needs `of`, the token of what was done, and a token of its own.")
    done = await waiting.outcome(studio, lambda: errands.undo_own(studio, dataset_id, of, token))
    return await run_in_threadpool(told, studio, dataset_id, done)


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


def seen(image: Image) -> dict[str, Any]:
    """An image as the queue in the browser keeps it."""
    facts = {"id": image.id, "revision": image.revision, "label": image.label, "label_id": image.label_id}
    return facts | {"deleted": image.deleted_at is not None}


def told(studio: Studio, dataset_id: int | None, outcome: Outcome) -> Response:
    """What became of an action; of a conflict also who changed the image."""
    ids = (*outcome.changed, *outcome.conflicts)
    images: list[Image] = []
    many = len(ids) > MOST_CHANGES  # the page is drawn anew instead
    if ids and not many and dataset_id is not None:
        for deleted in (False, True):
            images += studio.store.images.page(dataset_id, Where(ids=ids, deleted=deleted), 0, len(ids))
    conflicts = outcome.conflicts[:MOST_NAMED]
    touched = studio.store.desk.touched(dataset_id, 0, len(conflicts), conflicts) if conflicts and dataset_id else []
    return JSONResponse(
        {
            "action_id": outcome.action.id if outcome.action else None,
            "summary": outcome.action.summary if outcome.action else "Nothing was changed.",
            "many": len(outcome.changed) if many else None,
            "changed": [] if many else list(outcome.changed),
            "conflicts": list(outcome.conflicts),
            "images": [seen(image) for image in images],
            "by": {one.image.id: one.who for one in touched},
        }
    )

"""Many pictures at once: they arrive, are answered in the background, looked through, confirmed and taken away."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from core import batches, brought, caution, comparing, corrections, datasets, errands
from core.records import Batch, Errand, Prediction, Verdict
from core.serving import waiting
from core.serving.answers import Malformed, attachment, finite, number, whole_number
from core.serving.bearer import private
from core.serving.bodies import fields, optional_number, text, whole
from core.serving.datasets import LABEL_LIMIT
from core.serving.images import small_picture
from core.settings import MIB
from core.stores import Asked
from core.studio import Studio

NAME_LIMIT = 300
HEAD_BYTES = 1 * MIB  # of what is sent beside the pictures themselves
MOST_ROWS = 200
MOST_REFUSED = 100
ORDERS = ("worth", "newest", "arrival", "sure", "unsure", "label", "name")


async def begin(request: Request, studio: Studio) -> Response:
    """POST /api/batches {model_id, name, expected} -> the batch"""
    found = await fields(request)
    model_id, expected = optional_number(found, "model_id"), optional_number(found, "expected")
    name = text(found, "name", NAME_LIMIT)
    if model_id is None or expected is None:
        raise Malformed("A batch needs model_id, name and expected, the number of its pictures.")
    batch = await run_in_threadpool(batches.begin, studio, model_id, name, expected)
    return JSONResponse(told(batch))


async def receive(request: Request, studio: Studio) -> Response:
    """POST /api/batches/{id}/pictures: u32 length | JSON [{place, path, size}] | the bytes -> the batch"""
    batch_id = number(request, "batch")
    await run_in_threadpool(batches.get, studio, batch_id)
    content = await whole(request, studio.settings.picture_limit_bytes + HEAD_BYTES)
    return JSONResponse(told(await run_in_threadpool(batches.receive, studio, batch_id, content)))


async def known(request: Request, studio: Studio) -> Response:
    """GET /api/batches/{id}: how far it is, and what was refused."""
    batch_id = number(request, "batch")

    def look() -> dict[str, Any]:
        batch = batches.get(studio, batch_id)
        refused = batches.refused(studio, batch_id, MOST_REFUSED) if batch.refused else []
        return {**told(batch), "problems": [{"name": one.name, "reason": one.reason} for one in refused]}

    return private(JSONResponse(await run_in_threadpool(look)))


async def missing(request: Request, studio: Studio) -> Response:
    """GET /api/batches/{id}/missing -> {missing: [place, ...]}, so that what arrived is not sent again."""
    batch_id = number(request, "batch")
    return private(JSONResponse({"missing": await run_in_threadpool(studio.store.batches.missing, batch_id)}))


async def cancel(request: Request, studio: Studio) -> Response:
    """DELETE /api/batches/{id}: what waits is dropped."""
    return JSONResponse(told(await run_in_threadpool(batches.cancel, studio, number(request, "batch"))))


async def rows(request: Request, studio: Studio) -> Response:
    """GET /api/datasets/{id}/predictions?batch=&label=&least=&most=&filed=&verdict=&order=&offset=&limit="""
    dataset_id, asked = number(request, "dataset"), asked_of(request.query_params)
    order = request.query_params.get("order", "worth")
    offset, limit = whole_number(request, "offset", 0), whole_number(request, "limit", 50)
    if order not in ORDERS or not 1 <= limit <= MOST_ROWS:
        raise Malformed(f"order must be one of {', '.join(ORDERS)}, and limit a number from 1 to {MOST_ROWS}.")

    def look() -> batches.Table:
        if order == "worth":
            return batches.table(studio, dataset_id, asked, "worth", offset, limit)
        return batches.table(studio, dataset_id, replace(asked, order=order), "as asked", offset, limit)  # type: ignore[arg-type]

    found = await run_in_threadpool(look)
    rows = [_row(one) for one in found.rows]
    return private(JSONResponse(finite({"rows": rows, "total": found.total, "labels": list(found.labels.items())})))


async def file(request: Request, studio: Studio) -> Response:
    """POST /api/datasets/{id}/predictions/file {labels: {id: label}}, or {where, label: a label or null} for all that
    match (null: each as it was answered): they become images of the dataset -> {actions, images, left, brought}
    """
    dataset_id, found = number(request, "dataset"), await fields(request)
    await run_in_threadpool(datasets.get, studio, dataset_id)

    labels = await run_in_threadpool(_labels, studio, dataset_id, found)
    done = await run_in_threadpool(errands.file, studio, dataset_id, labels)
    if isinstance(done, Errand):
        asked = done
        await waiting.outcome(studio, lambda: asked)
        done = await run_in_threadpool(corrections.filed, studio, asked, list(labels))
    told = {"actions": done.actions, "images": done.images, "left": done.left, "brought": done.brought}
    return JSONResponse(told)


async def brought_by(request: Request, studio: Studio) -> Response:
    """GET /api/datasets/{id}/corrections/{action} -> {learning}, and when it is learned {sentence, model_id, ...}"""
    dataset_id, action_id = number(request, "dataset"), number(request, "correction", "action")

    def look() -> dict[str, Any]:
        correction = brought.get(studio, dataset_id, action_id)
        found = brought.compared(studio, dataset_id, correction)
        if found is None:
            return {"learning": True}
        counts = {turn: found.many(turn) for turn in comparing.TURNS}
        return {
            "learning": False,
            "sentence": brought.sentence(correction, found),
            "model_id": found.after.id,
            "counts": counts,
        }

    return private(JSONResponse(await run_in_threadpool(look)))


async def unfile(request: Request, studio: Studio) -> Response:
    """POST /api/datasets/{id}/predictions/unfile {actions}: takes back what `file` did."""
    await run_in_threadpool(datasets.get, studio, number(request, "dataset"))
    actions = (await fields(request)).get("actions")
    if not isinstance(actions, list) or not all(type(one) is int for one in actions) or len(actions) > 10:
        raise Malformed("actions must be a list of numbers.")

    images = 0
    for action_id in reversed(actions):
        undone = await waiting.outcome(studio, partial(errands.undo, studio, action_id))
        images += len(undone.changed)
    return JSONResponse({"images": images})


async def zipped(request: Request, studio: Studio) -> Response:
    """GET /api/datasets/{id}/predictions.zip?batch=...: the pictures in a folder for each label."""
    dataset_id, asked = number(request, "dataset"), asked_of(request.query_params)
    dataset = await run_in_threadpool(datasets.get, studio, dataset_id)
    return StreamingResponse(
        await run_in_threadpool(batches.zip_pieces, studio, dataset_id, asked),
        media_type="application/zip",
        headers={
            "content-disposition": attachment(f"{dataset.name} sorted.zip"),
            "cache-control": "no-store",
            "content-encoding": "identity",  # pictures do not compress: gzip would only cost minutes
        },
    )


async def thumb(request: Request, studio: Studio) -> Response:
    """GET /api/predictions/{id}/thumb: WebP, longest side 384 px."""
    prediction_id = number(request, "prediction")
    return await run_in_threadpool(
        lambda: small_picture(request, studio, studio.store.predictions.get(prediction_id).sha256)
    )


def asked_of(said: QueryParams | dict[str, Any]) -> Asked:
    """The filter in an address, or in a request. Raises Malformed: what is misunderstood must not mean all."""
    batch, filed, verdict = str(said.get("batch") or ""), str(said.get("filed") or ""), str(said.get("verdict") or "")
    if (batch and not (batch.isascii() and batch.isdigit() and len(batch) < 16)) or filed not in ("", "yes", "no"):
        raise Malformed("batch must be a number, and filed yes or no.")
    if verdict and verdict not in set(Verdict):
        raise Malformed(f"verdict must be one of {', '.join(Verdict)}.")
    return Asked(
        batch_id=int(batch) if batch else None,
        label=str(said.get("label")) if said.get("label") else None,
        least=_share(said.get("least"), 0.0),
        most=_share(said.get("most"), 1.0),
        filed={"": None, "yes": True, "no": False}[filed],
        verdict=Verdict(verdict) if verdict else None,
    )


def _share(said: object, otherwise: float) -> float:
    if said in (None, ""):
        return otherwise
    try:
        found = float(str(said))
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise Malformed("least and most must be numbers from 0 to 1.")
    return found


def _labels(studio: Studio, dataset_id: int, found: dict[str, Any]) -> dict[int, str]:
    if isinstance(where := found.get("where"), dict):
        label = text(found, "label", LABEL_LIMIT) if found.get("label") is not None else None
        asked = replace(asked_of(where), filed=False)
        return {one: label or said for one, said in studio.store.predictions.answers(dataset_id, asked)}
    labels = found.get("labels")
    if not isinstance(labels, dict) or not all(
        key.isascii() and key.isdigit() and len(key) < 16 and isinstance(label, str) and len(label) <= LABEL_LIMIT
        for key, label in labels.items()
    ):
        raise Malformed("labels must say a label for each number of a prediction.")
    return {int(key): label for key, label in labels.items()}


def _row(one: Prediction) -> dict[str, object]:
    return {
        "id": one.id,
        "model_id": one.model_id,
        "name": one.name,
        "label": one.label,
        "confidence": round(one.confidence, 4),
        "ranked": [{"label": r.label, "confidence": round(r.confidence, 4)} for r in one.ranked[:3]],
        "verdict": one.verdict,
        "verdict_words": caution.said(one.verdict),
        "filed": one.image_id is not None,
        "filed_as": one.corrected_label,
        "version": one.sha256[:12],
    }


def told(batch: Batch) -> dict[str, Any]:
    names = ("id", "dataset_id", "model_id", "name", "created_at", "expected", "received", "answered", "refused")
    said = {name: getattr(batch, name) for name in names}
    return {**said, "cancelled": batch.cancelled, "waiting": batch.waiting, "over": batch.over}

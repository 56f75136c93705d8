"""The labelling screen's side of the server: the next pictures, what can be accepted at once, what others did."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Collection
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core import labelling, models
from core.findings import Doubt
from core.serving import waiting
from core.serving.answers import Malformed, finite, number, whole_number
from core.serving.bodies import fields, text
from core.serving.datasets import seen, told
from core.stores import Where
from core.studio import Studio

MOST_NEXT = 100  # pictures in one answer
MOST_HELD = 3000  # ids that a desk may say it has
SHOWN = 12  # of the least sure suggestions
LEASE_S = 90.0  # a desk that stays away longer gives its pictures back
KEPT = 64  # answers about news in memory


class Desks:
    """Who was handed which pictures a moment ago, so that two people do not label the same one. Only a courtesy: it
    is forgotten when the server restarts, and a conflict is still found out and shown."""

    def __init__(self) -> None:
        self._held: dict[int, dict[int, tuple[str, float]]] = {}
        self._lock = threading.Lock()

    def elsewhere(self, dataset_id: int, desk: str) -> set[int]:
        """Ids of what other desks hold now."""
        with self._lock:
            held = self._held.get(dataset_id, {})
            now = time.monotonic()
            for image_id in [one for one, (_, until_s) in held.items() if until_s < now]:
                del held[image_id]
            return {image_id for image_id, (holder, _) in held.items() if holder != desk}

    def hand(self, dataset_id: int, desk: str, image_ids: Collection[int]) -> None:
        with self._lock:
            held = self._held.setdefault(dataset_id, {})
            until_s = time.monotonic() + LEASE_S
            held.update({image_id: (desk, until_s) for image_id in image_ids})


desks = Desks()
_news: OrderedDict[tuple[str, int, int], tuple[int, dict[str, Any]]] = OrderedDict()
_news_lock = threading.Lock()


async def queue(request: Request, studio: Studio) -> Response:
    """POST /api/datasets/{id}/next: the next pictures in an order, without those that the desk has already."""
    dataset_id = number(request, "dataset")
    found = await fields(request)
    order, desk, have = found.get("order"), text(found, "desk", 64), found.get("have", [])
    limit = found.get("limit", 24)
    if order not in labelling.ORDERS or not isinstance(limit, int) or not 1 <= limit <= MOST_NEXT:
        raise Malformed(f"The next pictures need an order ({', '.join(labelling.ORDERS)}) and a limit.")
    if not isinstance(have, list) or len(have) > MOST_HELD or not all(isinstance(one, int) for one in have):
        raise Malformed("`have` must be a list of image ids.")

    def find() -> Response:
        others = desks.elsewhere(dataset_id, desk)
        images = labelling.queue(studio, dataset_id, order, limit, {*have, *others})
        if not images and others:  # better the same pictures as somebody else than none
            images = labelling.queue(studio, dataset_id, order, limit, set(have))
        desks.hand(dataset_id, desk, [one.image.id for one in images])
        waiting = studio.store.images.count(dataset_id, Where(unlabelled=True))
        revision = studio.store.desk.revision(dataset_id)
        rows = [_row(one, order == "doubtful") for one in images]
        return JSONResponse({"images": rows, "waiting": waiting, "revision": revision})

    return await run_in_threadpool(find)


def _row(one: Doubt, asked: bool) -> dict[str, Any]:
    image = one.image
    row = seen(image) | {"name": image.name, "width": image.width, "height": image.height, "asked": asked}
    return row | ({"suggestion": one.suggestion, "confidence": round(one.confidence, 4)} if one.suggestion else {})


async def sure(request: Request, studio: Studio) -> Response:
    """GET /api/datasets/{id}/sure?threshold=95: how many suggestions could be accepted, at every threshold."""
    dataset_id, percent = number(request, "dataset"), whole_number(request, "threshold", 95)

    def find() -> Response:
        found = labelling.sure(studio, dataset_id, percent / 100, SHOWN)
        if found is None:
            return JSONResponse({"model": None, "counts": [0] * 101, "least": []})
        least = [_row(one, False) for one in found.least]
        return JSONResponse({"model": found.model, "counts": found.counts, "least": least})

    return await run_in_threadpool(find)


async def accept(request: Request, studio: Studio) -> Response:
    """POST /api/datasets/{id}/accept: all suggestions above a threshold, as one action."""
    dataset_id = number(request, "dataset")
    found = await fields(request)
    model, token, percent, without = text(found, "model", 200), text(found, "token", 64), found.get("threshold"), []
    if not model or not token or not isinstance(percent, int) or not 0 <= percent <= 100:
        raise Malformed("Accepting needs a threshold in percent, the model and a token.")
    without = found.get("without", [])
    if not isinstance(without, list) or len(without) > MOST_HELD or not all(isinstance(one, int) for one in without):
        raise Malformed("`without` must be a list of image ids.")
    done = await waiting.outcome(
        studio, lambda: labelling.accept(studio, dataset_id, percent / 100, model, without, token)
    )
    return await run_in_threadpool(told, studio, dataset_id, done)


async def news(request: Request, studio: Studio) -> Response:
    """GET /api/datasets/{id}/changes?since=REVISION: images that others changed, and how good the model is now.

    Asked by every open labelling screen about once a second: while nobody writes, the answer is kept.
    """
    dataset_id, since = number(request, "dataset"), whole_number(request, "since", 0)
    return JSONResponse(await run_in_threadpool(_told, studio, dataset_id, since))


def _told(studio: Studio, dataset_id: int, since: int) -> dict[str, Any]:
    pulse = studio.store.services.pulse()
    key = (str(studio.settings.home), dataset_id, since)
    with _news_lock:
        kept = _news.get(key)
    if kept is not None and kept[0] == pulse:
        return kept[1]
    found = labelling.news(studio, dataset_id, since)
    answer = {
        "revision": found.revision,
        "missed": found.missed,
        "images": [seen(one.image) | {"who": one.who} for one in found.touched],
        "waiting": studio.store.images.count(dataset_id, Where(unlabelled=True)),
        "model": _model(studio, dataset_id),
    }
    with _news_lock:
        _news[key] = (pulse, answer)
        _news.move_to_end(key)
        while len(_news) > KEPT:
            _news.popitem(last=False)
    return answer


def _model(studio: Studio, dataset_id: int) -> dict[str, Any] | None:
    """The instant model's accuracy; None while there is none. Raises NotFound: no such dataset."""
    instant = models.instant(studio, dataset_id)
    if instant.model is None:
        return None
    model = instant.model
    facts = {"folder": model.folder, "accuracy": model.accuracy, "interval": model.interval, "n": model.measured_n}
    facts |= {"few": models.figure(model) if models.too_few(model) else ""}
    told: dict[str, Any] = finite(facts | {"learning": instant.state == "fitting", "sentence": models.sentence(model)})
    return told

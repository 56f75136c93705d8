"""A stand-in for Darkroom's routes, as one ASGI app: plausible answers, kept in memory, with faults on demand.

`POST /fake/reset` with {"faults": {...}} begins anew; `GET /fake/state` says what arrived. Faults:
`drop_every` n: every nth state-changing request is done, but its answer is lost (503); `refuse_every` n: it is not
done; `delay_ms`: each answer waits; `hold`: all of them wait; `conflicts`: image ids that somebody else changed;
`best`: what a model says; `few`: validation pictures, so few that they are counted.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import io
import json
import math
import re
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import streamlit as st
from PIL import Image
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core import people, words
from pages.components import assets

INDEX = (Path(st.__file__).parent / "static" / "index.html").read_text("utf-8")
INLINE = [text for text in re.findall(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", INDEX, re.S) if text.strip()]
HASHES = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in INLINE)
POLICY = (
    f"default-src 'self'; script-src 'self' blob: {HASHES}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; font-src 'self' data:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; frame-ancestors 'none'; form-action 'self'"
)
LABELS = ["coat", "dress", "shirt", "trousers"]
EVIL = [  # names that markup, templates or spreadsheets would understand
    "![x](http://evil.example/x.png)",
    "[click](javascript:alert(1))",
    "<b>bold</b><img src=x onerror=alert(1)>",
    ":smile: :red[red] :material/home: :red-badge[x] :streamlit:",
    "$x^2$ and $$y_1$$",
    "**bold** _it_ `code` ~~gone~~",
    "# heading",
    "1. one",
    "- item",
    "> quote",
    "a | b\\c",
    "=1+1",
    "../../etc/passwd",
    "http://evil.example www.evil.example a@evil.example",
    "&lt;b&gt; &amp; &#58;",
    "-> <- -- (c) ---",
    "[^1] [x] :::",
    "caf\u00e9 \u202eabc \U0001f455",
    "w" * 60,
]


class World:
    """Everything that arrived, and the faults to make."""

    def __init__(self, faults: dict[str, Any] | None = None) -> None:
        self.faults = faults or {}
        self.writes = 0
        self.uploads: dict[str, dict[str, Any]] = {}
        self.arrivals: Counter[str] = Counter()  # path -> how often its bytes were taken
        self.images: dict[int, dict[str, Any]] = {
            i: {"id": i, "revision": 1, "label": LABELS[i % 4], "deleted": False} for i in range(1, 400)
        }
        self.names = list(LABELS)
        self.actions: dict[int, list[dict[str, Any]]] = {}
        self.tokens: dict[str, dict[str, Any]] = {}
        self.action_of: dict[str, int] = {}
        self.news: list[dict[str, Any]] = []  # what others did
        self.polls = 0
        self.who: list[str] = []  # the name that each writing request carried
        self.filters: list[dict[str, Any]] = []  # what was asked for all that match
        self.applied: list[int] = []  # image ids in the order in which they were changed, once a change
        self.acted: list[dict[str, Any]] = []  # about findings
        self.ignored: set[str] = set()
        self.undone: list[int] = []
        self.predictions = 0
        self.asked: list[list[str]] = []  # way and label of each question why
        self.looks = 0
        self.seen: tuple[str, int, int] = ("", 0, 0)  # the last predicted picture: its format and size
        self.corrected: list[str] = []
        self.instant_polls = 0
        self.curve_polls: list[int] = []
        self.strip_polls: list[int] = []
        self.step = 0


WORLD = World()
Handler = Callable[[Request], Awaitable[Response]]


def writes(handler: Handler) -> Handler:
    """A state-changing route: wants our header, and fails as the faults say."""

    async def wrapped(request: Request) -> Response:
        if request.headers.get("x-darkroom") != "1":
            return JSONResponse({"error": "This request did not come from Darkroom."}, 403)
        faults = WORLD.faults
        WORLD.writes += 1
        WORLD.who.append(people.from_cookies(request.cookies))
        await asyncio.sleep(faults.get("delay_ms", 0) / 1000)
        while WORLD.faults.get("hold"):
            await asyncio.sleep(0.02)
        if faults.get("refuse_every") and WORLD.writes % faults["refuse_every"] == 0:
            return JSONResponse({"error": "The server is busy."}, 500)
        answer = await handler(request)
        if faults.get("drop_every") and WORLD.writes % faults["drop_every"] == 0:
            return JSONResponse({"error": "The answer was lost."}, 503)
        return answer

    return wrapped


# ---- uploads -----------------------------------------------------------------------------------------


async def create_upload(request: Request) -> Response:
    sent = await request.json()
    upload = f"u{len(WORLD.uploads) + 1}"
    WORLD.uploads[upload] = {"name": sent["name"], "dataset_id": sent["dataset_id"], "state": "receiving", "files": {}}
    WORLD.uploads[upload] |= {"archives": {}, "looks": 0}
    return JSONResponse({"id": upload})


async def take_batch(request: Request) -> Response:
    body = await request.body()
    (length,) = struct.unpack("<I", body[:4])
    at = 4 + length
    upload = WORLD.uploads[request.path_params["id"]]
    for item in json.loads(body[4:at]):
        WORLD.arrivals[item["path"]] += 1
        upload["files"][item["path"]] = hashlib.sha256(body[at : at + item["size"]]).hexdigest()
        at += item["size"]
    assert at == len(body), "the head and the bytes disagree"
    return JSONResponse({"received": len(upload["files"])})


async def archive(request: Request) -> Response:
    parts = WORLD.uploads[request.path_params["id"]]["archives"]
    name = request.query_params["name"]
    have = parts.setdefault(name, b"")
    if request.method == "PUT":
        if int(request.query_params["offset"]) != len(have):
            return JSONResponse({"error": "This piece does not follow the last one."}, 409)
        parts[name] = have + await request.body()
        if WORLD.faults.pop("lose_chunk", None):
            return JSONResponse({"error": "The answer was lost."}, 503)
        if request.query_params.get("last"):
            WORLD.uploads[request.path_params["id"]]["files"] |= {f"{LABELS[i % 4]}/{i}.jpg": str(i) for i in range(60)}
    return JSONResponse({"size": len(parts[name])})


async def finish_upload(request: Request) -> Response:
    WORLD.uploads[request.path_params["id"]]["state"] = "checking"
    return JSONResponse({})


async def see_upload(request: Request) -> Response:
    upload = WORLD.uploads.get(request.path_params["id"])
    if upload is None:
        return JSONResponse({"error": "There is no such upload."}, 404)
    if upload["state"] == "checking":
        upload["looks"] += 1
        if upload["looks"] > WORLD.faults.get("looks", 2):
            upload["state"] = "ready"
    return JSONResponse(described(upload))


def described(upload: dict[str, Any]) -> dict[str, Any]:
    bad = {"txt": "It is not a picture, but text.", "zero": "The file is empty."}
    problems = [{"path": p, "reason": bad[p.split(".")[-1]]} for p in upload["files"] if p.split(".")[-1] in bad]
    good = [path for path in upload["files"] if path.split(".")[-1] not in bad]
    labels = Counter(path.split("/")[-2] for path in good if "/" in path)
    total = len(upload["files"])
    sentence = f"{len(labels)} labels, {len(good)} pictures"
    if problems:
        sentence += f", {len(problems)} files left out"
    return {
        "id": next(name for name, one in WORLD.uploads.items() if one is upload),
        "state": upload["state"],
        "dataset_id": upload["dataset_id"] or 7,
        "added": len(good) if upload["state"] == "added" else 0,
        "reading": upload.get("reading", "folders"),
        "choices": WORLD.faults.get("choices", []),
        "alike": WORLD.faults.get("alike", []),
        "explained": ["Each folder is a label."] if labels else [],
        "received": total,
        "checked": min(total, upload["looks"] * total // 3),
        "accepted": len(good),
        "duplicates": 0,
        "ignored": 0,
        "refused": len(problems),
        "problems": problems[:50],
        "labels": labels,
        "unlabelled": sum("/" not in path for path in good),
        "splits": {},
        "sentence": sentence,
        "seconds_left": 4.0,
        "can_add": bool(good),
        "advice": None
        if len(labels) > 1
        else "There is only one label. Add a second folder, so that a model can tell two apart.",
    }


async def missing_files(request: Request) -> Response:
    files = WORLD.uploads[request.path_params["id"]]["files"]
    asked = (await request.json())["files"]
    return JSONResponse({"missing": [at for at, (path, _) in enumerate(asked) if path not in files]})


async def read_upload(request: Request) -> Response:
    upload = WORLD.uploads[request.path_params["id"]]
    upload |= {"reading": (await request.json())["reading"], "state": "checking"}
    return JSONResponse({})


async def add_upload(request: Request) -> Response:
    upload = WORLD.uploads[request.path_params["id"]]
    upload |= {"state": "added", "renamed": (await request.json())["labels"]}
    return JSONResponse({"state": "adding"})


async def drop_upload(request: Request) -> Response:
    WORLD.uploads[request.path_params["id"]]["state"] = "cancelled"
    return JSONResponse({})


# ---- pictures and labels -----------------------------------------------------------------------------


@functools.cache  # drawing one takes longer than all else that this server does for a test
def drawn(number: int, side: int) -> bytes:
    """A garment-like picture, another for each number: a silhouette on a lit ground."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    ground = 0.55 + 0.35 * rng.random() + 0.25 * (x * rng.normal() + y * rng.normal())
    kind = number % 4
    half = [0.2 + 0.06 * y, 0.1 + 0.28 * (y + 0.5) ** 2, 0.24 - 0.1 * (y > -0.2), 0.17 + 0.0 * y][kind]
    shape = (abs(x) < half) & (abs(y) < 0.38)
    if kind == 3:
        shape &= ~((abs(x) < 0.035) & (y > -0.2))
    hue = rng.random(3) * 0.75 + 0.1
    light = 0.75 + 0.5 * np.exp(-((x + 0.15) ** 2 + (y + 0.2) ** 2) * 8)
    tint = np.array([1.0, 0.97, 0.92]) * ground[..., None]
    rgb = np.where(shape[..., None], hue * light[..., None], tint) + rng.normal(0, 0.015, (side, side, 1))
    out = io.BytesIO()
    Image.fromarray((rgb.clip(0, 1) * 255).astype(np.uint8)).save(out, "WEBP", quality=82)
    return out.getvalue()


async def picture(request: Request) -> Response:
    side = 384 if request.url.path.endswith("thumb") else 900
    content = await asyncio.to_thread(drawn, int(request.path_params["id"]), side)
    return Response(content, media_type="image/webp", headers={"cache-control": "private, max-age=3600"})


async def known(request: Request) -> Response:
    image = WORLD.images[int(request.path_params["id"])]
    steps = [("eve", "relabel", [LABELS[0], image["label"]]), ("<b>ann</b>", "add", [None, LABELS[0]])]
    return JSONResponse(
        {"id": image["id"], "revision": image["revision"], "label": image["label"], "split": "train"}
        | {"width": 900, "height": 900, "format": "WEBP"}
        | {"bytes": 34567, "origin": "Wardrobe", "added_at": 1.7e9, "deleted_at": None, "learned": True}
        | {"said": [{"label": "coat", "confidence": 0.81}, {"label": "dress", "confidence": 0.12}]}
        | {"versions": [{"id": 4, "name": "before the sale", "created_at": 1.7e9}]}
        | {
            "history": [
                {"at": 1.7e9, "who": who, "kind": kind, "undone": False, "label": label}
                | {"split": ["auto", "auto"], "deleted": [False, False]}
                for who, kind, label in steps
            ]
        }
    )


async def similar(request: Request) -> Response:
    body = await request.body()
    if not body.startswith(b"\x89PNG"):
        return JSONResponse({"error": "This file is not a picture. Choose a JPEG, PNG, WebP or GIF."}, 422)
    return JSONResponse({"images": [{"id": n, "similarity": 1 - n / 100} for n in (7, 3, 11)]})


async def points(request: Request) -> Response:
    """Sixteen pictures on a square of four by four, as core/maps.py packs them; those that were deleted are missing."""
    there = [image for image in WORLD.images.values() if image["id"] <= 16 and not image["deleted"]]
    ids = np.array([image["id"] for image in there], "<u4")
    x, y = (((ids - 1) % 4) * 21845).astype("<u2"), (((ids - 1) // 4) * 21845).astype("<u2")
    place = np.array([WORLD.names.index(image["label"]) + 1 for image in there], "<u2")
    labels = [{"id": at + 1, "name": name, "position": at} for at, name in enumerate(WORLD.names)]
    head = json.dumps({"points": len(ids), "labels": labels, "kinds": ["On both sides", "Blurred"]}).encode()
    head += b" " * (-len(head) % 4)
    flags, found = np.zeros(2 * len(ids), "u1"), (2 * (ids <= 3)).astype("u1")
    content = b"".join(column.tobytes() for column in (ids, x, y, place, flags, found))
    return Response(struct.pack("<I", len(head)) + head + content, media_type="application/octet-stream")


async def change(request: Request) -> Response:
    sent = await request.json()
    if sent["token"] in WORLD.tokens:
        return JSONResponse(WORLD.tokens[sent["token"]])
    if "where" in sent:
        WORLD.filters.append({"where": sent["where"], "to": sent["to"], "kind": sent["kind"]})
        sent["changes"] = [
            {"image_id": i, "revision": None, **sent["to"]} for i in sent["where"].get("ids", WORLD.images)
        ]
    changed: list[int] = []
    conflicts: list[int] = []
    before: list[dict[str, Any]] = []
    for wish in sent["changes"]:
        image = WORLD.images[wish["image_id"]]
        if wish["revision"] not in (None, image["revision"]) or image["id"] in WORLD.faults.get("conflicts", []):
            image["label"] = "coat" if image["id"] in WORLD.faults.get("conflicts", []) else image["label"]
            conflicts.append(image["id"])
            continue
        before.append(dict(image))
        image |= {key: wish[key] for key in ("label", "deleted") if key in wish} | {"revision": image["revision"] + 1}
        if image["label"] and image["label"] not in WORLD.names:
            WORLD.names.append(image["label"])
        changed.append(image["id"])
        WORLD.applied.append(image["id"])
    action = len(WORLD.actions) + 1
    WORLD.actions[action] = before
    WORLD.action_of[sent["token"]] = action
    answer = outcome(action if changed else None, changed, conflicts)
    WORLD.tokens[sent["token"]] = answer
    return JSONResponse(answer)


def outcome(action: int | None, changed: list[int], conflicts: list[int]) -> dict[str, Any]:
    images = [dict(WORLD.images[i]) for i in (*changed, *conflicts)]
    for image in images:
        image["label_id"] = WORLD.names.index(image["label"]) + 1 if image["label"] else None
    return {
        "action_id": action,
        "by": {str(one): "Bo" for one in conflicts},
        "summary": f"{len(changed)} changed",
        "changed": changed,
        "conflicts": conflicts,
        "images": images,
    }


async def undo(request: Request) -> Response:
    sent = await request.json()
    if sent["token"] in WORLD.tokens:
        return JSONResponse(WORLD.tokens[sent["token"]])
    if sent["of"] not in WORLD.action_of:
        return JSONResponse({"error": "That step is not known any more."}, 404)
    restored = []
    for before in WORLD.actions[WORLD.action_of[sent["of"]]]:
        WORLD.images[before["id"]] |= before | {"revision": WORLD.images[before["id"]]["revision"] + 1}
        restored.append(before["id"])
    answer = WORLD.tokens[sent["token"]] = outcome(len(WORLD.actions), restored, [])
    return JSONResponse(answer)


def waiting() -> list[dict[str, Any]]:
    """The first forty pictures that are not labelled by the visitor yet."""
    return [image for image in WORLD.images.values() if image["id"] <= 40 and image["label"] is None]


async def next_pictures(request: Request) -> Response:
    sent = await request.json()
    found = [image for image in waiting() if image["id"] not in sent["have"]][: sent["limit"]]
    said = [
        {**image, "name": f"Clothes/{image['id']}.webp", "width": 900, "height": 900, "asked": False}
        | {"suggestion": LABELS[image["id"] % 4], "confidence": 0.93 - image["id"] / 200}
        for image in found
    ]
    return JSONResponse({"images": said, "waiting": len(waiting()), "revision": len(WORLD.news)})


async def news(request: Request) -> Response:
    WORLD.polls += 1
    told = WORLD.news[int(request.query_params["since"]) :]
    model = {"folder": f"m{len(WORLD.applied) // 5}", "accuracy": 0.9, "interval": [0.85, 0.94], "n": 40}
    return JSONResponse(
        {"revision": len(WORLD.news), "missed": False, "images": told, "waiting": len(waiting())}
        | {"model": {**model, "learning": False, "sentence": "Gets 90 of 100 right, give or take 5."}}
    )


async def sure(request: Request) -> Response:
    said = [0.93 - image["id"] / 200 for image in waiting()]
    counts = [sum(one >= percent / 100 for one in said) for percent in range(101)]
    above = [image for image in waiting() if 0.93 - image["id"] / 200 >= int(request.query_params["threshold"]) / 100]
    least = [{**one, "name": "x", "suggestion": LABELS[one["id"] % 4], "confidence": 0.9} for one in above[-12:]]
    return JSONResponse({"model": "m", "counts": counts, "least": least})


async def accept(request: Request) -> Response:
    sent = await request.json()
    if sent["token"] in WORLD.tokens:
        return JSONResponse(WORLD.tokens[sent["token"]])
    above = [one for one in waiting() if 0.93 - one["id"] / 200 >= sent["threshold"] / 100]
    above = [one for one in above if one["id"] not in sent["without"]]
    action = len(WORLD.actions) + 1
    WORLD.actions[action] = [dict(image) for image in above]
    WORLD.action_of[sent["token"]] = action
    for image in above:
        image |= {"label": LABELS[image["id"] % 4], "revision": image["revision"] + 1}
    answer = WORLD.tokens[sent["token"]] = outcome(action, [image["id"] for image in above], [])
    return JSONResponse(answer)


async def another(request: Request) -> Response:
    """Somebody else labels a picture."""
    sent = await request.json()
    image = WORLD.images[sent["id"]]
    image |= {"label": sent["label"], "revision": image["revision"] + 1}
    WORLD.news.append({**image, "label_id": 1, "who": "Bo"})
    return JSONResponse({})


async def unlabel(request: Request) -> Response:
    for image in WORLD.images.values():
        image["label"] = None
    return JSONResponse({})


async def act_on_findings(request: Request) -> Response:
    sent = await request.json()
    if sent["token"] in WORLD.tokens:
        return JSONResponse(WORLD.tokens[sent["token"]])
    if WORLD.faults.get("settled"):
        return JSONResponse({"error": "This was settled already. Nothing was changed."}, 404)
    WORLD.acted.append(sent)
    conflicts = WORLD.faults.get("conflicts", [])
    answer = {"action_id": len(WORLD.acted), "summary": "Deleted 1 picture", "changed": [2], "conflicts": conflicts}
    WORLD.tokens[sent["token"]] = answer
    return JSONResponse(answer)


async def ignore_findings(request: Request) -> Response:
    sent = await request.json()
    WORLD.ignored = (WORLD.ignored | set(sent["keys"])) if sent["ignored"] else (WORLD.ignored - set(sent["keys"]))
    return JSONResponse({"ignored": sent["ignored"]})


async def undo_one(request: Request) -> Response:
    number = int(request.path_params["id"])
    if number in WORLD.undone:
        return JSONResponse({"error": "That step was taken back already."}, 409)
    WORLD.undone.append(number)
    return JSONResponse({"action_id": None, "summary": "Took it back", "changed": [2], "conflicts": []})


# ---- predictions -------------------------------------------------------------------------------------


async def predict(request: Request) -> Response:
    body = await request.body()
    try:
        with Image.open(io.BytesIO(body)) as opened:
            width, height = opened.size
            WORLD.seen = (opened.format or "", width, height)
    except OSError:
        return JSONResponse({"error": "This file is not a picture. Choose a JPEG, PNG, WebP or GIF."}, 422)
    if "most" in request.query_params:  # a picture that is painted over: the plainer, the less sure
        plain = float(np.asarray(Image.open(io.BytesIO(body)).convert("L")).std())
        return JSONResponse({"ranked": ranked(min(plain / 150, 1.0))})
    WORLD.predictions += 1
    return JSONResponse({"id": WORLD.predictions, **reasoned(), "width": width, "height": height})


async def answer(request: Request) -> Response:
    return JSONResponse(reasoned())


def ranked(share: float) -> list[dict[str, Any]]:
    """The best label with this share, the others behind it."""
    names = WORLD.faults.get("labels", LABELS)
    best = WORLD.corrected[-1] if WORLD.corrected else WORLD.faults.get("best", names[min(2, len(names) - 1)])
    others = [name for name in names if name != best][:3]
    rest = zip(others, (0.6, 0.3, 0.1), strict=True)
    return [{"label": best, "confidence": share}, *({"label": n, "confidence": (1 - share) * s} for n, s in rest)]


def reasoned() -> dict[str, Any]:
    """An answer with its reasons; its nearest training pictures are 2, 6 and 10."""
    said = ranked(0.91 if WORLD.corrected else 0.58)
    heat = [[math.exp(-((x - 3) ** 2 + (y - 2.5) ** 2) / 4) for x in range(7)] for y in range(7)]
    near = [
        {"image_id": 4 * i + 2, "label": WORLD.images[4 * i + 2]["label"], "similarity": 0.93 - 0.06 * i}
        for i in range(3)
    ]
    said_so = {"ranked": said, "heat": [] if WORLD.faults.get("no_heat") else heat, "neighbours": near}
    return {**said_so, "milliseconds": 23.4, "model": {"id": 3, "kind": "instant"}}


async def explain(request: Request) -> Response:
    sent = await request.json()
    WORLD.asked.append([sent["method"], sent["label"]])
    WORLD.looks = 0
    return JSONResponse({"id": len(WORLD.asked), "state": "waiting", "progress": None, "problem": None, "map": None})


async def explained(request: Request) -> Response:
    WORLD.looks += 1
    told: dict[str, Any] = {"id": len(WORLD.asked), "state": "working", "progress": 0.5, "problem": None, "map": None}
    if problem := WORLD.faults.get("unexplained"):
        return JSONResponse({**told, "state": "failed", "progress": None, "problem": problem})
    if WORLD.looks < 2:
        return JSONResponse(told)
    y, x = np.mgrid[0:14, 0:14]
    levels = (
        127 * (np.exp(-((x - 6) ** 2 + (y - 5) ** 2) / 12) - np.exp(-((x - 11) ** 2 + (y - 11) ** 2) / 6))
    ).astype("i1")
    values = base64.b64encode(levels.tobytes()).decode()
    found = {"label": WORLD.asked[-1][1], "confidence": 0.58, "height": 14, "width": 14, "values": values}
    return JSONResponse({**told, "state": "done", "progress": None, "map": found})


async def correct(request: Request) -> Response:
    WORLD.corrected.append((await request.json())["label"])
    WORLD.instant_polls = 0
    return JSONResponse({"image_id": 900, "dataset_id": 7})


async def instant(request: Request) -> Response:
    WORLD.instant_polls += 1
    ready = WORLD.instant_polls > 2
    labels = 10 + len(WORLD.corrected) + sum(image["revision"] - 1 for image in WORLD.images.values())
    return JSONResponse(
        {"state": "ready" if ready else "fitting", "revision": labels if ready else labels - 1}
        | {"labels_revision": labels, "model_id": 3, "accuracy": 0.93, "interval": [0.9, 0.96]}
        | {"sentence": "This model gets 93 of 100 right, give or take 3."}
    )


# ---- a run -------------------------------------------------------------------------------------------

EPOCHS, STEPS = 12, 240


async def curve(request: Request) -> Response:
    since = int(request.query_params.get("since", -1))
    WORLD.curve_polls.append(since)
    run = int(request.path_params["id"])
    if run == 1:  # grows by itself
        WORLD.step = min(STEPS, WORLD.step + WORLD.faults.get("steps_a_poll", 20))
        step = WORLD.step
    else:
        step = {2: STEPS, 3: 0, 4: 0}[run]
    state = {3: "queued", 4: "paused"}[run] if run in (3, 4) else "succeeded" if step == STEPS else "running"
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 0.05, STEPS + 1)
    points: dict[str, list[list[float]]] = {"train_loss": [], "train_accuracy": [], "val_loss": [], "val_accuracy": []}
    for at in range(max(1, since + 1), step + 1):
        epoch = at * EPOCHS / STEPS
        points["train_loss"].append([epoch, round(1.9 * math.exp(-epoch / 2.6) + 0.12 + noise[at] * 0.8, 4)])
        points["train_accuracy"].append([epoch, round(0.97 - 0.62 * math.exp(-epoch / 2.2) + noise[at] * 0.25, 4)])
        if at % (STEPS // EPOCHS) == 0:
            drift = 0.013 * max(0.0, epoch - 8) ** 2
            points["val_loss"].append([epoch, round(1.7 * math.exp(-epoch / 2.4) + 0.31 + drift, 4)])
            points["val_accuracy"].append([epoch, round(0.93 - 0.52 * math.exp(-epoch / 2.0) - drift / 3, 4)])
    done = step * EPOCHS // STEPS
    few = WORLD.faults.get("few", 0)
    right = words.share_of(0.9246, few or None, 1)
    best = {"epoch": min(done, 9), "val_loss": 0.36, "val_accuracy": 0.9246} if done else None
    advice = {
        "kind": "learning",
        "sentence": f"It is learning: epoch {done}.",
        "action": "Nothing to do.",
        "tone": "good",
    }
    points |= {"learning_rate": [[at, 1e-3] for at, _ in points["train_loss"]], "images_per_s": points["train_loss"]}
    return JSONResponse(
        {
            "state": state,
            "wish": None,
            "hold": "answer" if run == 4 else None,
            "lives": 0,
            "device": "cpu",
            "advice": advice if done else None,
        }
        | {"epoch": done, "epochs": EPOCHS, "total_steps": STEPS, "step": step, "points": points}
        | {"best": best, "right": right, "few": few, "images_per_s": 412.0 if step else None, "last_step": step}
        | {"seconds_left": (STEPS - step) * 0.6 if step and state == "running" else None}
    )


async def film_strip(request: Request) -> Response:
    """A strip of four pictures, of which one more is right after each look."""
    since = int(request.query_params.get("since", -1))
    WORLD.strip_polls.append(since)
    pictures = [{"image_id": n, "v": "1", "label": n % 4} for n in range(1, 5)] if since < 0 else []
    grown = min(len(WORLD.strip_polls), 4)
    frames = [strip_frame(epoch) for epoch in range(grown + 1) if epoch > since]
    return JSONResponse({"labels": LABELS, "pictures": pictures, "frames": frames})


def strip_frame(epoch: int) -> dict[str, Any]:
    said = []
    for n in range(1, 5):
        right, other = n % 4, (n + 1) % 4
        pairs = [[right, 0.5 + epoch / 10], [other, 0.4 - epoch / 10]]
        said.append(pairs if n <= epoch else pairs[::-1])
    return {
        "epoch": epoch,
        "said": said,
        "maps": [base64.b64encode(bytes(range(0, 256, 16))).decode()] * 4,
        "shape": [4, 4],
    }


# ---- the rest ----------------------------------------------------------------------------------------


async def asset(request: Request) -> Response:
    try:
        return FileResponse(assets.path(request.path_params["name"]), headers={"cache-control": "max-age=31536000"})
    except KeyError:
        return Response(status_code=404)


async def reset(request: Request) -> Response:
    WORLD.__init__((await request.json()).get("faults"))  # type: ignore[misc]
    return JSONResponse({})


async def set_faults(request: Request) -> Response:
    WORLD.faults = await request.json()
    return JSONResponse({})


async def state(request: Request) -> Response:
    uploads = {
        i: {**u, "archives": {unquote(n): hashlib.sha256(b).hexdigest() for n, b in u["archives"].items()}}
        for i, u in WORLD.uploads.items()
    }
    return JSONResponse(
        {"uploads": uploads, "arrivals": WORLD.arrivals, "images": list(WORLD.images.values())}
        | {
            "applied": WORLD.applied,
            "corrected": WORLD.corrected,
            "asked": WORLD.asked,
            "curve_polls": WORLD.curve_polls,
            "strip_polls": WORLD.strip_polls,
        }
        | {"acted": WORLD.acted, "ignored": sorted(WORLD.ignored), "undone": WORLD.undone}
        | {"who": WORLD.who}
        | {
            "polls": WORLD.polls,
            "writes": WORLD.writes,
            "filters": WORLD.filters,
            "predictions": WORLD.predictions,
            "seen": WORLD.seen,
        }
    )


class AddPolicy:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"content-security-policy", POLICY.encode())]
            await send(message)

        await self.app(scope, receive, send_with_policy if scope["type"] == "http" else send)


ROUTES = [
    Route("/assets/{name}", asset),
    Route("/fake/reset", reset, methods=["POST"]),
    Route("/fake/faults", set_faults, methods=["POST"]),
    Route("/fake/state", state),
    Route("/api/uploads", writes(create_upload), methods=["POST"]),
    Route("/api/uploads/{id}/batch", writes(take_batch), methods=["POST"]),
    Route("/api/uploads/{id}/archive", archive, methods=["GET", "PUT"]),
    Route("/api/uploads/{id}/missing", writes(missing_files), methods=["POST"]),
    Route("/api/uploads/{id}/read", writes(read_upload), methods=["POST"]),
    Route("/api/uploads/{id}/finish", writes(finish_upload), methods=["POST"]),
    Route("/api/uploads/{id}/add", writes(add_upload), methods=["POST"]),
    Route("/api/uploads/{id}", writes(drop_upload), methods=["DELETE"]),
    Route("/api/uploads/{id}", see_upload),
    Route("/api/images/{id:int}", known),
    Route("/api/datasets/{id:int}/map", points),
    Route("/api/datasets/{id:int}/similar", writes(similar), methods=["POST"]),
    Route("/api/images/{id:int}/thumb", picture),
    Route("/api/images/{id:int}/view", picture),
    Route("/api/predictions/{id:int}/picture", picture),
    Route("/api/datasets/{id:int}/changes", writes(change), methods=["POST"]),
    Route("/api/datasets/{id:int}/next", next_pictures, methods=["POST"]),
    Route("/api/datasets/{id:int}/changes", news),
    Route("/api/datasets/{id:int}/sure", sure),
    Route("/api/datasets/{id:int}/accept", writes(accept), methods=["POST"]),
    Route("/fake/another", another, methods=["POST"]),
    Route("/fake/unlabel", unlabel, methods=["POST"]),
    Route("/api/datasets/{id:int}/instant", instant),
    Route("/api/datasets/{id:int}/undo", writes(undo), methods=["POST"]),
    Route("/api/datasets/{id:int}/findings/act", writes(act_on_findings), methods=["POST"]),
    Route("/api/datasets/{id:int}/findings/ignore", writes(ignore_findings), methods=["POST"]),
    Route("/api/actions/{id:int}/undo", writes(undo_one), methods=["POST"]),
    Route("/api/predict", writes(predict), methods=["POST"]),
    Route("/api/images/{id:int}/answer", answer),
    Route("/api/predictions/{id:int}/answer", answer),
    Route("/api/explanations", writes(explain), methods=["POST"]),
    Route("/api/explanations/{id:int}", explained),
    Route("/api/predictions/{id:int}/correct", writes(correct), methods=["POST"]),
    Route("/api/runs/{id:int}/curve", curve),
    Route("/api/runs/{id:int}/strip", film_strip),
]
app = st.App(Path(__file__).parent / "screens.py", routes=ROUTES, middleware=[Middleware(AddPolicy)])

"""Links to share: whoever has one tries one model, and reaches nothing else. None until one is made; each ends."""

from __future__ import annotations

import time

from core import models, secret_words
from core.errors import NotFound, Refused, Unauthorized
from core.records import Model, Share
from core.studio import Studio

PREFIX = "look"
DAY_S = 86_400.0
DAYS = (1, 7, 30)  # that a link may last
NOTED_EVERY_S = 60.0
ADDRESS = "/share"


def make(studio: Studio, model_id: int, days: int) -> tuple[Share, str]:
    """A link's secret, which nobody can read again, and what is known of it. Raises NotFound, Refused."""
    model = models.get(studio, model_id)
    if days not in DAYS:
        raise Refused("A link lasts 1, 7 or 30 days.", "days")
    letters, hashed = secret_words.new()
    share = studio.store.shares.add(model.id, studio.who, hashed, time.time() + days * DAY_S)
    return share, secret_words.written(PREFIX, share.id, letters)


def link(address: str, secret: str) -> str:
    """The whole link. The secret stands behind the #: browsers send that part to no server, and name it to none."""
    return f"{address}{ADDRESS}#{secret}"


def open_ones(studio: Studio, model_id: int, now: float | None = None) -> list[Share]:
    """Those that still lead to the model, newest first."""
    now = time.time() if now is None else now
    return [one for one in studio.store.shares.all(model_id) if _is_open(one, now)]


def revoke(studio: Studio, share_id: int) -> None:
    """The link leads nowhere from now on. Raises NotFound."""
    if studio.store.shares.find(share_id) is None:
        raise NotFound("There is no such link.")
    studio.store.shares.revoke(share_id)


def check(studio: Studio, text: str, now: float | None = None) -> Model:
    """The model that a secret leads to. Raises Unauthorized, with the same sentence whatever is wrong with it."""
    now = time.time() if now is None else now
    said = secret_words.read(PREFIX, text)
    found = studio.store.shares.find(said[0]) if said else None
    good = secret_words.agrees(said[1] if said else "", found.hash if found else None)
    if found is None or not good or not _is_open(found, now):
        raise _over()
    try:
        model = models.get(studio, found.model_id)
    except NotFound:
        raise _over() from None
    if found.used_at is None or now - found.used_at > NOTED_EVERY_S:
        studio.store.shares.used(found.id)
    return model


def _is_open(share: Share, now: float) -> bool:
    return share.revoked_at is None and now < share.expires_at


def _over() -> Unauthorized:
    return Unauthorized("This link leads nowhere any more. Ask the person who gave it to you for a new one.")

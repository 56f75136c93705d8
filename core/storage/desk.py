"""What the labelling screen asks all the time: what waits for a label, and what was changed since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, func, select

from core.records import Action, Image
from core.storage.database import CHUNK, Database, chunks
from core.storage.images import as_action, as_image
from core.storage.schema import action, dataset, image, image_change, label, vector
from core.stores import Touch

_IMAGES = select(image, label.c.name.label("label")).outerjoin(label, label.c.id == image.c.label_id)

_WAITING = (image.c.id, image.c.revision, vector.c.row)
_NOBODY = np.empty((0, len(_WAITING)), np.int64)


class Desk:
    def __init__(self, database: Database) -> None:
        self._db = database

    def waiting(self, dataset_id: int) -> NDArray[np.int64]:
        return self._waiting(_waits(dataset_id))

    def news(self, dataset_id: int, since: int, row: int, limit: int) -> tuple[list[int], NDArray[np.int64]] | None:
        later = (action.c.dataset_id == dataset_id) & (action.c.revision > since)
        moved = select(image_change.c.image_id).join(action, action.c.id == image_change.c.action_id).where(later)
        # Not a join: of that SQLite goes through all images of the dataset.
        late = select(vector.c.sha256).where(vector.c.row >= row)
        looked_at = select(image.c.id).where(image.c.dataset_id == dataset_id, image.c.sha256.in_(late))
        ids: set[int] = set()
        for query in (moved, looked_at):
            found = [int(one) for (one,) in self._db.tuples(query.limit(limit + 1))]
            if len(found) > limit:
                return None
            ids.update(found)
        rows = [self._waiting(_waits(dataset_id).where(image.c.id.in_(some))) for some in chunks(sorted(ids))]
        return sorted(ids), np.concatenate(rows) if rows else _NOBODY

    def _waiting(self, query: Select[Any]) -> NDArray[np.int64]:
        return np.array(self._db.tuples(query), np.int64).reshape(-1, len(_WAITING))

    def revision(self, dataset_id: int) -> int:
        return int(self._db.scalar(select(dataset.c.labels_revision).where(dataset.c.id == dataset_id)) or 0)

    def touched(self, dataset_id: int, since: int, limit: int, ids: Sequence[int] | None = None) -> list[Touch]:
        newest = select(image_change.c.image_id, func.max(image_change.c.action_id).label("action_id"))
        newest = newest.join(action, action.c.id == image_change.c.action_id)
        newest = newest.where(action.c.dataset_id == dataset_id, action.c.revision > since)
        if ids is not None:
            newest = newest.where(image_change.c.image_id.in_(ids[:CHUNK]))
        found = self._db.rows(newest.group_by(image_change.c.image_id).order_by("action_id").limit(limit))
        action_of = {row["image_id"]: row["action_id"] for row in found}
        actions = self._by_id(list(set(action_of.values())))
        images: dict[int, Image] = {}
        for start in range(0, len(action_of), CHUNK):
            some = list(action_of)[start : start + CHUNK]
            images |= {row["id"]: as_image(row) for row in self._db.rows(_IMAGES.where(image.c.id.in_(some)))}
        return [
            Touch(images[one], actions[made].who, actions[made].at) for one, made in action_of.items() if one in images
        ]

    def by_token(self, token: str) -> Action | None:
        row = self._db.row(select(action).where(action.c.token == token))
        return as_action(row) if row is not None else None

    def _by_id(self, ids: Sequence[int]) -> dict[int, Action]:
        found: dict[int, Action] = {}
        for start in range(0, len(ids), CHUNK):
            query = select(action).where(action.c.id.in_(ids[start : start + CHUNK]))
            found |= {row["id"]: as_action(row) for row in self._db.rows(query)}
        return found


def _waits(dataset_id: int) -> Select[Any]:
    live = (image.c.dataset_id == dataset_id) & image.c.deleted_at.is_(None) & image.c.label_id.is_(None)
    return select(*_WAITING).join(vector, vector.c.sha256 == image.c.sha256).where(live).order_by(image.c.id)

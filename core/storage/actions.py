"""An action as it begins: what is put on record before any image is changed. Inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from core.errors import Conflict, NotFound
from core.storage.bulk import images_of
from core.storage.database import now
from core.storage.datasets import label_id
from core.storage.schema import action
from core.stores import Change


def begin(
    connection: Connection,
    dataset_id: int,
    kind: str,
    summary: str,
    who: str,
    token: str | None,
    conflicts: Sequence[int] = (),
) -> RowMapping:
    """An action that has changed nothing yet."""
    values = {"dataset_id": dataset_id, "at": now(), "who": who, "kind": kind, "summary": summary, "token": token}
    query = action.insert().values(**values, images=0, conflicts=list(conflicts))
    return connection.execute(query.returning(*action.c)).mappings().one()


def undoable(connection: Connection, action_id: int) -> RowMapping:
    """An action that is taken back from now on. Raises NotFound, Conflict."""
    done = connection.execute(select(action).where(action.c.id == action_id)).mappings().first()
    if done is None:
        raise NotFound("That step is not known any more.")
    if done["undone_at"] is not None:
        raise Conflict("That step was taken back already.")
    if done["images"] and not connection.execute(images_of(action_id).limit(1)).first():
        raise Conflict("The pictures of that step were removed for good.")
    connection.execute(update(action).where(action.c.id == action_id).values(undone_at=now()))
    return done


def values_of(connection: Connection, dataset_id: int, to: Change) -> dict[str, Any]:
    """What a change writes into the columns of an image; its label is made when there is none of that name."""
    wanted: dict[str, Any] = {}
    if to.label != "\0keep":
        wanted["label_id"] = label_id(connection, dataset_id, to.label) if to.label else None
    if to.split is not None:
        wanted["split"] = str(to.split)
    if to.deleted is not None:
        wanted["deleted_at"] = now() if to.deleted else None
    return wanted

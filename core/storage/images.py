"""Images, what people did to them, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, func, or_, select, update

from core.errors import Conflict, NotFound
from core.records import Action, Image, Split
from core.storage.database import Database, chunks, now
from core.storage.datasets import label_id, touch
from core.storage.schema import action, image, image_change, label, prediction, upload_item, vector, vector_todo
from core.studio import Change, LabelledImage, NewImage, Outcome, Where

_QUERY = select(image, label.c.name.label("label")).outerjoin(label, label.c.id == image.c.label_id)
_ORDER = {
    "newest": (image.c.id.desc(),),
    "oldest": (image.c.id,),
    "name": (image.c.name, image.c.id),
    "label": (label.c.position, image.c.id),
    "mixed": (image.c.sha256,),  # as good as drawn by lot
}
_STATE = ("label_id", "split", "deleted_at")
_FACTS = ("sha256", "name", "width", "height", "format", "bytes", "origin")


class Images:
    def __init__(self, database: Database) -> None:
        self._db = database

    # ---- questions ----

    def get(self, image_id: int) -> Image:
        if (row := self._db.row(_QUERY.where(image.c.id == image_id))) is None:
            raise NotFound(f"There is no image {image_id}.")
        return _image(row)

    def page(self, dataset_id: int, where: Where, offset: int, limit: int) -> list[Image]:
        query = _filtered(_QUERY, dataset_id, where).order_by(*_ORDER[where.order]).offset(offset).limit(limit)
        return [_image(row) for row in self._db.rows(query)]

    def count(self, dataset_id: int, where: Where) -> int:
        return int(self._db.scalar(_filtered(select(func.count(image.c.id)), dataset_id, where)))

    def by_sha(self, dataset_id: int, sha256s: Sequence[str]) -> dict[str, Image]:
        live = (image.c.dataset_id == dataset_id) & image.c.deleted_at.is_(None)
        found = [row for some in chunks(sha256s) for row in self._db.rows(_QUERY.where(live, image.c.sha256.in_(some)))]
        return {row["sha256"]: _image(row) for row in found}

    def known(self, sha256: str) -> bool:
        named = [select(table.c.sha256).where(table.c.sha256 == sha256) for table in (image, upload_item, prediction)]
        return any(self._db.row(query.limit(1)) for query in named)

    def labelled(self, dataset_id: int) -> list[LabelledImage]:
        columns = (image.c.id.label("image_id"), image.c.sha256, image.c.label_id, image.c.split)
        live = (image.c.dataset_id == dataset_id) & image.c.deleted_at.is_(None) & image.c.label_id.is_not(None)
        rows = self._db.rows(select(*columns).where(live).order_by(image.c.id))
        return [LabelledImage(**{**row, "split": Split(row["split"])}) for row in rows]

    def actions(self, dataset_id: int, limit: int = 20) -> list[Action]:
        query = select(action).where(action.c.dataset_id == dataset_id).order_by(action.c.id.desc()).limit(limit)
        return [_action(row) for row in self._db.rows(query)]

    # ---- changes ----

    def add(self, dataset_id: int, images: Sequence[NewImage], who: str, summary: str) -> Outcome:
        images = list({new.sha256: new for new in images}.values())
        with self._db.write() as connection:
            labels = {name: label_id(connection, dataset_id, name) for name in _in_order(new.label for new in images)}
            wanted = {
                new.sha256: {
                    "label_id": labels[new.label] if new.label else None,
                    "split": str(new.split),
                    "deleted_at": None,
                }
                for new in images
            }
            before = self._here(connection, dataset_id, list(wanted))
            self._db.insert_new(
                connection,
                image,
                [_new_row(dataset_id, new, wanted[new.sha256]) for new in images if new.sha256 not in before],
            )
            after = self._here(connection, dataset_id, list(wanted))
            fresh = [row for sha, row in after.items() if sha not in before]
            revived = [row for row in before.values() if row["deleted_at"] is not None]
            changes = [
                (row, {"label_id": None, "split": row["split"], "deleted_at": now()}, wanted[row["sha256"]], False)
                for row in fresh
            ]
            changes += [(row, _state(row), wanted[row["sha256"]], True) for row in revived]
            want_vectors(self._db, connection, [row["sha256"] for row in (*fresh, *revived)])
            return self._record(connection, dataset_id, "add", summary, changes, who, None, [])

    def change(
        self, dataset_id: int, kind: str, summary: str, changes: Sequence[Change], who: str, token: str | None = None
    ) -> Outcome:
        with self._db.write() as connection:
            if token and (done := connection.execute(select(action).where(action.c.token == token)).mappings().first()):
                return self._again(connection, done)
            labels = {
                name: label_id(connection, dataset_id, name)
                for name in _in_order(c.label for c in changes if c.label != "\0keep")
            }
            rows = self._by_id(connection, dataset_id, [change.image_id for change in changes])
            moved, conflicts = [], []
            for change in {change.image_id: change for change in changes}.values():
                row = rows.get(change.image_id)
                if row is None or (change.revision is not None and row["revision"] != change.revision):
                    conflicts.append(change.image_id)
                elif (after := _after(row, change, labels)) != _state(row):
                    moved.append((row, _state(row), after, True))
            return self._record(connection, dataset_id, kind, summary, moved, who, token, conflicts)

    def undo(self, action_id: int, who: str) -> Outcome:
        with self._db.write() as connection:
            done = connection.execute(select(action).where(action.c.id == action_id)).mappings().first()
            if done is None:
                raise NotFound("That step is not known any more.")
            if done["undone_at"] is not None:
                raise Conflict("That step was taken back already.")
            taken = (
                connection.execute(select(image_change).where(image_change.c.action_id == action_id)).mappings().all()
            )
            rows = self._by_id(connection, done["dataset_id"], [change["image_id"] for change in taken])
            moved = [
                (rows[c["image_id"]], _state(rows[c["image_id"]]), c["before"], True)
                for c in taken
                if rows[c["image_id"]]["revision"] == c["revision"]
            ]
            conflicts = [c["image_id"] for c in taken if rows[c["image_id"]]["revision"] != c["revision"]]
            connection.execute(update(action).where(action.c.id == action_id).values(undone_at=now()))
            summary = f"Took back: {done['summary']}"
            return self._record(connection, done["dataset_id"], "undo", summary, moved, who, None, conflicts)

    # ---- inside a transaction ----

    def _here(self, connection: Connection, dataset_id: int, sha256s: Sequence[str]) -> dict[str, RowMapping]:
        mine = select(image).where(image.c.dataset_id == dataset_id)
        found = [
            row
            for some in chunks(sha256s)
            for row in connection.execute(mine.where(image.c.sha256.in_(some))).mappings()
        ]
        return {row["sha256"]: row for row in found}

    def _by_id(self, connection: Connection, dataset_id: int, ids: Sequence[int]) -> dict[int, RowMapping]:
        mine = select(image).where(image.c.dataset_id == dataset_id)
        found = [row for some in chunks(ids) for row in connection.execute(mine.where(image.c.id.in_(some))).mappings()]
        return {row["id"]: row for row in found}

    def _again(self, connection: Connection, done: RowMapping) -> Outcome:
        query = select(image_change.c.image_id).where(image_change.c.action_id == done["id"])
        return Outcome(_action(done), tuple(connection.execute(query).scalars()), tuple(done["conflicts"]))

    def _record(
        self,
        connection: Connection,
        dataset_id: int,
        kind: str,
        summary: str,
        moved: Sequence[tuple[RowMapping, Mapping[str, Any], Mapping[str, Any], bool]],
        who: str,
        token: str | None,
        conflicts: Sequence[int],
    ) -> Outcome:
        """Writes (row, before, after, whether the row itself must still be moved) as one action."""
        if not moved and not token:
            return Outcome(None, (), tuple(conflicts))
        values = {"dataset_id": dataset_id, "at": now(), "who": who, "kind": kind, "summary": summary, "token": token}
        query = action.insert().values(**values, images=len(moved), conflicts=list(conflicts))
        made = connection.execute(query.returning(*action.c)).mappings().one()
        if updates := [
            {"the_id": row["id"], **after, "revision": row["revision"] + 1}
            for row, _, after, must_move in moved
            if must_move
        ]:
            names = (*_STATE, "revision")
            statement = update(image).where(image.c.id == bindparam("the_id")).values({n: bindparam(n) for n in names})
            connection.execute(statement, updates)
        if moved:
            rows = [
                {
                    "action_id": made["id"],
                    "image_id": row["id"],
                    "before": dict(before),
                    "after": dict(after),
                    "revision": row["revision"] + must_move,
                }
                for row, before, after, must_move in moved
            ]
            connection.execute(image_change.insert(), rows)
            touch(connection, dataset_id)
        return Outcome(_action(made), tuple(row["id"] for row, *_ in moved), tuple(conflicts))


def want_vectors(database: Database, connection: Connection, sha256s: Sequence[str]) -> None:
    """Puts bytes without a vector on the indexer's list."""
    for some in chunks(sha256s):
        have = set(connection.execute(select(vector.c.sha256).where(vector.c.sha256.in_(some))).scalars())
        database.insert_new(connection, vector_todo, [{"sha256": sha, "tries": 0} for sha in some if sha not in have])


def _filtered(query: Select[Any], dataset_id: int, where: Where) -> Select[Any]:
    query = query.where(image.c.dataset_id == dataset_id)
    query = query.where(image.c.deleted_at.is_not(None) if where.deleted else image.c.deleted_at.is_(None))
    if where.label_id is not None:
        query = query.where(image.c.label_id == where.label_id)
    if where.unlabelled:
        query = query.where(image.c.label_id.is_(None))
    if where.split is not None:
        query = query.where(image.c.split == str(where.split))
    if where.text:
        query = query.where(image.c.name.icontains(where.text, autoescape=True))
    if where.ids is not None:
        query = query.where(
            or_(*[image.c.id.in_(some) for some in chunks(where.ids)]) if where.ids else image.c.id.is_(None)
        )
    return query


def _image(row: RowMapping) -> Image:
    return Image(**{**row, "split": Split(row["split"])})


def _action(row: RowMapping) -> Action:
    return Action(**{name: value for name, value in row.items() if name not in ("token", "conflicts")})


def _state(row: RowMapping) -> dict[str, Any]:
    return {name: row[name] for name in _STATE}


def _after(row: RowMapping, change: Change, labels: Mapping[str, int]) -> dict[str, Any]:
    after = _state(row)
    if change.label != "\0keep":
        after["label_id"] = labels[change.label] if change.label else None
    if change.split is not None:
        after["split"] = str(change.split)
    if change.deleted is not None and change.deleted != (row["deleted_at"] is not None):
        after["deleted_at"] = now() if change.deleted else None
    return after


def _new_row(dataset_id: int, new: NewImage, state: Mapping[str, Any]) -> dict[str, Any]:
    facts = {name: getattr(new, name) for name in _FACTS}
    return {"dataset_id": dataset_id, "revision": 1, "added_at": now(), **facts, **state}


def _in_order(names: Any) -> list[str]:
    """Each name once, in order of first appearance: the first label keeps the first colour."""
    return list(dict.fromkeys(name for name in names if name))

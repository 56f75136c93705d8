"""Images, what people did to them, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Integer, RowMapping, Select, bindparam, case, delete, func, select, update

from core.errors import NotFound
from core.records import Action, Image, Split, Step
from core.storage import actions, arrivals, bulk
from core.storage.counts import Counts
from core.storage.database import Database, chunks, now
from core.storage.datasets import label_id, touch
from core.storage.schema import (
    action,
    batch_item,
    image,
    image_change,
    label,
    leftover,
    prediction,
    upload_item,
    version,
    version_image,
)
from core.stores import Change, LabelledImage, NewImage, Outcome, Uses, Where

QUERY = select(image, label.c.name.label("label")).outerjoin(label, label.c.id == image.c.label_id)
_ORDER = {
    "newest": (image.c.id.desc(),),
    "oldest": (image.c.id,),
    "name": (image.c.name, image.c.id),
    "label": (image.c.label_id.asc().nulls_first(), image.c.id),  # ids of labels grow with their positions
    "split": (image.c.split, image.c.id),
    "mixed": (image.c.sha256,),
}
_STATE = ("label_id", "split", "deleted_at")
_WANT_VECTOR = (
    "INSERT INTO vector_todo (sha256, tries) SELECT ?, 0 WHERE NOT EXISTS (SELECT 1 FROM vector WHERE sha256 = ?) "
    "ON CONFLICT DO NOTHING"
)
# Whoever names a picture's bytes keeps them; of a batch what waits: what was answered is a prediction.
_NAMING = tuple(select(table.c.sha256) for table in (image, upload_item, prediction)) + (
    select(batch_item.c.sha256).where(batch_item.c.state == "waiting"),
)
_FACTS = ("sha256", "name", "width", "height", "format", "bytes", "origin")


class Images:
    def __init__(self, database: Database, counts: Counts) -> None:
        self._db, self._counts = database, counts

    # ---- questions ----

    def get(self, image_id: int) -> Image:
        if (row := self._db.row(QUERY.where(image.c.id == image_id))) is None:
            raise NotFound(f"There is no image {image_id}.")
        return as_image(row)

    def page(self, dataset_id: int, where: Where, offset: int, limit: int) -> list[Image]:
        # The ids first: what is skipped on the way to a deep page is skipped in an index, not in the table.
        query = filtered(select(image.c.id), dataset_id, where)
        if where.order == "given":
            matching = {row["id"] for row in self._db.rows(query)}
            ids = [one for one in where.ids or () if one in matching][offset : offset + limit]
        else:
            chosen = query.order_by(*_ORDER[where.order]).offset(offset).limit(limit)
            ids = [row["id"] for row in self._db.rows(chosen)]
        found = {
            row["id"]: as_image(row) for some in chunks(ids) for row in self._db.rows(QUERY.where(image.c.id.in_(some)))
        }
        return [found[one] for one in ids if one in found]

    def count(self, dataset_id: int, where: Where) -> int:
        if where == Where(order=where.order, label_id=where.label_id):
            counted = self._counts.in_labels(dataset_id)
            return counted.images if where.label_id is None else counted.by_label.get(where.label_id, 0)
        query = filtered(select(func.count()).select_from(image), dataset_id, where)
        if where.ids is not None:
            return int(self._db.scalar(query))
        return self._counts.number(dataset_id, replace(where, order="newest"), query)

    def uses(self, dataset_id: int) -> Uses:
        return self._counts.uses(dataset_id)

    def origins(self, dataset_id: int) -> dict[str, int]:
        live = (image.c.dataset_id == dataset_id) & image.c.deleted_at.is_(None)
        query = select(image.c.origin, func.count().label("images")).where(live).group_by(image.c.origin)
        return {row["origin"]: row["images"] for row in self._db.rows(query.order_by(image.c.origin))}

    def by_sha(self, dataset_id: int, sha256s: Sequence[str]) -> dict[str, Image]:
        live = (image.c.dataset_id == dataset_id) & image.c.deleted_at.is_(None)
        found = [row for some in chunks(sha256s) for row in self._db.rows(QUERY.where(live, image.c.sha256.in_(some)))]
        return {row["sha256"]: as_image(row) for row in found}

    def known(self, sha256: str) -> bool:
        return any(self._db.row(query.where(query.selected_columns.sha256 == sha256).limit(1)) for query in _NAMING)

    def unnamed(self, sha256s: Sequence[str]) -> list[str]:
        named: set[str] = set()
        for some in chunks(sha256s):
            for query in _NAMING:
                rows = self._db.tuples(query.where(query.selected_columns.sha256.in_(some)))
                named.update(sha for (sha,) in rows)
        return [sha for sha in sha256s if sha not in named]

    def labels_of(self, dataset_id: int, ids: Sequence[int]) -> dict[int, str | None]:
        columns = select(image.c.id, label.c.name).outerjoin(label, label.c.id == image.c.label_id)
        return {row[0]: row[1] for row in self._db.tuples(filtered(columns, dataset_id, Where(ids=tuple(ids))))}

    def held_by(self, image_id: int) -> list[int]:
        query = select(version_image.c.version_id).where(version_image.c.image_id == image_id)
        return [row["version_id"] for row in self._db.rows(query.order_by(version_image.c.version_id.desc()))]

    def held(self, ids: Sequence[int]) -> set[int]:
        query = select(version_image.c.image_id).distinct()
        mine = version_image.c.image_id
        return {row["image_id"] for some in chunks(ids) for row in self._db.rows(query.where(mine.in_(some)))}

    def marks(self, dataset_id: int) -> NDArray[np.int64]:
        split = case({one.value: at for at, one in enumerate(Split)}, value=image.c.split)
        live = (image.c.dataset_id == dataset_id) & image.c.deleted_at.is_(None)
        query = select(image.c.id, func.coalesce(image.c.label_id, 0), split).where(live).order_by(image.c.id)
        return np.array(self._db.tuples(query), np.int64).reshape(-1, 3)

    def labelled(self, dataset_id: int) -> list[LabelledImage]:
        columns = (image.c.id, image.c.sha256, image.c.label_id, image.c.split)
        live = (image.c.dataset_id == dataset_id) & image.c.deleted_at.is_(None) & image.c.label_id.is_not(None)
        rows = self._db.tuples(select(*columns).where(live).order_by(image.c.id))
        splits = {split.value: split for split in Split}
        return [LabelledImage(one, sha256, label, splits[split]) for one, sha256, label, split in rows]

    def unlabelled(self, dataset_id: int) -> list[tuple[int, str, Split]]:
        live = (image.c.dataset_id == dataset_id) & image.c.deleted_at.is_(None) & image.c.label_id.is_(None)
        rows = self._db.tuples(select(image.c.id, image.c.sha256, image.c.split).where(live).order_by(image.c.id))
        return [(one, sha256, Split(split)) for one, sha256, split in rows]

    def actions(self, dataset_id: int, limit: int = 20) -> list[Action]:
        done = (action.c.dataset_id == dataset_id) & (action.c.images > 0)
        query = select(action).where(done).order_by(action.c.id.desc()).limit(limit)
        return [as_action(row) for row in self._db.rows(query)]

    def action(self, action_id: int) -> Action:
        if (row := self._db.row(select(action).where(action.c.id == action_id))) is None:
            raise NotFound("That step is not known any more.")
        return as_action(row)

    def untouched(self, actions: Sequence[Action]) -> set[int]:
        return {
            one.id
            for one in actions
            if one.undone_at is None and self._db.scalar(bulk.same_still(one.id)) == one.images
        }

    def history(self, image_id: int) -> list[Step]:
        rows = self._db.rows(bulk.steps(image_id))
        ids = [found for row in rows for state in ("before", "after") if (found := row[state]["label_id"]) is not None]
        names = {row["id"]: row["name"] for row in self._db.rows(select(label).where(label.c.id.in_(ids)))}
        return [_step(row, names) for row in rows]

    # ---- changes ----

    def add(
        self, dataset_id: int, images: Sequence[NewImage], who: str, summary: str, token: str | None = None
    ) -> Outcome:
        with self._db.write() as connection:
            return self.add_some(connection, dataset_id, images, who, summary, token)

    def add_some(
        self,
        connection: Connection,
        dataset_id: int,
        images: Sequence[NewImage],
        who: str,
        summary: str,
        token: str | None,
    ) -> Outcome:
        """`add` inside a transaction."""
        images = list({new.sha256: new for new in images}.values())
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
        return self._record(connection, dataset_id, "add", summary, changes, who, token, [], goes_on=True)

    def take_in(
        self,
        dataset_id: int,
        upload_id: str,
        after: int,
        limit: int,
        labels: Sequence[str],
        mapped: Mapping[str, str | None],
        who: str,
        summary: str,
    ) -> tuple[int, int] | None:
        with self._db.write() as connection:
            last = arrivals.next_piece(connection, upload_id, after, limit)
            if last is None:
                return None
            arrivals.make_labels(connection, dataset_id, labels)
            piece, token = (upload_id, after, last), f"upload {upload_id}"
            return last, arrivals.take_in(self._db, connection, dataset_id, piece, mapped, who, summary, token)

    def change(
        self, dataset_id: int, kind: str, summary: str, changes: Sequence[Change], who: str, token: str | None = None
    ) -> Outcome:
        with self._db.write() as connection:
            if token and (done := self._done(connection, token)):
                return self._again(connection, done)
            return self.change_some(connection, dataset_id, kind, summary, changes, who, token)

    def change_some(
        self,
        connection: Connection,
        dataset_id: int,
        kind: str,
        summary: str,
        changes: Sequence[Change],
        who: str,
        token: str | None,
        goes_on: bool = False,
    ) -> Outcome:
        """`change` inside a transaction; with `goes_on` it is a part of the action that has this token already."""
        labels = {
            name: label_id(connection, dataset_id, name)
            for name in _in_order(c.label for c in changes if c.label != "\0keep")
        }
        rows = self._by_id(connection, dataset_id, [change.image_id for change in changes])
        moved, conflicts = [], []
        for change in {change.image_id: change for change in changes}.values():
            row = rows.get(change.image_id)
            if row is None:
                conflicts.append(change.image_id)
            elif (after := _after(row, change, labels)) == _state(row):
                continue  # as wished already; by whom does not matter
            elif change.revision is not None and row["revision"] != change.revision:
                conflicts.append(change.image_id)
            else:
                moved.append((row, _state(row), after, True))
        return self._record(connection, dataset_id, kind, summary, moved, who, token, conflicts, goes_on)

    def change_all(
        self,
        dataset_id: int,
        kind: str,
        say: Callable[[int], str],
        where: Where,
        to: Change,
        who: str,
        token: str | None = None,
    ) -> Outcome:
        with self._db.write() as connection:
            if token and (done := self._done(connection, token)):
                return self._again(connection, done)
            wanted = actions.values_of(connection, dataset_id, to)
            matching = filtered(select(image.c.id), dataset_id, where)
            made = actions.begin(connection, dataset_id, kind, "", who, token, [])
            bulk.move_all(self._db, connection, made["id"], matching, wanted)
            changed = _changed(connection, made)
            return self._end(connection, made, changed, say(len(changed)), ())

    def undo(self, action_id: int, who: str, token: str | None = None) -> Outcome:
        with self._db.write() as connection:
            if token and (before := self._done(connection, token)):
                return self._again(connection, before)
            done = actions.undoable(connection, action_id)
            conflicts = list(connection.execute(bulk.changed_since(action_id)).scalars())
            made = actions.begin(connection, done["dataset_id"], "undo", "", who, token, conflicts)
            bulk.take_back(self._db, connection, made["id"], action_id)
            return self._end(connection, made, _changed(connection, made), f"Took back: {done['summary']}", conflicts)

    def restore(self, version_id: int, summary: str, who: str) -> Outcome:
        with self._db.write() as connection:
            dataset_id = connection.execute(select(version.c.dataset_id).where(version.c.id == version_id)).scalar()
            if dataset_id is None:
                raise NotFound(f"There is no version {version_id}.")
            made = actions.begin(connection, dataset_id, "restore", "", who, None, [])
            bulk.go_back(self._db, connection, made["id"], dataset_id, version_id)
            return self._end(connection, made, _changed(connection, made), summary, ())

    def outcome(self, action_id: int) -> Outcome:
        with self._db.engine.connect().execution_options(write=False) as connection:
            done = connection.execute(select(action).where(action.c.id == action_id)).mappings().first()
            if done is None:
                raise NotFound("That step is not known any more.")
            return self._again(connection, done)

    # ---- the end of the trash ----

    def purge(self, before: float, limit: int) -> int:
        with self._db.write() as connection:
            return bulk.purge(self._db, connection, before, limit)

    def purge_removed(self, before: float, limit: int) -> int:
        with self._db.write() as connection:
            return bulk.purge_removed(self._db, connection, before, limit)

    def leftovers(self, limit: int) -> list[str]:
        return [row["sha256"] for row in self._db.rows(select(leftover.c.sha256).limit(limit))]

    def leave(self, sha256s: Sequence[str]) -> None:
        with self._db.write() as connection:
            self._db.insert_new(connection, leftover, [{"sha256": sha} for sha in sha256s])

    def forget(self, sha256s: Sequence[str]) -> None:
        with self._db.write() as connection:
            for some in chunks(sha256s):
                connection.execute(delete(leftover).where(leftover.c.sha256.in_(some)))

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

    def _done(self, connection: Connection, token: str) -> RowMapping | None:
        return connection.execute(select(action).where(action.c.token == token)).mappings().first()

    def _again(self, connection: Connection, done: RowMapping) -> Outcome:
        return Outcome(as_action(done), tuple(_changed(connection, done)), tuple(done["conflicts"]))

    def _end(
        self, connection: Connection, made: RowMapping, changed: Sequence[int], summary: str, conflicts: Sequence[int]
    ) -> Outcome:
        mine = action.c.id == made["id"]
        if not changed and made["kind"] != "undo" and not made["token"]:
            connection.execute(delete(action).where(mine))
            return Outcome(None, (), tuple(conflicts))
        if changed:
            touch(connection, made["dataset_id"], made["id"])
        query = update(action).where(mine).values(images=len(changed), summary=summary).returning(*action.c)
        done = connection.execute(query).mappings().one()
        return Outcome(as_action(done), tuple(changed), tuple(conflicts))

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
        goes_on: bool = False,
    ) -> Outcome:
        """Writes (row, before, after, whether the row itself must still be moved) as one action.

        With `goes_on` an action that has this token already takes the new changes in.
        """
        if not moved and (goes_on or not token):
            return Outcome(None, (), tuple(conflicts))
        values = {"dataset_id": dataset_id, "at": now(), "who": who, "kind": kind, "summary": summary, "token": token}
        query: Any = action.insert().values(**values, images=len(moved), conflicts=list(conflicts))
        begun = action.c.token == token
        if goes_on and token and connection.execute(select(action.c.id).where(begun)).scalar() is not None:
            query = update(action).where(begun).values(images=action.c.images + len(moved))
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
            touch(connection, dataset_id, made["id"])
        return Outcome(as_action(made), tuple(row["id"] for row, *_ in moved), tuple(conflicts))


def _changed(connection: Connection, made: RowMapping) -> list[int]:
    """Ids of the images that an action has changed."""
    return list(connection.execute(bulk.images_of(made["id"])).scalars())


def want_vectors(database: Database, connection: Connection, sha256s: Sequence[str]) -> None:
    """Puts bytes without a vector on the indexer's list."""
    database.many(connection, _WANT_VECTOR, [(sha, sha) for sha in sha256s])


def filtered(query: Select[Any], dataset_id: int, where: Where) -> Select[Any]:
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
    if where.origin is not None:
        query = query.where(image.c.origin == where.origin)
    if where.ids is not None:
        # Numbers stand in the statement itself: there may be more of them than a statement takes parameters.
        ids = bindparam("ids", list(where.ids), Integer, expanding=True, literal_execute=True)
        query = query.where(image.c.id.in_(ids) if where.ids else image.c.id.is_(None))
    return query


def as_image(row: RowMapping) -> Image:
    return Image(**{**row, "split": Split(row["split"])})


def as_action(row: RowMapping) -> Action:
    return Action(**{name: row[name] for name in Action.__dataclass_fields__})


def _step(row: RowMapping, names: Mapping[int, str]) -> Step:
    before, after = row["before"], row["after"]
    return Step(
        as_action(row),
        (names.get(before["label_id"]), names.get(after["label_id"])),
        (Split(before["split"]), Split(after["split"])),
        (before["deleted_at"] is not None, after["deleted_at"] is not None),
    )


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

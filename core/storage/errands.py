"""Errands: what people asked of so many images that it is carried out a piece at a time, each in one transaction that
also says how far it is. So a kill at any moment repeats nothing and leaves nothing out."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select, update

from core.errors import NotFound
from core.records import Errand, ErrandKind
from core.storage import actions, bulk, merging, pieces, predictions
from core.storage.counts import Counts
from core.storage.database import Database, now
from core.storage.datasets import touch
from core.storage.images import Images
from core.storage.schema import action, dataset, errand, image, image_change
from core.storage.tries import MAX_TRIES, begun
from core.stores import Change, NewImage, Where

GAVE_UP = (
    "This stopped on its way three times. What was done so far is kept and nothing is lost: have it go on, or take it "
    "back."
)
_FIELDS = tuple(Errand.__dataclass_fields__)
_QUERY = (
    select(*[errand.c[name] for name in _FIELDS])
    .join(dataset, dataset.c.id == errand.c.dataset_id)
    .where(dataset.c.removed_at.is_(None))
)
_UNFINISHED = errand.c.finished_at.is_(None)
_ACTIONS = {
    ErrandKind.RESTORE: "restore",
    ErrandKind.MERGE: "add",
    ErrandKind.ACCEPT: "relabel",
    ErrandKind.FILE: "add",
}
_PIECES: dict[ErrandKind, Callable[[Database, Connection, RowMapping, int], pieces.Went]] = {
    ErrandKind.RESTORE: pieces.restore,
    ErrandKind.UNDO: pieces.undo,
    ErrandKind.MERGE: pieces.merge,
    ErrandKind.CHANGE: pieces.change,
    ErrandKind.ACCEPT: pieces.accept,
}


class Errands:
    def __init__(self, database: Database) -> None:
        self._db = database

    # ---- asking ----

    def keep(self, dataset_id: int, name: str, who: str, summary: str, total: int) -> Errand:
        with self._db.write() as connection:
            return self._ask(connection, dataset_id, ErrandKind.KEEP, who, None, summary, total, {"name": name})

    def restore(self, dataset_id: int, version_id: int, who: str, summary: str, said: str) -> Errand:
        with self._db.write() as connection:
            wish, total = {"version": version_id, "said": said}, _everything(connection, dataset_id)
            return self._ask(connection, dataset_id, ErrandKind.RESTORE, who, None, summary, total, wish)

    def undo(self, action_id: int, who: str, token: str | None, say: Callable[[str], str]) -> Errand:
        with self._db.write() as connection:
            if (before := self._again(connection, token)) is not None:
                return before
            done = actions.undoable(connection, action_id)
            wish = {"action": action_id, "said": f"Took back: {done['summary']}"}
            total, summary = done["images"], say(done["summary"])
            return self._ask(connection, done["dataset_id"], ErrandKind.UNDO, who, token, summary, total, wish)

    def merge(
        self,
        name: str,
        dataset_ids: Sequence[int],
        labels_of: Sequence[int],
        chosen: Mapping[str, int],
        who: str,
        summary: str,
        said: str,
        total: int,
    ) -> Errand:
        with self._db.write() as connection:
            made = merging.make(connection, name, dataset_ids)
            wish = {"datasets": list(dataset_ids), "labels_of": list(labels_of), "chosen": dict(chosen), "said": said}
            return self._ask(connection, made, ErrandKind.MERGE, who, None, summary, total, wish)

    def change(
        self, dataset_id: int, kind: str, where: Where, to: Change, who: str, token: str | None, summary: str
    ) -> Errand:
        with self._db.write() as connection:
            if (before := self._again(connection, token)) is not None:
                return before
            wish = {"kind": kind, "where": asdict(where), "to": asdict(to)}
            total = _everything(connection, dataset_id)
            return self._ask(connection, dataset_id, ErrandKind.CHANGE, who, token, summary, total, wish)

    def accept(
        self, dataset_id: int, changes: Sequence[Change], who: str, token: str | None, summary: str, said: str
    ) -> Errand:
        with self._db.write() as connection:
            if (before := self._again(connection, token)) is not None:
                return before
            wish = {"changes": [(one.image_id, one.revision, one.label) for one in changes], "said": said}
            total = len(changes)
            return self._ask(connection, dataset_id, ErrandKind.ACCEPT, who, token, summary, total, wish)

    def file(self, dataset_id: int, labels: Mapping[int, str], who: str, summary: str, said: str) -> Errand:
        with self._db.write() as connection:
            wish = {"labels": list(labels.items()), "said": said}
            return self._ask(connection, dataset_id, ErrandKind.FILE, who, None, summary, len(labels), wish)

    def _ask(
        self,
        connection: Connection,
        dataset_id: int,
        kind: ErrandKind,
        who: str,
        token: str | None,
        summary: str,
        total: int,
        wish: Mapping[str, Any],
    ) -> Errand:
        """With the action that it makes, which has changed nothing yet."""
        token = token or secrets.token_urlsafe(12)
        action_id: int | None = None
        if kind is not ErrandKind.KEEP:
            named = _ACTIONS.get(kind, wish.get("kind", "undo"))
            action_id = actions.begin(connection, dataset_id, named, wish.get("said", summary), who, token)["id"]
        row: dict[str, Any] = {"dataset_id": dataset_id, "kind": kind.value, "token": token, "at": now(), "who": who}
        row |= {"summary": summary, "wish": dict(wish), "total": total, "action_id": action_id}
        query = errand.insert().values(**row, done=0, place=None, tries=0)
        made = connection.execute(query.returning(*[errand.c[name] for name in _FIELDS])).mappings().one()
        return _errand(made)

    def _again(self, connection: Connection, token: str | None) -> Errand | None:
        """The one that was asked for with this token before."""
        found = connection.execute(_QUERY.where(errand.c.token == token)).mappings().first() if token else None
        return _errand(found) if found is not None else None

    # ---- questions ----

    def get(self, errand_id: int) -> Errand:
        if (row := self._db.row(_QUERY.where(errand.c.id == errand_id))) is None:
            raise NotFound("That is not known any more.")
        return _errand(row)

    def by_token(self, token: str) -> Errand | None:
        row = self._db.row(_QUERY.where(errand.c.token == token))
        return _errand(row) if row is not None else None

    def unfinished(self, dataset_id: int | None = None) -> list[Errand]:
        query = _QUERY.where(_UNFINISHED).order_by(errand.c.id)
        return [_errand(row) for row in self._db.rows(query if dataset_id is None else query.where(_is_of(dataset_id)))]

    def wish(self, errand_id: int) -> dict[str, Any]:
        found = self._db.scalar(select(errand.c.wish).where(errand.c.id == errand_id))
        return dict(found or {})

    # ---- carrying out ----

    def begin(self, errand_id: int) -> bool:
        """Counts a turn, before the work. False: it has had too many without getting on, and waits for a person."""
        with self._db.write() as connection:
            mine = (errand.c.id == errand_id) & _UNFINISHED
            tries = connection.execute(
                update(errand).where(mine).values(**begun(errand)).returning(errand.c.tries)
            ).scalar()
            if tries is not None and tries > MAX_TRIES:
                connection.execute(update(errand).where(mine).values(problem=GAVE_UP))
            return tries is not None and tries <= MAX_TRIES

    def step(self, errand_id: int, limit: int) -> bool:
        """The next piece; False when there is none."""
        with self._db.write() as connection:
            query = select(errand).where(errand.c.id == errand_id, _UNFINISHED)
            row = connection.execute(query).mappings().first()
            if row is None:
                return False
            above = bulk.last_change(connection)
            went = _PIECES[ErrandKind(row["kind"])](self._db, connection, row, limit)
            if went is None:
                return False
            new = (image_change.c.action_id == row["action_id"]) & (image_change.c.id > above)
            many = connection.execute(select(func.count()).select_from(image_change).where(new)).scalar_one()
            if many and row["kind"] != ErrandKind.ACCEPT:  # which counts along by itself
                touch(connection, row["dataset_id"], row["action_id"])
                mine = action.c.id == row["action_id"]
                connection.execute(update(action).where(mine).values(images=action.c.images + many))
            place, done = went
            values = {"place": place, "done": errand.c.done + done, "tries": 0}
            connection.execute(update(errand).where(errand.c.id == errand_id).values(values))
            return True

    def file_some(
        self, errand_id: int, many: int, ids: Sequence[int], new: Sequence[NewImage], changes: Sequence[Change]
    ) -> None:
        """The next piece of those that are filed."""
        with self._db.write() as connection:
            mine = (errand.c.id == errand_id) & _UNFINISHED
            row = connection.execute(select(errand).where(mine)).mappings().first()
            if row is None:
                return
            images = Images(self._db, Counts(self._db))
            dataset_id, said, who, token = row["dataset_id"], row["wish"]["said"], row["who"], row["token"]
            # A picture that was asked about twice is in an earlier piece, and one action changes it once.
            there = bulk.changed_among(connection, row["action_id"], [one.image_id for one in changes])
            changes = [one for one in changes if one.image_id not in there]
            images.add_some(connection, dataset_id, new, who, said, token)
            images.change_some(connection, dataset_id, "add", said, changes, who, token, goes_on=True)
            predictions.file(connection, ids)
            connection.execute(update(errand).where(mine).values(done=errand.c.done + many, tries=0))

    def finish(self, errand_id: int, say: Callable[[int], str] | None = None) -> None:
        with self._db.write() as connection:
            mine = (errand.c.id == errand_id) & _UNFINISHED
            values: dict[str, Any] = {"finished_at": now(), "problem": None, "wish": {}, "done": errand.c.total}
            action_id = connection.execute(
                update(errand).where(mine).values(values).returning(errand.c.action_id)
            ).scalar()
            if action_id is not None and say is not None:
                its = action.c.id == action_id
                many = connection.execute(select(action.c.images).where(its)).scalar_one()
                connection.execute(update(action).where(its).values(summary=say(many)))

    def fail(self, errand_id: int, problem: str) -> None:
        self._set(errand_id, problem=problem)

    def go_on(self, errand_id: int) -> None:
        self._set(errand_id, problem=None, tries=0)

    def leave(self, errand_id: int) -> None:
        """Whatever it has done by now is all that it does."""
        self._set(errand_id, finished_at=now(), wish={})

    def _set(self, errand_id: int, **values: Any) -> None:
        with self._db.write() as connection:
            connection.execute(update(errand).where(errand.c.id == errand_id, _UNFINISHED).values(values))


def _errand(row: RowMapping) -> Errand:
    return replace(Errand(**{name: row[name] for name in _FIELDS}), kind=ErrandKind(row["kind"]))


def _is_of(dataset_id: int) -> Any:
    return errand.c.dataset_id == dataset_id


def _everything(connection: Connection, dataset_id: int) -> int:
    """Images of a dataset, those in the trash too."""
    query = select(func.count()).select_from(image).where(image.c.dataset_id == dataset_id)
    return int(connection.execute(query).scalar_one())

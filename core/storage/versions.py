"""Versions: states of a dataset that do not change any more, and how two states differ.

A state is a version, or (None) the dataset as it is now. Both are the same four columns to the questions here, so that
the database compares them by itself and 50,000 images are a matter of milliseconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    FromClause,
    RowMapping,
    Subquery,
    case,
    func,
    literal,
    or_,
    select,
    update,
)

from core.errors import NotFound
from core.records import (
    NO_LABEL,
    ChangeKind,
    Difference,
    Differing,
    Holding,
    Image,
    Placed,
    Split,
    Version,
    VersionImage,
)
from core.storage import announcing
from core.storage.database import Database, now
from core.storage.schema import image, label, version, version_image
from core.stores import Announced, Moment

_COLUMNS = [version.c[name] for name in Version.__dataclass_fields__]
TRANSITIONS_SHOWN = 12
_FREEZE = (
    "INSERT INTO version_image (version_id, image_id, sha256, label_id, label_index, split, kept) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
NOT_DRAWN = ""


class Versions:
    def __init__(self, database: Database) -> None:
        self._db = database

    # ---- versions ----

    def freeze(self, dataset_id: int, name: str, labels: Sequence[str], images: Sequence[VersionImage]) -> Version:
        ordered = sorted(images, key=lambda one: one.image_id)
        digest = _content_hash(labels, ordered)
        with self._db.write() as connection:
            same = (version.c.dataset_id == dataset_id) & (version.c.content_hash == digest)
            found = connection.execute(select(version.c.id).where(same)).scalar()
            if found is None:
                found = self._freeze(connection, dataset_id, name, labels, ordered, digest)
        return self.get(int(found))

    def moment(self, dataset_id: int) -> Moment:
        with self._db.engine.connect().execution_options(write=False) as connection:
            return announcing.moment(connection, dataset_id)

    def announce(
        self,
        dataset_id: int,
        labels: Mapping[int, str],
        moment: Moment,
        validation_share: float,
        seed: int,
        groups: Sequence[Sequence[int]],
    ) -> Version:
        with self._db.write() as connection:
            made = announcing.announce(connection, dataset_id, labels, moment, validation_share, seed, groups)
        return self.get(made)

    def due(self, before: float) -> list[int]:
        waits = version.c.announced.is_not(None) & (version.c.created_at < before)
        return [row[0] for row in self._db.tuples(select(version.c.id).where(waits).order_by(version.c.id))]

    def announced(self, version_id: int) -> Announced | None:
        with self._db.engine.connect().execution_options(write=False) as connection:
            return announcing.read(connection, version_id)

    def write_down(self, version_id: int, images: Sequence[VersionImage]) -> int:
        ordered = sorted(images, key=lambda one: one.image_id)
        digest = _content_hash(self.get(version_id).labels, ordered)
        with self._db.write() as connection:
            found, label_ids = announcing.settle(connection, version_id, digest)
            if label_ids is not None:
                self._write(connection, found, label_ids, ordered)
        return found

    def _freeze(
        self,
        connection: Connection,
        dataset_id: int,
        name: str,
        labels: Sequence[str],
        images: Sequence[VersionImage],
        digest: str,
    ) -> int:
        unlabelled = sum(one.label_index == NO_LABEL for one in images)
        values = {"dataset_id": dataset_id, "created_at": now(), "name": name, "content_hash": digest}
        counts = {"images": len(images) - unlabelled, "unlabelled": unlabelled}
        query = version.insert().values(**values, **counts, labels=list(labels))
        made: int = connection.execute(query.returning(version.c.id)).scalar_one()
        mine = select(label.c.name, label.c.id).where(label.c.dataset_id == dataset_id)
        ids = {row.name: row.id for row in connection.execute(mine)}
        label_ids = [ids.get(name) for name in labels]
        self._write(connection, made, label_ids, images)
        return made

    def _write(
        self,
        connection: Connection,
        version_id: int,
        label_ids: Sequence[int | None],
        images: Sequence[VersionImage],
    ) -> None:
        rows = [
            (
                version_id,
                i.image_id,
                i.sha256,
                None if i.label_index == NO_LABEL else label_ids[i.label_index],
                i.label_index,
                i.split.value,
                i.kept.value,
            )
            for i in images
        ]
        self._db.many(connection, _FREEZE, rows)

    def get(self, version_id: int) -> Version:
        if (row := self._db.row(select(*_COLUMNS).where(version.c.id == version_id))) is None:
            raise NotFound(f"There is no version {version_id}.")
        return _version(row)

    def all(self, dataset_id: int) -> list[Version]:
        query = select(*_COLUMNS).where(version.c.dataset_id == dataset_id).order_by(version.c.id.desc())
        return [_version(row) for row in self._db.rows(query)]

    def rename(self, version_id: int, name: str) -> None:
        with self._db.write() as connection:
            connection.execute(update(version).where(version.c.id == version_id).values(name=name))

    def images(self, version_id: int) -> list[VersionImage]:
        columns = [version_image.c[name] for name in ("image_id", "sha256", "label_index", "split", "kept")]
        mine = (version_image.c.version_id == version_id) & (version_image.c.label_index != NO_LABEL)
        rows = self._db.rows(select(*columns).where(mine).order_by(version_image.c.image_id))
        return [VersionImage(**{**r, "split": Split(r["split"]), "kept": Split(r["kept"])}) for r in rows]

    # ---- states ----

    def contents(self, dataset_id: int, state: int | None) -> list[Holding]:
        here = _state(dataset_id, state)
        used = case((here.c.drawn == NOT_DRAWN, here.c.kept), else_=here.c.drawn)
        columns = (image.c.sha256, image.c.name, image.c.format, image.c.bytes, image.c.origin)
        query = (
            select(*columns, label.c.name, used)
            .join(here, here.c.image_id == image.c.id)
            .outerjoin(label, label.c.id == here.c.label_id)
        )
        splits = {split.value: split for split in Split}
        return [_holding(row, splits[row[6]]) for row in self._db.tuples(query)]

    def compare(self, dataset_id: int, before: int | None, after: int | None) -> Difference:
        a, b = _state(dataset_id, before), _state(dataset_id, after)
        there = b.c.image_id.is_not(None)
        relabelled, moved, redrawn = (
            there & _goes(kind, a, b) for kind in (ChangeKind.RELABELLED, ChangeKind.MOVED, ChangeKind.REDRAWN)
        )
        numbers = {
            ChangeKind.REMOVED: func.count() - func.count(b.c.image_id),
            ChangeKind.RELABELLED: _many(relabelled),
            ChangeKind.MOVED: _many(moved),
            ChangeKind.REDRAWN: _many(redrawn),
        }
        columns = [number.label(kind.value) for kind, number in numbers.items()]
        same = _many(there & ~or_(relabelled, moved)).label("same")
        both = a.outerjoin(b, a.c.image_id == b.c.image_id)
        row = self._db.row(select(*columns, func.count(b.c.image_id).label("both"), same).select_from(both))
        assert row is not None
        added = int(self._db.scalar(select(func.count()).select_from(b))) - row["both"]
        counts = {kind: int(row[kind.value]) for kind in numbers} | {ChangeKind.ADDED: added}
        ways = self._ways(a, b) if counts[ChangeKind.RELABELLED] else ()
        return Difference({kind: counts[kind] for kind in ChangeKind}, int(row["same"]), ways)

    def _ways(self, a: Subquery, b: Subquery) -> tuple[tuple[str | None, str | None, int], ...]:
        old, new = label.alias(), label.alias()
        many = func.count().label("many")
        query = (
            select(old.c.name.label("old"), new.c.name.label("new"), many)
            .select_from(_both(a, b).outerjoin(old, old.c.id == a.c.label_id).outerjoin(new, new.c.id == b.c.label_id))
            .where(_goes(ChangeKind.RELABELLED, a, b))
            .group_by(a.c.label_id, b.c.label_id, old.c.name, new.c.name)
            .order_by(many.desc(), old.c.name, new.c.name)
            .limit(TRANSITIONS_SHOWN)
        )
        return tuple((row["old"], row["new"], row["many"]) for row in self._db.rows(query))

    def differing(
        self, dataset_id: int, before: int | None, after: int | None, kind: ChangeKind, offset: int, limit: int
    ) -> list[Differing]:
        a, b = _state(dataset_id, before), _state(dataset_id, after)
        if kind is ChangeKind.ADDED:
            pairs: FromClause = b.outerjoin(a, a.c.image_id == b.c.image_id)
        elif kind is ChangeKind.REMOVED:
            pairs = a.outerjoin(b, a.c.image_id == b.c.image_id)
        else:
            pairs = _both(a, b)
        old, new = label.alias(), label.alias()
        image_id = b.c.image_id if kind is ChangeKind.ADDED else a.c.image_id
        redrawn = kind is ChangeKind.REDRAWN
        query = (
            select(
                image,
                a.c.image_id.label("in_before"),
                b.c.image_id.label("in_after"),
                old.c.name.label("old"),
                new.c.name.label("new"),
                (a.c.drawn if redrawn else a.c.kept).label("old_split"),
                (b.c.drawn if redrawn else b.c.kept).label("new_split"),
            )
            .select_from(pairs.join(image, image.c.id == image_id))
            .outerjoin(old, old.c.id == a.c.label_id)
            .outerjoin(new, new.c.id == b.c.label_id)
            .where(_goes(kind, a, b))
            .order_by(a.c.label_id, b.c.label_id, image_id)
            .offset(offset)
            .limit(limit)
        )
        return [_differing(row) for row in self._db.rows(query)]


def _state(dataset_id: int, version_id: int | None) -> Subquery:
    """Image, label, what the dataset says of its use, and what a version's runs use it for."""
    if version_id is None:
        live = (image.c.dataset_id == dataset_id) & image.c.deleted_at.is_(None)
        columns = (image.c.label_id, image.c.split.label("kept"), literal(NOT_DRAWN).label("drawn"))
        return select(image.c.id.label("image_id"), *columns).where(live).subquery()
    names = (version_image.c.image_id, version_image.c.label_id, version_image.c.kept)
    # A version of another dataset is no state of this one. Not joined: a join would hide the index from what joins us.
    mine = select(version.c.id).where(version.c.id == version_id, version.c.dataset_id == dataset_id)
    drawn = version_image.c.split.label("drawn")
    return select(*names, drawn).where(version_image.c.version_id == mine.scalar_subquery()).subquery()


def _both(a: Subquery, b: Subquery) -> FromClause:
    return a.join(b, a.c.image_id == b.c.image_id)


def _goes(kind: ChangeKind, a: Subquery, b: Subquery) -> Any:
    """What is true of an image that differs in this way."""
    match kind:
        case ChangeKind.ADDED:
            return a.c.image_id.is_(None)
        case ChangeKind.REMOVED:
            return b.c.image_id.is_(None)
        case ChangeKind.RELABELLED:
            return a.c.label_id.is_distinct_from(b.c.label_id)
        case ChangeKind.MOVED:
            return a.c.kept != b.c.kept
        case ChangeKind.REDRAWN:
            drawn = (a.c.drawn != NOT_DRAWN) & (b.c.drawn != NOT_DRAWN)
            return drawn & (a.c.kept == b.c.kept) & (a.c.drawn != b.c.drawn)


def _many(condition: Any) -> Any:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _content_hash(labels: Sequence[str], images: Sequence[VersionImage]) -> str:
    digest = hashlib.sha256(repr(list(labels)).encode())
    lines = [f"{i.image_id} {i.sha256} {i.label_index} {i.split.value} {i.kept.value}\n" for i in images]
    digest.update("".join(lines).encode())
    return digest.hexdigest()


def _version(row: RowMapping) -> Version:
    return Version(**{**row, "labels": tuple(row["labels"])})


def _image(row: RowMapping, name: str | None) -> Image:
    """The image of a row that has its columns among others."""
    facts = {column.name: row[column.name] for column in image.c}
    return Image(**{**facts, "split": Split(facts["split"]), "label": name})


def _differing(row: RowMapping) -> Differing:
    before = Placed(row["old"], Split(row["old_split"])) if row["in_before"] is not None else None
    after = Placed(row["new"], Split(row["new_split"])) if row["in_after"] is not None else None
    return Differing(_image(row, row["new"] if after else row["old"]), before, after)


def _holding(row: tuple[Any, ...], split: Split) -> Holding:
    sha256, name, format, size, origin, label_name, _ = row
    return Holding(sha256, name, format, size, origin, label_name, split)

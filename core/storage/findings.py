"""Findings and what a person wants never to see again. Whether one is still true is asked of the images themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, case, delete, exists, func, or_, select

from core.records import Finding, FindingKind, Found, Split
from core.storage.database import Database, chunks, now
from core.storage.schema import finding, finding_ignored, finding_image, image

_IGNORED = exists().where(finding_ignored.c.dataset_id == finding.c.dataset_id, finding_ignored.c.key == finding.c.key)
_CHANGED = exists().where(
    finding_image.c.finding_id == finding.c.id,
    image.c.id == finding_image.c.image_id,
    or_(
        image.c.deleted_at.is_not(None),
        image.c.label_id.is_distinct_from(finding_image.c.label_id),
        image.c.split != finding_image.c.split,
    ),
)
_QUERY = select(finding, _IGNORED.label("ignored"))


class Findings:
    def __init__(self, database: Database) -> None:
        self._db = database

    def replace(self, dataset_id: int, found: Sequence[Found], states: Mapping[int, tuple[int | None, Split]]) -> None:
        found = list({one.key: one for one in found}.values())
        rows = [_row(dataset_id, one) for one in found]
        with self._db.write() as connection:
            mine = select(finding.c.id).where(finding.c.dataset_id == dataset_id)
            connection.execute(delete(finding_image).where(finding_image.c.finding_id.in_(mine)))
            connection.execute(delete(finding).where(finding.c.dataset_id == dataset_id))
            if rows:
                connection.execute(finding.insert(), rows)
                known = connection.execute(
                    select(finding.c.key, finding.c.id).where(finding.c.dataset_id == dataset_id)
                )
                ids: dict[str, int] = {key: number for key, number in known}
                pictures: list[dict[str, Any]] = [
                    {"finding_id": ids[one.key], "position": at, "image_id": i}
                    | {"label_id": states[i][0], "split": str(states[i][1])}
                    for one in found
                    for at, i in enumerate(one.images)
                ]
                if pictures:
                    connection.execute(finding_image.insert(), pictures)
            self._inherit(connection, dataset_id, found)

    def _inherit(self, connection: Connection, dataset_id: int, found: Sequence[Found]) -> None:
        """What is left of an ignored group, once some of its pictures are gone, is ignored too."""
        query = select(finding_ignored).where(finding_ignored.c.dataset_id == dataset_id)
        by_image: dict[tuple[str, int], list[RowMapping]] = defaultdict(list)
        for row in connection.execute(query).mappings():
            for image_id in row["images"]:
                by_image[row["kind"], image_id].append(row)
        rows = []
        for one in found:
            wider = by_image.get((str(one.kind), one.images[0]), []) if len(one.images) > 1 else []
            if heir := next((row for row in wider if set(row["images"]) > set(one.images)), None):
                rows.append({**heir, "key": one.key, "images": list(one.images)})
        self._db.insert_new(connection, finding_ignored, rows)

    def page(
        self, dataset_id: int, kinds: Sequence[FindingKind], offset: int, limit: int, ignored: bool = False
    ) -> list[Finding]:
        order = case({str(kind): at for at, kind in enumerate(kinds)}, value=finding.c.kind)
        query = _which(_QUERY, dataset_id, ignored).where(finding.c.kind.in_([str(kind) for kind in kinds]))
        query = query.order_by(order, finding.c.score.desc(), finding.c.id).offset(offset).limit(limit)
        return self._with_images(self._db.rows(query))

    def counts(self, dataset_id: int, ignored: bool = False) -> dict[FindingKind, int]:
        query = _which(select(finding.c.kind, func.count().label("n")), dataset_id, ignored).group_by(finding.c.kind)
        return {FindingKind(row["kind"]): int(row["n"]) for row in self._db.rows(query)}

    def by_key(self, dataset_id: int, keys: Sequence[str]) -> list[Finding]:
        mine = _QUERY.where(finding.c.dataset_id == dataset_id)
        return self._with_images(
            [row for some in chunks(keys) for row in self._db.rows(mine.where(finding.c.key.in_(some)))]
        )

    def ignore(self, dataset_id: int, keys: Sequence[str], who: str, ignored: bool) -> None:
        known = self.by_key(dataset_id, keys) if ignored else []
        rows: list[dict[str, Any]] = [
            {"dataset_id": dataset_id, "key": one.key, "kind": str(one.kind), "images": list(one.images)}
            | {"at": now(), "who": who}
            for one in known
        ]
        with self._db.write() as connection:
            self._db.insert_new(connection, finding_ignored, rows)
            for some in chunks(keys) if not ignored else ():
                mine = (finding_ignored.c.dataset_id == dataset_id) & finding_ignored.c.key.in_(some)
                connection.execute(delete(finding_ignored).where(mine))

    def marks(self, dataset_id: int) -> list[tuple[int, FindingKind]]:
        query = select(finding_image.c.image_id, finding.c.kind).join(finding)
        return [(int(one), FindingKind(kind)) for one, kind in self._db.tuples(_which(query, dataset_id, False))]

    def groups(self, dataset_id: int, kinds: Sequence[FindingKind]) -> list[tuple[int, ...]]:
        query = select(finding_image.c.finding_id, finding_image.c.image_id).join(finding)
        query = query.where(finding.c.dataset_id == dataset_id, finding.c.kind.in_([str(kind) for kind in kinds]))
        found: dict[int, list[int]] = defaultdict(list)
        for row in self._db.rows(query.order_by(finding.c.key, finding_image.c.position)):
            found[row["finding_id"]].append(row["image_id"])
        return [tuple(ids) for ids in found.values()]

    def _with_images(self, rows: Sequence[RowMapping]) -> list[Finding]:
        images: dict[int, list[int]] = defaultdict(list)
        for some in chunks([row["id"] for row in rows]):
            query = select(finding_image.c.finding_id, finding_image.c.image_id)
            query = query.where(finding_image.c.finding_id.in_(some)).order_by(finding_image.c.position)
            for row in self._db.rows(query):
                images[row["finding_id"]].append(row["image_id"])
        return [_finding(row, tuple(images[row["id"]])) for row in rows]


def _which(query: Any, dataset_id: int, ignored: bool) -> Any:
    query = query.where(finding.c.dataset_id == dataset_id, ~_CHANGED)
    return query.where(_IGNORED if ignored else ~_IGNORED)


def _row(dataset_id: int, one: Found) -> dict[str, Any]:
    facts = {"kind": str(one.kind), "score": one.score, "sentence": one.sentence, "detail": one.detail}
    return {"dataset_id": dataset_id, "key": one.key, **facts}


def _finding(row: RowMapping, images: tuple[int, ...]) -> Finding:
    facts = {name: row[name] for name in Finding.__dataclass_fields__ if name != "images"}
    return Finding(**{**facts, "kind": FindingKind(row["kind"]), "ignored": bool(row["ignored"])}, images=images)

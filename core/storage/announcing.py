"""Versions that are announced first and written down later.

Whoever starts a run of many images should not wait until each of them is written down. An announcement keeps how far
images and changes had come at that moment; what was true then can be told afterwards, for every change of an image is
on record with what was before it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, func, null, select, update

from core.errors import NotFound
from core.records import Split
from core.storage import bulk
from core.storage.counts import uses_query
from core.storage.database import now
from core.storage.schema import dataset, image, image_change, model, run, search, version
from core.stores import Announced, LabelledImage, Moment

_ON_IT = (run, search, model)  # what is made on a version


def moment(connection: Connection, dataset_id: int) -> Moment:
    revision = connection.execute(select(dataset.c.labels_revision).where(dataset.c.id == dataset_id)).scalar_one()
    last_image = connection.execute(select(func.coalesce(func.max(image.c.id), 0))).scalar_one()
    found = connection.execute(uses_query(dataset_id))
    uses = tuple((label_id, Split(split), many) for label_id, split, many in found)
    return Moment(revision, last_image, bulk.last_change(connection), uses)


def announce(
    connection: Connection,
    dataset_id: int,
    labels: Mapping[int, str],
    at: Moment,
    validation_share: float,
    seed: int,
    groups: Sequence[Sequence[int]],
) -> int:
    """The id of the version: a new one, or the one that was announced in the same words."""
    draw = {"validation_share": validation_share, "seed": seed, "groups": [list(group) for group in groups]}
    words = json.dumps([at.revision, list(labels.items()), draw])
    asked = hashlib.sha256(words.encode()).hexdigest()
    same = (version.c.dataset_id == dataset_id) & (version.c.asked == asked)
    if (found := connection.execute(select(version.c.id).where(same)).scalar()) is not None:
        return int(found)
    marks = {"last_image": at.last_image, "last_change": at.last_change, "label_ids": list(labels)}
    counts = {"images": at.labelled, "unlabelled": at.images - at.labelled, "labels": list(labels.values())}
    values = {"dataset_id": dataset_id, "created_at": now(), "name": "", "content_hash": f"announced {asked}"}
    query = version.insert().values(**values, **counts, asked=asked, announced={**marks, **draw})
    return int(connection.execute(query.returning(version.c.id)).scalar_one())


def read(connection: Connection, version_id: int) -> Announced | None:
    """The images as they were at the moment; None: nothing is left to write down, or there is no such version."""
    mine = select(version.c.dataset_id, version.c.announced).where(version.c.id == version_id)
    row = connection.execute(mine).first()
    if row is None or row.announced is None:
        return None
    told = row.announced
    # First what is, then what changed: a change between the two questions is seen, with what was before it.
    known = (image.c.dataset_id == row.dataset_id) & (image.c.id <= told["last_image"])
    columns = (image.c.id, image.c.sha256, image.c.label_id, image.c.split, image.c.deleted_at)
    present = connection.execute(select(*columns).where(known).order_by(image.c.id)).all()
    first = select(func.min(image_change.c.id)).where(image_change.c.id > told["last_change"])
    changed = select(image_change.c.image_id, image_change.c.before)
    changed = changed.where(image_change.c.id.in_(first.group_by(image_change.c.image_id)))
    before = {image_id: state for image_id, state in connection.execute(changed)}
    splits = {split.value: split for split in Split}
    images, unlabelled = [], []
    for image_id, sha256, label_id, split, deleted_at in present:
        if (then := before.get(image_id)) is not None:
            label_id, split, deleted_at = then["label_id"], then["split"], then["deleted_at"]
        if deleted_at is not None:
            continue
        if label_id is None:
            unlabelled.append((image_id, sha256, splits[split]))
        else:
            images.append(LabelledImage(image_id, sha256, label_id, splits[split]))
    draw = told["validation_share"], told["seed"], told["groups"]
    return Announced(images, unlabelled, told["label_ids"], *draw)


def settle(connection: Connection, version_id: int, digest: str) -> tuple[int, list[int] | None]:
    """Gives an announced version the hash of its content: its id, and the ids of its labels for the images that are to
    be written now.

    None: there is nothing to write. Somebody else was first, or another version has the same content and takes the
    place of this one. Raises NotFound.
    """
    mine = version.c.id == version_id
    row = connection.execute(select(version).where(mine)).mappings().first()
    if row is None:
        raise NotFound(f"There is no version {version_id}.")
    if row["announced"] is None:
        return version_id, None
    same = (version.c.dataset_id == row["dataset_id"]) & (version.c.content_hash == digest)
    twin = connection.execute(select(version.c.id, version.c.name).where(same)).first()
    if twin is None:
        connection.execute(update(version).where(mine).values(content_hash=digest, announced=null()))
        return version_id, list(row["announced"]["label_ids"])
    for table in _ON_IT:
        connection.execute(update(table).where(table.c.version_id == version_id).values(version_id=twin.id))
    connection.execute(delete(version).where(mine))
    values = {"asked": row["asked"], "name": twin.name or row["name"]}
    connection.execute(update(version).where(version.c.id == twin.id).values(values))
    return int(twin.id), None

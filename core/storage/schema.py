"""The tables. Column comments give units where the name does not.

Every `at` is seconds since the epoch (UTC). A label name is data: it stands in rows, never in a path.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

schema = MetaData()
_IN_TRASH = text("deleted_at IS NOT NULL")

dataset = Table(
    "dataset",
    schema,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("name_key", String, nullable=False, unique=True),  # casefolded; removed ones get their id appended
    Column("created_at", Float, nullable=False),
    Column("removed_at", Float),
    Column("labels_revision", Integer, nullable=False),
    Column("fitted_revision", Integer, nullable=False),
)

label = Table(
    "label",
    schema,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", ForeignKey("dataset.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("position", Integer, nullable=False),
    UniqueConstraint("dataset_id", "name"),
)

image = Table(
    "image",
    schema,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", ForeignKey("dataset.id"), nullable=False),
    Column("sha256", String, nullable=False),
    Column("name", String, nullable=False),
    Column("label_id", ForeignKey("label.id")),
    Column("split", String, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("format", String, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("added_at", Float, nullable=False),
    Column("deleted_at", Float),
    Column("origin", String, nullable=False),  # name of the dataset it came from; empty: it was uploaded here
    UniqueConstraint("dataset_id", "sha256"),
    # One for each way to leaf through a dataset: a deep page walks its index and reads only the rows it shows.
    Index("image_by_label", "dataset_id", "deleted_at", "label_id", "id"),
    Index("image_by_arrival", "dataset_id", "deleted_at", "id"),
    Index("image_by_name", "dataset_id", "deleted_at", "name", "id"),
    Index("image_by_split", "dataset_id", "deleted_at", "split", "id"),
    Index("image_by_origin", "dataset_id", "deleted_at", "origin", "id"),
    Index("image_by_lot", "dataset_id", "deleted_at", "sha256"),
    Index("image_by_sha", "sha256"),
    Index("image_by_end", "deleted_at", sqlite_where=_IN_TRASH, postgresql_where=_IN_TRASH),
)

action = Table(
    "action",
    schema,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", ForeignKey("dataset.id"), nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("who", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("summary", String, nullable=False),
    Column("images", Integer, nullable=False),
    Column("token", String, unique=True),  # a client's own name for it: sent twice, done once
    Column("conflicts", JSON, nullable=False),
    Column("undone_at", Float),
)

image_change = Table(
    "image_change",
    schema,
    Column("id", Integer, primary_key=True),
    Column("action_id", ForeignKey("action.id"), nullable=False, index=True),
    Column("image_id", ForeignKey("image.id"), nullable=False, index=True),
    Column("before", JSON, nullable=False),  # {label_id, split, deleted_at}
    Column("after", JSON, nullable=False),
    Column("revision", Integer, nullable=False),  # of the image after the change
)

vector = Table(
    "vector",
    schema,
    Column("sha256", String, primary_key=True),
    Column("row", Integer, nullable=False, unique=True),
)

picture_fact = Table(
    "picture_fact",
    schema,
    Column("sha256", String, primary_key=True),
    Column("brightness", Float, nullable=False),
    Column("contrast", Float, nullable=False),
    Column("dark", Float, nullable=False),
    Column("bright", Float, nullable=False),
    Column("sharpness", Float, nullable=False),
    Column("colour", Float, nullable=False),
    Column("border", JSON, nullable=False),
    Column("border_spread", Float, nullable=False),
    Column("look", String, nullable=False),
    Column("mini", LargeBinary, nullable=False),
    Column("pixels", String, nullable=False),
)

vector_todo = Table(
    "vector_todo",
    schema,
    Column("id", Integer, primary_key=True),
    Column("sha256", String, nullable=False, unique=True),
    Column("tries", Integer, nullable=False),
)

leftover = Table(
    "leftover",
    schema,
    Column("sha256", String, primary_key=True),  # an image was removed for good: its files go when nobody names them
)

upload = Table(
    "upload",
    schema,
    Column("id", String, primary_key=True),
    Column("dataset_id", ForeignKey("dataset.id")),
    Column("name", String, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("created_at", Float, nullable=False),
    Column("add_when_ready", Boolean, nullable=False),
    Column("received", Integer, nullable=False),  # items; counted along, so that nobody ever counts them again
    Column("checked", Integer, nullable=False),
    Column("added", Integer, nullable=False),  # images made of it
    Column("plan", JSON, nullable=False),
)

upload_item = Table(
    "upload_item",
    schema,
    Column("id", Integer, primary_key=True),
    Column("upload_id", ForeignKey("upload.id"), nullable=False),
    Column("path", String, nullable=False),
    Column("folder", String, nullable=False),  # the path without the file's name: labels are read a folder at a time
    Column("state", String, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("sha256", String),
    Column("label", String),
    Column("split", String, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("format", String, nullable=False),
    Column("reason", String),
    Column("origin", String, nullable=False, default=""),
    Column("name", String, nullable=False, default=""),
    UniqueConstraint("upload_id", "path"),
    Index("upload_item_by_state", "upload_id", "state", "id"),
    Index("upload_item_by_sha", "sha256"),
    Index("upload_item_by_folder", "upload_id", "folder"),
)

version = Table(
    "version",
    schema,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", ForeignKey("dataset.id"), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("name", String, nullable=False),
    Column("content_hash", String, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("images", Integer, nullable=False),  # with a label
    Column("unlabelled", Integer, nullable=False),
    UniqueConstraint("dataset_id", "content_hash"),
)

version_image = Table(
    "version_image",
    schema,
    Column("version_id", ForeignKey("version.id"), primary_key=True),
    Column("image_id", ForeignKey("image.id"), primary_key=True, index=True),
    Column("sha256", String, nullable=False),
    Column("label_id", ForeignKey("label.id")),
    Column("label_index", Integer, nullable=False),  # in version.labels; -1: no label
    Column("split", String, nullable=False),  # what it is used for: never auto where there is a label
    Column("kept", String, nullable=False),  # what the dataset said of it, auto included
)

run = Table(
    "run",
    schema,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", ForeignKey("dataset.id"), nullable=False, index=True),
    Column("version_id", ForeignKey("version.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("wish", String),
    Column("attempt", Integer, nullable=False),
    Column("handle", String),
    Column("step", Integer, nullable=False),
    Column("total_steps", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("queued_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("heartbeat_at", Float),
    Column("progress_at", Float),
    Column("not_before", Float, nullable=False),
    Column("crash_count", Integer, nullable=False),
    Column("crash_step", Integer, nullable=False),
    Column("error", String),
    Column("owner", String, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("parent_id", ForeignKey("run.id"), index=True),
    Column("hold", String),
)

attempt = Table(
    "attempt",
    schema,
    Column("run_id", ForeignKey("run.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("exit_code", Integer),
    Column("reason", String),
)

metric = Table(
    "metric",
    schema,
    Column("run_id", ForeignKey("run.id"), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("key", String, primary_key=True),
    Column("value", Float),  # NULL: not a number
)

frame = Table(  # of the film strip
    "frame",
    schema,
    Column("run_id", ForeignKey("run.id"), primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("step", Integer, nullable=False),
    Column("data", JSON, nullable=False),
)

event = Table(
    "event",
    schema,
    Column("id", Integer, primary_key=True),
    Column("run_id", ForeignKey("run.id"), nullable=False, index=True),
    Column("attempt", Integer, nullable=False),
    Column("at", Float, nullable=False),
    Column("kind", String, nullable=False),
    Column("data", JSON, nullable=False),
)

model = Table(
    "model",
    schema,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", ForeignKey("dataset.id"), nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("architecture", String, nullable=False),
    Column("run_id", ForeignKey("run.id"), unique=True),
    Column("version_id", ForeignKey("version.id")),
    Column("labels", JSON, nullable=False),
    Column("accuracy", Float, nullable=False),
    Column("interval_low", Float, nullable=False),
    Column("interval_high", Float, nullable=False),
    Column("measured_on", String, nullable=False),
    Column("measured_n", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("folder", String, nullable=False),
    Column("summary", JSON, nullable=False),
)

prediction = Table(
    "prediction",
    schema,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", ForeignKey("dataset.id"), nullable=False, index=True),
    Column("model_id", ForeignKey("model.id"), nullable=False),
    Column("sha256", String, nullable=False),
    Column("name", String, nullable=False),
    Column("ranked", JSON, nullable=False),  # [[label, confidence], ...], best first
    Column("milliseconds", Float, nullable=False),
    Column("at", Float, nullable=False),
    Column("corrected_label", String),
    Column("image_id", ForeignKey("image.id"), index=True),
)

survey = Table(
    "survey",
    schema,
    Column("dataset_id", ForeignKey("dataset.id"), primary_key=True),
    Column("kind", String, primary_key=True),
    Column("wanted", Integer, nullable=False),
    Column("wanted_at", Float, nullable=False),
    Column("pending", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("tries", Integer, nullable=False),  # begun and not ended: whoever dies of it has counted it
    Column("at", Float),
    Column("seconds", Float, nullable=False),
    Column("progress", Float),
    Column("problem", String),
    Column("content", JSON, nullable=False),
)

finding = Table(
    "finding",
    schema,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", ForeignKey("dataset.id"), nullable=False),
    Column("key", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("score", Float, nullable=False),
    Column("sentence", String, nullable=False),
    Column("detail", JSON, nullable=False),
    UniqueConstraint("dataset_id", "key"),
    Index("finding_by_kind", "dataset_id", "kind", "score"),
)

finding_image = Table(
    "finding_image",
    schema,
    Column("finding_id", ForeignKey("finding.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("image_id", ForeignKey("image.id"), nullable=False, index=True),
    Column("label_id", Integer),  # as it was when it was found
    Column("split", String, nullable=False),  # as it was when it was found
)

finding_ignored = Table(
    "finding_ignored",
    schema,
    Column("dataset_id", ForeignKey("dataset.id"), primary_key=True),
    Column("key", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("images", JSON, nullable=False),  # ids: what is left of an ignored group is ignored too
    Column("at", Float, nullable=False),
    Column("who", String, nullable=False),
)

service = Table(
    "service",
    schema,
    Column("name", String, primary_key=True),
    Column("heartbeat_at", Float, nullable=False),
    Column("detail", JSON, nullable=False),
)

migration = Table(
    "migration",
    schema,
    Column("name", String, primary_key=True),
    Column("at", Float, nullable=False),
)

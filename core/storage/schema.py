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
_UNFINISHED = text("finished_at IS NULL")

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
    Column("revision", Integer, nullable=False, default=0),  # the dataset's labels_revision after its last change
    Index("action_by_revision", "dataset_id", "revision"),
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

errand = Table(
    "errand",
    schema,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", ForeignKey("dataset.id"), nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("token", String, unique=True),  # of the action it makes, where a client gave one: asked twice, done once
    Column("at", Float, nullable=False),
    Column("who", String, nullable=False),
    Column("summary", String, nullable=False),
    Column("wish", JSON, nullable=False),  # what its kind needs to know; may be large, and goes when it is finished
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("place", JSON, nullable=False),  # where the next piece begins, as its kind understands it
    Column("action_id", ForeignKey("action.id")),
    Column("tries", Integer, nullable=False),  # turns begun since the last piece: whoever dies of it has counted it
    Column("finished_at", Float),
    Column("problem", String),
    Index("errand_unfinished", "id", sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED),
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
    Column("sha256", String, primary_key=True),  # its files go when nobody names them
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
    Column("asked", String),  # of what an announcement asked for: asked again it is the same version
    Column("announced", JSON),  # what is still to be written down of it; NULL: all is
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

search = Table(
    "search",
    schema,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", ForeignKey("dataset.id"), nullable=False, index=True),
    Column("version_id", ForeignKey("version.id"), nullable=False),
    Column("kind", String, nullable=False),
    Column("space", JSON, nullable=False),  # {dial: [value, ...]}
    Column("fixed", JSON, nullable=False),
    Column("budget_s", Float, nullable=False),
    Column("epochs", Integer, nullable=False),
    Column("full_epochs", Integer, nullable=False),
    Column("most", Integer, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("owner", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("finished_at", Float),
    Column("winner", Integer),
    Column("winner_run_id", ForeignKey("run.id")),
    Column("error", String),
    Column("weighed", Integer, nullable=False),
    Column("importance", JSON, nullable=False),  # {dial: share}
)

trial = Table(
    "trial",
    schema,
    Column("search_id", ForeignKey("search.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("run_id", ForeignKey("run.id"), nullable=False, unique=True),
    Column("point", JSON, nullable=False),  # {dial: value}
    Column("pruned_at", Integer),  # epoch
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
    Column("answer_share", Float, nullable=False, default=1.0),
    Column("chosen", Boolean, nullable=False, default=False),
)

batch = Table(
    "batch",
    schema,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", ForeignKey("dataset.id"), nullable=False, index=True),
    Column("model_id", ForeignKey("model.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("who", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expected", Integer, nullable=False),  # pictures that were announced
    Column("received", Integer, nullable=False),  # counted along, so that nobody ever counts them again
    Column("answered", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("cancelled", Boolean, nullable=False),
)

batch_item = Table(
    "batch_item",
    schema,
    Column("id", Integer, primary_key=True),
    Column("batch_id", ForeignKey("batch.id"), nullable=False),
    Column("place", Integer, nullable=False),  # in what was announced: sent twice, kept once
    Column("name", String, nullable=False),
    Column("sha256", String, nullable=False, index=True),
    Column("state", String, nullable=False),  # waiting, answered, refused
    Column("reason", String),  # a sentence, when refused
    UniqueConstraint("batch_id", "place"),
    Index("batch_item_by_state", "state", "batch_id", "place"),
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
    Column("image_id", ForeignKey("image.id"), index=True),
    Column("verdict", String, nullable=False, default="answered"),
    # What the table of a batch is sorted and filtered by, and what an image made of it needs.
    Column("batch_id", ForeignKey("batch.id")),
    Column("label", String, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("margin", Float, nullable=False),  # how far the best answer is ahead of the second, 0..1
    Column("sketch", LargeBinary),  # of the model's vector: float16, alike where the vectors are; NULL: none was made
    Column("width", Integer),  # px, upright; NULL: not looked at as an image of a dataset is
    Column("height", Integer),
    Column("format", String),
    Column("bytes", Integer),
    Index("prediction_by_batch", "batch_id", "id"),
    Index("prediction_by_sha", "sha256"),
)

token = Table(
    "token",
    schema,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("who", String, nullable=False),
    Column("hash", String, nullable=False),  # SHA-256 of the secret, which itself is kept nowhere
    Column("created_at", Float, nullable=False),
    Column("used_at", Float),  # about: written once a minute at most
    Column("revoked_at", Float),
)

share = Table(
    "share",
    schema,
    Column("id", Integer, primary_key=True),
    Column("model_id", ForeignKey("model.id"), nullable=False, index=True),
    Column("who", String, nullable=False),
    Column("hash", String, nullable=False),  # SHA-256 of the secret, which itself is kept nowhere
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("used_at", Float),  # about: written once a minute at most
    Column("revoked_at", Float),
)

package = Table(
    "package",
    schema,
    Column("model_id", ForeignKey("model.id"), primary_key=True),
    Column("kind", String, primary_key=True),
    Column("folder", String, nullable=False),
    Column("wanted_at", Float, nullable=False),
    Column("pending", Boolean, nullable=False),
    Column("tries", Integer, nullable=False),  # begun and not ended: whoever dies of it has counted it
    Column("at", Float),
    Column("problem", String),
    Column("certificate", JSON, nullable=False),
)

explanation = Table(
    "explanation",
    schema,
    Column("id", Integer, primary_key=True),
    Column("model_id", ForeignKey("model.id"), nullable=False, index=True),
    Column("folder", String, nullable=False),  # of the model as it was asked about
    Column("sha256", String, nullable=False),
    Column("method", String, nullable=False),
    Column("label", String, nullable=False),  # that is explained; '': the best one
    Column("wanted_at", Float, nullable=False),
    Column("pending", Boolean, nullable=False),
    Column("tries", Integer, nullable=False),  # begun and not ended: whoever dies of it has counted it
    Column("at", Float),
    Column("progress", Float),
    Column("problem", String),
    Column("content", JSON, nullable=False),
    UniqueConstraint("folder", "sha256", "method", "label"),
)

incoming = Table(
    "incoming",
    schema,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("dataset_id", ForeignKey("dataset.id")),
    Column("dataset_name", String, nullable=False),
    Column("who", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("tries", Integer, nullable=False),  # begun and not ended: whoever dies of it has counted it
    Column("problem", String),
    Column("model_id", ForeignKey("model.id")),
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

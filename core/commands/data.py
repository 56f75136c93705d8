"""Commands about datasets."""

from __future__ import annotations

import argparse

from core import datasets, uploads
from core.commands.answers import Answer, progress, progress_over, table
from core.embedded import open_studio

_SHOWN = 20


def import_pictures(wish: argparse.Namespace) -> Answer:
    studio = open_studio()
    try:
        done = uploads.import_path(
            studio, wish.path, wish.dataset, lambda seen, found: progress(f"{seen:,} of {found:,} files looked at")
        )
    finally:
        progress_over()
        studio.decoder.close()
    studio.services.wake()  # the indexer makes the instant model
    left_out = [{"path": item.path, "reason": item.reason} for item in done.left_out]
    document = {
        "dataset": done.dataset.name,
        "accepted": done.accepted,
        "duplicates": done.duplicates,
        "left_out": left_out,
        "labels": done.labels,
    }
    lines = [f"“{done.dataset.name}”: {done.accepted:,} pictures added, {done.duplicates:,} there already."]
    lines += [f"  {name}: {count:,}" for name, count in done.labels.items()]
    lines += [f"Left out: {len(left_out):,}"] if left_out else []
    lines += [f"  {one['path']}: {one['reason']}" for one in left_out[:_SHOWN]]
    lines += [f"  and {len(left_out) - _SHOWN:,} more (--json lists all)"] if len(left_out) > _SHOWN else []
    return Answer(document, "\n".join(lines))


def list_datasets(_wish: argparse.Namespace) -> Answer:
    studio = open_studio()
    document = [
        {
            "id": one.id,
            "dataset": one.name,
            "images": one.images,
            "labels": {label.name: label.images for label in datasets.labels(studio, one.id)},
            "created": one.created_at,
        }
        for one in datasets.all_of(studio)
    ]
    if not document:
        return Answer(document, "No dataset yet. `python -m core import FOLDER --dataset NAME` makes one.")
    rows = [[one["id"], one["dataset"], one["images"], len(one["labels"])] for one in document]  # type: ignore[arg-type]
    return Answer(document, table(["id", "dataset", "images", "labels"], rows))

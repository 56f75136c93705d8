"""Commands about versions of a dataset, about taking its pictures away, and about merging it with others."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from core import datasets, exports, merging, versions
from core.commands.answers import Answer, Failed, table
from core.embedded import open_studio
from core.records import ChangeKind, Dataset, Difference
from core.studio import Studio
from core.versions import Kept

_SHOWN = 20  # pictures of each kind of difference


def versions_of(wish: argparse.Namespace) -> Answer:
    studio = open_studio()
    dataset = datasets.find(studio, wish.dataset)
    if wish.keep is not None:
        made = versions.keep(studio, dataset.id, wish.keep)
        kept = next(one for one in versions.all_of(studio, dataset.id) if one.version.id == made.id)
        return Answer(_kept(kept), f"“{dataset.name}” as it is now is version {made.id}, “{made.name}”.")
    if wish.compare is not None:
        return _compare(studio, dataset, *wish.compare)
    if wish.restore is not None:
        return _restore(studio, dataset, wish.restore)
    found = versions.all_of(studio, dataset.id)
    if not found:
        return Answer([], "No version yet. A run keeps one, and `--keep NAME` does.")
    documents = [_kept(one) for one in found]
    rows = [[d["version"], d["name"], d["images"], d["unlabelled"], len(d["runs"])] for d in documents]
    return Answer(documents, table(["version", "name", "labelled", "without label", "runs"], rows))


def export_data(wish: argparse.Namespace) -> Answer:
    studio = open_studio()
    dataset = datasets.find(studio, wish.dataset)
    export = exports.plan(studio, dataset.id, versions.find(studio, dataset.id, wish.version))
    try:
        exports.write(studio, export, wish.destination)
    finally:
        studio.decoder.close()
    document = {
        "dataset": dataset.name,
        "version": export.version.id if export.version else None,
        "images": len(export.entries),
        "destination": str(wish.destination),
    }
    return Answer(document, f"{len(export.entries):,} pictures of “{exports.name(export)}” are in {wish.destination}.")


def merge(wish: argparse.Namespace) -> Answer:
    studio = open_studio()
    ids = [datasets.find(studio, text).id for text in wish.datasets]
    prefer = datasets.find(studio, wish.prefer).id if wish.prefer else None
    planned = merging.plan(studio, ids)
    if planned.clashes and prefer is None:
        return _undecided(studio, planned)
    merged = merging.merge(studio, wish.name, ids, prefer=prefer)
    document = {
        "dataset": merged.name,
        "images": merged.images,
        "labels": {label.name: label.images for label in datasets.labels(studio, merged.id)},
        "copies": planned.copies,
    }
    said = f"“{merged.name}”: {merged.images:,} pictures; {planned.copies:,} were in several and come once."
    return Answer(document, said)


def _undecided(studio: Studio, planned: merging.Plan) -> Answer:
    """The pictures with different labels, and how to decide; nothing was merged."""
    names = {one.id: one.name for one in planned.datasets}
    shown = merging.clashes(studio, planned, 0, _SHOWN)
    pictures = [
        {"name": clash.copies[0].name, "labels": {names[image.dataset_id]: image.label for image in clash.copies}}
        for clash in shown
    ]
    error = f"{len(planned.clashes):,} pictures have different labels. Say whose count: --prefer DATASET."
    lines = [error, *(f"  {one['name']}: {one['labels']}" for one in pictures)]
    return Failed({"error": error, "clashes": len(planned.clashes), "first": pictures}, "\n".join(lines))


def _compare(studio: Studio, dataset: Dataset, before: str, after: str) -> Answer:
    old, new = (versions.find(studio, dataset.id, text) for text in (before, after))
    found = versions.compare(studio, dataset.id, old, new)
    document: dict[str, Any] = {"before": old, "after": new, "same": found.same}
    for kind in ChangeKind:
        shown = versions.differing(studio, dataset.id, old, new, kind, 0, _SHOWN)
        pictures = [
            {
                "image": one.image.id,
                "name": one.image.name,
                "before": asdict(one.before) if one.before else None,
                "after": asdict(one.after) if one.after else None,
            }
            for one in shown
        ]
        document[kind.value] = {"images": found.counts[kind], "first": pictures}
    return Answer(document, "\n".join(_lines(found)))


def _lines(found: Difference) -> list[str]:
    lines = [f"{found.counts[kind]:,} {kind.value}" for kind in ChangeKind if found.counts[kind]]
    lines += [f"  {old or 'no label'} -> {new or 'no label'}: {many:,}" for old, new, many in found.relabelled]
    return [*lines, f"{found.same:,} the same"]


def _restore(studio: Studio, dataset: Dataset, text: str) -> Answer:
    state = versions.find(studio, dataset.id, text)
    outcome = versions.restore(studio, state) if state is not None else None
    studio.services.wake()  # the indexer makes the instant model anew
    if outcome is None or outcome.action is None:
        return Answer({"action": None, "changed": 0}, f"“{dataset.name}” is like that already. Nothing was changed.")
    said = f"{outcome.action.summary}: {outcome.action.images:,} pictures changed."
    return Answer({"action": outcome.action.id, "changed": outcome.action.images}, said)


def _kept(one: Kept) -> dict[str, Any]:
    return {
        "version": one.version.id,
        "name": one.version.name,
        "created": one.version.created_at,
        "images": one.version.images,
        "unlabelled": one.version.unlabelled,
        "labels": list(one.version.labels),
        "runs": [run.id for run in one.runs],
        "models": [model.id for model in one.models],
    }

"""Commands about datasets."""

from __future__ import annotations

import argparse
import time

from core import datasets, enough, uploads
from core.commands.answers import Answer, progress, progress_over, table
from core.embedded import open_studio
from core.errors import Refused, Unavailable

_SHOWN = 20
_LONGEST_S = 1800.0  # that somebody waits for a survey


def import_pictures(wish: argparse.Namespace) -> Answer:
    studio = open_studio()
    try:
        done = uploads.import_path(
            studio,
            wish.path,
            wish.dataset,
            lambda seen, found: progress(f"{seen:,} of {found:,} files looked at"),
            labels=_renamed(wish.label),
            reading=wish.read,
            look_only=wish.look,
        )
    finally:
        progress_over()
        studio.decoder.close()
    if not wish.look:
        studio.services.wake()  # the indexer makes the instant model
    document = {
        "dataset": done.dataset.name if done.dataset else wish.dataset,
        "accepted": done.accepted,
        "duplicates": done.duplicates,
        "left_out": [{"path": item.path, "reason": item.reason} for item in done.left_out],
        "labels": done.labels,
        "explained": _explained(done.understood),
        "readings": [choice["kind"] for choice in done.understood.choices],
        "alike": done.understood.alike,
    }
    return Answer(document, "\n".join(_said(done, wish)))


def _renamed(wishes: list[str]) -> dict[str, str | None]:
    """From OLD=NEW to a new name for each old one; OLD= leaves its pictures out. A label may hold a = itself: \\=."""
    renamed: dict[str, str | None] = {}
    for one in wishes:
        old, separator, new = one.replace("\\=", "\0").partition("=")
        if not separator:
            raise Refused(f"“{one}” does not say what a label shall be called. Write OLD=NEW, or OLD= to leave it out.")
        renamed[old.replace("\0", "=")] = new.replace("\0", "=") or None
    return renamed


def _explained(told: uploads.Understood) -> list[str]:
    return [*told.explained, *([told.advice] if told.advice else [])]


def _said(done: uploads.Imported, wish: argparse.Namespace) -> list[str]:
    lines = _explained(done.understood)
    if done.dataset is None:
        lines.append(f"“{wish.dataset}” would get {done.accepted:,} pictures. Nothing was added.")
    else:
        lines.append(f"“{done.dataset.name}”: {done.accepted:,} pictures added, {done.duplicates:,} there already.")
    lines += [f"  {name}: {count:,}" for name, count in done.labels.items()]
    for choice in done.understood.choices:
        if choice["kind"] != done.understood.upload.plan.get("reading") and choice["labels"]:
            example = ", ".join(choice["example"])
            lines.append(f"  --read {choice['kind']} would give {choice['labels']:,} labels: {example} ...")
    left_out = done.left_out
    lines += [f"Left out: {len(left_out):,}"] if left_out else []
    lines += [f"  {item.path}: {item.reason}" for item in left_out[:_SHOWN]]
    lines += [f"  and {len(left_out) - _SHOWN:,} more (--json lists all)"] if len(left_out) > _SHOWN else []
    return lines


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


def have_i_done_enough(wish: argparse.Namespace) -> Answer:
    """Waits for the answer of the labels as they are."""
    studio = open_studio()
    dataset = datasets.find(studio, wish.dataset)
    ends_at = time.monotonic() + _LONGEST_S
    try:
        while (survey := enough.of(studio, dataset.id)[0]).pending:
            if time.monotonic() > ends_at:
                raise Unavailable(
                    "The answer takes longer than it should. The surveyor's log on the System page says why."
                )
            progress(f"{100 * (survey.progress or 0):.0f} % worked out")
            time.sleep(0.2)
    finally:
        progress_over()
    found = enough.read(survey)
    if survey.problem or found is None:
        raise Refused(survey.problem or "There is no answer yet.", "enough")
    lines = [found.sentence, *(f"  {enough.sentence(one)}" for one in (*found.advice, found.any))]
    document = {"dataset": dataset.name, "sentence": found.sentence, **survey.content}
    return Answer(document, "\n".join(lines))

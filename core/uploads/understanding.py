"""What a person reads before saying yes, in words and counts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core import names
from core.records import ItemState, Split, Upload, UploadItem, UploadState
from core.studio import Studio

PROBLEMS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Understood:
    """What Darkroom read from an upload, before anything is added."""

    upload: Upload
    counts: dict[ItemState, int]
    labels: dict[str, int]  # accepted pictures, in natural order
    unlabelled: int
    splits: dict[str, int]
    problems: tuple[UploadItem, ...]  # refused ones and duplicates, the first 50
    sentence: str
    advice: str | None
    seconds_left: float | None
    can_add: bool


def understood(studio: Studio, upload_id: str) -> Understood:
    """What a person reads while files arrive and before saying yes. Raises NotFound."""
    upload = studio.store.uploads.get(upload_id)
    counts = studio.store.uploads.summary(upload_id)
    ready = upload.state is UploadState.READY
    accepted = studio.store.uploads.items(upload_id, ItemState.ACCEPTED) if ready else []
    labels = Counter(item.label for item in accepted if item.label)
    ordered = {name: labels[name] for name in sorted(labels, key=names.natural_key)}
    splits = Counter(str(item.split) for item in accepted if item.split is not Split.AUTO)
    problems = [
        item
        for state in (ItemState.REFUSED, ItemState.DUPLICATE)
        for item in (studio.store.uploads.items(upload_id, state, PROBLEMS_SHOWN) if counts[state] else [])
    ]
    return Understood(
        upload=upload,
        counts=counts,
        labels=ordered,
        unlabelled=sum(item.label is None for item in accepted),
        splits=dict(splits),
        problems=tuple(problems[:PROBLEMS_SHOWN]),
        sentence=_sentence(counts, ordered),
        advice=_advice(studio, upload, counts, ordered) if ready else None,
        seconds_left=_seconds_left(upload, counts),
        can_add=ready and counts[ItemState.ACCEPTED] > 0,
    )


def _sentence(counts: Mapping[ItemState, int], labels: Mapping[str, int]) -> str:
    said = [number(len(labels), "label")] if labels else []
    said.append(number(counts[ItemState.ACCEPTED], "picture"))
    if counts[ItemState.DUPLICATE]:
        said.append(f"{counts[ItemState.DUPLICATE]:,} there already")
    if counts[ItemState.REFUSED]:
        said.append(f"{number(counts[ItemState.REFUSED], 'file')} left out")
    return ", ".join(said)


def _advice(studio: Studio, upload: Upload, counts: Mapping[ItemState, int], labels: Mapping[str, int]) -> str | None:
    if counts[ItemState.ACCEPTED] == 0:
        return "There is no new picture in here. Drop a folder that holds JPEG, PNG, WebP or HEIC pictures."
    here = (
        {label.name for label in studio.store.datasets.labels(upload.dataset_id) if label.images}
        if upload.dataset_id
        else set()
    )
    if not labels:
        return "The pictures are in no folders, so they have no labels yet. You can add them and label them here."
    if len(here | set(labels)) == 1:
        return (
            f"There is one label only, “{next(iter(labels))}”. "
            "A model needs at least two to tell apart: add another folder."
        )
    if lonely := [name for name, n in labels.items() if n == 1 and name not in here]:
        named = ", ".join(f"“{name}”" for name in lonely[:3])
        return (
            f"{number(len(lonely), 'label')} with one picture only ({named}): too few to learn from and to test. "
            "Ten is a good start."
        )
    if alike := _alike(list(here | set(labels))):
        return f"“{alike[0]}” and “{alike[1]}” look like one label. They are kept apart; relabel one of them to merge."
    return None


def _alike(labels: Sequence[str]) -> tuple[str, str] | None:
    seen: dict[str, str] = {}
    for name in labels:
        key = "".join(name.casefold().split())
        if key in seen:
            return seen[key], name
        seen[key] = name
    return None


def nothing(left_out: Sequence[UploadItem]) -> str:
    """Why an upload held no picture at all, with the first reason."""
    if not left_out:
        return (
            "There is no picture in there: it is empty. Choose a folder with one sub-folder of pictures for each label."
        )
    reason = left_out[0].reason or ""
    return f"There is no picture that can be used among {number(len(left_out), 'file')}. {left_out[0].path}: {reason}"


def _seconds_left(upload: Upload, counts: dict[ItemState, int]) -> float | None:
    waiting = counts[ItemState.RECEIVED]
    done = upload.checked
    age_s = time.time() - upload.created_at
    return round(waiting * age_s / done, 1) if waiting and done and age_s > 1 else None


def number(count: int, noun: str) -> str:
    """1 picture, 2 pictures, 1,000 pictures."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"

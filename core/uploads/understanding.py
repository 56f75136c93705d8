"""What a person reads before saying yes, in words and counts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core import names
from core.records import ItemState, Split, Upload, UploadItem, UploadState
from core.studio import Studio
from core.uploads.adding import kept

PROBLEMS_SHOWN = 50
_READ = (UploadState.READY, UploadState.ADDING)  # the labels are known


@dataclass(frozen=True, slots=True)
class Understood:
    """What Darkroom read from an upload, before anything is added."""

    upload: Upload
    counts: dict[ItemState, int]
    labels: dict[str, int]  # accepted pictures, in natural order
    mapped: dict[str, int]  # the same, under the names a person gave them
    unlabelled: int
    splits: dict[str, int]
    problems: tuple[UploadItem, ...]  # refused ones and duplicates, the first 50
    sentence: str
    advice: str | None
    seconds_left: float | None
    can_add: bool
    explained: tuple[str, ...] = ()  # how the labels were read
    choices: tuple[dict[str, Any], ...] = ()  # {kind, labels, example}: other ways to read them
    alike: tuple[tuple[str, ...], ...] = ()  # labels that look like one, of the dataset's own too
    torn: tuple[tuple[str, str], ...] = ()  # (path, path) of one picture under two labels or splits, the first 50


def understood(studio: Studio, upload_id: str) -> Understood:
    """What a person reads while files arrive and before saying yes. Raises NotFound."""
    store = studio.store.uploads
    upload = store.get(upload_id)
    counts = store.summary(upload_id)
    ready = upload.state in _READ
    found = store.labels(upload_id) if ready else []
    labels = _summed((label, n) for label, _, n in found if label)
    here = _labels_here(studio, upload) if ready else set()
    torn, pairs = store.torn(upload_id, PROBLEMS_SHOWN) if ready and counts[ItemState.DUPLICATE] else (0, [])
    mapped = kept(studio, upload_id, upload.plan.get("labels", {})) if ready else {}
    alike = _alike(labels, here)
    problems = [
        item
        for state in (ItemState.REFUSED, ItemState.DUPLICATE)
        for item in (store.items(upload_id, state, PROBLEMS_SHOWN) if counts[state] else [])
    ]
    return Understood(
        upload=upload,
        counts=counts,
        labels=labels,
        mapped={label: n for label, n in mapped.items() if label},
        unlabelled=sum(n for label, _, n in found if label is None),
        splits=_summed((str(split), n) for _, split, n in found if split is not Split.AUTO),
        problems=tuple(problems[:PROBLEMS_SHOWN]),
        sentence=_sentence(counts, labels),
        advice=_advice(counts, labels, here, alike) if ready else None,
        seconds_left=_seconds_left(upload, counts),
        can_add=upload.state is UploadState.READY and counts[ItemState.ACCEPTED] > 0,
        explained=(*upload.plan.get("explained", ()), *_said_torn(torn, pairs)) if ready else (),
        choices=tuple(upload.plan.get("choices", ())) if ready else (),
        alike=alike,
        torn=tuple((kept_item.path, other.path) for kept_item, other in pairs),
    )


def _summed(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for name, n in counts:
        total[name] += n
    return {name: total[name] for name in sorted(total, key=names.natural_key)}


def _labels_here(studio: Studio, upload: Upload) -> set[str]:
    """The labels that the dataset has already."""
    if upload.dataset_id is None:
        return set()
    return {label.name for label in studio.store.datasets.labels(upload.dataset_id) if label.images}


def _sentence(counts: Mapping[ItemState, int], labels: Mapping[str, int]) -> str:
    said = [number(len(labels), "label")] if labels else []
    said.append(number(counts[ItemState.ACCEPTED], "picture"))
    if counts[ItemState.DUPLICATE]:
        said.append(f"{counts[ItemState.DUPLICATE]:,} there already")
    if counts[ItemState.REFUSED]:
        said.append(f"{number(counts[ItemState.REFUSED], 'file')} left out")
    return ", ".join(said)


def _advice(
    counts: Mapping[ItemState, int], labels: Mapping[str, int], here: set[str], alike: Sequence[tuple[str, ...]]
) -> str | None:
    if counts[ItemState.ACCEPTED] == 0:
        return "There is no new picture in here. Drop a folder that holds JPEG, PNG, WebP or HEIC pictures."
    if not labels:
        return "The pictures are in no folders, so they have no labels yet. You can add them and label them here."
    if len(here | set(labels)) == 1:
        return (
            f"There is one label only, “{next(iter(labels))}”. "
            "A model needs at least two to tell apart: add another folder."
        )
    if alike:
        said = " and ".join(f"“{name}”" for name in alike[0])
        return f"{said} look like one label. They are kept apart unless you merge them."
    if lonely := [name for name, n in labels.items() if n == 1 and name not in here]:
        named = ", ".join(f"“{name}”" for name in lonely[:3])
        return (
            f"{number(len(lonely), 'label')} with one picture only ({named}): too few to learn from and to test. "
            "Ten is a good start."
        )
    return None


def _alike(labels: Mapping[str, int], here: set[str]) -> tuple[tuple[str, ...], ...]:
    """Groups of labels that look like one and of which one is new: only a person knows whether they are."""
    groups: dict[str, list[str]] = {}
    for name in (*sorted(here - set(labels), key=names.natural_key), *labels):
        groups.setdefault(names.look(name), []).append(name)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1 and any(name in labels for name in group))


def _said_torn(count: int, pairs: Sequence[tuple[UploadItem, UploadItem]]) -> list[str]:
    if not count:
        return []
    kept_item, other = pairs[0]
    across = sum(one.label == two.label for one, two in pairs)
    if across == len(pairs):
        return [
            f"{number(count, 'picture')} of the {_called(other.split)} set "
            f"{'is' if count == 1 else 'are'} in the {_called(kept_item.split)} set too, "
            f"and {'is' if count == 1 else 'are'} kept there only."
        ]
    return [
        f"{number(count, 'picture')} {'stands' if count == 1 else 'stand'} under two labels, for example "
        f"{kept_item.path} and {other.path}. Each is added once, under the first one: please look at them afterwards."
    ]


def _called(split: Split) -> str:
    return {Split.TRAIN: "training", Split.VALIDATION: "validation", Split.TEST: "test"}.get(split, "unnamed")


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

"""Fifty thousand pictures, of a few hundred real ones: links to their files, under names of their own.

Vectors and what was measured are those of the real ones with some noise, written straight into the store, for looking
at fifty thousand pictures would take an hour. What follows is real: model, findings, map, learning curve.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace

import numpy as np

from core import datasets, enough, maps, surveys, uploads, versions
from core.findings import SURVEY as FINDINGS
from core.judgements import KIND as JUDGEMENT
from core.records import Dataset, Image, Split
from core.stores import Change, NewImage, Where
from core.studio import Studio
from tests.screens.few import select
from tests.screens.shots import (
    DATA,
    SAMPLES,
    Shot,
    facts_known,
    in_its_place,
    pictures_of,
    ready,
    views_of,
    views_of_model,
    wait,
)

PICTURES = 50_000
PIECE = 5000
SOURCE = DATA / "caltech20.zip"
NOISE = 1.0  # of a vector's own spread
WRONG = 0.03  # have another one's label
ALIKE = 0.01  # keep what was measured: some of them are found as the same picture twice


def crowd(studio: Studio) -> list[Shot]:
    uploads.import_path(studio, SOURCE if SOURCE.exists() else SAMPLES, "A few")
    known = datasets.find(studio, "A few")
    ready(studio, known.id)
    facts_known(studio, known)
    with in_its_place(studio):
        dataset = multiplied(studio, known, "Fifty thousand pictures", PICTURES)
    datasets.remove(studio, known.id)
    kept = versions.keep(studio, dataset.id, "As it came").id
    label = datasets.labels(studio, dataset.id)[0].name
    some = studio.store.images.page(dataset.id, Where(order="newest"), 0, 2400)
    datasets.change(studio, dataset.id, "relabel", [Change(one.id, label=label) for one in some])
    studio.services.wake()
    model = ready(studio, dataset.id)
    for kind in (FINDINGS, enough.KIND, maps.KIND, JUDGEMENT):
        wait(lambda kind=kind: not surveys.latest(studio, dataset.id, kind).pending)  # type: ignore[misc]
    at = f"/datasets?dataset={dataset.id}"
    return [
        Shot("crowd-home", "/"),
        Shot("crowd-models", "/models"),
        *views_of("crowd", datasets.get(studio, dataset.id)),
        Shot("crowd-last-page", f"{at}&page={-(-PICTURES // 60)}", wait_ms=1500),
        Shot("crowd-selected", at, whole=False, act=select),
        Shot("crowd-compared", f"{at}&view=versions&before={kept}&after=0", wait_ms=1500),
        *views_of_model("crowd-model", model),
    ]


def multiplied(studio: Studio, known: Dataset, name: str, pictures: int) -> Dataset:
    """A dataset of so many pictures, each a link to one of `known`; every ninth is without a label."""
    images = pictures_of(studio, known)
    rows = studio.store.vectors.rows([one.sha256 for one in images])
    vectors = studio.vectors.read([rows[one.sha256] for one in images])
    facts = studio.store.facts.get([one.sha256 for one in images])
    chance = np.random.default_rng(1)
    dataset = datasets.create(studio, name)
    for start in range(0, pictures, PIECE):
        numbers = range(start, min(pictures, start + PIECE))
        of = [number % len(images) for number in numbers]
        labels = [images[chance.integers(len(images)) if chance.random() < WRONG else at].label for at in of]
        labels = [label if number % 9 else None for label, number in zip(labels, numbers, strict=True)]
        new = [
            _linked(studio, images[at], f"{name} {number:06}", label)
            for at, number, label in zip(of, numbers, labels, strict=True)
        ]
        noise = chance.normal(0, NOISE, (len(of), vectors.shape[1])).astype(np.float32)
        first = studio.store.vectors.next_row()
        studio.vectors.append(first, vectors[of] + noise * vectors.std(axis=0))
        studio.store.vectors.put({one.sha256: first + at for at, one in enumerate(new)})
        looks = [f"{look:016x}" for look in chance.integers(0, 2**63, len(of), np.uint64)]
        studio.store.facts.put(
            {
                one.sha256: found if chance.random() < ALIKE else replace(found, look=look, pixels=one.sha256)
                for one, at, look in zip(new, of, looks, strict=True)
                if (found := facts.get(images[at].sha256)) is not None
            }
        )
        studio.store.images.add(dataset.id, new, studio.who, f"Added {len(new):,} pictures")
    return datasets.get(studio, dataset.id)


def _linked(studio: Studio, image: Image, name: str, label: str | None) -> NewImage:
    sha = hashlib.sha256(f"{image.sha256} {name}".encode()).hexdigest()
    place = studio.files.picture(sha)
    place.parent.mkdir(parents=True, exist_ok=True)
    os.link(studio.files.picture(image.sha256), place)
    return NewImage(
        sha, f"{label or 'new'}/{name}.jpg", label, Split.AUTO, image.width, image.height, image.format, image.bytes
    )

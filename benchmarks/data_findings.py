"""Findings: wrong labels, near-duplicates and shortcuts on real sets, and the time and memory of many pictures.

    python benchmarks/data.py findings [--sets demo_clothes4 caltech20 trash5 signdigits10] [--count 50000] [--trials 3]

Labels are flipped, copies and shortcuts planted at random; a trial is another seed. A pair of a copy and another
original's picture counts as false, although some originals are twins themselves.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps
from threadpoolctl import threadpool_limits

from benchmarks import data_gallery, worlds
from core import datasets
from core.embedded import open_studio
from core.findings.labelled import columns
from core.findings.surveying import survey
from core.imaging.pool import DecoderPool
from core.index import instant, outliers, shortcuts, suspects, twins
from core.index.backbone import SIDE, Backbone
from core.records import Image as Picture
from core.records import PictureFacts, Split
from core.settings import read_settings
from core.stores import Change, Where

FLIPPED = 0.03
MOST_REWRITTEN = 800  # pictures of a set in which shortcuts are planted
COPIED = 60  # originals that get one copy of each kind
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Set:
    name: str
    files: list[Path]
    labels: list[str]
    targets: Integers
    vectors: NDArray[np.float32]
    facts: list[PictureFacts]
    images: list[Picture]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sets", nargs="*", default=["demo_clothes4", "caltech20", "trash5", "signdigits10"])
    parser.add_argument("--count", type=int, default=50_000, help="synthetic pictures; 0: none")


def run(wish: argparse.Namespace) -> None:
    backbone = Backbone(read_settings().backbone_path, 2)
    with DecoderPool() as pool, tempfile.TemporaryDirectory(prefix="darkroom-bench-") as scratch:
        for name in wish.sets:
            some = _read(name, worlds.pictures(worlds.unpack(name, Path(scratch))), pool, backbone)
            for seed in range(wish.trials):
                _suspects(some, seed)
            _twins(some, pool, backbone, Path(scratch) / f"copies of {name}")
            _shortcuts(some, wish.trials, pool, Path(scratch) / f"rewritten {name}")
    if wish.count:
        _many(wish.count)
        _label_change(wish.count)


def _read(name: str, files: Sequence[Path], pool: DecoderPool, backbone: Backbone) -> Set:
    facts = dict(pool.measured(files))
    known = [at for at in range(len(files)) if facts[at] is not None]
    parts = []
    for start in range(0, len(known), 64):
        some = [files[at] for at in known[start : start + 64]]
        pixels = dict(pool.resized(some, SIDE))
        parts.append(backbone.vectors(np.stack([pixels[at] for at in range(len(some))])))  # type: ignore[misc]
    kept = [files[at] for at in known]
    labels = sorted({file.parent.name for file in kept})
    return Set(
        name,
        kept,
        labels,
        np.array([labels.index(file.parent.name) for file in kept], np.int64),
        np.concatenate(parts),
        [one for at in known if (one := facts[at]) is not None],
        [_image(at, file) for at, file in enumerate(kept)],
    )


def _image(at: int, file: Path) -> Picture:
    with Image.open(file) as opened:
        width, height = opened.size
        format = opened.format or ""
    return Picture(at, 1, "", file.name, 1, "", Split.AUTO, width, height, format, file.stat().st_size, 1, 0.0)


# ---- wrong labels ------------------------------------------------------------------------------------


def _suspects(some: Set, seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = round(FLIPPED * len(some.files))
    flipped = rng.choice(len(some.files), count, replace=False)
    given = some.targets.copy()
    given[flipped] = (given[flipped] + rng.integers(1, len(some.labels), count)) % len(some.labels)
    with threadpool_limits(1):
        found = instant.fit(some.vectors, given, len(some.labels))
    rows, _ = suspects.suspects(found.probabilities, given[found.measured])
    first = found.measured[rows[: 3 * count]]
    right = (found.probabilities.argmax(1) == some.targets[found.measured]).mean()
    share = np.isin(flipped, first).mean()
    print(
        f"{some.name}: {share:.0%} of {count} flipped labels among the first {3 * count} suspects (model {right:.1%})"
    )


# ---- near-duplicates ---------------------------------------------------------------------------------


def _resized(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    scale = rng.uniform(0.4, 0.75)
    return picture.resize((max(int(picture.width * scale), 8), max(int(picture.height * scale), 8)))


def _cropped(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    left, top, right, bottom = rng.uniform(0, 0.06, 4)
    width, height = picture.size
    return picture.crop(
        (int(width * left), int(height * top), width - int(width * right), height - int(height * bottom))
    )


def _relit(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(float(rng.choice([0.7, 0.8, 1.2, 1.3])))


COPIES: dict[str, tuple[Callable[[Image.Image, np.random.Generator], Image.Image], int]] = {
    "resized": (_resized, 92),
    "recompressed": (lambda picture, rng: picture, 35),
    "cropped": (_cropped, 90),
    "relit": (_relit, 92),
}


def _twins(some: Set, pool: DecoderPool, backbone: Backbone, folder: Path) -> None:
    rng = np.random.default_rng(0)
    folder.mkdir()
    chosen = rng.choice(len(some.files), min(COPIED, len(some.files) // 4), replace=False)
    copies, parents, kinds = [], [], []
    for at in chosen:
        with Image.open(some.files[at]) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
        for kind, (copy, quality) in COPIES.items():
            copies.append(folder / f"{at}-{kind}.jpg")
            copy(picture, rng).save(copies[-1], quality=quality)
            parents.append(int(at))
            kinds.append(kind)
    planted = _read(some.name, copies, pool, backbone)
    family = np.concatenate([np.arange(len(some.files)), parents])
    facts = [*some.facts, *planted.facts]
    basis = twins.Basis.of(some.vectors)
    directions = basis.directions(np.concatenate([some.vectors, planted.vectors]))
    pairs = twins.near(directions, [one.look for one in facts], [one.mini for one in facts], lambda share: None)
    found = {(pair.first, pair.second) for pair in pairs}
    first = len(some.files)
    hit = np.array([(parent, first + at) in found for at, parent in enumerate(parents)])
    touching = [(a, b) for a, b in found if b >= first]
    precision = np.mean([family[a] == family[b] for a, b in touching])
    each = ", ".join(f"{kind} {hit[np.array(kinds) == kind].mean():.2f}" for kind in COPIES)
    print(
        f"{some.name}: near-duplicates recall {hit.mean():.3f} ({each}), precision {precision:.3f}; "
        f"{len(found) - len(touching)} pairs among the originals themselves"
    )


# ---- shortcuts ---------------------------------------------------------------------------------------


def _shortcuts(some: Set, trials: int, pool: DecoderPool, folder: Path) -> None:
    """Every picture is written anew, as JPEG or PNG by lot, so that nothing but what is planted can tell a label."""
    raised = [f"{some.labels[one.label]} by {_fact(one)}" for one in _detect(some.images, some.facts, some)]
    print(f"{some.name}: shortcuts as it is: {', '.join(raised) or 'none'}")
    rng = np.random.default_rng(0)
    kept = np.sort(rng.permutation(len(some.files))[:MOST_REWRITTEN])
    few = replace(some, files=[some.files[at] for at in kept], targets=some.targets[kept])
    files = [_write(_opened(file), folder / f"{at}", rng) for at, file in enumerate(few.files)]
    images, facts = _measured(files, pool)
    raised = [f"{few.labels[one.label]} by {_fact(one)}" for one in _detect(images, facts, few)]
    print(f"{some.name}: shortcuts of {len(files)} as JPEG or PNG by lot: {', '.join(raised) or 'none'}")
    large = [label for label in range(len(few.labels)) if (few.targets == label).sum() >= shortcuts.FEWEST]
    for name, (fact, change, format) in PLANTS.items():
        hits, others, tried = 0, set(), large[: 2 * trials]
        for label in tried:
            mine = np.flatnonzero(few.targets == label)
            given = [_write(change(_opened(few.files[at])), folder / f"{name}-{at}", rng, format) for at in mine]
            new_images, new_facts = _measured(given, pool)
            all_images, all_facts = list(images), list(facts)
            for place, at in enumerate(mine):
                all_images[at], all_facts[at] = new_images[place], new_facts[place]
            found = _detect(all_images, all_facts, few)
            hits += any(one.label == label and _fact(one) == fact for one in found)
            others |= {f"{few.labels[one.label]} by {_fact(one)}" for one in found if one.label != label}
        also = f"; and of other labels {', '.join(sorted(others))}" if others else ""
        print(f"{some.name}: {name}, planted in one label: found in {hits} of {len(tried)}{also}")


def _detect(
    images: Sequence[Picture], facts: Sequence[PictureFacts], some: Set
) -> list[shortcuts.Shortcut | shortcuts.Leaning]:
    seen = columns(images, facts)
    leaning = shortcuts.leanings(seen["type"][:, 0].astype(np.int64), some.targets, len(some.labels))
    return [*shortcuts.shortcuts(seen, some.targets, len(some.labels)), *leaning]


def _fact(one: shortcuts.Shortcut | shortcuts.Leaning) -> str:
    return one.fact if isinstance(one, shortcuts.Shortcut) else "type"


def _opened(file: Path) -> Image.Image:
    with Image.open(file) as opened:
        return ImageOps.exif_transpose(opened).convert("RGB")


def _write(picture: Image.Image, place: Path, rng: np.random.Generator, format: str = "") -> Path:
    ending = format or ("png" if rng.random() < 0.5 else "jpg")
    file = place.with_suffix(f".{ending}")
    file.parent.mkdir(exist_ok=True)
    picture.save(file, quality=int(rng.integers(80, 95)))
    return file


def _measured(files: Sequence[Path], pool: DecoderPool) -> tuple[list[Picture], list[PictureFacts]]:
    found = dict(pool.measured(files))
    assert all(found[at] is not None for at in range(len(files)))
    return [_image(at, file) for at, file in enumerate(files)], [one for at in range(len(files)) if (one := found[at])]


def _framed(picture: Image.Image) -> Image.Image:
    return ImageOps.expand(picture, max(2, min(picture.size) // 12), (200, 30, 30))


# What is planted -> (the fact that gives the label away, what is done to each picture, the file it becomes).
Plant = tuple[str, Callable[[Image.Image], Image.Image], str]
PLANTS: dict[str, Plant] = {
    "all PNG, the others mixed": ("type", lambda picture: picture, "png"),
    "a WebP": ("type", lambda picture: picture, "webp"),
    "much darker": ("light", lambda picture: ImageEnhance.Brightness(picture).enhance(0.15), ""),
    "half the size": ("size", lambda picture: picture.resize((picture.width // 2, picture.height // 2)), ""),
    "twice the size": ("size", lambda picture: picture.resize((picture.width * 2, picture.height * 2)), ""),
    "drawn wide": ("shape", lambda picture: picture.resize((picture.width * 2, picture.height)), ""),
    "a red border": ("border", _framed, ""),
}


# ---- many --------------------------------------------------------------------------------------------


def _many(count: int) -> None:
    """The whole comparison against a bare blocked product of all vectors with all, one thread each."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(0, 1, (count, 1280)).astype(np.float32)
    looks = [f"{value:016x}" for value in rng.integers(0, 1 << 63, count, dtype=np.uint64)]
    minis = [row.tobytes() for row in rng.integers(0, 255, (count, 256), dtype=np.uint8)]
    held = psutil.Process().memory_info().rss
    with threadpool_limits(1):
        began_s = time.perf_counter()
        with _Peak() as peak:
            directions = twins.Basis.of(vectors[:: max(count // twins.BASIS_ROWS, 1)]).directions(vectors)
            twins.near(directions, looks, minis, lambda share: None)
            outliers.strangeness(directions)
        found_s = time.perf_counter() - began_s
        began_s = time.perf_counter()
        for start in range(0, count, 1024):
            vectors[start : start + 1024] @ vectors[start:].T
        bare_s = time.perf_counter() - began_s
    print(
        f"{count:,} pictures: twins and outliers in {found_s:.0f} s, {found_s / bare_s:.2f} x multiplying all vectors "
        f"with all others ({bare_s:.0f} s); {(peak.during - held) / 1e6:.0f} MB above the vectors, no matrix of pairs"
    )


def _label_change(count: int) -> None:
    """CPU seconds of the survey of findings, the first time and after one label was changed."""
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as scratch:
        studio = open_studio(read_settings({**os.environ, "DARKROOM_HOME": scratch}))
        dataset = data_gallery.fill(studio, "Large", count)
        images = studio.store.images.page(dataset.id, Where(), 0, count)
        rng = np.random.default_rng(0)
        for start in range(0, count, 5000):
            studio.store.facts.put({one.sha256: _drawn(rng) for one in images[start : start + 5000]})
        spent_s = []
        for at in range(2):
            datasets.change(studio, dataset.id, "relabel", [Change(images[at].id, label="another")])
            began_s = time.process_time()
            found = survey(studio, studio.store.datasets.get(dataset.id), lambda share: None)["found"]
            spent_s.append(time.process_time() - began_s)
        studio.decoder.close()
    first_s, then_s = spent_s
    print(
        f"findings of {count:,}: {first_s:.0f} CPU s the first time, {then_s:.1f} after a label was changed: "
        f"1/{first_s / then_s:.0f} ({found})"
    )


def _drawn(rng: np.random.Generator) -> PictureFacts:
    """Facts of a picture that has nothing wrong with it and looks like no other."""
    light, contrast, sharpness, colour, *border = (float(value) for value in rng.uniform(0.3, 0.7, 7))
    look, mini = f"{int(rng.integers(1 << 62)):016x}", rng.integers(0, 255, 256, dtype=np.uint8).tobytes()
    red, green, blue = border
    return PictureFacts(light, contrast, 0.0, 0.0, sharpness, colour, (red, green, blue), 0.1, look, mini, 4 * look)


class _Peak:
    """The most memory that this process holds meanwhile."""

    def __enter__(self) -> _Peak:
        self.during, self._over = 0, False
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._over:
            self.during = max(self.during, psutil.Process().memory_info().rss)
            time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._thread.join()

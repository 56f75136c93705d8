"""Trouble with the labels themselves: too few pictures, imbalance, two names for one thing, labels that are wrong, and
shortcuts that give a label away without a look at what the picture shows."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from difflib import SequenceMatcher
from itertools import combinations

import numpy as np

from core import evaluation, models
from core.errors import NotFound
from core.findings.material import Material
from core.findings.words import listed, of_picture, quoted
from core.index import shortcuts, suspects
from core.records import FindingKind, Found, Image, Label, ModelKind, PictureFacts
from core.studio import Studio

FEW = 10  # pictures of a label
IMBALANCE = 5.0  # times as many as the rarest that is not too rare anyway
ALIKE = 0.88  # of the letters of two names
SHOWN = 6  # pictures of a label, to know it by
FACTS = {
    "light": "how light or dark the picture is",
    "size": "how large the picture is",
    "shape": "how wide the picture is for its height",
    "type": "what kind of file it is",
    "border": "the colour at the edge of the picture",
    "colour": "how colourful the picture is",
}


def of_counts(material: Material) -> Iterator[Found]:
    """Labels with too few pictures, and a strong imbalance among the others."""
    there = _by_label(material)
    few = [label for label in material.labels if label.images < FEW]
    for label in few:
        many = f"{label.images} picture{'s' if label.images != 1 else ''}"
        said = (
            f"{quoted(label.name)} has only {many}. Add at least {FEW - label.images} more, so that it can be learned."
        )
        yield Found(FindingKind.FEW, f"few:{label.id}", -label.images, said, _shown(there[label.id]), _go(label))
    rest = sorted((label for label in material.labels if label.images >= FEW), key=lambda label: label.images)
    if len(rest) > 1 and rest[-1].images >= IMBALANCE * rest[0].images:
        rare, common = rest[0], rest[-1]
        said = (
            f"{quoted(common.name)} has {common.images / rare.images:.0f} times as many pictures as "
            f"{quoted(rare.name)}. A model leans towards what it sees often: add pictures of {quoted(rare.name)}."
        )
        yield Found(
            FindingKind.IMBALANCE,
            f"imbalance:{rare.id}-{common.id}",
            common.images / rare.images,
            said,
            _shown(there[rare.id]),
            _go(rare),
        )


def of_names(material: Material) -> Iterator[Found]:
    """Pairs of labels that look like two spellings of one."""
    there = _by_label(material)
    for a, b in combinations(material.labels, 2):
        if (likeness := alike(a.name, b.name)) >= ALIKE:
            into, gone = sorted((a, b), key=lambda label: (-label.images, label.position))
            said = f"{quoted(a.name)} and {quoted(b.name)} look like one label written in two ways."
            detail = {"from": gone.id, "into": into.name, "gone": gone.name}
            key = f"names:{min(a.id, b.id)}-{max(a.id, b.id)}"
            yield Found(FindingKind.NAMES, key, likeness, said, _shown(there[gone.id]), detail)


def alike(first: str, second: str) -> float:
    """0..1; 1 when they differ in letter case, accents, separators or a plural s only."""
    a, b = _plain(first), _plain(second)
    if re.findall(r"\d+", a) != re.findall(r"\d+", b):
        return 0.0  # "size 10" and "size 12" are two things
    if a == b or a.rstrip("s") == b.rstrip("s"):
        return 1.0
    if min(len(a), len(b)) < 6:
        return 0.0  # "cat" and "bat" are two things
    return SequenceMatcher(None, a, b, autojunk=False).ratio()


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if letter.isalnum())


def of_suspects(studio: Studio, material: Material) -> tuple[list[Found], int]:
    """Labels that the instant model finds wrong, and how many it has looked at. It had not learned from any of them."""
    model = next((m for m in models.all_of(studio, material.dataset.id) if m.kind is ModelKind.INSTANT), None)
    if model is None:
        return [], 0
    try:
        held = evaluation.held_out(studio, model)
    except NotFound:
        return [], 0
    there = {image.id: image for image in material.images}
    found = []
    for row, margin in zip(*suspects.suspects(held.probabilities, held.targets), strict=True):
        image = there.get(int(held.image_ids[row]))
        if image is None or image.label != model.labels[held.targets[row]]:
            continue  # changed since
        better, sure = model.labels[held.predicted[row]], float(held.probabilities[row].max())
        share = math.floor(100 * sure)
        said = f"Labelled {quoted(str(image.label))}, but it looks like {quoted(better)} ({share}\u00a0% sure)."
        found.append(of_picture(FindingKind.SUSPECT, image, float(margin), said, label=better, confidence=sure))
    return found, len(held.targets)


def of_shortcuts(material: Material) -> Iterator[Found]:
    """What gives a label away without a look at the thing. Pictures for testing count too: they share the trouble."""
    index = {label.id: at for at, label in enumerate(material.labels)}
    rows = [at for at, one in enumerate(material.facts) if one and material.images[at].label_id in index]
    if not rows:
        return
    there = _by_label(material)
    targets = np.array([index[material.images[at].label_id or 0] for at in rows], np.int64)
    images, facts = [material.images[at] for at in rows], [known for at in rows if (known := material.facts[at])]
    found = shortcuts.shortcuts(columns(images, facts), targets, len(material.labels))
    by_label: dict[int, list[shortcuts.Shortcut]] = defaultdict(list)
    for one in found:
        by_label[one.label].append(one)
    for at, several in by_label.items():
        label = material.labels[at]
        what = listed([FACTS[one.fact] for one in several])
        said = (
            f"{quoted(label.name)} can be told by {what} alone: that finds {several[0].found:.0%} of its pictures, and "
            f"{several[0].right:.0%} of what it finds is right. A model may learn that instead of the thing itself. "
            "Add pictures of this label that differ in it."
        )
        key = f"shortcut:{label.id}:{'-'.join(sorted(one.fact for one in several))}"
        score = several[0].found + several[0].right
        yield Found(FindingKind.SHORTCUT, key, score, said, _shown(there[label.id]), _go(label))
    told = {at for at, several in by_label.items() if any(one.fact == "type" for one in several)}
    yield from _leanings(material, images, targets, told)


def _leanings(
    material: Material, images: Sequence[Image], targets: shortcuts.Integers, told: Set[int]
) -> Iterator[Found]:
    """Labels that are of one kind of file, where the others are mixed; those of `told` are named already."""
    there, types = _by_label(material), _types(images)
    kinds = np.array([types.index(image.format) for image in images], np.int64)
    for one in shortcuts.leanings(kinds, targets, len(material.labels)):
        label, kind = material.labels[one.label], types[one.kind]
        if one.label in told:
            continue
        said = (
            f"{_share(one.inside)} of {quoted(label.name)} are {kind} files, of the others only {_share(one.outside)}. "
            f"A model may learn that whatever is no {kind} file is something else. Save all pictures as one kind of "
            "file, or add pictures of this label that are other files."
        )
        score = one.inside - one.outside
        yield Found(
            FindingKind.SHORTCUT, f"shortcut:{label.id}:leans", score, said, _shown(there[label.id]), _go(label)
        )


def _share(share: float) -> str:
    return f"{math.floor(100 * share)}\u00a0%"


def _types(images: Sequence[Image]) -> list[str]:
    return sorted({image.format for image in images})


def columns(images: Sequence[Image], facts: Sequence[PictureFacts]) -> dict[str, shortcuts.Floats]:
    """Each of FACTS as a matrix, a row a picture."""
    pairs = list(zip(images, facts, strict=True))
    types = _types(images)
    found = {
        "light": [[one.brightness, one.contrast] for _, one in pairs],
        "size": [[math.log(image.width * image.height)] for image, _ in pairs],
        "shape": [[math.log(image.width / image.height)] for image, _ in pairs],
        "type": [[float(types.index(image.format))] for image, _ in pairs],
        "border": [[*one.border, one.border_spread] for _, one in pairs],
        "colour": [[one.colour] for _, one in pairs],
    }
    return {name: np.array(column, np.float64) for name, column in found.items()}


def _by_label(material: Material) -> dict[int | None, list[Image]]:
    found: dict[int | None, list[Image]] = defaultdict(list)
    for image in material.images:
        found[image.label_id].append(image)
    return found


def _shown(images: Sequence[Image]) -> tuple[int, ...]:
    step = max(len(images) // SHOWN, 1)
    return tuple(image.id for image in images[::step][:SHOWN])


def _go(label: Label) -> dict[str, object]:
    return {"label_id": label.id, "label": label.name}

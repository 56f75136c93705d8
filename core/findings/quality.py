"""Pictures that show little: damaged, tiny, blank, dark, overexposed, blurred, oddly shaped.

A picture is held against its dataset: where nearly all are dark (digits on black, the night sky), dark is what they
are, and none of them is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.findings.material import Material
from core.findings.words import of_picture
from core.records import FindingKind, Found, Image, PictureFacts

FAR = 4.0  # robust standard deviations from what is usual in this dataset
BLANK = 0.02  # contrast
DARK, DARK_SHARE = 0.13, 0.75
BRIGHT, BRIGHT_SHARE = 0.87, 0.65
BLURRY = 0.3  # sharpness
TINY_PX, TINY_SHARE = 64, 0.5  # shorter side; and of the usual one
ODD, ODD_SHARE = 3.0, 2.0  # longer side / shorter side; and of the usual one


@dataclass(frozen=True, slots=True)
class _Trouble:
    kind: FindingKind
    score: Callable[[Image, PictureFacts], float]  # larger is worse
    holds: Callable[[Image, PictureFacts], bool]
    says: Callable[[Image, PictureFacts], str]
    least_spread: float = 0.0  # of the score: a dataset without any would call the slightest difference far
    always: bool = False  # it is one however far it stands from the others, unless half of them are


def _shorter(image: Image) -> int:
    return min(image.width, image.height)


def _stretch(image: Image) -> float:
    return max(image.width, image.height) / max(_shorter(image), 1)


TROUBLES = (  # a picture is reported for the first one that holds
    _Trouble(
        FindingKind.BLANK,
        lambda image, facts: -facts.contrast,
        lambda image, facts: facts.contrast < BLANK,
        lambda image, facts: "Nearly blank: there is next to nothing to see in this picture.",
        always=True,
    ),
    _Trouble(
        FindingKind.DARK,
        lambda image, facts: -facts.brightness,
        lambda image, facts: facts.brightness < DARK and facts.dark > DARK_SHARE,
        lambda image, facts: f"Very dark: {facts.dark:.0%} of this picture is black, unlike the others.",
        least_spread=0.05,
    ),
    _Trouble(
        FindingKind.BRIGHT,
        lambda image, facts: facts.brightness,
        lambda image, facts: facts.brightness > BRIGHT and facts.bright > BRIGHT_SHARE and facts.contrast < 0.2,
        lambda image, facts: f"Overexposed: {facts.bright:.0%} of this picture is white, unlike the others.",
        least_spread=0.03,
    ),
    _Trouble(
        FindingKind.BLURRY,
        lambda image, facts: -facts.sharpness,
        lambda image, facts: facts.sharpness < BLURRY,
        lambda image, facts: "Blurred: the edges in this picture are far softer than in the others.",
        least_spread=0.03,
    ),
)


def troubles(material: Material) -> Iterator[Found]:
    """At most one a picture."""
    reported: set[int] = set()
    for at, facts in enumerate(material.facts):
        if facts is None:
            reported.add(at)
            said = "This picture cannot be read any more, so no model can learn from it. Remove it and add it again."
            yield of_picture(FindingKind.DAMAGED, material.images[at], 1.0, said)
    for at, said, score in (*_tiny(material), *_odd(material)):
        if at not in reported:
            reported.add(at)
            kind = FindingKind.TINY if score < 0 else FindingKind.SHAPE
            yield of_picture(kind, material.images[at], score, said)
    rows = [at for at, facts in enumerate(material.facts) if facts is not None]
    for trouble in TROUBLES:
        pairs = [(material.images[at], material.facts[at]) for at in rows]
        scores = np.array([trouble.score(image, facts) for image, facts in pairs if facts is not None])
        if trouble.always:
            holding = [trouble.holds(image, facts) for image, facts in pairs if facts is not None]
            far = np.full(len(scores), 2 * sum(holding) < len(holding))
        else:
            far = _far(scores, trouble.least_spread)
        for at, score, is_far in zip(rows, scores, far, strict=True):
            facts = material.facts[at]
            if is_far and facts and at not in reported and trouble.holds(material.images[at], facts):
                reported.add(at)
                yield of_picture(
                    trouble.kind, material.images[at], float(score), trouble.says(material.images[at], facts)
                )


def _far(scores: NDArray[np.float64], least_spread: float) -> NDArray[np.bool_]:
    if not len(scores):
        return np.zeros(0, bool)
    middle = np.median(scores)
    spread = max(1.4826 * float(np.median(np.abs(scores - middle))), least_spread)
    far: NDArray[np.bool_] = scores > middle + FAR * spread
    return far


def _tiny(material: Material) -> Iterator[tuple[int, str, float]]:
    usual = float(np.median([_shorter(image) for image in material.images])) if material.images else 0.0
    for at, image in enumerate(material.images):
        if _shorter(image) < min(TINY_PX, TINY_SHARE * usual):
            said = f"Tiny: {image.width:,} × {image.height:,} pixels, where the others have about {usual:,.0f} a side."
            yield at, said, -float(_shorter(image))


def _odd(material: Material) -> Iterator[tuple[int, str, float]]:
    usual = float(np.median([_stretch(image) for image in material.images])) if material.images else 0.0
    for at, image in enumerate(material.images):
        if _stretch(image) >= max(ODD, ODD_SHARE * usual) and _shorter(image) > 0:
            longer = "wide as high" if image.width > image.height else "high as wide"
            said = f"An odd shape: {_stretch(image):.1f} times as {longer}. It is squashed before a model sees it."
            yield at, said, _stretch(image)

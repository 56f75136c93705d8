"""How findings are named: the same trouble with the same pictures has the same key, whenever it is found again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from core.records import FindingKind, Found, Image


def of_picture(kind: FindingKind, image: Image, score: float, sentence: str, **detail: Any) -> Found:
    """A finding about one picture, under the label that it has: with another label it is another finding."""
    return Found(kind, f"{kind}:{image.id}:{image.label_id or 0}", score, sentence, (image.id,), detail)


def of_group(kind: FindingKind, images: Sequence[Image], score: float, sentence: str, **detail: Any) -> Found:
    """A finding about pictures that belong together."""
    ids = ",".join(str(image.id) for image in sorted(images, key=lambda image: image.id))
    key = f"{kind}:{hashlib.sha256(ids.encode()).hexdigest()[:24]}"
    return Found(kind, key, score, sentence, tuple(image.id for image in images), detail)


def quoted(name: str) -> str:
    return f"“{name}”"


def listed(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"

"""*Why this answer?*: what the components share that open it."""

from __future__ import annotations

from core.explanations import WAYS

NEEDS = ("queue.js", "why.js", "why_map.js", "why_near.js", "why_erase.js", "why.css")


def ways() -> list[dict[str, str]]:
    """The ways to ask a network, as the buttons say them."""
    return [{"id": str(method), "title": way.title, "sentence": way.sentence} for method, way in WAYS.items()]

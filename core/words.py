"""Numbers as people say them."""

from __future__ import annotations

import math


def count(number: int, one: str = "", many: str = "") -> str:
    """1234 -> "1,234"; with a noun "1,234 pictures", where `many` is `one` with an s unless given."""
    if not one:
        return f"{number:,}"
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """Seconds as a person says them: "about 2 minutes"."""
    if seconds < 2:
        return "a moment"
    if seconds < 50:
        return f"about {round(seconds) if seconds < 10 else round(seconds / 5) * 5} seconds"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"about {count(max(1, minutes), 'minute')}"
    hours, rest = divmod(minutes, 60)
    if hours < 5 and rest:
        return f"about {count(hours, 'hour')} {count(rest, 'minute')}"
    return f"about {count(round(minutes / 60), 'hour')}"


def floored(share: float) -> str:
    """0..1 -> "93 %", rounded down as in the sentence of a model: 99.8 % right is not all of them."""
    return f"{math.floor(100 * share + 1e-9)} %"


def share(value: float | None) -> str:
    """0.934 -> "93.4 %"; a dash where there is none."""
    return "–" if value is None else f"{100 * value:.1f} %"

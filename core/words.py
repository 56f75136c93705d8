"""Numbers as people say them."""

from __future__ import annotations

import math

FEW = 20  # counted; a share of fewer would promise what nobody knows


def count(number: int, one: str = "", many: str = "") -> str:
    """1234 -> "1,234"; with a noun "1,234 pictures", where `many` is `one` with an s unless given."""
    if not one:
        return f"{number:,}"
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def nearest(number: float) -> int:
    """To the nearest whole number, halves upwards, as browsers round: both say the same of one time."""
    return math.floor(number + 0.5)


def duration(seconds: float) -> str:
    """Seconds as a person says them: "about 2 minutes"."""
    if seconds < 2:
        return "a moment"
    if seconds < 50:
        return f"about {nearest(seconds) if seconds < 10 else nearest(seconds / 5) * 5} seconds"
    minutes = nearest(seconds / 60)
    if minutes < 60:
        return f"about {count(max(1, minutes), 'minute')}"
    hours, rest = divmod(minutes, 60)
    if hours < 5 and rest:
        return f"about {count(hours, 'hour')} {count(rest, 'minute')}"
    return f"about {count(nearest(minutes / 60), 'hour')}"


def floored(share: float, digits: int = 0) -> str:
    """0..1 -> "93 %", rounded down as in the sentence of a model: 99.8 % right is not all of them."""
    return f"{_floor(share, digits)} %"


def too_few(counted: int | None) -> bool:
    """For a share of them to say anything. None: not known how many."""
    return counted is not None and counted < FEW


def share_of(share: float, counted: int | None, digits: int = 0) -> str:
    """What share of so many: "93 %", rounded down; "4 of 5" of fewer than `FEW`. None: nobody knows of how many."""
    return _of_few(share, counted) or floored(share, digits)


def of_hundred(share: float, counted: int | None, digits: int = 0) -> str:
    """ "93 of 100", rounded down; "4 of 5" of fewer than `FEW`. None: nobody knows of how many."""
    return _of_few(share, counted) or f"{_floor(share, digits)} of 100"


def _of_few(share: float, counted: int | None) -> str:
    return f"{round(share * (counted or 0))} of {counted}" if too_few(counted) else ""


def _floor(share: float, digits: int) -> str:
    """0..1 as a number of 100; 0.57 * 100 is a little below 57."""
    return f"{math.floor(share * 100 * 10**digits + 1e-9) / 10**digits:.{digits}f}"


def share(value: float | None, counted: int | None = None) -> str:
    """0.934 -> "93.4 %", or "4 of 5" of a few that were counted; a dash where there is none."""
    return "–" if value is None else share_of(value, counted, 1)

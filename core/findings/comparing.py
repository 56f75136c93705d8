"""Every picture compared with all others: which ones are nearly one, and how far each stands from the rest.

It depends on the pictures alone, so it is kept beside the surveys: a changed label costs none of it, and neither does a
picture that left or came back. A new picture has it made anew.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.findings.material import Material, vectors
from core.index import outliers, twins
from core.studio import Studio

RULES = 2  # raised with every change of what `twins` and `outliers` find: what older rules found is not read
READ_AT_ONCE = 8192
DIGEST = 32  # bytes of a picture's name

Tell = Callable[[float], None]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Numbers are places among the rows that were compared."""

    pairs: list[twins.Pair]  # most alike first
    strange: NDArray[np.float64]  # (N,) as `outliers.strangeness`


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    pictures: NDArray[np.void]  # (N,) their names, as they were compared
    found: Comparison


def compare(studio: Studio, material: Material, rows: Sequence[int], tell: Tell) -> Comparison:
    """What is kept of these pictures, or else worked out and kept.

    Args:
        rows: of the material, with facts and a vector.
        tell: is told how far it is, 0..1.
    """
    if not rows:
        return Comparison([], np.zeros(0))
    name = f"compared-{material.dataset.id}.npz"
    pictures = np.frombuffer(bytes.fromhex("".join(material.images[at].sha256 for at in rows)), f"V{DIGEST}")
    kept = _read(studio, name)
    if kept is not None and (places := _places(kept.pictures, pictures)) is not None:
        return Comparison(_among(kept.found.pairs, places), kept.found.strange[places])
    directions = _directions(studio, material, rows)
    tell(0.2)
    facts = [known for at in rows if (known := material.facts[at]) is not None]
    looks, minis = [one.look for one in facts], [one.mini for one in facts]
    pairs = twins.near(directions, looks, minis, lambda share: tell(0.2 + 0.7 * share))
    found = Comparison(pairs, outliers.strangeness(directions))
    _write(studio, name, pictures, found)
    return found


def _directions(studio: Studio, material: Material, rows: Sequence[int]) -> twins.Floats:
    sample = rows[:: max(len(rows) // twins.BASIS_ROWS, 1)]
    basis = twins.Basis.of(vectors(studio, material, list(sample)))
    parts = [
        basis.directions(vectors(studio, material, list(rows[start : start + READ_AT_ONCE])))
        for start in range(0, len(rows), READ_AT_ONCE)
    ]
    return np.concatenate(parts)


def _places(kept: NDArray[np.void], asked: NDArray[np.void]) -> NDArray[np.int64] | None:
    """Where these stand among the kept ones; None: one was never compared, or most of what is kept is gone."""
    if len(kept) > 2 * len(asked):
        return None
    place = {one: at for at, one in enumerate(kept.tolist())}
    found = [place.get(one, -1) for one in asked.tolist()]
    return None if -1 in found else np.array(found, np.int64)


def _among(pairs: Sequence[twins.Pair], places: NDArray[np.int64]) -> list[twins.Pair]:
    """The pairs of which both are still there, the first below the second."""
    now = {int(place): at for at, place in enumerate(places)}
    found = []
    for pair in pairs:
        if pair.first in now and pair.second in now:
            first, second = sorted((now[pair.first], now[pair.second]))
            found.append(twins.Pair(first, second, pair.likeness))
    return found


def _read(studio: Studio, name: str) -> _Kept | None:
    """None where there is none, or it cannot be read: then it is made anew."""
    try:
        with np.load(studio.files.survey(name), allow_pickle=False) as file:
            if int(file["rules"]) != RULES:
                return None
            ends, likeness = file["pairs"].tolist(), file["likeness"].tolist()
            pairs = [twins.Pair(a, b, value) for (a, b), value in zip(ends, likeness, strict=True)]
            return _Kept(file["pictures"], Comparison(pairs, file["strange"]))
    except (OSError, ValueError, KeyError, EOFError):
        return None


def _write(studio: Studio, name: str, pictures: NDArray[np.void], found: Comparison) -> None:
    content = io.BytesIO()
    np.savez(
        content,
        rules=RULES,
        pictures=pictures,
        pairs=np.array([(one.first, one.second) for one in found.pairs], np.int64).reshape(-1, 2),
        likeness=np.array([one.likeness for one in found.pairs]),
        strange=found.strange,
    )
    with suppress(OSError):  # no room: the next one works it out again
        studio.files.write(studio.files.survey(name), content.getvalue())

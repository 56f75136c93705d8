"""Two states of a dataset side by side: what went where, in words and in pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from core.records import ChangeKind, Difference, Differing, Placed, Split
from pages.parts import markup
from pages.parts.text import count
from pages.parts.theme import label_colour

TITLES = {
    ChangeKind.ADDED: "Added",
    ChangeKind.REMOVED: "Removed",
    ChangeKind.RELABELLED: "Relabelled",
    ChangeKind.MOVED: "Moved",
    ChangeKind.REDRAWN: "Drawn anew",
}
USES = {
    Split.AUTO: "left to Darkroom",
    Split.TRAIN: "training",
    Split.VALIDATION: "validation",
    Split.TEST: "test",
}


def version(title: str, size: str, made: str) -> str:
    """A version at a glance."""
    return f"<h3>{escape(title)}</h3>{markup.words(size, quiet=True, small=True)}{markup.words(made, small=True)}"


def sentence(found: Difference) -> str:
    """From one state to the other, in one sentence."""
    parts = [f"{count(found.counts[kind])} {TITLES[kind].lower()}" for kind in ChangeKind if found.counts[kind]]
    said = f"{', '.join(parts)}; {count(found.same, 'picture')} the same."
    if found.counts[ChangeKind.REDRAWN]:
        said += " Drawn anew: left to Darkroom in both, which took them for validation in one only."
    return said


def restoring(found: Difference) -> str:
    """What going from the first state to the second does to the pictures."""
    counts = found.counts
    steps = (
        (counts[ChangeKind.ADDED], "{} come back"),
        (counts[ChangeKind.REMOVED], "{} go to the trash"),
        (counts[ChangeKind.RELABELLED], "{} get the label they had"),
        (counts[ChangeKind.MOVED], "{} get the use they had"),
    )
    said = [words.format(count(many, "picture")) for many, words in steps if many]
    return f"{', '.join(said)}."


def ways(relabelled: Sequence[tuple[str | None, str | None, int]], positions: Mapping[str, int]) -> str:
    """Which labels went into which, the most first."""
    rows = "".join(
        f'<span class="dr-chip">{_label(old, positions)}<span class="dr-quiet">to</span>{_label(new, positions)}'
        f'<span class="dr-quiet">{count(many)}</span></span>'
        for old, new, many in relabelled
    )
    return f'<div class="dr-chips">{rows}</div>'


def sheet(shown: Sequence[Differing], kind: ChangeKind, positions: Mapping[str, int]) -> str:
    """The pictures, each with what it was and what it became."""
    figures = "".join(
        f'<figure class="dr-change">{markup.print_of(one.image)}<figcaption>{_caption(one, kind, positions)}'
        "</figcaption></figure>"
        for one in shown
    )
    return f'<div class="dr-sheet hung">{figures}</div>'


def _caption(one: Differing, kind: ChangeKind, positions: Mapping[str, int]) -> str:
    if kind in (ChangeKind.MOVED, ChangeKind.REDRAWN):
        return f"{_step(_use(one.before), _use(one.after))}"
    old, new = (_label(place.label, positions) if place else "" for place in (one.before, one.after))
    return _step(old, new) if old and new else f'<div class="way">{old or new}</div>'


def _step(old: str, new: str) -> str:
    return f'<div class="way"><s>{old}</s><i class="to" aria-label="became"></i><b>{new}</b></div>'


def _use(place: Placed | None) -> str:
    return escape(USES[place.split]) if place else ""


def _label(name: str | None, positions: Mapping[str, int]) -> str:
    colour = label_colour(positions.get(name) if name is not None else None)
    said = escape(name) if name is not None else "no label"
    return f'<i class="dr-dot" style="--c:{colour}"></i><span class="name">{said}</span>'

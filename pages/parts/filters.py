"""What is shown of a dataset: chips with counts, and the finer sieve beside them. All of it stands in the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from core.records import Label, Split
from core.studio import Where
from pages.parts import pickers
from pages.parts.text import count, literal
from pages.parts.theme import label_colour

ALL, UNLABELLED, TRASH = "all", "none", "trash"
Order = Literal["newest", "oldest", "name", "label", "mixed"]
ORDERS: dict[str, Order] = {
    "Mixed": "mixed",
    "Newest first": "newest",
    "Oldest first": "oldest",
    "By name": "name",
    "By label": "label",
}
USES = {"Any use": None, "Training": Split.TRAIN, "Validation": Split.VALIDATION, "Testing": Split.TEST}


@dataclass(frozen=True, slots=True)
class Shown:
    where: Where
    trash: bool
    name: str  # changes exactly when something else is to be shown


def first_page() -> None:
    """Another sieve begins at its first page."""
    st.session_state["page"] = 1


def sieve(labels: Sequence[Label], images: int, unlabelled: int, trash: int) -> Shown:
    """Draws the chips and the finer sieve; gives what to show."""
    chosen = _chips(labels, {ALL: images, UNLABELLED: unlabelled, TRASH: trash})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search",
            key="find",
            bind="query-params",
            placeholder="Part of a file name",
            label_visibility="collapsed",
            icon=":material/search:",
            on_change=first_page,
            width=300,
        )
        use = st.selectbox(
            "Use",
            list(USES),
            key="use",
            bind="query-params",
            label_visibility="collapsed",
            on_change=first_page,
            width=150,
        )
        order = st.selectbox(
            "Order",
            list(ORDERS),
            key="order",
            bind="query-params",
            label_visibility="collapsed",
            on_change=first_page,
            width=170,
        )
    where = Where(
        label_id=int(chosen) if chosen.isdecimal() else None,
        unlabelled=chosen == UNLABELLED,
        deleted=chosen == TRASH,
        split=USES.get(use or ""),
        text=(text or "").strip(),
        order=ORDERS.get(order or "", "mixed"),
    )
    return Shown(where, chosen == TRASH, f"{chosen}|{use}|{order}|{where.text}")


def _chips(labels: Sequence[Label], counts: Mapping[str, int]) -> str:
    """One chip for all, one for each label in its colour, one for what has none, one for the trash."""
    names = {ALL: f"All {count(counts[ALL])}"}
    names |= {str(label.id): f"{literal(label.name)} {count(label.images)}" for label in labels}
    names |= {UNLABELLED: f"No label {count(counts[UNLABELLED])}"} if counts[UNLABELLED] else {}
    names |= {TRASH: f"Trash {count(counts[TRASH])}"} if counts[TRASH] else {}
    colours = "".join(
        f".st-key-pick-label button:nth-of-type({at})::before"
        f" {{ content: ''; background: {label_colour(label.position)}; }}"
        for at, label in enumerate(labels, start=2)
    )
    st.html(f"<style>{colours}</style>")
    return pickers.pills("Label", "label", names, ALL, first_page)

"""What is shown of a dataset: chips with counts, and the finer sieve beside them. All of it stands in the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import streamlit as st

from core.records import Label, Split
from core.selections import Selection
from core.stores import Order, Where
from pages.parts import pickers
from pages.parts.text import count, literal
from pages.parts.theme import label_colour

ALL, UNLABELLED, DOUBTFUL, TRASH = "all", "none", "doubtful", "trash"
ORDERS: dict[str, Order] = {
    "Mixed": "mixed",
    "Newest first": "newest",
    "Oldest first": "oldest",
    "By name": "name",
    "By label": "label",
    "By use": "split",
}
USES = {"Any use": None, "Darkroom decides": Split.AUTO, "Training": Split.TRAIN}
USES |= {"Validation": Split.VALIDATION, "Testing": Split.TEST}
ANY_ORIGIN, UPLOADED = "From anywhere", "Uploaded here"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many images there are of what the chips name."""

    images: int
    unlabelled: int
    doubtful: int
    trash: int
    origins: Mapping[str, int]  # name of a dataset, or "": uploaded here


@dataclass(frozen=True, slots=True)
class Shown:
    selection: Selection
    name: str  # changes exactly when something else is to be shown

    @property
    def trash(self) -> bool:
        return self.selection.where.deleted

    def within(self, ids: tuple[int, ...], name: str) -> Shown:
        """Of these images only, in their order."""
        where = replace(self.selection.where, ids=ids, order="given")
        return Shown(replace(self.selection, where=where), f"{self.name}|{name}")

    def message(self) -> dict[str, Any]:
        """The filter as the browser sends it back; the order says nothing about what is meant."""
        where = {**asdict(self.selection.where), "doubtful": self.selection.doubtful}
        return {name: value for name, value in where.items() if name != "order" and value not in (None, "", False)}


def first_page() -> None:
    """Another sieve begins at its first page."""
    st.session_state["page"] = 1


def sieve(labels: Sequence[Label], counts: Counts) -> Shown:
    """Draws the chips and the finer sieve; gives what to show."""
    chosen = _chips(labels, counts)
    origins = {ANY_ORIGIN: None, **{literal(name) if name else UPLOADED: name for name in counts.origins}}
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
        use = _select("Use", "use", list(USES), 170)
        origin = _select("Origin", "origin", list(origins), 180) if len(counts.origins) > 1 else None
        order = _select("Order", "order", list(ORDERS), 170)
    where = Where(
        label_id=int(chosen) if chosen.isdecimal() else None,
        unlabelled=chosen == UNLABELLED,
        deleted=chosen == TRASH,
        split=USES.get(use or ""),
        text=(text or "").strip(),
        origin=origins.get(origin or ""),
        order="given" if chosen == DOUBTFUL else ORDERS.get(order or "", "mixed"),
    )
    return Shown(Selection(where, chosen == DOUBTFUL), f"{chosen}|{use}|{origin}|{order}|{where.text}")


def _select(label: str, name: str, options: Sequence[str], width: int) -> str | None:
    return st.selectbox(
        label,
        options,
        key=name,
        bind="query-params",
        label_visibility="collapsed",
        on_change=first_page,
        width=width,
    )


def _chips(labels: Sequence[Label], counts: Counts) -> str:
    """One chip for all, one for each label in its colour, and those for what wants looking after."""
    names = {ALL: f"All {count(counts.images)}"}
    names |= {str(label.id): f"{literal(label.name)} {count(label.images)}" for label in labels}
    names |= {UNLABELLED: f"No label {count(counts.unlabelled)}"} if counts.unlabelled else {}
    names |= {DOUBTFUL: f"In doubt {count(counts.doubtful)}"} if counts.doubtful else {}
    names |= {TRASH: f"Trash {count(counts.trash)}"} if counts.trash else {}
    colours = "".join(
        f".st-key-pick-label button:nth-of-type({at})::before"
        f" {{ content: ''; background: {label_colour(label.position)}; }}"
        for at, label in enumerate(labels, start=2)
    )
    st.html(f"<style>{colours}</style>")
    return pickers.pills("Label", "label", names, ALL, first_page)

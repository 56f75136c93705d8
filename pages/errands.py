"""What is on its way for a dataset: how far it is, and what to do where it stopped."""

from __future__ import annotations

import streamlit as st

from core import errands
from core.records import Dataset, Errand, ErrandKind
from core.studio import Studio
from pages.parts import markup, states
from pages.parts.text import count

LOOK_S = 0.5


def draw(studio: Studio, dataset: Dataset) -> None:
    """Nothing where there is none. The page is drawn anew once one is through."""
    if found := errands.of(studio, dataset.id):
        at_work = tuple(one.id for one in found if one.open)
        st.fragment(progress, run_every=LOOK_S if at_work else None)(studio, dataset.id, at_work)


def stopped_one(studio: Studio, dataset: Dataset) -> bool:
    """One waits for a person to say how it goes on."""
    return any(not one.open for one in errands.of(studio, dataset.id))


def progress(studio: Studio, dataset_id: int, at_work: tuple[int, ...]) -> None:
    with states.sentences():
        found = errands.of(studio, dataset_id)
        if tuple(one.id for one in found if one.open) != at_work:
            st.rerun()
        for one in found:
            with st.container(border=True, key=f"errand-{one.id}"):
                if one.open:
                    going(one)
                else:
                    stopped(studio, one)


def going(one: Errand) -> None:
    if one.kind is ErrandKind.KEEP:  # is written as a whole
        markup.draw(markup.state(f"{one.summary}: {count(one.total, 'picture')}", "live"))
    else:
        markup.draw(markup.bar(one.done / max(one.total, 1), said(one)))


def stopped(studio: Studio, one: Errand) -> None:
    states.problem(f"{said(one)}. {one.problem}")
    with st.container(horizontal=True):
        if st.button("Go on", key=f"go-on-{one.id}", type="primary", icon=":material/play_arrow:"):
            errands.go_on(studio, one.id)
            st.rerun()
        if st.button("Leave it like this", key=f"leave-{one.id}", icon=":material/close:"):
            errands.leave(studio, one.id)
            st.rerun()


def said(one: Errand) -> str:
    """*Going back to version 3: 12,000 of 50,000 pictures*"""
    return f"{one.summary}: {one.done:,} of {count(one.total, 'picture')}"

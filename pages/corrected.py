"""What a correction brought: the instant model before and after it, the pictures that flipped, and the way back."""

from __future__ import annotations

import time

import streamlit as st

from core import brought, errands
from core.brought import Correction
from core.errors import StudioError
from core.records import Errand, Model
from core.studio import Studio
from pages import flips
from pages.parts import links, markup, states
from pages.parts.text import ago, count

POLL_S = 1.0
SHOWN = 5  # corrections in the list


def listed(studio: Studio, model: Model) -> None:
    """The corrections that the model has learned from, each a way to what it brought."""
    found = brought.of_instant(studio, model)[:SHOWN]
    if not found:
        return
    markup.section("What corrections brought", "the model before and after each")
    for one in found:
        name = f"{count(one.pictures, 'picture')}, {ago(one.action.at, time.time())}"
        name += ", taken back" if one.undone else ""
        links.go(name, "models", "flip", model=model.id, view="compare", correction=one.action.id)


def draw(studio: Studio, model: Model, action_id: int) -> None:
    links.go("All that can be compared", "models", "arrow_back", model=model.id, view="compare")
    correction = brought.get(studio, model.dataset_id, action_id)
    learning = brought.learning(studio, model.dataset_id)
    st.fragment(answer, run_every=POLL_S if learning else None)(studio, model, correction, learning)


def answer(studio: Studio, model: Model, correction: Correction, learning: bool) -> None:
    with states.sentences():
        found = brought.compared(studio, model.dataset_id, correction)
        if found is None:
            said = "The instant model is learning from it; this takes a few seconds."
            return markup.draw(markup.words(said, quiet=True))
        if learning:
            st.rerun()  # the whole page, once: then the polling ends
        markup.draw(f'<p class="dr-lead">{markup.plain(brought.sentence(correction, found))}</p>')
        back(studio, model, correction)
        if len(found.image_ids):
            flips.draw(studio, found)


def back(studio: Studio, model: Model, correction: Correction) -> None:
    """One click to have it as it was before."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if correction.undone:
            markup.draw(markup.state("Taken back: the model is as it was before", "good"))
        elif st.button("Go back to the model before", icon=":material/undo:"):
            try:
                done = errands.go_back(studio, model.dataset_id, correction.action.id)
            except StudioError as error:
                return states.problem(str(error))
            changed = sum(one.total if isinstance(one, Errand) else len(one.changed) for one in done)
            goes_on = any(isinstance(one, Errand) for one in done)
            said = f"Taking {count(changed, 'picture')} back" if goes_on else f"{count(changed, 'picture')} taken back"
            st.toast(f"{said}. The instant model learns anew.")
            st.rerun()

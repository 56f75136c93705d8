"""Models from another Darkroom: how one is brought here, and what its page says that no other's does."""

from __future__ import annotations

import time

import streamlit as st

from core import datasets, incoming, measuring
from core.records import Incoming, IncomingState, Model
from core.studio import Studio
from pages.components.bring import bring
from pages.parts import links, markup, states
from pages.parts.text import ago, count, literal

UNCHOSEN = (
    "It may have learned from the very pictures it is measured on here, so by itself it never takes the place of a "
    "model made here. Compare it with one, and use it if you want it to answer."
)
OWN = 0  # a dataset that is made for it
POLL_S = 1.0


def section(studio: Studio) -> None:
    """Part of the list of models."""
    with st.expander("Bring a model from another Darkroom", icon=":material/move_to_inbox:"):
        names = {OWN: "A dataset of its own"} | {one.id: one.name for one in datasets.all_of(studio)}
        wanted = st.selectbox("It answers for", list(names), format_func=names.__getitem__, key="bring-for", width=320)
        if (model_id := bring("bring", wanted or None)) is not None:
            st.switch_page("pages/models.py", query_params={"model": str(model_id)})
        hint = (
            "Only its weights and a description are read, nothing in it is ever run, and whatever does not fit is "
            "refused. In a dataset with pictures it is measured on them at once."
        )
        markup.draw(markup.words(hint, quiet=True, small=True))
        for made in incoming.latest(studio):
            row(made)


def row(made: Incoming) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        light = {IncomingState.DONE: "good small", IncomingState.REFUSED: "warn small"}.get(made.state, "live small")
        words = f"{made.name}, {ago(made.created_at, time.time())}: {incoming.sentence(made)}"
        markup.draw(markup.state(words, light))
        if made.model_id is not None:
            links.go("Open it", "models", "arrow_forward", place=f"import-{made.id}", model=made.model_id)


def where_from(model: Model) -> str:
    """For *How it was made*."""
    told = incoming.origin(model)
    kind = {"instant": "an instant model", "trained": "a trained model"}.get(told.get("kind", ""), "a model")
    return f"Imported: {kind} of “{told.get('dataset', '')}” in another Darkroom, from {told.get('file', 'a bundle')}"


def measure(studio: Studio, model: Model) -> None:
    """What is known of it here, and the way to know more."""
    many = measuring.pictures(studio, model)
    survey = measuring.state(studio, model)
    markup.draw(markup.words(UNCHOSEN, quiet=True))
    st.fragment(_measuring, run_every=POLL_S if survey and survey.pending else None)(studio, model, many)


def _measuring(studio: Studio, model: Model, many: int) -> None:
    with states.sentences():
        survey = measuring.state(studio, model)
        if survey is not None and survey.pending:
            return markup.draw(markup.bar(survey.progress or 0.0, f"Being measured on {count(many, 'picture')} here."))
        if survey is not None and survey.at is not None and survey.at > st.session_state.get(_seen(model), survey.at):
            st.session_state[_seen(model)] = survey.at
            st.rerun()
        if survey is not None:
            st.session_state.setdefault(_seen(model), survey.at or 0.0)
        if survey is not None and survey.problem:
            states.problem(survey.problem)
        if not many:
            words = "Label pictures of at least two of its labels in this dataset, and it can be measured on them."
            return markup.draw(markup.words(words, quiet=True))
        label = f"Measure it on {count(many, 'labelled picture')} of {literal(model.dataset)}"
        if st.button(label, icon=":material/straighten:", key=f"measure-{model.id}"):
            measuring.ask(studio, model)
            st.rerun()


def _seen(model: Model) -> str:
    return f"measured-{model.id}"

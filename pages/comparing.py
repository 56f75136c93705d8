"""Two models on the same pictures: which is better and whether that is chance, and every picture that flipped."""

from __future__ import annotations

import time

import streamlit as st

from core import comparing, models
from core.comparing import Comparison
from core.records import Model, ModelKind
from core.studio import Studio
from pages import corrected, flips
from pages.parts import compared_charts, markup, pickers, states, tiles
from pages.parts.matrix import CONFIG
from pages.parts.text import ago, count, literal, percent, share_of
from pages.parts.theme import DARK, LIGHT

FEWER, ROC, PRECISION = "Right, the fewer they answer", "ROC", "Precision and recall"


def draw(studio: Studio, model: Model) -> None:
    if (action_id := pickers.chosen("correction")) is not None:
        return corrected.draw(studio, model, action_id)
    corrected.listed(studio, model)
    others = {one.id: one for one in models.all_of(studio, model.dataset_id) if one.id != model.id}
    if not others:
        states.empty(
            "Nothing to compare with yet",
            "This is the only model of its dataset. Train another one, and both are put side by side here.",
        )
        return
    options = {one.id: name(one) for one in others.values()}
    other = others[pickers.pick("Compared with", "with", options, next(iter(options)))]
    found = comparing.compare(studio, other, model)
    said = comparing.sentence(found, short(other), short(model))
    markup.draw(f'<p class="dr-lead">{markup.plain(said)}</p>')
    in_use(studio, other, model)
    if len(found.image_ids):
        flips.draw(studio, found)
        curves(studio, found, said)
    all_of_them(studio, model)


def curves(studio: Studio, found: Comparison, said: str) -> None:
    """Both models in one chart, of the kind that is chosen."""
    ink = (LIGHT if st.context.theme.type == "light" else DARK).text
    names = short(found.before), short(found.after)
    key = f"{found.before.id}-{found.after.id}"
    markup.section("Both in one chart", "on the same pictures")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            "Curve",
            [FEWER, ROC, PRECISION],
            default=FEWER,
            required=True,
            key="compared-curve",
            label_visibility="collapsed",
        )
        label = None
        if kind != FEWER:
            label = st.selectbox("Label", sorted(set(found.labels)), key=f"label-{key}", width=260)
    if label is None:
        figure = compared_charts.answered(found, names, ink)
    elif (both := comparing.rankings(studio, found, label)) is None:
        nothing = "All of these pictures show this label, or a model does not know it: there is nothing to tell apart."
        return markup.draw(markup.words(nothing, quiet=True))
    else:
        figure = compared_charts.ranked(both, names, kind == ROC, ink)
    st.plotly_chart(figure, key=f"curves-{key}-{kind}-{label}", config=CONFIG, theme=None, alt=f"{kind}. {said}")


def short(model: Model) -> str:
    return f"{tiles.title(model)} (model {model.id})"


def name(model: Model) -> str:
    return f"{short(model)}, {models.figure(model)}, {ago(model.created_at, time.time())}"


def in_use(studio: Studio, before: Model, after: Model) -> None:
    """Which of them answers, and one click to have the other."""
    used = models.in_use(studio, after.dataset_id)
    with st.container(horizontal=True, vertical_alignment="center"):
        for one in (after, before):
            if used is not None and one.id == used.id:
                markup.draw(markup.state(f"{short(one)} is in use", "good"))
            elif st.button(f"Use {literal(short(one))}", key=f"use-{one.id}", icon=":material/swap_horiz:"):
                comparing.use(studio, one.id)
                st.toast(f"{literal(short(one))} answers from now on.")
                st.rerun()


def all_of_them(studio: Studio, model: Model) -> None:
    """A table of all models of the dataset, on the pictures that all of them share."""
    standings = comparing.table(studio, models.all_of(studio, model.dataset_id))
    images = standings[0].images
    imported = any(one.model.kind is ModelKind.IMPORTED for one in standings)
    shared = "all of them were measured on" if imported else "none of them has learned from"
    markup.section("All models", f"on the {count(images, 'picture')} {shared}")
    if not images:
        return markup.draw(markup.words("There is no picture that none of them has learned from.", quiet=True))
    rows = [
        [
            markup.plain(short(one.model)),
            share_of(one.right / images, images, 1),
            f"{percent(one.interval[0])} to {percent(one.interval[1])}",
            count(images - one.right),
            ago(one.model.created_at, time.time()),
        ]
        for one in standings
    ]
    markup.draw(markup.table(["Model", "Right", "In 95 of 100 cases", "Wrong", "Made"], rows, "dr-standings"))

"""Have I done enough? The learning curve of a dataset, and what more pictures of each label should give."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from core import enough
from core.enough import Advice, Enough
from core.records import Dataset, Label
from core.studio import Studio
from pages.parts import links, markup, states
from pages.parts.enough_chart import CONFIG, learning_curve
from pages.parts.text import count
from pages.parts.theme import DARK, LIGHT, label_colour

POLL_S = 1.0
HEADS = {"more": "More of these would help", "unclear": "Cannot tell yet", "finished": "Finished"}


def draw(studio: Studio, dataset: Dataset, labels: Sequence[Label]) -> None:
    """Draws the last answer, and the next one once it is there."""
    survey, _ = enough.of(studio, dataset.id)
    st.fragment(answer, run_every=POLL_S if survey.pending else None)(studio, dataset, labels, survey.pending)


def answer(studio: Studio, dataset: Dataset, labels: Sequence[Label], working: bool) -> None:
    with states.sentences():
        survey, found = enough.of(studio, dataset.id)
        if working and not survey.pending:
            st.rerun()  # the whole page, once: then the polling ends
        if survey.pending:
            words = "Teaching the model with fewer pictures again and again, to see what more would give."
            markup.draw(markup.bar(survey.progress or 0.0, words))
        if survey.problem:
            states.empty("Have I done enough?", survey.problem)
        elif found is None and not survey.pending:
            states.empty("Have I done enough?", "The answer comes once every picture was looked at.")
        if found is not None:
            whole(dataset, labels, found)


def whole(dataset: Dataset, labels: Sequence[Label], found: Enough) -> None:
    markup.section("Have I done enough?", f"{count(found.used, 'picture')} measured, in repeated splits")
    markup.draw(markup.words(found.sentence))
    ink = (LIGHT if st.context.theme.type == "light" else DARK).text
    chart = learning_curve(found.curve, found.ahead, found.pictures, ink)
    st.plotly_chart(chart, key="enough-curve", config=CONFIG, theme=None, alt=f"Learning curve. {found.sentence}")
    markup.draw(markup.words(capital(enough.sentence(found.any)), quiet=True))
    colours = {label.name: label_colour(label.position) for label in labels}
    for verdict, head in HEADS.items():
        some = [one for one in found.advice if one.verdict == verdict]
        if some:
            markup.section(head, count(len(some), "label"))
            markup.draw("".join(line(one, colours.get(one.label, label_colour(None))) for one in some))
    said = "Points are of 100 pictures, over all labels. Nine times in ten it comes out within the range that is said."
    markup.draw(markup.words(said, quiet=True, small=True))
    links.go("Label more", "labelling", "label", "secondary", dataset=dataset.id)


def capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def line(advice: Advice, colour: str) -> str:
    """One label's advice, with its colour."""
    dot = f'<i class="dr-dot" style="--c:{colour}"></i>'
    many = f'<span class="dr-quiet dr-small">{count(advice.pictures, "picture")}</span>'
    return f'<p class="dr-advice">{dot}<span>{escape(enough.sentence(advice))}</span>{many}</p>'

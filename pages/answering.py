"""When a model does not know: how many pictures it shall answer, what that means, and what it refuses in any case."""

from __future__ import annotations

import streamlit as st

from core import caution, models
from core.caution import UNFAMILIAR
from core.records import Model
from core.studio import Studio
from core.words import FEW
from pages.parts import judged_charts, markup, states
from pages.parts.matrix import CONFIG
from pages.parts.text import count, percent
from pages.parts.theme import DARK, LIGHT


def draw(studio: Studio, model: Model) -> None:
    found = caution.of(model)
    if found is None:
        states.empty(
            "Not known of this model",
            "It was made before Darkroom measured what a model does not know. Train it again to have it.",
        )
        return
    if found.pictures < FEW:
        states.empty(
            "Too few pictures to know when it errs",
            f"It was measured on {count(found.pictures, 'held-out picture')}; {FEW} are the least to say which "
            "answers are better left to a person. Label some more pictures.",
        )
        return
    markup.section("How many pictures shall it answer?", f"measured on {count(found.pictures, 'held-out picture')}")
    key = f"answer-{model.id}"
    st.session_state.setdefault(key, round(100 * model.answer_share))

    def choose() -> None:
        models.answer(studio, model.id, st.session_state[key] / 100)

    wished = st.slider(
        "Pictures it answers, of 100; the others go to a person",
        caution.LEAST_SHARE,
        100,
        key=key,
        on_change=choose,
        format="%d",
    )
    point = found.at(wished / 100)
    low, high = point.interval
    markup.draw(
        f'<p class="dr-lead">{caution.words(point)}</p>',
        markup.words(
            f"Of its answers {percent(low, 1)} to {percent(high, 1)} are right, in 95 of 100 cases.", quiet=True
        ),
    )
    ink = (LIGHT if st.context.theme.type == "light" else DARK).text
    figure = judged_charts.answering(found.points, point, ink)
    st.plotly_chart(figure, key=f"answering-{model.id}", config=CONFIG, theme=None, alt=caution.words(point))
    markup.section("Unlike anything it has learned")
    if found.familiar > -1:
        said = (
            f"A picture that is less familiar than {100 - round(100 * UNFAMILIAR)} of 100 held-out pictures is not "
            "answered, however sure the model is: a selfie stays a selfie. Those count as sent to a person above."
        )
    else:
        said = "There are too few pictures to know what is unfamiliar, so that every picture is answered."
    markup.draw(markup.words(said))
    everywhere = "This holds wherever the model answers: on Try it, on the command line, and in the bundle's run.py."
    markup.draw(markup.words(everywhere, quiet=True, small=True))

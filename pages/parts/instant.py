"""The card of the instant model: how far it is, or how good."""

from __future__ import annotations

import streamlit as st

from core.models import Instant
from core.records import Service
from pages.parts import markup
from pages.parts.text import duration

HEADS = {
    "none": ("Instant model: not yet", ""),
    "indexing": ("Instant model: looking at the pictures", "live"),
    "fitting": ("Instant model: learning from the labels", "live"),
    "ready": ("Instant model", "good"),
}


def card(instant: Instant, images: int, indexer: Service | None) -> None:
    """What it can do, or what it is doing, with the time left where the indexer knows it."""
    words, light = HEADS[instant.state]
    with st.container(border=True, key="instant", height="stretch"):
        markup.draw(markup.state(words, light))
        if instant.state == "indexing":
            left = indexer.detail.get("seconds_left") if indexer else None
            said = f"{instant.sentence} {duration(float(left)).capitalize()} left." if left else instant.sentence
            markup.draw(markup.bar(1 - instant.waiting / max(images, instant.waiting, 1), said))
        elif instant.model is None:
            markup.draw(markup.words(instant.sentence, quiet=True))
        else:
            model = instant.model
            markup.draw(markup.model_score(model, instant.sentence, large=True))

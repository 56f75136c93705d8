"""The states every screen has beside the full one: nothing there yet, under way, and gone wrong in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import streamlit as st

from core.errors import NotFound, StudioError
from pages.parts import links, markup
from pages.parts.text import literal


@contextmanager
def sentences() -> Iterator[None]:
    """Whatever goes wrong inside becomes an amber sentence. A page does all its work in one of these."""
    try:
        yield
    except StudioError as error:
        problem(str(error))
        if isinstance(error, NotFound):
            links.go("Back to Home", "home", "arrow_back")


def problem(sentence: str) -> None:
    """What happened and what to do."""
    st.warning(literal(sentence), icon=":material/info:")


def empty(title: str, sentence: str) -> None:
    """What this screen will show once there is something to show."""
    markup.draw(f'<div class="dr-empty"><h2>{escape(title)}</h2>', f'<p class="dr-quiet">{escape(sentence)}</p></div>')


def missing(sentence: str, dataset_id: int, to_label: bool) -> None:
    """A dataset is not ready for this: what it lacks, and the two ways to it; first to label where pictures wait."""
    problem(sentence)
    with st.container(horizontal=True):
        kinds: tuple[links.Kind, links.Kind] = ("secondary", "primary") if to_label else ("primary", "secondary")
        links.go("Add pictures", "datasets", "add_photo_alternate", kinds[0], dataset=dataset_id)
        links.go("Label", "labelling", "label", kinds[1], dataset=dataset_id)


def begin(title: str, sentence: str) -> None:
    """The state of a screen before the first picture: what it will show, and the one way to begin."""
    empty(title, sentence)
    with st.container(horizontal_alignment="center"):
        links.go("Add pictures", "home", "add_photo_alternate", "primary")

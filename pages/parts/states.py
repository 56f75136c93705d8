"""The states every screen has beside the full one: nothing there yet, under way, and gone wrong in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import streamlit as st

from core.errors import NotFound, StudioError
from pages.parts import markup
from pages.parts.text import literal


@contextmanager
def sentences() -> Iterator[None]:
    """Whatever goes wrong inside becomes an amber sentence. A page does all its work in one of these."""
    try:
        yield
    except StudioError as error:
        problem(str(error))
        if isinstance(error, NotFound):
            st.page_link("pages/home.py", label="Back to Home", icon=":material/arrow_back:")


def problem(sentence: str) -> None:
    """What happened and what to do."""
    st.warning(literal(sentence), icon=":material/info:")


def empty(title: str, sentence: str) -> None:
    """What this screen will show once there is something to show."""
    markup.draw(f'<div class="dr-empty"><h2>{escape(title)}</h2>', f'<p class="dr-quiet">{escape(sentence)}</p></div>')

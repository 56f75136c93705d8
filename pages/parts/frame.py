"""The polish that holds for every page: one style sheet, the logo, the head line of a page."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components import assets
from pages.parts.markup import variables
from pages.parts.text import literal

STYLES = tuple(Path(__file__).parent / name for name in ("frame.css", "screens.css"))
FAVICON = assets.FOLDER / "favicon.png"
LOGO = assets.FOLDER / "logo.svg"


def dress() -> None:
    """Puts the style sheet and the logo on the page. Call once a run, before anything is drawn."""
    st.html(f"<style>{variables()}{''.join(style.read_text('utf-8') for style in STYLES)}</style>")
    st.logo(str(LOGO), size="large")


def head(title: str, sentence: str = "") -> None:
    """The page's one heading, with the sentence that says what the page is for. Both are shown as they are."""
    st.title(literal(title), anchor=False)
    if sentence:
        st.markdown(f":gray[{literal(sentence)}]")

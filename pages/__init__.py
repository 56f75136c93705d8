"""The screens, one file each, and the Studio they all ask."""

from __future__ import annotations

import streamlit as st

from core import people
from core.embedded import open_studio
from core.settings import read_settings
from core.studio import Studio

_NAME = "who"  # in the session: what was said on this page; its cookies are as old as its connection


@st.cache_resource(show_spinner=False)
def opened() -> Studio:
    """The one Studio of this process, opened when first asked for. Raises StudioError where it cannot be opened."""
    return open_studio(read_settings())


def studio() -> Studio:
    """`opened`, in the name of who looks at the screen."""
    return people.named(opened(), st.session_state.get(_NAME, people.from_cookies(st.context.cookies.to_dict())))


def introduce(name: str) -> None:
    """Somebody has said their name, or taken it back, which their browser knows already."""
    st.session_state[_NAME] = name

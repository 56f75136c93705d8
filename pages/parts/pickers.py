"""Which dataset, model or run a screen is about. The answer stands in the address, so that a link and F5 keep it."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st


def chosen(name: str) -> int | None:
    """The id in the address (`?dataset=3`); None where there is none or it is no number."""
    value = st.query_params.get(name, "")
    return int(value) if value.isdecimal() and len(value) < 19 else None


def pick(label: str, name: str, options: Mapping[int, str], default: int) -> int:
    """A select box whose choice is `?name=ID`; an id that is no option gives the default.

    The address is the truth and the box follows it, so that the browser's back button works.
    """
    key = f"pick-{name}"
    wanted = chosen(name)
    st.session_state[key] = wanted if wanted in options else default

    def remember() -> None:
        st.query_params[name] = str(st.session_state[key])

    picked = st.selectbox(label, list(options), format_func=lambda one: options[one], key=key, on_change=remember)
    return default if picked is None else picked

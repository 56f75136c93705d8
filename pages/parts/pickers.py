"""Which dataset, model or run a screen is about. The answer stands in the address, so that a link and F5 keep it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st


def chosen(name: str) -> int | None:
    """The id in the address (`?dataset=3`); None where there is none or it is no number."""
    value = st.query_params.get(name, "")
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else None


def wanted(name: str, options: Mapping[int, str]) -> int:
    """The id in the address; the first option where there is none. An id that is no option is given back all the
    same: asking for it says in a sentence that there is no such thing."""
    asked = chosen(name)
    return next(iter(options)) if asked is None else asked


def pick(label: str, name: str, options: Mapping[int, str], default: int, forget: str = "") -> int:
    """A select box whose choice is `?name=ID`.

    The address is the truth and the box follows it, so that the browser's back button works. Another choice takes
    `forget` out of the address, which was about the choice before.
    """
    key = f"pick-{name}"
    asked = chosen(name)
    st.session_state[key] = asked if asked in options else default

    def remember() -> None:
        st.query_params.pop(forget, None)
        st.query_params[name] = str(st.session_state[key])

    picked = st.selectbox(label, list(options), format_func=lambda one: options[one], key=key, on_change=remember)
    return default if picked is None else picked


def pills(
    label: str,
    name: str,
    options: Mapping[str, str],
    default: str,
    changed: Callable[[], None],
    within: Mapping[str, str] | None = None,
    key: str = "",
) -> str:
    """Chips of which one is chosen, as `?name=OPTION`; the names are Markdown. `changed` is called after a choice.

    `within` says of what else may stand in the address which option it is a part of.
    """
    key = f"pick-{key or name}"
    wanted = st.query_params.get(name, default)
    wanted = (within or {}).get(wanted, wanted)
    st.session_state[key] = wanted if wanted in options else default

    def remember() -> None:
        st.query_params[name] = str(st.session_state[key])
        changed()

    picked = st.pills(
        label,
        list(options),
        required=True,
        format_func=lambda one: options[one],
        key=key,
        on_change=remember,
        label_visibility="collapsed",
    )
    return picked or default

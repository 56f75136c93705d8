"""Dialogs that stay open while the page behind them is drawn anew, as when a model has learned meanwhile.

Streamlit closes a dialog with the next run that does not draw it. So the session keeps which one is open, and the page
draws it for as long as that is so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import streamlit as st

_OPEN, _PAGE = "dialog", "dialog-page"  # in the session: a name, and the screen that it was opened on


def dialog(
    title: str, width: Literal["small", "large"] = "small"
) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """What the decorated function draws, over the page. Draw it where `asked`."""
    return st.dialog(title, width=width, on_dismiss=shut)


def ask(name: str) -> None:
    """Opens one, in place of any other."""
    st.session_state[_OPEN] = name


def asked(name: str) -> bool:
    return bool(st.session_state.get(_OPEN) == name)


def shut() -> None:
    """What it was about is done, or nobody wants it any more."""
    st.session_state.pop(_OPEN, None)


def on(screen: str) -> None:
    """Whoever has gone to another screen has left the dialog behind."""
    if st.session_state.get(_PAGE) != screen:
        shut()
    st.session_state[_PAGE] = screen

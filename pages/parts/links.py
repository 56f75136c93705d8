"""Ways to other screens, without a reload, with what they are about in the address."""

from __future__ import annotations

from typing import Literal

import streamlit as st

Kind = Literal["primary", "secondary", "tertiary"]


def go(
    label: str,
    screen: str,
    icon: str | None = None,
    kind: Kind = "tertiary",
    place: str = "",
    **address: object,
) -> None:
    """A button that opens `pages/<screen>.py` with `address` as its query; `label` is Markdown.

    Not `st.page_link`: a link to the very page one is on shows the right thing, but leaves the address as it was.
    """
    query = {name: str(value) for name, value in address.items()}
    key = f"go-{place}-{screen}-{'-'.join(query.values())}-{label}"
    if st.button(label, key=key, icon=icon and f":material/{icon}:", type=kind):
        st.switch_page(f"pages/{screen}.py", query_params=query)

"""A page that shows one component, named in the address: `/?show=uploader`. What it triggers is written below it."""

from __future__ import annotations

import json

import streamlit as st

from pages.components.uploader import uploader
from pages.parts import frame
from pages.parts.theme import label_colour
from tests.components.fake import LABELS

st.set_page_config(page_title="Darkroom", page_icon=str(frame.FAVICON), layout="wide")
frame.dress()
labels = [{"id": i + 1, "name": name, "color": label_colour(i)} for i, name in enumerate(LABELS)]
show = st.query_params.get("show", "uploader")


def told(name: str, value: object) -> None:
    """What the component triggered last stays on the page, for the test to read."""
    if value:
        st.session_state[name] = value
    st.caption(f"{name}={json.dumps(st.session_state.get(name))}")


if show == "uploader":
    frame.head("Clothes", "Every picture stays on this server.")
    dataset = int(st.query_params.get("dataset", "0")) or None
    told("done", uploader("up", dataset, st.query_params.get("name", "Clothes"), labels if dataset else []))

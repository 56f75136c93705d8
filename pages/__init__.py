"""The screens, one file each, and the Studio they all ask."""

from __future__ import annotations

import streamlit as st

from core.embedded import open_studio
from core.settings import read_settings
from core.studio import Studio


@st.cache_resource(show_spinner=False)
def studio() -> Studio:
    """The one Studio of this process, opened when first asked for. Raises StudioError where it cannot be opened."""
    return open_studio(read_settings())

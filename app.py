"""The front door: the ASGI app (gate, routes, lifespan) when a server imports it, the frame when Streamlit runs it."""

from __future__ import annotations

import logging
from pathlib import Path

import streamlit as st
from streamlit import config
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.errors import StudioError
from core.serving import demands
from core.serving.gate import gate
from core.serving.headers import page_policy
from core.serving.lifespan import lifespan
from core.serving.routes import routes
from core.settings import read_settings
from pages import opened as opened_studio
from pages.components import assets
from pages.parts import dialogs, frame, states

log = logging.getLogger("core.app")

PAGES = (
    ("home", "Home", "home"),
    ("datasets", "Datasets", "photo_library"),
    ("labelling", "Label", "label"),
    ("training", "Train", "model_training"),
    ("models", "Models", "neurology"),
    ("predictions", "Try it", "center_focus_strong"),
    ("system", "System", "dns"),
)
ADDRESSES = {"labelling": "label", "training": "train", "predictions": "try"}  # where the address is shorter


def main() -> None:
    """The frame: what is around every page, then the page."""
    st.set_page_config(page_title="Darkroom", page_icon=str(frame.FAVICON), layout="wide")
    frame.dress()
    pages = [
        st.Page(
            f"pages/{name}.py",
            title=title,
            icon=f":material/{icon}:",
            url_path=ADDRESSES.get(name, name),
            default=name == "home",
        )
        for name, title, icon in PAGES
    ]
    page = st.navigation(pages, position="top")
    dialogs.on(page.url_path)
    page.run()


def calm(error: Exception) -> bool:
    """What a visitor sees of an error no page has caught: a sentence, never a traceback."""
    if isinstance(error, StudioError):
        states.problem(str(error))
        return True
    log.error("A page failed", exc_info=error)
    states.problem(
        "This page could not be drawn. Nothing that was saved is lost. Reload the page; if it stays like this, "
        "the System page shows the log."
    )
    return True


def application() -> st.App:
    """The ASGI app with everything opened. Raises StudioError where Darkroom must not or cannot start."""
    # Else a fresh server would run pages/label.py without this frame, and so without the gate of a future log-in.
    PagesManager.uses_pages_directory = False
    settings = read_settings()
    config._main_script_path = __file__  # so that .streamlit beside this file counts, wherever it was started from
    for name, value in demands.own(settings).items():
        config.set_option(name, value)
    demands.check(config.get_option, settings)
    index_html = (Path(st.__file__).parent / "static" / "index.html").read_text("utf-8")
    opened = opened_studio()
    return st.App(
        __file__,
        routes=routes(opened, {name: assets.path(name) for name in assets.names()}),
        middleware=[gate(settings, page_policy(index_html))],
        lifespan=lifespan(opened),
        on_script_error=calm,
    )


if get_script_run_ctx(suppress_warning=True) is None:
    app = application()
else:
    main()

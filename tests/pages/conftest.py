"""Screens on a scratch studio: real storage, no processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import pages
from core.studio import Studio

APP = Path(__file__).parents[2] / "app.py"
ADDRESSES = {
    "home": "home",
    "datasets": "datasets",
    "label": "labelling",
    "train": "training",
    "models": "models",
    "try": "predictions",
    "system": "system",
}
Visit = Callable[..., AppTest]


@pytest.fixture
def visit(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visit]:
    """`visit("training", dataset=3)`: opens the screen from app.py, as a browser does, and gives it drawn."""
    monkeypatch.setattr(pages, "open_studio", lambda _settings: studio)
    pages.studio.clear()

    def visit(page: str, **address: object) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=30).run()
        for name, value in address.items():
            app.query_params[name] = str(value)
        return app.switch_page(f"pages/{page}.py").run()

    yield visit
    pages.studio.clear()


def words(app: AppTest) -> str:
    """Everything a screen says, as it was sent to the browser."""
    kinds = ("title", "markdown", "html", "caption", "button", "warning", "code", "page_link", "link_button", "metric")
    said = [str(getattr(one, "value", "")) for kind in kinds for one in app.get(kind)]
    said += [str(one.label) for one in app.button]
    return "\n".join(said)

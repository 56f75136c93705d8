"""The addresses of Darkroom's own statics, each with its content's hash, so that a browser may keep them for ever."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import plotly

FOLDER = Path(__file__).parent / "assets"
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
PREFIX = "/assets/"


def names() -> list[str]:
    """Every file that may be served below `PREFIX`; `plotly.js` is the installed Plotly's own."""
    return sorted([path.name for path in FOLDER.iterdir() if path.is_file()] + ["plotly.js"])


def path(name: str) -> Path:
    """The file behind a name of `names()`. Raises KeyError for any other name: a name is never a path."""
    if name not in names():
        raise KeyError(name)
    return PLOTLY if name == "plotly.js" else FOLDER / name


@cache
def _hash(name: str, modified_ns: int) -> str:
    return hashlib.sha256(path(name).read_bytes()).hexdigest()[:12]


def url(name: str) -> str:
    """`/assets/gallery.js?v=<hash of its content>`. The file is read again only when it was changed."""
    return f"{PREFIX}{name}?v={_hash(name, path(name).stat().st_mtime_ns)}"

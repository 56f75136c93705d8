"""Pages of our own beside Streamlit's: plain HTML files that need no session."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

PAGES = {"/developers": "developers.html", "/share": "share.html"}  # address -> file


def pages(files: Mapping[str, Path]) -> list[BaseRoute]:
    """Their routes; a page whose file is not among `files` has none."""

    return [_route(address, files[name]) for address, name in PAGES.items() if name in files]


def _route(address: str, path: Path) -> Route:
    async def page(_request: Request) -> Response:
        return HTMLResponse(await run_in_threadpool(path.read_bytes), headers={"cache-control": "no-cache"})

    return Route(address, page, methods=["GET"])

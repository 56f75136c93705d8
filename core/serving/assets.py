"""Our own scripts, styles, fonts and drawings, and Plotly's script: a fixed list, nothing else is ever read."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core.serving.answers import Endpoint

FOREVER = "public, max-age=31536000, immutable"  # the address carries the content's hash
EACH_TIME = "no-cache"
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
PACKED = (".js", ".css", ".svg", ".txt")


@dataclass(frozen=True, slots=True)
class _Asset:
    modified_ns: int
    content: bytes
    packed: bytes | None  # gzipped once: Streamlit's own compression would do it again for every browser
    etag: str


def assets(files: Mapping[str, Path]) -> Endpoint:
    """The endpoint of /assets/{name}, where `files` is every name there is."""
    held: dict[str, _Asset] = {}
    lock = threading.Lock()

    def read(name: str) -> _Asset:
        path = files[name]
        modified_ns = path.stat().st_mtime_ns
        with lock:
            if name not in held or held[name].modified_ns != modified_ns:
                content = path.read_bytes()
                packed = gzip.compress(content, 6, mtime=0) if path.suffix in PACKED else None
                held[name] = _Asset(modified_ns, content, packed, f'"{hashlib.sha256(content).hexdigest()[:24]}"')
            return held[name]

    async def endpoint(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in files:
            return JSONResponse({"error": "There is no such file."}, 404)
        found = await run_in_threadpool(read, name)
        headers = {
            "cache-control": FOREVER if "v" in request.query_params else EACH_TIME,
            "etag": found.etag,
            "vary": "accept-encoding",
        }
        if request.headers.get("if-none-match") == found.etag:
            return Response(status_code=304, headers=headers)
        kind = TYPES.get(files[name].suffix, "application/octet-stream")
        if found.packed is None or "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(found.content, media_type=kind, headers=headers)
        return Response(found.packed, media_type=kind, headers={**headers, "content-encoding": "gzip"})

    return endpoint

"""How a route answers: what it raises becomes one sentence with the right status, never a traceback."""

from __future__ import annotations

import logging
import math
import re
import urllib.parse
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from core import people
from core.errors import Conflict, DiskFull, NotFound, Refused, StudioError, TooMany, Unauthorized, Unavailable
from core.studio import Studio

log = logging.getLogger(__name__)

Ask = Callable[[Request, Studio], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]

BUG = "Something went wrong here. Nothing that was saved is lost. Please try again."  # the log says what
_STATUS: tuple[tuple[type[StudioError], int], ...] = (
    (NotFound, 404),
    (Conflict, 409),
    (Refused, 422),
    (Unavailable, 503),
    (DiskFull, 507),
    (Unauthorized, 401),
    (TooMany, 429),
    (StudioError, 400),
)
_GONE = 499  # nobody is there any more to read it
_UPLOAD_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")


class TooLarge(Refused):
    """The body is larger than this route takes (HTTP 413)."""


class Malformed(Refused):
    """The request does not say what this route needs (HTTP 400)."""


def answering(ask: Ask, studio: Studio) -> Endpoint:
    """The endpoint of a route that is a function of the request and the Studio, in the name that the browser sends."""

    async def endpoint(request: Request) -> Response:
        try:
            return await ask(request, people.named(studio, people.from_cookies(request.cookies)))
        except StudioError as error:
            return JSONResponse({"error": str(error)}, _status(error), headers=_headers(error))
        except ClientDisconnect:
            return Response(status_code=_GONE)
        except Exception:
            log.exception("%s %r failed", request.method, request.url.path)
            return JSONResponse({"error": BUG}, 500)

    return endpoint


async def nothing_here(request: Request) -> Response:
    """The last route below /api/: else Streamlit would answer an unknown address with its page."""
    return JSONResponse({"error": f"There is nothing here that answers {request.method}."}, 404)


def _status(error: StudioError) -> int:
    if isinstance(error, TooLarge):
        return 413
    if isinstance(error, Malformed):
        return 400
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def _headers(error: StudioError) -> dict[str, str]:
    if isinstance(error, TooMany):
        return {"retry-after": str(max(1, math.ceil(error.wait_s)))}
    return {"www-authenticate": "Bearer"} if isinstance(error, Unauthorized) else {}


def number(request: Request, what: str, name: str = "id") -> int:
    """A number from the address. Raises NotFound: an id that cannot be is an id that does not exist."""
    text = str(request.path_params[name])
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise NotFound(f"There is no such {what}.")
    return int(text)


def upload_id(request: Request) -> str:
    """The id of an upload from the address. Raises NotFound."""
    text = str(request.path_params["id"])
    if not _UPLOAD_ID.fullmatch(text):
        raise NotFound("There is no such upload.")
    return text


def whole_number(request: Request, name: str, otherwise: int) -> int:
    """A number from 0 from the address after the `?`. Raises Malformed."""
    text = request.query_params.get(name, str(otherwise))
    if text == str(otherwise):
        return otherwise
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Malformed(f"{name} must be a whole number.")
    return int(text)


def attachment(name: str) -> str:
    """The Content-Disposition of a download. The name is data: no path, no control character, any alphabet."""
    safe = re.sub(r'[\s\x00-\x1f\x7f/\\:*?"<>|]+', " ", name).strip(" .")[:150] or "download"
    plain = safe.encode("ascii", "replace").decode().replace("?", "_")
    # A lone surrogate cannot be written as UTF-8.
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{urllib.parse.quote(safe, safe='', errors='replace')}"


def finite(value: Any) -> Any:
    """The value as JSON can say it: what is infinite or not a number becomes null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return value

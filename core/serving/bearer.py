"""Who shows a secret: only in the header made for it. Never a cookie, never the address, which ends in logs."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from core.errors import Unauthorized
from core.serving.answers import Malformed
from core.serving.bodies import form_file, whole
from core.settings import MIB
from core.studio import Studio

FORM_EXTRA_BYTES = 1 * MIB  # what a form may be longer than the picture in it


def secret(request: Request) -> str:
    """Raises Unauthorized."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise Unauthorized("This address takes a token, in the header Authorization: Bearer TOKEN.")
    return text.strip()


def caller(request: Request) -> str:
    """Whom too many wrong secrets are counted against."""
    return request.client.host if request.client else ""


async def picture(request: Request, studio: Studio) -> bytes:
    """The picture a request carries: as its body, or as the first file of a form. Raises Malformed, TooLarge."""
    limit = studio.settings.picture_limit_bytes
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        found = await form_file(request, limit + FORM_EXTRA_BYTES)
    else:
        found = await whole(request, limit)
    if not found:
        raise Malformed("The request holds no picture. Send it as the body, or as a file of a form.")
    return found


def private(response: Response) -> Response:
    """Nothing on the way may keep it."""
    response.headers["cache-control"] = "no-store"
    return response

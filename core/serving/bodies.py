"""Reading what a request carries, under a limit, without ever holding a large body in memory."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from core.serving.answers import Malformed, TooLarge
from core.settings import MIB

JSON_LIMIT_BYTES = 2 * MIB
PIECE_BYTES = 1 * MIB  # what goes to the disk in one go: one hop to a thread each


async def pieces(request: Request, limit_bytes: int) -> AsyncIterator[bytes]:
    """The body in order, in pieces of about PIECE_BYTES.

    Raises:
        TooLarge: at once when the request says so itself, else when it turns out so.
        ClientDisconnect: the browser went away in the middle.
    """
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said) > limit_bytes:
        raise _too_large(limit_bytes)
    total, held = 0, bytearray()
    async for chunk in request.stream():
        total += len(chunk)
        if total > limit_bytes:
            raise _too_large(limit_bytes)
        held += chunk
        if len(held) >= PIECE_BYTES:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


async def whole(request: Request, limit_bytes: int) -> bytes:
    """The body, for what is small enough to be held."""
    return b"".join([piece async for piece in pieces(request, limit_bytes)])


async def form_file(request: Request, limit_bytes: int) -> bytes:
    """The one file of a form. Raises Malformed (no form, no file, or several), TooLarge."""
    body = await whole(request, limit_bytes)

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body
        yield b""

    parser = MultiPartParser(request.headers, stream(), max_files=1, max_fields=8)
    parser.spool_max_size = limit_bytes  # the body is in memory already: nothing goes to the disk
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError):
        raise Malformed("The form cannot be read. Send one file, as multipart/form-data.") from None
    try:
        files = [part for _, part in form.multi_items() if isinstance(part, UploadFile)]
        if not files:
            raise Malformed("The form holds no file.")
        return await files[0].read()
    finally:
        await form.close()


async def fields(request: Request) -> dict[str, Any]:
    """The JSON object in the body.

    Only with a header that a form on another web site cannot send: the content type or `X-Darkroom`.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and "x-darkroom" not in request.headers:
        raise Malformed("This address takes JSON, with the content type application/json.")
    try:
        found = json.loads(await whole(request, JSON_LIMIT_BYTES) or b"{}")
    except (ValueError, RecursionError):
        raise Malformed("The request is not valid JSON.") from None
    if not isinstance(found, dict):
        raise Malformed("The request must be a JSON object.")
    return found


def text(found: dict[str, Any], name: str, limit: int = 300) -> str:
    """A text among the fields. Raises Malformed where it is missing, no text, or longer than `limit` characters."""
    value = found.get(name)
    if not isinstance(value, str):
        raise Malformed(f"The request has no text called {name}.")
    if len(value) > limit:
        raise Malformed(f"The text {name} is longer than {limit} characters.")
    return value


def optional_number(found: dict[str, Any], name: str) -> int | None:
    """A whole number from 0 among the fields; None where it is missing or null. Raises Malformed."""
    value = found.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10**15:
        raise Malformed(f"{name} must be a whole number.")
    return value


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"That is more than the {limit_bytes / MIB:.0f} MB that can be sent at once.", "too_large")

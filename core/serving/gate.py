"""The gate: stands before every route, Streamlit's own included, for HTTP and for websockets.

Who may come in is decided here and nowhere else: this machine only (unless the settings open Darkroom to the
network), under a host name of ours (a foreign name is DNS rebinding), and, for whatever changes something, from a page
of ours. Every response leaves with the security headers, also those of routes that failed.
"""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from core.serving.answers import BUG
from core.serving.headers import ALWAYS, DATA_POLICY, GUESTS
from core.settings import Settings

log = logging.getLogger(__name__)

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
DATA_PATHS = ("/api/", "/media/")
GUEST_PATH = "/share"  # the page of a link to share
# What asks for a secret of its own, or holds nothing: all that other machines reach where only that is open to them.
_SHARED = re.compile(r"/share|/api/share(/predict)?|/api/v1/[a-z0-9/.]+|/developers|/assets/[A-Za-z0-9_.-]+")
_GUEST = "bearer look_"  # how the secret of a link to share begins
# Streamlit's own doors that no screen uses: its uploads stay in memory, its figures are for everybody.
CLOSED_PATHS = ("/_stcore/upload_file", "/_stcore/metrics", "/_stcore/agent")
# What tells the routes behind the gate who somebody is. Only the gate may say it.
IDENTITY_HEADER = b"x-app-user"

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")
_STARTS = ("http.response.start", "websocket.http.response.start")


def gate(settings: Settings, policy: str) -> Middleware:
    """The gate as an ASGI app takes it; it must be the outermost one.

    Args:
        policy: the Content-Security-Policy of pages; data gets a stricter one.
    """
    return Middleware(Gate, settings=settings, policy=policy)


class Gate:
    """Pure ASGI middleware."""

    def __init__(self, app: ASGIApp, settings: Settings, policy: str) -> None:
        self._app, self._settings = app, settings
        self._page_headers = _encoded({**ALWAYS, "content-security-policy": policy})
        self._guest_headers = {**self._page_headers, **_encoded(GUESTS)}
        self._data_headers = _encoded({**ALWAYS, "content-security-policy": DATA_POLICY})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        extra = self._data_headers if scope["path"].startswith(DATA_PATHS) else self._page_headers
        if scope["path"] == GUEST_PATH:
            extra = self._guest_headers
        begun = False

        async def send_dressed(message: Message) -> None:
            nonlocal begun
            if message["type"] in _STARTS:
                begun = True
                kept = [pair for pair in message.get("headers", []) if pair[0].lower() not in extra]
                message = {**message, "headers": [*kept, *extra.items()]}
            await send(message)

        if _is_astray(scope):
            await _sentence(scope, "This link opens one page, and nothing else.", 401)(scope, receive, send_dressed)
            return
        if sentence := self.refusal(scope):
            await _refuse(scope, receive, send_dressed, sentence)
            return
        try:
            await self._app(_identified(scope), receive, send_dressed)
        except ClientDisconnect:
            return
        except Exception:
            log.exception("A route failed: %r", scope["path"])
            if scope["type"] == "http" and not begun:
                await _sentence(scope, BUG, 500)(scope, receive, send_dressed)

    def refusal(self, scope: Scope) -> str | None:
        """Why this request may not come in, as a sentence; None when it may."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        host = hosts[0].lower() if len(hosts) == 1 else ""
        if not self._may_reach(scope):
            return "Darkroom has no log-in yet, so it answers only to the machine it runs on."
        if not self._is_ours(host):
            return (
                "Darkroom does not answer under this host name. If the name is right, add it to DARKROOM_ALLOWED_HOSTS."
            )
        if scope["path"].startswith(CLOSED_PATHS):
            return "Darkroom does not use this address. Pictures are added on its own pages."
        changes = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if changes and not _is_same_origin(headers, host):
            return "This request came from another web site, so nothing was done."
        return None

    def _may_reach(self, scope: Scope) -> bool:
        if self._settings.open_to_network or _is_this_machine(scope.get("client")):
            return True
        return self._settings.share_to_network and scope["type"] == "http" and bool(_SHARED.fullmatch(scope["path"]))

    def _is_ours(self, host: str) -> bool:
        """The port may be any: a tunnel often has another one, and a rebinding attack cannot do without a name."""
        found = _HOST.fullmatch(host)
        if not found:
            return False
        name = found["name"].strip("[]").rstrip(".")
        if name in self._settings.hosts:
            return True
        # A number is never rebound; on a network that Darkroom is open to, people type the machine's.
        open_at_all = self._settings.open_to_network or self._settings.share_to_network
        return open_at_all and _address(name) is not None


def _is_astray(scope: Scope) -> bool:
    """The secret of a link to share was shown to another door."""
    shown = Headers(scope=scope).get("authorization", "").lower()
    return scope["type"] == "http" and shown.startswith(_GUEST) and not scope["path"].startswith("/api/share")


def _identified(scope: Scope) -> Scope:
    """The request as the routes see it. Log-ins will look up the session here and set the identity header anew."""
    return {**scope, "headers": [pair for pair in scope["headers"] if pair[0].lower() != IDENTITY_HEADER]}


def _is_same_origin(headers: Headers, host: str) -> bool:
    """Browsers always send one of the two headers here; other programs, which nobody can trick, send neither."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    # The scheme is left open: before a TLS proxy the page is https and this request is http.
    return origin is None or origin.lower() in (f"http://{host}", f"https://{host}")


def _is_this_machine(client: tuple[str, int] | None) -> bool:
    if client is None:  # a socket file, which no network reaches
        return True
    found = _address(client[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return found is not None and found.is_loopback


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _encoded(headers: Mapping[str, str]) -> dict[bytes, bytes]:
    return {name.encode(): value.encode() for name, value in headers.items()}


def _sentence(scope: Scope, sentence: str, status: int) -> Response:
    if scope["path"].startswith("/api/"):
        return JSONResponse({"error": sentence}, status)
    return PlainTextResponse(sentence, status)


async def _refuse(scope: Scope, receive: Receive, send: Send, sentence: str) -> None:
    response = _sentence(scope, sentence, 403)
    if scope["type"] == "http":
        await response(scope, receive, send)
    elif "websocket.http.response" in scope.get("extensions", {}):
        await WebSocket(scope, receive, send).send_denial_response(response)
    else:
        await WebSocket(scope, receive, send).close(1008)

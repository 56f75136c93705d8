"""Starts the web server: binds first, says where Darkroom is, then serves until it is told to end."""

from __future__ import annotations

import os
import socket
import sys
import threading
import webbrowser
from importlib import import_module
from pathlib import Path

import uvicorn

from core.errors import StudioError
from core.settings import Settings

ROOT = Path(__file__).parent.parent.parent  # where app.py and .streamlit are
MESSAGE_LIMIT_BYTES = 50 << 20
PING_S = 20.0


def serve(settings: Settings, browser: bool = True) -> None:
    """Serves app.py at the address and port of the settings (port 0: a free one) until SIGTERM or Ctrl+C.

    Streamlit's settings come from the .streamlit folder beside app.py, wherever this is started from.

    Raises:
        StudioError: the port is taken, or Darkroom cannot start; nothing runs then.
    """
    with _bound(settings) as listening:
        port = listening.getsockname()[1]
        os.environ["DARKROOM_PORT"] = str(port)  # app.py reads its settings anew, as it does under any ASGI server
        if str(ROOT) not in sys.path:
            sys.path.insert(0, str(ROOT))
        application = import_module("app").app
        server = uvicorn.Server(
            uvicorn.Config(
                application,
                host=settings.address,
                port=port,
                lifespan="on",
                log_level="warning",
                access_log=False,  # paths hold upload ids
                server_header=False,
                ws="websockets-sansio",
                ws_max_size=MESSAGE_LIMIT_BYTES,
                ws_ping_interval=PING_S,
                ws_ping_timeout=PING_S,
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=5,
            )
        )
        address = _address(settings.address, port)
        sys.stdout.write(f"Darkroom is at {address}\n")
        sys.stdout.flush()
        if browser and _has_display():
            threading.Timer(1.0, webbrowser.open, [address]).start()
        server.run(sockets=[listening])


def _bound(settings: Settings) -> socket.socket:
    """A listening socket. Bound before anything else is opened: a second Darkroom ends here, having done nothing."""
    family = socket.AF_INET6 if ":" in settings.address else socket.AF_INET
    # By name: asyncio lets only sockets that say so send at once. Else the body of an answer waits until the browser
    # has acknowledged its head, up to 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":  # on Windows this would let two servers share the port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.address, settings.port))
    except OSError as error:
        listening.close()
        raise StudioError(
            f"Darkroom cannot listen on {_address(settings.address, settings.port)}: {error.strerror}. Perhaps it "
            "runs already: open that address. Else choose another port with DARKROOM_PORT."
        ) from None
    listening.listen(2048)
    listening.set_inheritable(False)  # a process that outlives this one must not keep the port
    return listening


def _address(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


def _has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return "SSH_CONNECTION" not in os.environ
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))

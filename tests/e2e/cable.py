"""A network cable between browser and server that can be pulled, and that counts what goes up."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable

PIECE = 1 << 16


class Cable:
    """Listens on a port of its own and passes everything to `server_port`."""

    def __init__(self, server_port: int) -> None:
        self.server_port = server_port
        self.up = True
        self.sent = 0  # bytes from the browser to the server
        self._due: tuple[int, Callable[[], None]] | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def cut(self) -> None:
        """Every open connection breaks, new ones are refused."""
        self.up = False
        self._break()

    def mend(self) -> None:
        self.up = True

    def when(self, sent: int, act: Callable[[], None]) -> None:
        """Does that at the very moment when so many bytes have gone up."""
        self._due = sent, act

    def close(self) -> None:
        self._listener.close()
        self._break()

    def _break(self) -> None:
        with self._lock:
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        while True:
            try:
                browser, _ = self._listener.accept()
            except OSError:
                return
            if not self.up:
                browser.close()
                continue
            threading.Thread(target=self._pass, args=(browser,), daemon=True).start()

    def _pass(self, browser: socket.socket) -> None:
        with browser, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.server_port)) as server:
            ends = {browser: server, server: browser}
            with self._lock:
                self._open |= set(ends)
            try:
                self._pump(browser, ends)
            finally:
                with self._lock:
                    self._open -= set(ends)

    def _pump(self, browser: socket.socket, ends: dict[socket.socket, socket.socket]) -> None:
        with selectors.DefaultSelector() as ready:
            for end in ends:
                ready.register(end, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    at = key.fileobj
                    assert isinstance(at, socket.socket)
                    if not (data := at.recv(PIECE)):
                        return
                    ends[at].sendall(data)
                    self.sent += len(data) if at is browser else 0
                    self._look()

    def _look(self) -> None:
        with self._lock:
            if self._due is None or self.sent < self._due[0]:
                return
            (_, act), self._due = self._due, None
        act()

"""A network cable that can be pulled: a TCP proxy on this machine with a switch."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time


class Cable:
    """Listens on `address`; while it is cut, every connection is closed and none is taken."""

    def __init__(self, server: str) -> None:
        self._target = ("127.0.0.1", int(server.rsplit(":", 1)[1]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._whole = True
        self.held = threading.Lock()  # whoever has it is not cut off
        self.cuts = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(OSError):
                browser, _ = self._listener.accept()
                if not self._whole:
                    browser.close()
                    continue
                server = socket.create_connection(self._target)
                with self._lock:
                    self._open |= {browser, server}
                for ends in ((browser, server), (server, browser)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(1 << 16):
                sink.sendall(content)
        self._end((source, sink))

    def _end(self, ends: tuple[socket.socket, ...]) -> None:
        for one in ends:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
            with self._lock:
                self._open.discard(one)

    def cut_every(self, seconds: float, for_s: float) -> None:
        """Pulls the cable again and again, until the end."""

        def pull() -> None:
            rng = random.Random(0)
            while not self._over.wait(seconds * rng.uniform(0.6, 1.4)):
                with self.held:
                    self._whole = False
                    self._end(tuple(self._open))
                    self.cuts += 1
                    time.sleep(for_s * rng.uniform(0.4, 1.6))
                    self._whole = True

        threading.Thread(target=pull, daemon=True).start()

    def close(self) -> None:
        self._over.set()
        with self.held:
            self._whole = False
        self._listener.close()
        self._end(tuple(self._open))

"""The wire between whoever asks (web, command line) and the predictor process.

A request is a JSON message, followed by the picture's bytes where it is not a file already; the answer is one JSON
message. Both ends prove that they know the key in a file only its owner may read. Nothing on this wire is unpickled.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

from core.errors import DiskFull, NotFound, Refused, StudioError, Unavailable
from core.records import Answer, Model, Neighbour, Ranked
from core.settings import Settings
from core.studio import Files, Predictor, Services

COME_UP_S = 15.0  # a predictor that was just started has this long to answer
ANSWER_S = 60.0  # one answer may take this long, loading the model included
TRIES = 3  # a picture that ends the predictor itself is not offered for ever
POLL_S = 0.05
HEADER_LIMIT_BYTES = 1 << 20
KEPT_CONNECTIONS = 8

_ERRORS: dict[str, type[StudioError]] = {
    "refused": Refused,
    "not_found": NotFound,
    "disk_full": DiskFull,
    "unavailable": Unavailable,
}


@dataclass(frozen=True, slots=True)
class Address:
    port: int  # on 127.0.0.1
    key: bytes

    def connect(self) -> Connection:
        """Raises OSError, EOFError or AuthenticationError: nobody, or somebody else, is there."""
        return Client(("127.0.0.1", self.port), authkey=self.key)


def new_key() -> bytes:
    return secrets.token_bytes(32)


def _address_path(files: Files) -> Path:
    return files.lock("predictor.address")


def write_address(files: Files, address: Address) -> None:
    """Readable by its owner alone from its first byte on; never seen half written."""
    path = _address_path(files)
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    beside.unlink(missing_ok=True)
    content = json.dumps({"port": address.port, "key": address.key.hex()})
    with open(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - Path.open takes no mode bits
        file.write(content)
    beside.replace(path)


def read_address(files: Files) -> Address | None:
    try:
        found = json.loads(_address_path(files).read_text("utf-8"))
        return Address(int(found["port"]), bytes.fromhex(found["key"]))
    except (OSError, ValueError, KeyError):
        return None


# ---- messages ----------------------------------------------------------------------------------------


def answer_message(answer: Answer) -> bytes:
    return json.dumps({"answer": asdict(answer)}).encode()


def error_message(error: StudioError) -> bytes:
    name = next((name for name, kind in _ERRORS.items() if isinstance(error, kind)), "unavailable")
    kind = error.kind if isinstance(error, Refused) else ""
    return json.dumps({"error": name, "message": str(error), "kind": kind}).encode()


def similar_message(found: Sequence[Neighbour]) -> bytes:
    return json.dumps({"similar": [asdict(one) for one in found]}).encode()


def read_answer(message: bytes) -> Answer:
    """Raises the error that the other end met."""
    told = _read(message)["answer"]
    return Answer(
        ranked=tuple(Ranked(**one) for one in told["ranked"]),
        heat=tuple(tuple(row) for row in told["heat"]),
        neighbours=tuple(Neighbour(**one) for one in told["neighbours"]),
        milliseconds=told["milliseconds"],
        width=told["width"],
        height=told["height"],
    )


def read_similar(message: bytes) -> tuple[Neighbour, ...]:
    """Raises the error that the other end met."""
    return tuple(Neighbour(**one) for one in _read(message)["similar"])


def _read(message: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(message)
    if (name := found.get("error")) is not None:
        if name == "refused":
            raise Refused(found["message"], found["kind"])
        raise _ERRORS[name](found["message"])
    return found


# ---- the client --------------------------------------------------------------------------------------


class PredictorClient:
    """Implements `core.studio.Predictor`. Any number of threads may ask at once; each has a connection to itself."""

    def __init__(self, settings: Settings, files: Files, services: Services, come_up_s: float = COME_UP_S) -> None:
        self._limit_bytes = settings.picture_limit_bytes
        self._files, self._services, self._come_up_s = files, services, come_up_s
        self._idle: list[tuple[Address, Connection]] = []
        self._lock = threading.Lock()

    def predict(self, model: Model, picture: bytes | Path, neighbours: int = 3, heat: bool = True) -> Answer:
        """See `Predictor.predict`. Waits for a predictor that is just coming up."""
        asked = {"model": model.id, "folder": model.folder, "neighbours": neighbours, "heat": heat}
        return read_answer(self._ask(asked, picture))

    def similar(self, dataset_id: int, example: int | bytes | Path, count: int) -> tuple[Neighbour, ...]:
        """See `Predictor.similar`. Waits for a predictor that is just coming up."""
        return read_similar(self._ask({"dataset": dataset_id, "count": count}, example))

    def _ask(self, asked: dict[str, Any], example: int | bytes | Path) -> bytes:
        """The other end's answer to a question about an image of its own, or a picture."""
        if isinstance(example, bytes) and len(example) > self._limit_bytes:
            megabytes = self._limit_bytes / (1 << 20)
            raise Refused(f"This picture is larger than {megabytes:.0f} MB. Please make it smaller.", "too_large")
        if isinstance(example, int):
            asked["image"] = example
        if isinstance(example, Path):
            asked["path"] = str(example.absolute())
        messages = [json.dumps(asked).encode()] + ([example] if isinstance(example, bytes) else [])
        deadline_s = time.monotonic() + self._come_up_s
        for _ in range(TRIES):
            address, connection = self._connection(deadline_s)
            if (message := _exchange(connection, messages)) is not None:
                self._put_back(address, connection)
                return message
        raise Unavailable("No answer came for this picture. Please try again in a moment.")

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def _connection(self, deadline_s: float) -> tuple[Address, Connection]:
        """An idle one, else a new one; the background processes are woken where nobody answers."""
        woken = False
        while True:
            address = read_address(self._files)
            if address is not None:
                if (kept := self._take(address)) is not None:
                    return address, kept
                if (new := _connect(address)) is not None:
                    return address, new
            if not woken:
                self._services.wake()
                woken = True
            if time.monotonic() > deadline_s:
                raise Unavailable(
                    "The part of Darkroom that answers did not start. Please try again in a moment; "
                    "`python -m core doctor` says more."
                )
            time.sleep(POLL_S)

    def _take(self, address: Address) -> Connection | None:
        """A kept connection to the predictor that lives at `address` now; those to earlier ones are closed."""
        with self._lock:
            stale = [connection for known, connection in self._idle if known != address]
            self._idle = [pair for pair in self._idle if pair[0] == address]
            found = self._idle.pop()[1] if self._idle else None
        for connection in stale:
            connection.close()
        return found

    def _put_back(self, address: Address, connection: Connection) -> None:
        with self._lock:
            if len(self._idle) < KEPT_CONNECTIONS:
                self._idle.append((address, connection))
                return
        connection.close()


def _connect(address: Address) -> Connection | None:
    try:
        return address.connect()
    except (OSError, EOFError, AuthenticationError):
        return None


def _exchange(connection: Connection, messages: list[bytes]) -> bytes | None:
    """None, and the connection closed, when the other end has gone. Raises Unavailable when it does not answer."""
    try:
        for message in messages:
            connection.send_bytes(message)
        if connection.poll(ANSWER_S):
            return connection.recv_bytes()
    except (OSError, EOFError):
        connection.close()
        return None
    connection.close()
    raise Unavailable("This picture takes too long to answer. Please try again in a moment.")


def _fits_the_port(client: PredictorClient) -> Predictor:
    return client

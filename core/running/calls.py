"""The wire between whoever asks (web, command line) and the predictor process.

A request is a JSON message, followed by the picture's bytes where it is not a file already; the answer is one JSON
message. Both ends prove that they know the key in a file only its owner may read. Nothing on this wire is unpickled.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

from core.errors import DiskFull, NotFound, Refused, StudioError, Unavailable
from core.ports import Files, Predictor, Services
from core.records import Answer, Model, Neighbour, Ranked, Verdict
from core.settings import Settings

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
        return without_delay(Client(("127.0.0.1", self.port), authkey=self.key))


def without_delay(connection: Connection) -> Connection:
    """Sends what is written at once. Else the second of two small writes waits until the other end has acknowledged
    the first, and that waits 40 ms for something to say."""
    with socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as ours:
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


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
    told = {name: getattr(answer, name) for name in ("heat", "milliseconds", "width", "height", "familiarity")}
    told["verdict"] = str(answer.verdict)
    told["ranked"] = [(one.label, one.confidence) for one in answer.ranked]
    told["neighbours"] = [asdict(one) for one in answer.neighbours]
    return json.dumps({"answer": told}).encode()


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
        ranked=tuple(Ranked(*one) for one in told["ranked"]),
        heat=tuple(tuple(row) for row in told["heat"]),
        neighbours=tuple(Neighbour(**one) for one in told["neighbours"]),
        milliseconds=told["milliseconds"],
        width=told["width"],
        height=told["height"],
        verdict=Verdict(told["verdict"]),
        familiarity=told["familiarity"],
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
    """Implements `core.ports.Predictor`. Any number of threads may ask at once; each has a connection to itself."""

    def __init__(self, settings: Settings, files: Files, services: Services, come_up_s: float = COME_UP_S) -> None:
        self._limit_bytes = settings.picture_limit_bytes
        self._files, self._services, self._come_up_s = files, services, come_up_s
        self._idle: list[Connection] = []  # kept open
        self._lock = threading.Lock()

    def predict(
        self,
        model: Model,
        picture: bytes | Path,
        neighbours: int = 3,
        heat: bool = True,
        meanwhile: Callable[[], None] | None = None,
    ) -> Answer:
        """See `Predictor.predict`. Waits for a predictor that is just coming up."""
        asked = {"model": model.id, "folder": model.folder, "neighbours": neighbours, "heat": heat}
        return read_answer(self._ask(asked, picture, meanwhile))

    def similar(self, dataset_id: int, example: int | bytes | Path, count: int) -> tuple[Neighbour, ...]:
        """See `Predictor.similar`. Waits for a predictor that is just coming up."""
        return read_similar(self._ask({"dataset": dataset_id, "count": count}, example))

    def _ask(
        self, asked: dict[str, Any], example: int | bytes | Path, meanwhile: Callable[[], None] | None = None
    ) -> bytes:
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
            connection = self._connection(deadline_s)
            if _sent(connection, messages):
                if meanwhile is not None:
                    _do(meanwhile, connection)
                    meanwhile = None
                if (message := _received(connection)) is not None:
                    self._put_back(connection)
                    return message
            self.close()  # whoever was at the other end of the kept ones is gone
        raise Unavailable("No answer came for this picture. Please try again in a moment.")

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _connection(self, deadline_s: float) -> Connection:
        """A kept one, else a new one; the background processes are woken where nobody answers."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        woken = False
        while True:
            address = read_address(self._files)
            if address is not None and (new := _connect(address)) is not None:
                return new
            if not woken:
                self._services.wake()
                woken = True
            if time.monotonic() > deadline_s:
                raise Unavailable(
                    "The part of Darkroom that answers did not start. Please try again in a moment; "
                    "`python -m core doctor` says more."
                )
            time.sleep(POLL_S)

    def _put_back(self, connection: Connection) -> None:
        with self._lock:
            if len(self._idle) < KEPT_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()


def _connect(address: Address) -> Connection | None:
    try:
        return address.connect()
    except (OSError, EOFError, AuthenticationError):
        return None


def _sent(connection: Connection, messages: list[bytes]) -> bool:
    """False, and the connection closed, when the other end has gone."""
    try:
        for message in messages:
            connection.send_bytes(message)
    except OSError:
        connection.close()
        return False
    return True


def _do(something: Callable[[], None], connection: Connection) -> None:
    """The connection, on which an answer is coming that nobody will read, is closed where it fails."""
    try:
        something()
    except BaseException:
        connection.close()
        raise


def _received(connection: Connection) -> bytes | None:
    """None, and the connection closed, when the other end has gone. Raises Unavailable when it does not answer."""
    try:
        if connection.poll(ANSWER_S):
            return connection.recv_bytes()
    except (OSError, EOFError):
        connection.close()
        return None
    connection.close()
    raise Unavailable("This picture takes too long to answer. Please try again in a moment.")


def _fits_the_port(client: PredictorClient) -> Predictor:
    return client

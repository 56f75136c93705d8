"""The predictor's process: `python -m core.predictor`. One a data folder; a second one finds the lock taken and leaves.

It answers with the model.onnx that a person would download, on the decoded picture as it is. It needs no torch, keeps
nothing that matters, and decodes in children of its own: a picture that ends one of them is refused, no more.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener, answer_challenge, deliver_challenge
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from core.answering import TOGETHER, Answering, Looked
from core.embedded import open_studio
from core.errors import NotFound, StudioError, Unavailable
from core.imaging.lending import Lender
from core.index.neighbours import Neighbours
from core.index.sessions import Outputs, Sessions
from core.ports import Opener, Pixels
from core.records import Answer, Model, ModelKind, Neighbour, Ranked, Verdict
from core.running.alone import alone, when_told_to_end
from core.running.calls import (
    HEADER_LIMIT_BYTES,
    Address,
    answer_message,
    error_message,
    new_key,
    similar_message,
    without_delay,
    write_address,
)
from core.studio import Studio

DECODERS = 2
BEAT_S = 5.0
LOOK_S = 0.1  # how soon a new model is noticed, and made ready before anybody asks
READY = 3  # newest models that are made ready
BACKLOG = 128
YIELD_S = 1.0  # that a batch stands back for who waits at a screen, at most, for each of its pictures

log = logging.getLogger("predictor")


class Callers:
    """How many wait for an answer just now. Thread-safe."""

    def __init__(self) -> None:
        self._waiting, self._changed = 0, threading.Condition()

    @contextmanager
    def one(self) -> Iterator[None]:
        with self._changed:
            self._waiting += 1
        try:
            yield
        finally:
            with self._changed:
                self._waiting -= 1
                self._changed.notify_all()

    def wait_for_none(self, most_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, most_s)


class Predicting:
    """Answers; any number of threads may ask, one at a time computes on all cores."""

    def __init__(self, studio: Studio, opener: Opener, beside: Predicting | None = None) -> None:
        """`beside`: one whose loaded models, and whose callers, it shares. It is for batches then: any number of
        threads compute at the same time, on one core each."""
        self._studio, self._opener = studio, opener
        self._sessions: Sessions = beside._sessions if beside else Sessions(studio.settings.backbone_path)
        self._neighbours: Neighbours = beside._neighbours if beside else Neighbours(studio.store, studio.vectors)
        self._callers: Callers = beside._callers if beside else Callers()
        self._beside = beside is not None
        self._pulse = -1
        self._seen: tuple[tuple[int, str], ...] = ()

    def answer(self, model_id: int, folder: str, picture: bytes | Path, neighbours: int, heat: bool) -> Answer:
        """Raises Refused (the picture), NotFound (the model or its files)."""
        with self._callers.one():
            return self.look(model_id, folder, picture, neighbours, heat).answer

    def wait_for_callers(self) -> None:
        """Until nobody waits for a single answer, or for a second: those who look at a screen go first."""
        self._callers.wait_for_none(YIELD_S)

    def look(
        self, model_id: int, folder: str, picture: bytes | Path, neighbours: int = 0, heat: bool = False
    ) -> Looked:
        """Raises as `answer` does."""
        model = self._studio.store.models.get(model_id)
        path = self._studio.files.model(folder)
        if folder != model.folder and not path.is_dir():  # fitted anew since the caller looked
            path = self._studio.files.model(model.folder)
        session = self._sessions.get(path)
        began_s = time.perf_counter()
        with self._opener.open(picture) as opened:
            decoding_s = time.perf_counter() - began_s
            said, computing_s = session.run(opened.pixels, heat, self._beside)
            near = self._near(model, opened.pixels, said, neighbours) if neighbours > 0 else ()
        familiarity = session.familiarity(said)
        ranked = rank(session.labels or model.labels, said.probabilities)
        answer = Answer(
            ranked=ranked,
            heat=heat_rows(said) if heat else (),
            neighbours=near,
            milliseconds=round(1000 * (decoding_s + computing_s), 1),
            width=opened.width,
            height=opened.height,
            verdict=(
                session.caution.verdict(model.answer_share, ranked[0].confidence, familiarity)
                if session.caution
                else Verdict.ANSWERED
            ),
            familiarity=None if familiarity is None else round(familiarity, 4),
        )
        return Looked(answer, said.vector, opened.format)

    def similar(self, dataset_id: int, example: int | bytes | Path, count: int) -> tuple[Neighbour, ...]:
        """Raises Refused (the picture), NotFound (the dataset, the image), Unavailable (no vector, no backbone)."""
        self._studio.store.datasets.get(dataset_id)
        if isinstance(example, int):
            vector = self._vector_of(dataset_id, example)
            return self._neighbours.similar(dataset_id, vector, count, but=example)
        with self._opener.open(example) as opened:
            vector = self._sessions.backbone().vectors(opened.pixels[None])[0]
        return self._neighbours.similar(dataset_id, vector, count)

    def _vector_of(self, dataset_id: int, image_id: int) -> NDArray[np.float32]:
        image = self._studio.store.images.get(image_id)
        if image.dataset_id != dataset_id:
            raise NotFound(f"There is no image {image_id} in this dataset.")
        row = self._studio.store.vectors.rows([image.sha256]).get(image.sha256)
        if row is None:
            raise Unavailable("This picture was not looked at yet. Please try again in a moment.")
        vector: NDArray[np.float32] = self._studio.vectors.read([row])[0]
        return vector

    def make_ready(self) -> int:
        """Loads the newest models when their table has changed; gives how many are loaded."""
        pulse, self._pulse = self._pulse, self._studio.store.services.pulse()
        if pulse == self._pulse:
            return len(self._sessions)
        models = self._studio.store.models.all()[:READY]
        seen = tuple((model.id, model.folder) for model in models)
        if seen != self._seen:
            for model in models:
                self._warm(model)
            self._seen = seen
        return len(self._sessions)

    def _warm(self, model: Model) -> None:
        try:
            self._sessions.get(self._studio.files.model(model.folder)).warm()
            self._neighbours.prepare(model.dataset_id)
        except StudioError as error:
            log.warning("model %d cannot be made ready: %s", model.id, error)

    def _near(self, model: Model, pixels: Pixels, said: Outputs, count: int) -> tuple[Any, ...]:
        """By the backbone's vector: a trained model's own lies in another space."""
        vector = said.vector if model.kind is ModelKind.INSTANT else said.backbone_vector
        try:
            if vector is None:
                vector = self._sessions.backbone().vectors(pixels[None])[0]
            return self._neighbours.nearest(model.dataset_id, vector, count)
        except Unavailable as error:  # the answer stands without them
            log.warning("no neighbours: %s", error)
            return ()


def rank(labels: tuple[str, ...], probabilities: NDArray[np.float32]) -> tuple[Ranked, ...]:
    """Every label, best first; sums to 1."""
    order = np.argsort(-probabilities, kind="stable")
    shares = probabilities.astype(np.float64) / max(float(probabilities.sum(dtype=np.float64)), 1e-12)
    return tuple(Ranked(labels[at], float(shares[at])) for at in order)


def heat_rows(said: Outputs) -> tuple[tuple[float, ...], ...]:
    """Where the best label was seen, rows of 0..1 from its weakest place to its strongest."""
    if said.class_map is None:
        return ()
    places = said.class_map[int(said.probabilities.argmax())]
    low, high = float(places.min()), float(places.max())
    shown = (places - low) / max(high - low, 1e-12)
    return tuple(tuple(round(float(value), 4) for value in row) for row in shown)


class Server:
    """Takes connections on 127.0.0.1, a thread each, and says nothing to who does not know the key."""

    def __init__(self, studio: Studio, predicting: Predicting) -> None:
        self._predicting, self._limit_bytes = predicting, studio.settings.picture_limit_bytes
        self._key = new_key()
        self._listener = Listener(("127.0.0.1", 0), backlog=BACKLOG)
        self.address = Address(int(self._listener.address[1]), self._key)
        self._closed = False
        self._accepting = threading.Thread(target=self._accept, name="accept", daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        while True:
            try:
                connection = without_delay(self._listener.accept())
            except OSError:  # they left before we came, or there are too many
                time.sleep(0.05)
                continue
            if self._closed:
                connection.close()
                return
            threading.Thread(target=self._serve, args=(connection,), name="caller", daemon=True).start()

    def close(self) -> None:
        """Takes no more connections; those there are go on."""
        self._closed = True
        # Closing alone would leave the thread, and with it the port, waiting for one more caller.
        with suppress(OSError), Client(("127.0.0.1", self.address.port)):
            self._accepting.join()
        self._listener.close()

    def _serve(self, connection: Connection) -> None:
        # The handshake is the caller's thread's: somebody who says nothing keeps only himself waiting.
        with connection:
            try:
                deliver_challenge(connection, self._key)
                answer_challenge(connection, self._key)
                while True:
                    connection.send_bytes(self._reply(connection))
            except (OSError, EOFError, AuthenticationError):
                return

    def _reply(self, connection: Connection) -> bytes:
        asked = json.loads(connection.recv_bytes(HEADER_LIMIT_BYTES))
        example: int | bytes | Path
        if "image" in asked:
            example = asked["image"]
        else:
            example = Path(asked["path"]) if "path" in asked else connection.recv_bytes(self._limit_bytes)
        try:
            if "dataset" in asked:
                return similar_message(self._predicting.similar(asked["dataset"], example, asked["count"]))
            assert not isinstance(example, int)
            answer = self._predicting.answer(
                asked["model"], asked["folder"], example, asked["neighbours"], asked["heat"]
            )
            return answer_message(answer)
        except StudioError as error:
            return error_message(error)
        except Exception:
            log.exception("no answer to %s", {name: asked.get(name) for name in ("model", "dataset")})
            return error_message(Unavailable("This picture could not be answered. Please try again in a moment."))


class Process:
    """Heartbeat, readiness and rest, until SIGTERM or until the data folder is gone."""

    def __init__(self, studio: Studio, predicting: Predicting, lenders: Sequence[Lender]) -> None:
        self._studio, self._predicting, self._lenders = studio, predicting, lenders
        self._stopped = threading.Event()

    def stop(self, _received: int, _frame: object) -> None:
        self._stopped.set()

    def run(self) -> None:
        beat_s, loaded = -1e9, 0
        while not self._stopped.wait(LOOK_S) and self._studio.files.lock("predictor").exists():
            try:
                loaded = self._predicting.make_ready()
                if time.monotonic() - beat_s >= BEAT_S:
                    self._studio.store.services.alive("predictor", {"models": loaded})
                    for lender in self._lenders:
                        lender.rest()
                    beat_s = time.monotonic()
            except Exception:
                # The database is away: who asks is answered from what is loaded, and we look again.
                log.exception("a look failed")
                self._stopped.wait(2.0)


def serve(studio: Studio) -> None:
    # Two lenders: a picture that somebody waits for is not decoded behind a batch.
    lender, many = (Lender(count, studio.settings.picture_limit_bytes) for count in (DECODERS, TOGETHER))
    predicting = Predicting(studio, lender)
    answering = Answering(studio, Predicting(studio, many, predicting))
    process = Process(studio, predicting, (lender, many))
    when_told_to_end(process.stop)
    server = Server(studio, predicting)
    write_address(studio.files, server.address)
    answering.start()
    try:
        # The sums here are small. Threads that share one wait for each other in a loop that takes the cores from ONNX
        # Runtime: on a busy machine 16 ms to see how familiar a picture is, where one alone needs 0.7.
        with threadpool_limits(1):
            process.run()
    finally:
        server.close()
        answering.stop()
        lender.close()
        many.close()


def main() -> int:
    return alone(open_studio(), "predictor", serve)


if __name__ == "__main__":
    sys.exit(main())

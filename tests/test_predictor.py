"""The predictor: the downloadable file's own answers, over a wire that survives whatever ends at its other end."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import psutil
import pytest
from PIL import Image

from core import caution, models
from core.errors import NotFound, Refused, Unavailable
from core.imaging.lending import Lender
from core.imaging.pool import DecoderPool
from core.index.sessions import Outputs
from core.indexer import Indexer
from core.predictor import Predicting, Server, heat_rows, rank
from core.records import Model, Verdict
from core.running.calls import Address, PredictorClient, read_address, write_address
from core.settings import Settings
from core.stores import Change, Where
from core.studio import Studio
from tests.test_indexer import work
from tests.worlds import NoServices, folder_of, imported, make_studio, png

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(
    not Settings(Path()).backbone_path.exists(), reason="build/backbone.onnx is missing; run `make setup`"
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, decoder: DecoderPool) -> tuple[Studio, Model]:
    """Two labels and their instant model."""
    folder = tmp_path_factory.mktemp("predictor")
    studio = make_studio(folder / "home", decoder)
    dataset = imported(studio, folder_of(folder / "pets", {"cat": 5, "dog": 5}), "pets")
    work(studio)
    [model] = studio.store.models.all(dataset.id)
    return studio, model


@pytest.fixture(scope="module")
def predicting(world: tuple[Studio, Model], lender: Lender) -> Predicting:
    return Predicting(world[0], lender)


@pytest.fixture
def client(world: tuple[Studio, Model], predicting: Predicting) -> Iterator[PredictorClient]:
    studio, _ = world
    server = Server(studio, predicting)
    write_address(studio.files, server.address)
    client = PredictorClient(studio.settings, studio.files, NoServices(), come_up_s=0.5)
    yield client
    client.close()
    server.close()


def a_picture(studio: Studio) -> Path:
    return studio.files.picture(studio.store.images.page(1, Where(), 0, 1)[0].sha256)


# ---- the answer ----


def test_the_answer_is_that_of_the_file_a_person_would_download(
    world: tuple[Studio, Model], client: PredictorClient
) -> None:
    studio, model = world
    path = a_picture(studio)
    answer = client.predict(model, path)
    session = onnxruntime.InferenceSession(studio.files.model(model.folder) / "model.onnx")
    [probabilities] = session.run(["probabilities"], {"image": studio.decoder.pixels(path)[None]})
    expected = dict(zip(model.labels, probabilities[0].tolist(), strict=True))
    assert {one.label: one.confidence for one in answer.ranked} == pytest.approx(expected, abs=1e-4)
    assert sum(one.confidence for one in answer.ranked) == pytest.approx(1)
    assert [one.confidence for one in answer.ranked] == sorted((o.confidence for o in answer.ranked), reverse=True)


def test_it_shows_where_it_looked_and_what_it_is_reminded_of(
    world: tuple[Studio, Model], client: PredictorClient
) -> None:
    studio, model = world
    answer = client.predict(model, a_picture(studio).read_bytes(), neighbours=3)
    values = [value for row in answer.heat for value in row]
    assert (min(values), max(values)) == (0, 1) and {len(row) for row in answer.heat} == {len(answer.heat)}
    assert len(answer.neighbours) == 3
    assert answer.neighbours[0].sha256 == a_picture(studio).name
    assert answer.neighbours[0].similarity == pytest.approx(1, abs=1e-2)
    assert (answer.width, answer.height) == (8, 8) and answer.milliseconds > 0


def test_what_was_not_asked_for_is_not_there(world: tuple[Studio, Model], client: PredictorClient) -> None:
    answer = client.predict(world[1], a_picture(world[0]), neighbours=0, heat=False)
    assert (answer.heat, answer.neighbours) == ((), ())


def test_a_bundle_that_was_fitted_anew_meanwhile_is_found(tmp_path: Path, decoder: DecoderPool, lender: Lender) -> None:
    studio = make_studio(tmp_path / "home", decoder)
    dataset = imported(studio, folder_of(tmp_path / "pets", {"cat": 3, "dog": 3}), "pets")
    indexer: Indexer = work(studio)
    [old] = studio.store.models.all(dataset.id)
    [image] = studio.store.images.page(dataset.id, Where(), 0, 1)
    studio.store.images.change(dataset.id, "relabel", "One", [Change(image.id, label="bird")], "ann")
    work(studio, indexer)
    for path in studio.files.model(old.folder).iterdir():
        path.unlink()
    studio.files.model(old.folder).rmdir()
    answer = Predicting(studio, lender).answer(old.id, old.folder, a_picture(studio), 0, False)
    assert "bird" in {one.label for one in answer.ranked}


def test_a_picture_unlike_anything_it_learned_is_not_answered(
    world: tuple[Studio, Model], client: PredictorClient
) -> None:
    studio, model = world
    chance = np.random.default_rng(0)
    picture = io.BytesIO()
    Image.fromarray(chance.integers(0, 256, (96, 96, 3), np.uint8)).save(picture, "PNG")

    known = client.predict(model, a_picture(studio), neighbours=0, heat=False)
    strange = client.predict(model, picture.getvalue(), neighbours=0, heat=False)

    assert known.verdict is Verdict.ANSWERED
    assert strange.verdict is Verdict.UNLIKE
    assert known.familiarity is not None and strange.familiarity is not None
    assert known.familiarity > strange.familiarity


def test_a_person_gets_what_it_is_least_sure_of(world: tuple[Studio, Model], client: PredictorClient) -> None:
    studio, model = world
    found = caution.of(model)
    assert found is not None
    models.answer(studio, model.id, 0.5)
    try:
        paths = [studio.files.picture(one.sha256) for one in studio.store.images.page(1, Where(), 0, 10)]
        answers = [client.predict(model, path, neighbours=0, heat=False) for path in paths]
    finally:
        models.answer(studio, model.id, 1.0)
    least = found.at(0.5).confidence
    for answer in answers:
        sure = answer.ranked[0].confidence >= least
        assert answer.verdict is (Verdict.ANSWERED if sure else Verdict.UNSURE)
    assert {answer.verdict for answer in answers} >= {Verdict.ANSWERED}


def test_labels_are_ranked_and_confidences_made_whole() -> None:
    ranked = rank(("a", "b", "c"), np.array([0.2, 0.7, 0.1001], np.float32))
    assert [one.label for one in ranked] == ["b", "a", "c"]
    assert sum(one.confidence for one in ranked) == pytest.approx(1, abs=1e-12)


def test_a_network_without_places_has_no_heat_and_an_even_map_is_even() -> None:
    shares = np.array([0.4, 0.6], np.float32)
    assert heat_rows(Outputs(shares, None, None)) == ()
    assert heat_rows(Outputs(shares, None, np.ones((2, 2, 2), np.float32))) == ((0.0, 0.0), (0.0, 0.0))


def test_the_pictures_most_like_one_are_found_by_its_number_and_by_its_bytes(
    world: tuple[Studio, Model], client: PredictorClient
) -> None:
    studio, model = world
    image, *others = studio.store.images.page(model.dataset_id, Where(), 0, 99)
    by_number = client.similar(model.dataset_id, image.id, 99)
    assert {one.image_id for one in by_number} == {one.id for one in others}, "all but itself"
    assert [one.similarity for one in by_number] == sorted((one.similarity for one in by_number), reverse=True)
    by_bytes = client.similar(model.dataset_id, studio.files.picture(image.sha256).read_bytes(), 3)
    assert by_bytes[0].image_id == image.id and len(by_bytes) == 3


def test_more_like_what_is_not_there_is_said_to_be_so(world: tuple[Studio, Model], client: PredictorClient) -> None:
    studio, model = world
    other = studio.store.datasets.create("other")
    image = studio.store.images.page(model.dataset_id, Where(), 0, 1)[0]
    for dataset_id, example in ((404, image.id), (model.dataset_id, 10**9), (other.id, image.id)):
        with pytest.raises(NotFound):
            client.similar(dataset_id, example, 3)
    with pytest.raises(Refused):
        client.similar(model.dataset_id, b"certainly not a picture", 3)
    with pytest.raises(Refused, match="smaller"):
        client.similar(model.dataset_id, b"x" * (studio.settings.picture_limit_bytes + 1), 3)


def test_both_ends_of_the_wire_send_at_once(world: tuple[Studio, Model], client: PredictorClient) -> None:
    studio, model = world
    client.predict(model, a_picture(studio).read_bytes())
    address = read_address(studio.files)
    assert address is not None
    ends = [
        one
        for one in psutil.Process().net_connections("tcp")
        if one.status == psutil.CONN_ESTABLISHED and address.port in (one.laddr.port, one.raddr.port)
    ]
    assert len(ends) == 2, "the caller's and the predictor's, both of this process here"
    for one in ends:
        with socket.fromfd(one.fd, socket.AF_INET, socket.SOCK_STREAM) as end:
            assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_one_of_many_is_answered_as_it_would_be_alone(
    world: tuple[Studio, Model], predicting: Predicting, lender: Lender
) -> None:
    studio, model = world
    many = Predicting(studio, lender, predicting)
    for image in studio.store.images.page(1, Where(), 0, 10):
        path = studio.files.picture(image.sha256)
        looked, alone = many.look(model.id, model.folder, path), predicting.look(model.id, model.folder, path)
        assert looked.format == "PNG"
        assert {one.label: one.confidence for one in looked.answer.ranked} == pytest.approx(
            {one.label: one.confidence for one in alone.answer.ranked}, abs=1e-5
        )


# ---- what cannot be answered ----


def test_a_picture_that_is_none_is_refused_with_the_gates_sentence(
    world: tuple[Studio, Model], client: PredictorClient
) -> None:
    with pytest.raises(Refused) as refusal:
        client.predict(world[1], b"certainly not a picture")
    assert refusal.value.kind == "not_a_picture"
    assert client.predict(world[1], png()).ranked, "and the next one is answered"


def test_too_many_bytes_are_refused_before_they_travel(tmp_path: Path, decoder: DecoderPool) -> None:
    studio = make_studio(tmp_path, decoder, environment={"picture_limit_bytes": 10})
    client = PredictorClient(studio.settings, studio.files, NoServices())
    with pytest.raises(Refused, match="smaller"):
        client.predict(_model("any"), b"x" * 11)


def test_a_model_without_its_files_is_not_found(world: tuple[Studio, Model], client: PredictorClient) -> None:
    studio, model = world
    row = studio.store.models.put(
        model.dataset_id, model.kind, "x", model.labels, 1.0, (0, 1), "test", 1, "gone", {}, run_id=None
    )
    try:
        with pytest.raises(NotFound, match="gone or damaged"):
            client.predict(row, png())
    finally:
        studio.store.models.put(
            model.dataset_id,
            model.kind,
            model.architecture,
            model.labels,
            model.accuracy,
            model.interval,
            model.measured_on,
            model.measured_n,
            model.folder,
            model.summary,
        )


def test_an_unknown_model_is_not_found(client: PredictorClient) -> None:
    with pytest.raises(NotFound):
        client.predict(_model("gone"), png())


def _model(folder: str) -> Model:
    from core.records import ModelKind

    return Model(404, 1, "pets", ModelKind.TRAINED, "mlp", None, None, (), 0, (0, 1), "test", 0, 0, folder)


# ---- the wire ----


def test_the_key_is_for_its_owners_eyes(world: tuple[Studio, Model], client: PredictorClient) -> None:
    path = world[0].files.lock("predictor.address")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_who_does_not_know_the_key_is_not_answered(world: tuple[Studio, Model], client: PredictorClient) -> None:
    studio, model = world
    address = read_address(studio.files)
    assert address is not None
    write_address(studio.files, Address(address.port, b"another key"))
    try:
        with pytest.raises(Unavailable):
            client.predict(model, png())
    finally:
        write_address(studio.files, address)
    assert client.predict(model, png()).ranked


def test_somebody_who_connects_and_says_nothing_keeps_nobody_waiting(
    world: tuple[Studio, Model], client: PredictorClient
) -> None:
    import socket

    address = read_address(world[0].files)
    assert address is not None
    with socket.create_connection(("127.0.0.1", address.port)):
        assert client.predict(world[1], png()).ranked


def test_without_a_predictor_the_services_are_woken_and_then_it_is_said(
    world: tuple[Studio, Model], tmp_path: Path, decoder: DecoderPool
) -> None:
    studio, services = make_studio(tmp_path, decoder), NoServices()
    client = PredictorClient(studio.settings, studio.files, services, come_up_s=0.2)
    with pytest.raises(Unavailable, match="did not start"):
        client.predict(world[1], png())
    assert services.woken == 1


def test_what_is_to_be_done_meanwhile_is_done_once_though_the_first_predictor_is_gone(
    world: tuple[Studio, Model], client: PredictorClient
) -> None:
    done: list[int] = []
    client.predict(world[1], png(), meanwhile=lambda: done.append(1))
    with Path(os.devnull).open("r+b") as nobody:
        for one in client._idle:  # takes everything, and then there is nothing more to read: as if it had just ended
            os.dup2(nobody.fileno(), one.fileno())
    assert client.predict(world[1], png(), meanwhile=lambda: done.append(2)).ranked
    assert done == [1, 2]


def test_what_fails_meanwhile_comes_out_and_the_next_is_answered(
    world: tuple[Studio, Model], client: PredictorClient
) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        client.predict(world[1], png((1, 2, 3)), meanwhile=full)
    assert client.predict(world[1], png()).ranked


def test_many_may_ask_at_once(world: tuple[Studio, Model], client: PredictorClient) -> None:
    answers: list[str] = []

    def ask() -> None:
        for _ in range(3):
            answers.append(client.predict(world[1], png(), neighbours=1).ranked[0].label)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 18 and len(set(answers)) == 1


# ---- the process ----


def start(studio: Studio) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "DARKROOM_HOME": str(studio.settings.home), "DARKROOM_DISK_RESERVE_BYTES": "1"}
    return subprocess.Popen([sys.executable, "-m", "core.predictor"], cwd=ROOT, env=environment)


def test_a_killed_predictor_is_replaced_without_the_caller_noticing(world: tuple[Studio, Model]) -> None:
    studio, model = world
    client = PredictorClient(studio.settings, studio.files, NoServices(), come_up_s=60)
    studio.files.lock("predictor.address").unlink(missing_ok=True)
    first = start(studio)
    before = client.predict(model, a_picture(studio))
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = start(studio)
    try:
        assert client.predict(model, a_picture(studio)).ranked == before.ranked
    finally:
        client.close()
        second.terminate()
        assert second.wait(30) == 0


def test_the_predictor_takes_one_core_for_its_small_sums(tmp_path: Path) -> None:
    # An idle thread of a sum that is shared waits in a loop: it would take the core from ONNX Runtime.
    said = """
import sys
from threadpoolctl import threadpool_info
from core import predictor
predictor.Process.run = lambda self: print([one["num_threads"] for one in threadpool_info()])
sys.exit(predictor.main())
"""
    environment = {**os.environ, "DARKROOM_HOME": str(tmp_path), "OPENBLAS_NUM_THREADS": "2"}
    out = subprocess.run(
        [sys.executable, "-c", said], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    threads = json.loads(out.stdout.splitlines()[-1])
    assert threads and set(threads) == {1}


def test_the_predictor_needs_no_torch() -> None:
    said = "import sys, core.predictor, core.indexer; print([n for n in ('torch', 'sklearn') if n in sys.modules])"
    out = subprocess.run([sys.executable, "-c", said], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"

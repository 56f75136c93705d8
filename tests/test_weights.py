"""Weights and consent: a run begins with the weights it was asked to begin with, or a person says what it does instead.

The hub is a server on loopback; the networks are timm's own small ones for tests.
"""

from __future__ import annotations

import hashlib
import io
import json
import signal
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save
from torch import Tensor

from core import architectures, runs, takeaway, training, weights
from core.beginnings import pinned
from core.bundles import read_manifest
from core.errors import Conflict, Refused
from core.imaging.pool import DecoderPool
from core.learning.events import Validated
from core.preparing import Preparation
from core.records import Choice, Hold, Run, RunState, TrainingSpec, Wish
from core.studio import Studio
from core.training import Training
from tests.faults.lab import Lab
from tests.test_training import attempt
from tests.worlds import make_studio

NAME = "test_resnet.r160_in1k"
QUICK = {"side": 64, "batch_size": 16, "threads": 1, "seed": 3}


def spec(epochs: int = 1, **more: Any) -> TrainingSpec:
    return TrainingSpec(NAME, epochs, dict(QUICK), **more)


@pytest.fixture(autouse=True)
def _sigterm_stays_ours() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


class Hub:
    """Gives out one file after sending on to where it lies, as the real one does."""

    def __init__(self) -> None:
        self.content, self.sum = b"", ""
        self.said_bytes = 0  # other than there are
        self.asked: list[str] = []
        hub = self

        class Answers(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None: ...
            def do_GET(self) -> None:
                hub.asked.append(self.path)
                if not hub.content:
                    return self.send_error(404)
                if self.path != "/elsewhere":
                    self.send_response(302)
                    self.send_header("X-Linked-Etag", f'"{hub.sum}"')
                    self.send_header("Location", "/elsewhere")
                    self.send_header("Content-Length", "0")
                    return self.end_headers()
                self.send_response(200)
                self.send_header("Content-Length", str(hub.said_bytes or len(hub.content)))
                self.end_headers()
                self.wfile.write(hub.content)
                self.close_connection = True

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def offer(self, content: bytes) -> None:
        self.content, self.sum = content, hashlib.sha256(content).hexdigest()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    yield hub
    hub.close()


@pytest.fixture
def lab(tmp_path: Path, hub: Hub) -> Iterator[Lab]:
    lab = Lab(tmp_path / "home", background=False, hub=hub.url)
    yield lab
    lab.close()


@pytest.fixture
def studio(lab: Lab, decoder: DecoderPool) -> Studio:
    return make_studio(lab.settings.home, decoder, environment={"hub": lab.settings.hub})


def tensors(seed: int = 7, name: str = "test_resnet") -> dict[str, Tensor]:
    """As they would come from the hub, with a last layer for a thousand labels."""
    torch.manual_seed(seed)
    return dict(timm.create_model(name, num_classes=1000).state_dict())


def put(lab: Lab, content: bytes, ending: str = ".safetensors") -> Path:
    path = lab.files.weights(f"{NAME}{ending}")
    path.write_bytes(content)
    return path


def submitted(lab: Lab, spec: TrainingSpec) -> int:
    return lab.store.runs.submit(*lab.dataset(), "a run", spec).id


def tried(lab: Lab, spec: TrainingSpec) -> Run:
    return attempt(lab, submitted(lab, spec))


def told(lab: Lab, run: Run, kind: str = "weights") -> dict[str, Any]:
    return next(event.data for event in reversed(lab.store.runs.events(run.id)) if event.kind == kind)


def asks(run: Run) -> str:
    """What it says; and it has not begun."""
    assert (run.state, run.hold, run.step) == (RunState.PAUSED, Hold.ANSWER, 0), run
    return run.error or ""


# ---- the folder


@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
def test_a_run_begins_with_the_file_in_the_weights_folder_and_says_which(lab: Lab, ending: str) -> None:
    known, file = tensors(), io.BytesIO()
    torch.save({"state_dict": known, "epoch": 3}, file)
    path = put(lab, save(known) if ending == ".safetensors" else file.getvalue(), ending)
    seen: list[dict[str, Tensor]] = []
    learn = Training._learn

    def watched(self: Training, *given: Any) -> None:
        state = pinned(lab.files, self._run)["network"]
        assert state is not None
        seen.append(state)
        learn(self, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Training, "_learn", watched)
        run = tried(lab, spec())

    assert run.state is RunState.SUCCEEDED, run.error
    begun = {name.removeprefix("body."): value for name, value in seen[0].items() if name.startswith("body.")}
    assert begun and all(torch.equal(value, known[name]) for name, value in begun.items())
    said = told(lab, run)
    assert said["source"] == "folder" and said["file"] == path.name and said["licence"] == "apache-2.0"
    assert said["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert takeaway.describe(lab.store, run.id)["weights"] == said
    model = lab.store.models.get(run.model_id or 0)
    assert read_manifest(lab.files.model(model.folder))["began_with"] == said
    zero = [metric.step for metric in lab.store.runs.metrics(run.id) if metric.key == "val_loss"]
    assert zero[0] == 0  # what it scores before it has learned anything


def test_a_run_that_has_begun_needs_the_file_no_more(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(lab, save(tensors()))
    run_id, hear = submitted(lab, spec(2)), Training._hear

    def heard(self: Training, event: Any) -> None:
        hear(self, event)
        if isinstance(event, Validated) and event.epoch == 1:
            path.unlink()
            lab.store.runs.request(run_id, Wish.PAUSE)
            self._context.still_mine()

    monkeypatch.setattr(Training, "_hear", heard)
    assert attempt(lab, run_id).state is RunState.PAUSED
    monkeypatch.undo()
    assert lab.store.runs.request(run_id, "resume")
    assert attempt(lab, run_id).state is RunState.SUCCEEDED


class Trap:
    sprung = False

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return setattr, (Trap, "sprung", True)


def hostile() -> bytes:
    file = io.BytesIO()
    torch.save({"state_dict": tensors(), "more": Trap()}, file)
    return file.getvalue()


def without_one() -> bytes:
    known = tensors()
    del known["layer2.0.conv1.weight"]
    return save(known)


def with_nan() -> bytes:
    known = tensors()
    known["conv1.0.weight"] = known["conv1.0.weight"] * torch.nan
    return save(known)


@pytest.mark.parametrize(
    ("content", "ending", "words"),
    [
        (lambda: save(tensors(name="test_vit")), ".safetensors", "does not fit"),
        (without_one, ".safetensors", "does not fit"),
        (lambda: save({**tensors(), "fc.weight": torch.zeros(10, 3)}), ".safetensors", "does not fit"),
        (with_nan, ".safetensors", "NaN"),
        (lambda: save(tensors())[:5000], ".safetensors", "damaged"),
        (lambda: b"", ".safetensors", "damaged"),
        (lambda: b"no weights at all", ".pth", "cannot be read|not opened"),
        (hostile, ".pth", "more than weights"),
    ],
    ids=["another network", "one missing", "other shapes", "nan", "cut short", "empty", "text", "code"],
)
def test_a_file_that_is_not_these_weights_is_named_and_a_person_is_asked(
    lab: Lab, content: Callable[[], bytes], ending: str, words: str
) -> None:
    path = put(lab, content(), ending)
    said = asks(tried(lab, spec()))
    assert path.name in said
    assert any(word in said for word in words.split("|")), said
    assert not Trap.sprung


def test_a_file_whose_checksum_is_another_than_the_one_beside_it_is_not_used(lab: Lab) -> None:
    path = put(lab, save(tensors()))
    beside = path.with_name(path.name + weights.SUM)
    beside.write_text("0" * 64 + "\n")
    run = tried(lab, spec())
    assert "wrong checksum" in asks(run)
    beside.write_text(hashlib.sha256(path.read_bytes()).hexdigest() + f"  {path.name}\n")
    assert lab.store.runs.request(run.id, "resume")  # look again
    assert attempt(lab, run.id).state is RunState.SUCCEEDED


# ---- asked, and answered


def test_a_run_whose_weights_are_nowhere_asks_and_begins_with_nothing_once_a_person_says_so(
    lab: Lab, studio: Studio, hub: Hub
) -> None:
    run = tried(lab, spec())
    assert "are not on this machine" in asks(run) and not hub.asked  # never by itself

    again = runs.answer(studio, run.id, Choice.SCRATCH)

    assert (again.state, again.hold, again.error) == (RunState.QUEUED, None, None)
    assert (again.spec.architecture, again.spec.overrides) == ("test_resnet", QUICK)
    done = attempt(lab, run.id)
    assert done.state is RunState.SUCCEEDED and told(lab, done) == {"source": "scratch"} and not hub.asked
    assert told(lab, done, "answered") == {"choice": "scratch"}


def test_the_other_answer_is_the_packaged_network(lab: Lab, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "NO_VECTORS_S", 0.0)  # nobody works any out here
    run = tried(lab, spec())
    asks(run)
    again = runs.answer(studio, run.id, Choice.PACKAGED)
    assert again.spec.architecture == "efficientnet-lite0" and "EfficientNet-Lite0" in again.name
    done = attempt(lab, run.id)
    assert done.state is RunState.SUCCEEDED and told(lab, done)["source"] == "packaged"


def test_an_answer_is_given_once_and_only_where_one_was_asked_for(lab: Lab, studio: Studio) -> None:
    run = tried(lab, spec())
    runs.answer(studio, run.id, Choice.SCRATCH)
    with pytest.raises(Conflict, match="waits for no answer"):
        runs.answer(studio, run.id, Choice.PACKAGED)
    other = lab.store.runs.submit(*lab.dataset("another"), "a run", TrainingSpec("mlp", 1))
    with pytest.raises(Conflict, match="waits for no answer"):
        runs.answer(studio, other.id, Choice.SCRATCH)


def test_where_nothing_may_be_fetched_downloading_is_no_answer(lab: Lab, decoder: DecoderPool) -> None:
    offline = make_studio(lab.settings.home, decoder, environment={"hub": ""})
    assert weights.choices(offline.settings, architectures.get(NAME)) == [Choice.SCRATCH, Choice.PACKAGED]
    run = tried(lab, spec())
    with pytest.raises(Refused, match="cannot be downloaded. Answer one of: scratch, packaged"):
        runs.answer(offline, run.id, Choice.DOWNLOAD)
    asks(lab.run(run.id))


def test_who_starts_such_a_run_is_asked_before_it_waits_in_the_queue(lab: Lab, studio: Studio) -> None:
    dataset_id, _ = lab.dataset()
    run = runs.start(studio, dataset_id, NAME, 1, QUICK)
    assert "are not on this machine" in asks(run)
    assert lab.store.runs.begin_attempt(run.id) is None
    willing = runs.start(studio, dataset_id, NAME, 1, QUICK, fetch=True)
    put(lab, save(tensors()))
    at_hand = runs.start(studio, dataset_id, NAME, 1, QUICK)
    assert [one.state for one in (willing, at_hand)] == [RunState.QUEUED] * 2


@pytest.mark.parametrize(("wish", "state"), [(Wish.STOP, RunState.CANCELLED), (Wish.CANCEL, RunState.CANCELLED)])
def test_who_does_not_answer_can_still_end_it(lab: Lab, wish: Wish, state: RunState) -> None:
    run = tried(lab, spec())
    assert lab.store.runs.request(run.id, wish)
    assert (lab.run(run.id).state, lab.run(run.id).hold) == (state, None)


# ---- downloaded, where a person said so


def test_what_was_agreed_to_is_downloaded_with_progress_checked_and_there_for_the_next_run(lab: Lab, hub: Hub) -> None:
    content = save(tensors())
    hub.offer(content)

    run = tried(lab, spec(fetch=True))

    assert run.state is RunState.SUCCEEDED, run.error
    assert hub.asked == [f"/timm/{NAME}/resolve/main/model.safetensors", "/elsewhere"]
    assert told(lab, run, "downloading") == {"done": len(content), "total": len(content)}
    said = told(lab, run)
    assert said["source"] == "download" and said["sha256"] == hub.sum
    assert tried_again(lab).state is RunState.SUCCEEDED and len(hub.asked) == 2


def tried_again(lab: Lab) -> Run:
    """Another run of the same network, which finds the file."""
    run = lab.store.runs.submit(*lab.dataset("again"), "a run", spec())
    return attempt(lab, run.id)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda hub: setattr(hub, "sum", "0" * 64), "wrong checksum"),
        (lambda hub: setattr(hub, "sum", "none"), "does not say what the file's checksum is"),
        (lambda hub: setattr(hub, "said_bytes", 10**6 * 3), "stopped midway|broke off"),
        (lambda hub: setattr(hub, "content", b""), "answered 404"),
        (lambda hub: hub.close(), "does not answer"),
    ],
    ids=["checksum", "no checksum", "cut off", "not there", "no network"],
)
def test_a_download_that_fails_leaves_nothing_and_asks_again(
    lab: Lab, hub: Hub, spoil: Callable[[Hub], None], words: str
) -> None:
    hub.offer(save(tensors()))
    spoil(hub)
    said = asks(tried(lab, spec(fetch=True)))
    assert any(word in said for word in words.split("|")), said
    assert list(lab.files.weights(NAME).parent.iterdir()) == []


def test_a_download_is_given_up_when_the_run_is_cancelled(lab: Lab, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.offer(save(tensors()))
    run_id, leave = submitted(lab, spec(fetch=True)), Preparation.leave_if_asked

    def asked(self: Preparation) -> None:
        lab.store.runs.request(run_id, Wish.CANCEL)
        self._context.still_mine()
        leave(self)

    monkeypatch.setattr(Preparation, "leave_if_asked", asked)
    assert attempt(lab, run_id).state is RunState.CANCELLED
    assert list(lab.files.weights(NAME).parent.iterdir()) == []


def test_run_json_of_a_run_that_asks_can_be_had(lab: Lab) -> None:
    run = tried(lab, spec())
    assert json.loads(takeaway.run_json(lab.store, run.id))["weights"] is None

"""What a run leaves to engineers: whole, true to the facts, and readable by others."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pytest

from core import takeaway, tensorboard
from core.errors import NotFound
from core.records import Metric, ModelKind, RunState
from core.studio import Studio
from tests.test_runs import queued


def trained(studio: Studio, state: RunState = RunState.SUCCEEDED) -> int:
    """A run of two epochs, over."""
    run = queued(studio, epochs=2)
    attempt = studio.store.runs.begin_attempt(run.id) or 0
    metrics = [Metric(step, "train_loss", 2 / step) for step in (1, 2, 3, 4)]
    metrics += [Metric(2, "val_loss", 0.9), Metric(2, "val_accuracy", 0.5), Metric(3, "train_accuracy", math.nan)]
    metrics += [Metric(4, "val_loss", 0.7), Metric(4, "val_accuracy", 0.75), Metric(4, "images_per_s", 120.5)]
    said: list[tuple[str, dict[str, Any], float]] = [
        ("recipe", {"recipe": {"seed": 3, "side": 8}}, 1.0),
        ("machine", {"cores": 2, "device": "cpu"}, 1.0),
        ("finished", {"reason": "done", "sentence": "All epochs are done; epoch 2 was the best."}, 2.0),
    ]
    studio.store.runs.beat(run.id, attempt, "h", 4, 4, 2, metrics, said)
    studio.store.runs.cas(run.id, [RunState.RUNNING], state=state, started_at=1000.0, finished_at=1100.0)
    if state is RunState.SUCCEEDED:
        model = (("cat", "dog"), 0.75, (0.4, 0.9), "validation", 4, "run-1-1", {"pictures": 10}, run.id, run.version_id)
        studio.store.models.put(run.dataset_id, ModelKind.TRAINED, "mlp", *model)
    return run.id


def test_run_json_says_what_was_asked_what_was_derived_and_what_came_of_it(studio: Studio) -> None:
    found = json.loads(takeaway.run_json(studio.store, trained(studio)))
    assert found["spec"] == {"architecture": "mlp", "epochs": 2, "overrides": {}, "begin": "fresh", "fetch": False}
    assert (found["recipe"]["seed"], found["machine"]["cores"]) == (3, 2)
    assert (found["run"]["state"], found["run"]["reason"]) == ("succeeded", "done")
    assert found["run"]["started_at"] == "1970-01-01T00:16:40+00:00"
    assert (found["version"]["labels"], found["version"]["images"]) == (["cat", "dog"], 10)
    assert (found["scores"]["accuracy"], found["scores"]["measured_on"]) == (0.75, "validation")
    assert found["best"] == {"epoch": 2.0, "val_loss": 0.7, "val_accuracy": 0.75}
    assert found["metrics"]["train_loss"] == [[1, 2.0], [2, 1.0], [3, pytest.approx(2 / 3)], [4, 0.5]]
    assert found["metrics"]["train_accuracy"] == [[3, None]], "JSON has no word for what is not a number"


def test_a_run_that_never_began_can_be_described_too(studio: Studio) -> None:
    found = json.loads(takeaway.run_json(studio.store, queued(studio).id))
    assert (found["run"]["state"], found["recipe"], found["scores"], found["metrics"]) == ("queued", None, None, {})
    with pytest.raises(NotFound):
        takeaway.run_json(studio.store, 999)


# ---- TensorBoard: read here by a reader of its own, and once by TensorBoard's (docs/decisions.md)


def records(content: bytes) -> list[bytes]:
    """The data of each TFRecord; fails where a checksum does."""
    found, at = [], 0
    while at < len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        data = content[at + 12 : at + 12 + length]
        assert struct.unpack_from("<I", content, at + 8)[0] == masked(content[at : at + 8])
        assert struct.unpack_from("<I", content, at + 12 + length)[0] == masked(data)
        found.append(data)
        at += 16 + length
    return found


def masked(data: bytes) -> int:
    crc = tensorboard.crc32c(data)
    return ((crc >> 15) | (crc << 17 & 0xFFFFFFFF)) + 0xA282EAD8 & 0xFFFFFFFF


def fields(message: bytes) -> list[tuple[int, bytes | int]]:
    """(number, value) of each field of a protobuf message."""
    found: list[tuple[int, bytes | int]] = []
    at = 0

    def varint() -> int:
        nonlocal at
        number = shift = 0
        while True:
            byte = message[at]
            at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    while at < len(message):
        tag = varint()
        kind = tag & 7
        value: bytes | int
        if kind == 0:
            value = varint()
        else:
            size = {1: 8, 5: 4}.get(kind) or varint()
            value = message[at : at + size]
            at += size
        found.append((tag >> 3, value))
    return found


def scalars(content: bytes) -> list[tuple[int, float, str, float]]:
    """(step, wall time, name, value) of every scalar of an event file."""
    found = []
    for data in records(content)[1:]:
        event = dict(fields(data))
        (wall,) = struct.unpack("<d", event[1])  # type: ignore[arg-type]
        for _, value in fields(event[5]):  # type: ignore[arg-type]
            one = dict(fields(value))  # type: ignore[arg-type]
            (number,) = struct.unpack("<f", one[2])  # type: ignore[arg-type]
            found.append((int(event[2]), wall, one[1].decode(), number))  # type: ignore[union-attr]
    return found


@pytest.mark.parametrize(("text", "crc"), [(b"", 0), (b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA)])
def test_the_checksum_is_that_of_rfc_3720(text: bytes, crc: int) -> None:
    assert tensorboard.crc32c(text) == crc


def test_the_event_file_holds_every_number_at_its_step(studio: Studio) -> None:
    run_id = trained(studio)
    name, content = takeaway.event_file(studio.store, run_id)
    assert name == f"events.out.tfevents.1000.darkroom-run-{run_id}"
    assert dict(fields(records(content)[0]))[3] == b"brain.Event:2"
    told = scalars(content)
    checked = [(step, round(value, 6)) for step, _, key, value in told if key == "loss/validation"]
    assert checked == [(2, 0.9), (4, 0.7)]
    assert [wall for _, wall, key, _ in told if key == "loss/train"] == [1025.0, 1050.0, 1075.0, 1100.0]
    assert {key for _, _, key, _ in told} >= {"accuracy/validation", "images_per_s"}
    (lost,) = [value for _, _, key, value in told if key == "accuracy/train"]
    assert math.isnan(lost)


def test_long_steps_are_written_in_as_many_bytes_as_they_need() -> None:
    content = tensorboard.event_file(1.0, {300: {"a": 1.0}, 2**40: {"a": 2.0}}, {300: 1.0, 2**40: 2.0})
    assert [(step, value) for step, _, _, value in scalars(content)] == [(300, 1.0), (2**40, 2.0)]


# ---- in the run's folder


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.FAILED])
def test_a_run_that_is_over_leaves_both_in_its_folder_and_nothing_else(studio: Studio, state: RunState) -> None:
    run_id = trained(studio, state)
    folder = studio.files.run(run_id)
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "step-1.pt").write_bytes(b"x")
    (folder / "head.npz").write_bytes(b"x")
    for _ in range(2):  # done again it is the same
        takeaway.tidy(folder)
        takeaway.leave(studio.files, studio.store, run_id)
        assert sorted(path.name for path in folder.iterdir()) == ["run.json", "tensorboard"]
    assert (folder / "run.json").read_bytes() == takeaway.run_json(studio.store, run_id)
    (written,) = (folder / "tensorboard").iterdir()
    assert (written.name, written.read_bytes()) == takeaway.event_file(studio.store, run_id)


def test_a_cancelled_run_leaves_nothing(studio: Studio) -> None:
    run_id = trained(studio, RunState.CANCELLED)
    folder = studio.files.run(run_id)
    folder.mkdir()
    (folder / "head.npz").write_bytes(b"x")
    takeaway.tidy(folder)
    takeaway.leave(studio.files, studio.store, run_id)
    assert not folder.exists()

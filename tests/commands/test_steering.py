"""The commands that steer a run, in this very process: what they do, and the document they print."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from core import runs
from core.__main__ import main
from core.commands import steering, training
from core.records import ModelKind, Run, RunState
from core.studio import Studio
from tests.pages.conftest import add, add_model

Command = Callable[..., Any]


@pytest.fixture
def command(studio: Studio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`command("pause", 1)`: the document that `python -m core pause 1 --json` prints."""
    for module in (steering, training):
        monkeypatch.setattr(module, "open_studio", lambda: studio)

    def command(*arguments: object, code: int = 0) -> Any:
        assert main([*map(str, arguments), "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return command


@pytest.fixture
def run(studio: Studio) -> Run:
    return runs.start(studio, add(studio, "Fruit", {"apple": 30, "pear": 30}), "mlp", 4)


def test_a_run_is_paused_resumed_preferred_cancelled_and_tried_again(command: Command, run: Run) -> None:
    assert command("pause", run.id)["state"] == "paused"
    assert command("resume", run.id)["state"] == "queued"
    assert command("prefer", run.id, 3)["priority"] == 3
    assert "from -9 to 9" in command("prefer", run.id, 10, code=1)["error"]
    assert "nothing to resume" in command("resume", run.id, code=1)["error"]
    assert command("cancel", run.id)["state"] == "cancelled"
    assert "over already" in command("pause", run.id, code=1)["error"]
    again = command("retry", run.id)
    assert (again["parent"], again["begin"], again["state"], again["owner"]) == (run.id, "again", "queued", "ann")


def test_a_waiting_run_says_when_it_begins(command: Command, studio: Studio, run: Run) -> None:
    second = runs.start(studio, run.dataset_id, "mlp", 4)
    told = command("runs", second.id)
    assert told["before"] == 1 and told["starts_in_s"] > 0


def test_a_finished_run_is_trained_longer_from_its_best(command: Command, studio: Studio, run: Run) -> None:
    attempt = studio.store.runs.begin_attempt(run.id)
    assert attempt is not None
    recipe = {"learning_rate": 0.001, "schedule": "cosine"}
    studio.store.runs.beat(run.id, attempt, "h:1:1", 3, 40, 1, (), [("recipe", {"recipe": recipe}, 1.0)])
    studio.store.runs.cas(run.id, [RunState.RUNNING], state=RunState.SUCCEEDED)
    add_model(studio, run.dataset_id, ModelKind.TRAINED, run.id)
    told = command("train", "--from", run.id, "--epochs", 6)
    assert (told["parent"], told["begin"], told["epochs"]) == (run.id, "best", 6)
    assert "nothing to go on from" in command("train", "--from", told["run"], code=1)["error"]
    assert "neither DATASET nor --set" in command("train", "Fruit", "--from", run.id, code=1)["error"]


NAME = "mobilenetv3_small_100.lamb_in1k"


def test_weights_that_are_not_here_are_refused_with_all_that_can_be_said_instead(
    command: Command, studio: Studio
) -> None:
    add(studio, "Fruit", {"apple": 30, "pear": 30})
    wish = ("train", "Fruit", "--architecture", NAME)
    said = command(*wish, code=1)["error"]
    for way in ("--weights download", "--weights scratch", "--weights packaged", str(studio.files.weights("x").parent)):
        assert way in said
    assert runs.all_of(studio) == []
    assert command(*wish, "--weights", "scratch")["architecture"] == "mobilenetv3_small_100"
    assert command(*wish, "--weights", "packaged")["architecture"] == "efficientnet-lite0"
    fetching = command(*wish, "--weights", "download")
    assert fetching["architecture"] == NAME and runs.get(studio, fetching["run"]).spec.fetch


def test_a_run_that_asks_is_answered_in_words(
    command: Command, studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runs.start(studio, add(studio, "Fruit", {"apple": 30, "pear": 30}), NAME, 4)
    assert command("runs", run.id)["waits_for"] == "answer"
    assert main(["runs", str(run.id)]) == 0
    assert f"`answer {run.id} scratch`" in capsys.readouterr().out
    assert command("answer", run.id, "scratch")["state"] == "queued"
    assert "waits for no answer" in command("answer", run.id, "scratch", code=1)["error"]


def test_every_network_is_found_by_words_with_its_licence(command: Command) -> None:
    cards = command("architectures")
    assert len(cards) == 10 and cards[0] == {
        "architecture": "efficientnet-lite0",
        "parameters": 3_383_818,
        "side": 224,
        "pretrained": True,
        "at_hand": True,
        "licence": "Apache-2.0",
    }
    found = {one["architecture"]: one for one in command("architectures", "resnet50", "a1_in1k")}
    assert found["resnet50.a1_in1k"]["licence"] == "apache-2.0"
    found = {one["architecture"]: one for one in command("architectures", "resnetv2_50x1")}
    assert {one["at_hand"] for one in found.values() if one["pretrained"]} == {False}
    assert "no network" in command("architectures", "no-such-thing", code=1)["error"].lower()

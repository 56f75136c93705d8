"""The commands about searches, in this very process: what they do, and the document they print."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from core import searches
from core.__main__ import main
from core.commands import searching
from core.studio import Studio
from tests.pages.conftest import add
from tests.searching import Trainers, carried

Command = Callable[..., Any]
SMALL = ("--architecture", "mlp", "--dial", "augmentation", "--dial", "side=1,1.5", "--epochs", 2)


@pytest.fixture
def command(studio: Studio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`command("searches")`: the document that `python -m core searches --json` prints."""
    monkeypatch.setattr(searching, "open_studio", lambda: studio)
    add(studio, "Fruit", {"apple": 30, "pear": 30})

    def command(*arguments: object, code: int = 0) -> Any:
        assert main([*map(str, arguments), "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return command


def test_a_search_is_planned_begun_steered_and_described(command: Command, studio: Studio) -> None:
    planned = command("search", "Fruit", *SMALL, "--plan")
    assert planned["points"] == 6 and planned["fit"] > 6 and searches.all_of(studio) == []
    begun = command("search", "Fruit", *SMALL, "--minutes", 10, "--trials", 3, "--seed", 4)
    assert (begun["state"], begun["budget_s"], begun["trials"]) == ("searching", 600, [])
    assert begun["space"] == {"architecture": ["mlp"], "augmentation": ["none", "light", "strong"], "side": [1.0, 1.5]}
    assert command("search", "--pause", begun["search"])["state"] == "paused"
    assert command("search", "--resume", begun["search"])["state"] == "searching"
    carried(studio, Trainers(studio), searches.get(studio, begun["search"]))
    (told,) = command("searches")
    assert (told["state"], len(told["trials"]), told["pictures"]) == ("done", 3, 20)
    assert told["best"] == max(trial["best"] for trial in told["trials"])
    assert "nothing to stop" in command("search", "--stop", begun["search"], code=1)["error"]


def test_words_say_the_best_and_every_trial(
    command: Command, studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = command("search", "Fruit", *SMALL, "--trials", 2)
    carried(studio, Trainers(studio), searches.get(studio, begun["search"]))
    assert main(["searches", "1"]) == 0
    said = capsys.readouterr().out
    assert "Search 1: done. Best of 2 trials:" in said and "is trained fully by run 3: done" in said
    assert "Multi-layer perceptron, augmentation" in said and "picture size × 1" in said


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        (["Fruit", "--dial", "speed"], "no dial called 'speed'"),
        (["Fruit", "--dial", "side=big"], "multiples of the recipe's own"),
        (["Fruit", "--dial", "augmentation=wild,none"], "must be one of none, light, strong"),
        (["Fruit", "--architecture", "gpt"], "no architecture called 'gpt'"),
        ([], "Say which dataset"),
        (["--stop", "x"], "Searches have numbers"),
    ],
)
def test_what_cannot_be_searched_is_a_sentence(command: Command, wishes: list[str], said: str) -> None:
    assert said in command("search", *wishes, code=1)["error"]


def test_what_is_set_for_all_trials_is_not_searched(command: Command) -> None:
    planned = command("search", "Fruit", "--set", "side=64", "--plan")
    assert "side" not in planned["space"] and "learning_rate" in planned["space"]

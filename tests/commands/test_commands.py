"""The command line as a person types it: real processes, an own data folder, JSON that programs can read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import Shell
from tests.worlds import folder_of, png

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def pets(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two labels that one look tells apart, one text, one damaged picture, one picture twice."""
    folder = tmp_path_factory.mktemp("sets") / "pets"
    for label, red in (("dark", 20), ("light", 230)):
        (folder / label).mkdir(parents=True)
        for n in range(12):
            (folder / label / f"{n}.png").write_bytes(png((red, 90, 90), side=32, seed=n + red))
    (folder / "notes.txt").write_text("hello")
    (folder / "dark" / "bad.png").write_bytes(b"\x89PNG but not really")
    (folder / "dark" / "again.png").write_bytes((folder / "dark" / "1.png").read_bytes())
    return {"folder": folder, "told": shell.json("import", folder, "--dataset", "pets")}


def test_import_says_what_became_of_every_file(pets: dict[str, Any]) -> None:
    told = pets["told"]
    assert (told["dataset"], told["accepted"], told["duplicates"], told["labels"]) == (
        "pets",
        24,
        1,
        {"dark": 12, "light": 12},
    )
    assert sorted(Path(one["path"]).name for one in told["left_out"]) == ["bad.png", "notes.txt"]
    assert all(one["reason"].endswith(".") for one in told["left_out"])


def test_labels_are_looked_at_renamed_and_left_out_before_they_are_added(shell: Shell, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "zoo", {"Cat": 2, "cats": 2, "junk": 1})
    looked = shell.json("import", folder, "--dataset", "zoo", "--look")
    assert looked["labels"] == {"Cat": 2, "cats": 2, "junk": 1}
    assert looked["explained"][0] == "Each folder is a label, below “zoo”."
    assert "zoo" not in [one["dataset"] for one in shell.json("datasets")], "looking adds nothing"
    wrong = shell.json("import", folder, "--dataset", "zoo", "--label", "dog=cat", code=1)
    assert wrong == {"error": "There is no label “dog” in it. The labels are: Cat, cats, junk."}
    wishes = ("--label", "Cat=cat", "--label", "cats=cat", "--label", "junk=")
    told = shell.json("import", folder, "--dataset", "zoo", *wishes)
    assert (told["accepted"], told["labels"]) == (4, {"cat": 4})
    again = shell.json("import", folder, "--dataset", "zoo", *wishes)
    assert (again["accepted"], again["duplicates"]) == (0, 4)


def test_the_folders_say_the_labels_unless_a_table_shall(shell: Shell, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "mixed", {"a": 2, "b": 2})
    files = sorted(folder.rglob("*.png"))
    rows = [f"{file.relative_to(folder)},{'left' if at % 2 else 'right'}" for at, file in enumerate(files)]
    (folder / "labels.csv").write_text("\n".join(["file,label", *rows]))
    looked = shell.json("import", folder, "--dataset", "mixed", "--look")
    assert (looked["labels"], looked["readings"]) == ({"a": 2, "b": 2}, ["folders", "table", "none"])
    by_table = shell.json("import", folder, "--dataset", "mixed", "--look", "--read", "table")
    assert by_table["labels"] == {"left": 2, "right": 2}
    assert shell.run("import", folder, "--dataset", "mixed", "--read", "names").returncode == 1


def test_importing_again_adds_nothing_and_is_a_success(shell: Shell, pets: dict[str, Any]) -> None:
    again = shell.json("import", pets["folder"], "--dataset", "pets")
    assert (again["accepted"], again["duplicates"]) == (0, 25)


def test_datasets_lists_what_there_is(shell: Shell, pets: dict[str, Any]) -> None:
    (dataset,) = [one for one in shell.json("datasets") if one["dataset"] == "pets"]
    assert (dataset["dataset"], dataset["images"], dataset["labels"]) == ("pets", 24, {"dark": 12, "light": 12})


def test_the_instant_model_answers_as_soon_as_it_is_asked(shell: Shell, pets: dict[str, Any]) -> None:
    picture = pets["folder"] / "dark" / "3.png"
    (answer,) = shell.json("predict", "pets/instant", picture)
    assert answer["path"] == str(picture)
    assert answer["ranked"][0]["label"] == "dark"
    assert sum(one["confidence"] for one in answer["ranked"]) == pytest.approx(1, abs=1e-3)
    assert answer["milliseconds"] > 0


def test_one_bad_picture_among_many_fails_the_command_but_not_the_others(shell: Shell, pets: dict[str, Any]) -> None:
    dark = pets["folder"] / "dark"
    answers = shell.json("predict", "pets/instant", dark / "bad.png", dark / "2.png", code=1)
    assert answers[0]["error"].endswith(".")
    assert answers[1]["ranked"][0]["label"] == "dark"


def test_a_run_trains_scores_and_exports(shell: Shell, pets: dict[str, Any], tmp_path: Path) -> None:
    run = shell.json("train", "pets", "--architecture", "mlp", "--epochs", 2, "--set", "seed=3", "--wait")
    assert (run["state"], run["dataset"], run["architecture"], run["epochs"]) == ("succeeded", "pets", "mlp", 2)
    assert shell.json("runs", run["run"])["model"] == run["model"]
    model = next(one for one in shell.json("models") if one["id"] == run["model"])
    assert model["kind"] == "trained"
    assert model["interval"][0] <= model["accuracy"] <= model["interval"][1]
    told = shell.json("export", run["model"], tmp_path / "out")
    assert {"model.json", "model.onnx", "weights.safetensors"} <= {f.name for f in Path(told["destination"]).iterdir()}
    assert shell.json("predict", "pets/best", pets["folder"] / "light" / "3.png")[0]["ranked"]


def test_a_run_that_is_over_cannot_be_stopped(shell: Shell, pets: dict[str, Any]) -> None:
    done = shell.run("stop", 1)
    assert done.returncode == 1
    assert "over already" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "nowhere"], "no dataset “nowhere”"),
        (["train", "pets", "--architecture", "resnet9000"], "efficientnet-lite0"),
        (["train", "pets", "--set", "learning_rate=-3"], "earning rate"),
        (["train", "pets", "--set", "nonsense"], "KEY=VALUE"),
        (["train"], "which dataset"),
        (["train", "--from", "999"], "no run 999"),
        (["retry", "1"], "nothing to try again"),
        (["predict", "999", "x.png"], "no model 999"),
        (["predict", "pets/instant", "/nowhere/x.png"], "no file"),
        (["export", "999", "out"], "no model 999"),
        (["runs", "999"], "no run 999"),
        (["import", "/nowhere", "--dataset", "x"], "no file or folder"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence_with_exit_code_one(
    shell: Shell, pets: dict[str, Any], arguments: list[str], words: str
) -> None:
    done = shell.run(*arguments, "--json")
    assert done.returncode == 1
    assert words in json.loads(done.stdout)["error"]
    assert "Traceback" not in done.stderr


def test_one_label_is_refused_with_what_to_do(shell: Shell, tmp_path: Path) -> None:
    shell.json("import", folder_of(tmp_path / "one", {"only": 3}), "--dataset", "one")
    assert "at least two" in shell.json("train", "one", code=1)["error"]
    assert "two labels" in shell.json("predict", "one/instant", tmp_path / "one" / "only" / "1.png", code=1)["error"]


def test_the_doctor_finds_this_machine_well(shell: Shell, pets: dict[str, Any]) -> None:
    told = shell.json("doctor")
    assert told["ok"]
    assert {"disk", "database", "decoder", "scheduler", "indexer", "predictor"} <= {
        one["name"] for one in told["checks"]
    }


def test_the_doctor_says_what_to_do_when_the_backbone_is_missing(shell: Shell, tmp_path: Path) -> None:
    ill = Shell(tmp_path / "home")
    ill.environment["DARKROOM_BACKBONE"] = str(tmp_path / "missing.onnx")
    told = ill.json("doctor", code=1)
    ill.stop()
    assert [one["name"] for one in told["checks"] if not one["ok"]] == ["backbone"]
    assert next(one for one in told["checks"] if one["name"] == "backbone")["advice"].startswith("Run `make setup`")


def test_an_address_beyond_this_machine_needs_a_plain_yes(shell: Shell) -> None:
    exposed = Shell(shell.home)
    exposed.environment["DARKROOM_ADDRESS"] = "0.0.0.0"
    done = exposed.run("datasets")
    assert done.returncode == 1
    assert "DARKROOM_OPEN_TO_NETWORK=yes" in done.stderr


def test_versions_are_kept_compared_and_gone_back_to(shell: Shell, tmp_path: Path) -> None:
    shell.json("import", folder_of(tmp_path / "v", {"a": 3, "b": 3}, 400), "--dataset", "states")
    kept = shell.json("versions", "states", "--keep", "before")
    assert (kept["name"], kept["images"], kept["labels"]) == ("before", 6, ["a", "b"])
    shell.json("import", folder_of(tmp_path / "w", {"b": 2}, 500), "--dataset", "states")
    found = shell.json("versions", "states", "--compare", "before", "now")
    assert (found["added"]["images"], found["same"]) == (2, 6)
    assert found["added"]["first"][0]["after"]["label"] == "b"
    told = shell.json("export-data", "states", tmp_path / "then.zip", "--version", "before")
    assert (told["images"], told["version"]) == (6, kept["version"])
    assert shell.json("versions", "states", "--restore", "before")["changed"] == 2
    assert [one["version"] for one in shell.json("versions", "states")] == [kept["version"]]
    assert "no version “x”" in shell.json("versions", "states", "--restore", "x", code=1)["error"]


def test_datasets_are_merged_once_somebody_says_whose_labels_count(shell: Shell, tmp_path: Path) -> None:
    shell.json("import", folder_of(tmp_path / "m", {"a": 2, "b": 2}, 700), "--dataset", "m1")
    shell.json("import", folder_of(tmp_path / "n", {"a": 1, "c": 1}, 700), "--dataset", "m2")
    told = shell.json("merge", "both", "m1", "m2", code=1)
    assert (told["clashes"], told["first"][0]["labels"]) == (1, {"m1": "a", "m2": "c"})
    merged = shell.json("merge", "both", "m1", "m2", "--prefer", "m2")
    assert (merged["images"], merged["copies"], merged["labels"]) == (4, 2, {"a": 1, "b": 2, "c": 1})


def test_a_token_is_made_listed_and_revoked(shell: Shell) -> None:
    made = shell.json("tokens", "--make", "line 2")
    assert made["token"].startswith(f"darkroom_{made['id']}_")
    [listed] = [one for one in shell.json("tokens") if one["id"] == made["id"]]
    assert (listed["name"], listed["revoked"]) == ("line 2", None) and "token" not in listed
    shell.json("tokens", "--revoke", made["id"])
    assert next(one for one in shell.json("tokens") if one["id"] == made["id"])["revoked"] is not None
    assert "no token 99" in shell.json("tokens", "--revoke", 99, code=1)["error"]


def test_a_reader_that_leaves_early_ends_a_command_without_a_word(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "home")
    for command in (["datasets", "--json"], ["datasets"], ["--help"]):
        reading, writing = os.pipe()
        os.close(reading)  # as `head` does once it has seen enough
        done = subprocess.run(
            [sys.executable, "-m", "core", *command],
            cwd=ROOT,
            env=shell.environment,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=240,
        )
        os.close(writing)
        assert done.stderr == ""

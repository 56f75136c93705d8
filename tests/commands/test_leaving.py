"""A model is taken away, shown and brought here by command, in the same words as on the screen."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from core import packages
from core.records import PackageKind
from tests.commands.conftest import Shell
from tests.worlds import png


@pytest.fixture(scope="module")
def model(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The instant model of two labels that one look tells apart."""
    folder = tmp_path_factory.mktemp("sets") / "pets"
    for label, red in (("dark", 20), ("light", 230)):
        (folder / label).mkdir(parents=True)
        for n in range(8):
            (folder / label / f"{n}.png").write_bytes(png((red, 90, 90), side=32, seed=n + red))
    shell.json("import", folder, "--dataset", "pets")
    shell.json("export", "pets/instant", folder.parent / "pets.zip")
    [found] = shell.json("models")
    return {**found, "folder": folder, "bundle": folder.parent / "pets.zip"}


def fails(shell: Shell, *arguments: object) -> str:
    """What a person reads when a command does not do what was asked."""
    done = shell.run(*arguments)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


def test_of_few_pictures_the_list_of_models_gives_counts(shell: Shell, model: dict[str, Any]) -> None:
    assert model["pictures"] == 16
    assert re.search(r"\d+ of 16\b", shell.run("models").stdout)
    assert model["caution"] == ""


def test_a_model_is_made_into_a_form_and_written_to_a_file(shell: Shell, model: dict[str, Any], tmp_path: Path) -> None:
    told = shell.json("package", model["id"], "fp16", tmp_path)
    assert told["certificate"]["agreement"] == 1.0
    assert Path(told["destination"]).stat().st_size == told["certificate"]["bytes"]
    states = {one["form"]: one["state"] for one in shell.json("package", "pets/instant")}
    assert states == {kind: "made" if kind == "fp16" else "not made" for kind in map(str, PackageKind)}
    assert set(packages.FORMS) == set(PackageKind), "every form is offered"


def test_a_link_is_made_listed_and_revoked(shell: Shell, model: dict[str, Any]) -> None:
    assert shell.json("share", model["id"]) == []
    made = shell.json("share", "pets/best", "--days", 7)
    assert "/share#look_" in made["address"]
    assert [one["link"] for one in shell.json("share", model["id"])] == [made["link"]]
    assert "address" not in shell.json("share", model["id"])[0], "it is not shown again"
    shell.json("share", "--revoke", made["link"])
    assert shell.json("share", model["id"]) == []
    assert "1, 7 or 30 days" in fails(shell, "share", model["id"], "--days", 3)
    assert "no such link" in fails(shell, "share", "--revoke", 404)
    assert "which model" in fails(shell, "share")


def test_a_bundle_is_brought_in_and_answers_as_where_it_comes_from(
    shell: Shell, model: dict[str, Any], tmp_path: Path
) -> None:
    assert shell.json("import-model") == []
    told = shell.json("import-model", model["bundle"], "--dataset", "elsewhere")
    assert told["state"] == "done"
    found = shell.json("models", told["model"])
    assert (found["kind"], found["dataset"], found["labels"]) == ("imported", "elsewhere", model["labels"])
    picture = model["folder"] / "dark" / "3.png"
    here, there = (shell.json("predict", one, picture)[0] for one in (told["model"], model["id"]))
    assert (here["ranked"], here["verdict"]) == (there["ranked"], there["verdict"])
    assert here["familiarity"] == pytest.approx(there["familiarity"], abs=1e-3)
    bad = tmp_path / "bad.zip"
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("model.pkl", b"x")
    assert "no bundle of Darkroom's does" in fails(shell, "import-model", bad)
    assert [one["state"] for one in shell.json("import-model")] == ["refused", "done"]
    assert "There is no file" in fails(shell, "import-model", tmp_path / "none.zip")

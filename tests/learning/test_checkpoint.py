from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from core.learning.checkpoint import Checkpoints

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[2]


def state(value: float) -> dict[str, object]:
    return {"weights": {"w": torch.full((3,), value)}, "place": [1, 2, 3]}


def loaded(checkpoints: Checkpoints) -> tuple[float, float | None]:
    found = checkpoints.load(CPU)
    assert found is not None
    here, best = found
    return float(here["weights"]["w"][0]), float(best[1]["w"][0]) if best else None


def test_nothing_saved_is_nothing_to_load(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path).load(CPU) is None
    assert Checkpoints(tmp_path).best() is None


def test_the_newest_of_what_was_saved_is_loaded_with_its_best_weights(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, state(1.0), None)
    assert loaded(checkpoints) == (1.0, None)

    checkpoints.save(2, state(2.0), (1, {"w": torch.ones(1)}))

    assert loaded(Checkpoints(tmp_path)) == (2.0, 1.0)


def test_two_checkpoints_are_kept_with_the_best_weights_they_name(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for step in range(1, 6):
        checkpoints.save(step, state(step), (min(step, 4), {"w": torch.full((1,), float(step))}))

    assert sorted(path.name for path in tmp_path.glob("*.pt")) == [
        "best-000000004.pt",
        "step-000000004.pt",
        "step-000000005.pt",
    ]


@pytest.mark.parametrize(
    "name", ["step-000000002.pt", "best-000000002.pt", "step-000000002.json", "best-000000002.json"]
)
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "changed"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path, name: str, damage: str) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, state(1.0), (1, {"w": torch.tensor([10.0])}))
    checkpoints.save(2, state(2.0), (2, {"w": torch.tensor([20.0])}))
    content = (tmp_path / name).read_bytes()
    if damage == "missing":
        (tmp_path / name).unlink()
    else:
        changed = {"empty": b"", "cut": content[:-7], "changed": b"#" + content[1:]}[damage]
        (tmp_path / name).write_bytes(changed)

    assert loaded(Checkpoints(tmp_path)) == (1.0, 10.0)

    again = Checkpoints(tmp_path)
    again.save(2, state(2.5), (2, {"w": torch.tensor([25.0])}))
    assert loaded(again) == (2.5, 25.0 if name.startswith("best") else 20.0)


def test_nothing_is_written_once_the_fence_is_up(tmp_path: Path) -> None:
    def fence() -> None:
        raise PermissionError("replaced")

    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, state(1.0), None)

    with pytest.raises(PermissionError):
        Checkpoints(tmp_path, before_write=fence).save(2, state(2.0), None)

    assert loaded(checkpoints) == (1.0, None)
    assert not list(tmp_path.glob("step-000000002*"))


def test_what_a_killed_writer_left_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / "step-000000001.pt.4711.part").write_bytes(b"half")

    Checkpoints(tmp_path).save(2, state(2.0), None)

    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("kills", [15, pytest.param(500, marks=pytest.mark.slow)])
def test_a_writer_that_is_killed_leaves_a_whole_checkpoint_and_loses_none_it_told_of(
    kills: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.learning.writers", str(tmp_path), str(kills), "5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(kills), "0", "0"]

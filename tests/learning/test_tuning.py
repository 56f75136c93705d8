from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.learning import tuning
from core.learning.tuning import Tuned, as_words, tune
from tests.learning import sets

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def enough_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "MOST_S", 1e9)
    monkeypatch.setattr(tuning, "MOST_SHARE", 1e9)
    monkeypatch.setattr(tuning, "computes_bf16", lambda: True)


def tuned(memory: Path, architecture: str = "three-block-cnn", chosen: tuple[str, ...] = (), **overrides: Any) -> Tuned:
    recipe = sets.recipe(architecture, batch_size=8, **overrides)
    pixels, targets = sets.pictures(recipe.side)
    return tune(recipe, 2, CPU, pixels, targets, np.arange(24), memory, chosen)


def test_what_is_fastest_of_all_that_agree_is_chosen(tmp_path: Path) -> None:
    found = tuned(tmp_path)

    assert {(tried.precision, tried.layout) for tried in found.tried} == {
        (precision, layout) for precision in ("fp32", "bf16") for layout in ("contiguous", "channels_last")
    }
    best = max((tried for tried in found.tried if tried.agrees), key=lambda tried: tried.images_per_s)
    assert (found.recipe.precision, found.recipe.layout) == (best.precision, best.layout)
    assert as_words(found)["layout"] == best.layout and found.seconds > 0


def test_a_candidate_whose_loss_is_another_is_not_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = tuning._Trials._step

    def astray(self: Any, precision: str, layout: str) -> tuple[float, float]:
        loss, seconds = step(self, precision, layout)
        return (loss + 1, seconds / 1000) if precision == "bf16" else (loss, seconds)

    monkeypatch.setattr(tuning._Trials, "_step", astray)

    found = tuned(tmp_path)

    assert found.recipe.precision == "fp32"
    assert [tried.agrees for tried in found.tried] == [tried.precision == "fp32" for tried in found.tried]


def test_the_machine_is_asked_once(tmp_path: Path) -> None:
    first, again, other = tuned(tmp_path), tuned(tmp_path), tuned(tmp_path, "digit-cnn")

    assert again.recipe == first.recipe and not again.tried
    assert other.tried


def test_what_is_known_but_damaged_is_measured_again(tmp_path: Path) -> None:
    tuned(tmp_path)
    (known,) = tmp_path.glob("*.json")
    for content in ("", "[]", '{"precision": "int3", "layout": "contiguous", "threads": 1}'):
        known.write_text(content)
        assert tuned(tmp_path).tried


def test_what_a_person_chose_stays(tmp_path: Path) -> None:
    found = tuned(tmp_path, precision="bf16", layout="contiguous", threads=8, chosen=("threads",))

    assert not found.tried
    assert (found.recipe.precision, found.recipe.layout, found.recipe.threads) == ("bf16", "contiguous", 8)
    assert {tried.precision for tried in tuned(tmp_path, precision="fp32").tried} == {"fp32"}


@pytest.fixture
def slowed_by_company(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Four threads take twice as long as two."""
    before = torch.get_num_threads()
    monkeypatch.setattr(tuning._Trials, "_step", lambda *_: (1.0, float(torch.get_num_threads())))
    yield
    torch.set_num_threads(before)


def test_many_cores_are_also_tried_by_half(slowed_by_company: None, tmp_path: Path) -> None:
    found = tuned(tmp_path, threads=4)

    assert {tried.threads for tried in found.tried} == {4, 2} and found.recipe.threads == 2


def test_threads_that_a_person_chose_stay_though_fewer_are_known_to_be_faster(
    slowed_by_company: None, tmp_path: Path
) -> None:
    assert tuned(tmp_path, threads=4).recipe.threads == 2
    assert tuned(tmp_path, threads=4, chosen=("threads",)).recipe.threads == 4


def test_a_short_run_is_not_tuned_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "MOST_SHARE", 1e-9)

    assert len(tuned(tmp_path).tried) == 1


def test_a_precision_that_the_processor_has_no_arithmetic_for_is_not_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "computes_bf16", lambda: False)

    assert {tried.precision for tried in tuned(tmp_path).tried} == {"fp32"}
    assert tuned(tmp_path, precision="bf16", layout="contiguous").recipe.precision == "bf16", "a person's word"


@pytest.mark.parametrize(
    ("machine", "capability", "there"),
    [("x86_64", "AVX2", False), ("x86_64", "AVX512", True), ("AMD64", "DEFAULT", False), ("aarch64", "DEFAULT", True)],
)
def test_which_processors_compute_in_bf16(
    machine: str, capability: str, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)

    assert tuning.computes_bf16() is there


def test_a_precision_that_takes_all_the_time_there_is_is_not_chosen_for_want_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "MOST_SHARE", 1e-9)
    monkeypatch.setattr(
        tuning._Trials, "_step", lambda _, precision, layout: (1.0, 9.0 if precision == "bf16" else 0.2)
    )

    found = tuned(tmp_path)

    assert [tried.precision for tried in found.tried] == ["bf16"] and found.recipe.precision == "fp32"

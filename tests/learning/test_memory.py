"""A batch that does not fit into memory is worked through in parts; the run goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from core.learning import loop
from core.learning.checkpoint import Checkpoints
from core.learning.events import Event, Finished, Halved, Prepared, Stepped
from core.learning.networks import Hidden
from core.recipe import Recipe
from tests.learning import sets, victim


@pytest.fixture(autouse=True)
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SAY_S", 0.0)


def fits(monkeypatch: pytest.MonkeyPatch, most: int, error: type[RuntimeError] = torch.OutOfMemoryError) -> None:
    """From now on so many pictures of a batch go through the network at once, and no more."""
    forward = Hidden.forward

    def limited(self: Hidden, pixels: Tensor) -> Tensor:
        if self.training and len(pixels) > most:
            raise error("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.")
        return forward(self, pixels)

    monkeypatch.setattr(Hidden, "forward", limited)


def recipe() -> Recipe:
    return sets.recipe("digit-cnn", epochs=2, batch_size=8, ema=0.9, dropout=0.0, label_smoothing=0.1)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
def test_a_batch_that_does_not_fit_is_halved_and_the_gradient_stays(
    error: type[RuntimeError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(sets.training(tmp_path / "whole", recipe()))
    fits(monkeypatch, 3, error)

    events = list(sets.training(tmp_path / "halved", recipe()))

    assert [event for event in events if isinstance(event, Halved)] == [Halved(1, 2)]
    assert isinstance(events[-1], Finished) and events[-1].step == 6
    whole, halved = (Checkpoints(tmp_path / name).best() for name in ("whole", "halved"))
    assert whole is not None and halved is not None
    assert all(torch.allclose(whole[name], halved[name], atol=1e-3) for name in whole)


def test_a_run_in_parts_is_taken_up_in_parts_and_ends_in_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits(monkeypatch, 4)
    list(sets.training(tmp_path / "unbroken", recipe()))
    running = sets.training(tmp_path / "broken", recipe())
    for event in running:
        if isinstance(event, Stepped) and event.step == 2:
            break
    running.close()  # type: ignore[attr-defined]

    rest: list[Event] = list(sets.training(tmp_path / "broken", recipe()))

    assert isinstance(rest[0], Prepared) and rest[0].resumed_at == 2
    assert not [event for event in rest if isinstance(event, Halved)]
    assert victim.digest(tmp_path / "broken") == victim.digest(tmp_path / "unbroken")


def test_when_not_even_two_pictures_fit_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fits(monkeypatch, 1)

    with pytest.raises(MemoryError):
        list(sets.training(tmp_path, recipe()))


def test_another_error_of_the_network_is_no_question_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Hidden, pixels: Tensor) -> Tensor:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(Hidden, "forward", broken)

    with pytest.raises(RuntimeError, match="shapes"):
        list(sets.training(tmp_path, recipe()))

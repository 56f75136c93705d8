"""A run that was broken off, however often and however rudely, ends in the very same bits."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from core.errors import StudioError
from core.learning import loop
from core.learning.events import (
    Advanced,
    Checked,
    Event,
    Finished,
    Prepared,
    Reason,
    Saved,
    Stepped,
    Validated,
    WentBack,
)
from core.learning.learner import LOWER, Learner
from core.recipe import Recipe
from tests.learning import sets, victim

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SAY_S", 0.0)


def told(events: list[Event]) -> list[Event]:
    """What must be the same, every window of the curve too: everything but the speed and where it was saved."""
    same = [event for event in events if not isinstance(event, Saved | Prepared | Checked | Advanced)]
    return [dataclasses.replace(event, images_per_s=0.0) if isinstance(event, Stepped) else event for event in same]


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights cease to be numbers in step 8, unless the rate was lowered."""
    learn = Learner.learn

    def poisoned(self: Learner, inputs: torch.Tensor, targets: torch.Tensor, rate: float) -> None:
        learn(self, inputs, targets, rate)
        if self.step == 8 and not self.went_back:
            with torch.no_grad():
                next(self.network.parameters()).fill_(torch.nan)

    monkeypatch.setattr(Learner, "learn", poisoned)


def in_pieces(folder: Path, recipe: Recipe, lengths: list[int]) -> list[Event]:
    """The events of a run that is closed after so many events each time, then let go on to its end."""
    events: list[Event] = []
    for length in lengths:
        running = sets.training(folder, recipe)
        events += [event for _, event in zip(range(length), running, strict=False)]
        running.close()  # type: ignore[attr-defined]
    return [*events, *sets.training(folder, recipe)]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
def test_closed_at_any_step_and_taken_up_again_it_ends_in_the_same_bits(optimizer: str, tmp_path: Path) -> None:
    recipe = sets.recipe("mlp", epochs=2, batch_size=8, ema=0.9, augmentation="strong", optimizer=optimizer)
    unbroken = list(sets.training(tmp_path / "unbroken", recipe))

    for at in range(1, len(unbroken)):
        broken = in_pieces(tmp_path / str(at), recipe, [at])

        assert victim.digest(tmp_path / str(at)) == victim.digest(tmp_path / "unbroken"), f"closed after event {at}"
        assert told(broken) == told(unbroken)


def test_closed_again_and_again_it_ends_in_the_same_bits(tmp_path: Path) -> None:
    recipe = victim.recipe()
    unbroken = list(sets.training(tmp_path / "unbroken", recipe))

    broken = in_pieces(tmp_path / "broken", recipe, [2, 1, 3, 9, 4])

    assert victim.digest(tmp_path / "broken") == victim.digest(tmp_path / "unbroken")
    assert told(broken) == told(unbroken)


def test_windows_of_the_curve_that_were_not_told_of_yet_are_in_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = victim.recipe()
    unbroken = list(sets.training(tmp_path / "unbroken", recipe))
    monkeypatch.setattr(loop, "SAY_S", 1e9)  # said at the end of each epoch, several windows in a row

    broken = in_pieces(tmp_path / "broken", recipe, [3, 2, 9, 4])

    assert told(broken) == told(unbroken)
    steps = [event.step for event in broken if isinstance(event, Stepped)]
    assert steps == list(range(1, 25))


def test_a_long_run_has_windows_of_several_steps_at_the_same_steps_always(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "WINDOWS", 3)
    recipe = victim.recipe()

    unbroken = list(sets.training(tmp_path / "unbroken", recipe))
    broken = in_pieces(tmp_path / "broken", recipe, [4, 1, 6, 2, 11])

    assert [event.step for event in unbroken if isinstance(event, Stepped)] == [5, 6, 10, 12, 15, 18, 20, 24]
    assert any(isinstance(event, Advanced) for event in unbroken)
    assert told(broken) == told(unbroken)


def test_a_loss_that_is_no_number_goes_back_to_the_best_epoch_and_on_more_slowly(poison: None, tmp_path: Path) -> None:
    recipe = dataclasses.replace(victim.recipe(), patience=0)

    events = list(sets.training(tmp_path, recipe))

    (back,) = [event for event in events if isinstance(event, WentBack)]
    assert (back.step, back.epoch) == (6, 1)
    assert back.learning_rate == pytest.approx(recipe.learning_rate * LOWER)
    assert "epoch 2" in back.sentence and "went back to epoch 1" in back.sentence
    after = events[events.index(back) :]
    rates = [event.learning_rate for event in after if isinstance(event, Stepped)]
    assert max(rates) <= back.learning_rate < max(e.learning_rate for e in events if isinstance(e, Stepped))
    assert [event.epoch for event in after if isinstance(event, Validated)] == [2, 3, 4]
    assert isinstance(events[-1], Finished) and events[-1].reason is Reason.DONE


def test_a_run_that_goes_back_and_is_broken_off_ends_in_the_same_bits(poison: None, tmp_path: Path) -> None:
    recipe = victim.recipe()
    unbroken = list(sets.training(tmp_path / "unbroken", recipe))
    back = next(at for at, event in enumerate(unbroken) if isinstance(event, WentBack))

    for at in range(back - 3, back + 4):
        in_pieces(tmp_path / str(at), recipe, [at, 2])

        assert victim.digest(tmp_path / str(at)) == victim.digest(tmp_path / "unbroken"), f"closed after event {at}"


def test_killed_three_times_it_ends_in_the_same_bits(tmp_path: Path) -> None:
    list(sets.training(tmp_path / "unbroken", victim.recipe()))

    command = [sys.executable, "-m", "tests.learning.victim", str(tmp_path / "broken"), "10", "16", "13"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)

    *began, digest = done.stdout.split()
    assert digest == victim.digest(tmp_path / "unbroken")
    steps = [int(step) for step in began]
    assert len(steps) == 4 and steps[0] == 0 and steps == sorted(set(steps)), "each went on where the last one was"


def test_a_damaged_checkpoint_costs_a_few_steps_and_changes_nothing(tmp_path: Path) -> None:
    recipe = victim.recipe()
    list(sets.training(tmp_path / "unbroken", recipe))
    in_two = sets.training(tmp_path / "broken", recipe)
    steps = [event.step for _, event in zip(range(9), in_two, strict=False) if isinstance(event, Stepped)]
    in_two.close()  # type: ignore[attr-defined]
    again = sets.training(tmp_path / "broken", recipe)
    steps += [event.step for _, event in zip(range(5), again, strict=False) if isinstance(event, Stepped)]
    again.close()  # type: ignore[attr-defined]
    newest = sorted((tmp_path / "broken").glob("step-*.pt"))[-1]
    newest.write_bytes(newest.read_bytes()[:-100])

    rest = list(sets.training(tmp_path / "broken", recipe))

    assert isinstance(rest[0], Prepared) and 0 < rest[0].resumed_at < max(steps)
    assert victim.digest(tmp_path / "broken") == victim.digest(tmp_path / "unbroken")


def test_checkpoints_of_other_settings_are_refused(tmp_path: Path) -> None:
    list(sets.training(tmp_path, sets.recipe(epochs=1)))

    with pytest.raises(StudioError, match="Start a new run"):
        list(sets.training(tmp_path, sets.recipe(epochs=1, seed=1)))


def test_another_seed_ends_in_another_model(tmp_path: Path) -> None:
    for seed in (0, 1):
        list(sets.training(tmp_path / str(seed), sets.recipe("digit-cnn", epochs=1, seed=seed, ema=0.5)))

    assert victim.digest(tmp_path / "0") != victim.digest(tmp_path / "1")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(sets.SIDES))
def test_every_architecture_resumes_in_mid_epoch_to_the_same_bits(name: str, tmp_path: Path) -> None:
    recipe = sets.recipe(name, epochs=2, batch_size=8, ema=0.9, augmentation="strong", threads=2)
    unbroken = list(sets.training(tmp_path / "unbroken", recipe))

    broken = in_pieces(tmp_path / "broken", recipe, [2, 3])

    assert victim.digest(tmp_path / "broken") == victim.digest(tmp_path / "unbroken")
    assert told(broken) == told(unbroken)
    assert any(isinstance(event, Validated) for event in broken)
    assert torch.get_num_threads() == 2

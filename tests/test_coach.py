"""The coach on curves that real trainings left (tests/curves), and on each of its sentences."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from core import coach, curves
from core.coach import Advice, Epoch, Kind, Situation, Tone

CURVES = Path(__file__).parent / "curves"
WENT = {  # what is said while it runs, in order; what is said when it is over, and what to do then
    "learning_well": ("early learning", Kind.DONE, "See what it gets wrong."),
    "learning_well_small_network": ("early learning", Kind.DONE, "See what it gets wrong."),
    "slow_and_steady": ("early learning", Kind.CUT_OFF, "Train longer."),
    "cut_off": ("early learning", Kind.CUT_OFF, "Train longer."),
    "finished_early": ("early learning", Kind.DONE, "See what it gets wrong."),
    "plateau": ("early learning level learning", Kind.DONE, "See what it gets wrong."),
    "warm_start": ("early learning perfect", Kind.DONE, "See what it gets wrong."),
    "noisy_but_well": ("early learning memorising learning level", Kind.DONE, "See what it gets wrong."),
    "memorising": ("early learning memorising", Kind.MEMORISING, "See what it gets wrong."),
    "memorising_letters": ("early learning few learning few", Kind.FEW, "Add more pictures of each label."),
    "too_few_pictures": ("early learning few", Kind.FEW, "Add more pictures of each label."),
    "rate_too_low": ("early learning flat", Kind.FLAT, "Start again with learning rate 1e-5, ten times this one."),
    "rate_too_high": ("wild", Kind.WILD, "Start again with learning rate 0.03, a tenth of this one."),
    "diverged": ("wild", Kind.WILD, "Start again with learning rate 0.3, a tenth of this one."),
    "rate_unstable": ("early learning unstable level memorising", Kind.MEMORISING, "See what it gets wrong."),
    "rate_spoils_the_start": ("early learning memorising", Kind.MEMORISING, "See what it gets wrong."),
}


def recorded(name: str) -> tuple[list[Epoch], Situation, str]:
    """The epochs, the situation while it ran, and how it ended."""
    found: dict[str, Any] = json.loads((CURVES / f"{name}.json").read_text("utf-8"))
    recipe = found["recipe"]
    situation = Situation(
        recipe["epochs"], found["labels"], found["learned_from"], None, recipe["learning_rate"], recipe["patience"]
    )
    return [Epoch(*row) for row in found["epochs"]], situation, found["reason"]


def told(epochs: list[Epoch], situation: Situation) -> list[Advice]:
    """What was said after each epoch."""
    said = [coach.advise(epochs[:count], situation) for count in range(1, len(epochs) + 1)]
    assert all(said)
    return [one for one in said if one]


def judged(said: list[Advice]) -> list[Kind]:
    kinds = [one.kind for one in said]
    return [kind for at, kind in enumerate(kinds) if at == 0 or kind != kinds[at - 1]]


@pytest.mark.parametrize("name", sorted(path.stem for path in CURVES.glob("*.json")))
def test_a_recorded_curve_is_read_as_a_person_would_read_it(name: str) -> None:
    epochs, situation, reason = recorded(name)
    while_running, kind, action = WENT[name]
    assert " ".join(judged(told(epochs, situation))) == while_running
    over = coach.advise(epochs, dataclasses.replace(situation, ended=reason))
    assert over is not None and (over.kind, over.action) == (kind, action)
    assert f"Epoch {coach.best_of(epochs).epoch} is kept" in over.sentence


@pytest.mark.parametrize("name", sorted(WENT))
def test_it_does_not_contradict_itself_from_one_epoch_to_the_next(name: str) -> None:
    epochs, situation, _ = recorded(name)
    kinds = [one.kind for one in told(epochs, situation)]
    left: dict[Kind, int] = {}
    for at in range(1, len(kinds)):
        if kinds[at] == kinds[at - 1]:
            continue
        if kinds[at] is not Kind.LEARNING:  # which a new best always is
            assert at - left.get(kinds[at], -99) >= 5, f"{kinds[at]} was taken back and said again within 5 epochs"
        left[kinds[at - 1]] = at


@pytest.mark.parametrize("name", sorted(WENT))
def test_every_advice_is_a_sentence_with_at_most_one_thing_to_do(name: str) -> None:
    epochs, situation, reason = recorded(name)
    said = told(epochs, situation)
    over = coach.advise(epochs, dataclasses.replace(situation, ended=reason))
    for one in [*said, *([over] if over else [])]:
        assert one.sentence[0].isupper() and one.sentence.endswith(".") and "  " not in one.sentence
        assert one.action == "" or (one.action.endswith(".") and one.action.count(". ") == 0)
        assert "!" not in one.sentence + one.action and "None" not in one.sentence + one.action


@pytest.mark.parametrize("name", sorted(WENT))
def test_the_best_epoch_of_the_coach_is_the_one_that_the_curve_rings(name: str) -> None:
    epochs, _, _ = recorded(name)
    losses = {one.epoch: one.val_loss or 0.0 for one in epochs}
    best = curves.best(losses, {one.epoch: one.val_accuracy or 0.0 for one in epochs}, 1.0)
    assert best is not None and best.epoch == coach.best_of(epochs).epoch


def test_before_the_first_epoch_is_over_there_is_nothing_to_say() -> None:
    situation = Situation(5, 2, 100)
    assert coach.advise([], situation) is None
    assert coach.advise([Epoch(0, None, None, 0.3, 0.9)], situation) is None


def test_every_kind_of_advice_comes_from_some_recorded_curve() -> None:
    seen: set[Kind] = set()
    for name in WENT:
        epochs, situation, reason = recorded(name)
        seen |= {one.kind for one in told(epochs, situation)}
        over = coach.advise(epochs, dataclasses.replace(situation, ended=reason))
        seen |= {over.kind} if over else set()
    assert seen == set(Kind)


# ---- each sentence -----------------------------------------------------------------------------------


def said_at(name: str, epoch: int) -> Advice:
    epochs, situation, _ = recorded(name)
    found = coach.advise(epochs[:epoch], situation)
    assert found is not None
    return found


def test_a_beginning_promises_nothing() -> None:
    one = said_at("learning_well", 1)
    assert one == Advice(
        Kind.EARLY, "It has begun: 82 of 100 validation pictures right. Two or three epochs say more.", "", Tone.CALM
    )


def test_learning_needs_nothing_to_be_done() -> None:
    one = said_at("learning_well", 5)
    sentence = "It is learning: 94 of 100 validation pictures right, and epoch 5 is the best so far."
    assert one == Advice(Kind.LEARNING, sentence, "", Tone.GOOD)


def test_memorising_says_since_when_and_that_the_best_is_kept() -> None:
    one = said_at("memorising", 10)
    assert one.sentence == (
        "It is now memorising: validation loss has been above its lowest for 6 epochs, while training loss went on "
        "falling. The best, epoch 7, is kept."
    )
    assert one.action == "Nothing to do: it stops by itself after 10 epochs without a new best."


def test_memorising_without_patience_says_to_stop() -> None:
    epochs, situation, _ = recorded("memorising")
    one = coach.advise(epochs[:10], dataclasses.replace(situation, patience=0))
    assert one is not None and one.action == "Stop and keep the best; more epochs would hardly help."


def test_with_few_pictures_more_of_them_are_asked_for() -> None:
    one = said_at("too_few_pictures", 14)
    assert one.sentence.endswith("It learns from about 4 pictures of each label, which is few.")
    assert one.action == "Add more pictures of each label."


def test_a_plateau_names_its_best_epoch() -> None:
    one = said_at("plateau", 30)
    assert one.sentence == (
        "It has levelled off: epoch 8 is the best so far, with 45 of 100 validation pictures right."
    )
    assert one.tone is Tone.CALM


def test_nothing_left_to_learn_sends_to_new_pictures() -> None:
    one = said_at("warm_start", 4)
    assert one.sentence == "There is little left to learn here: 100 of 100 validation pictures right."
    assert one.action.startswith("Try it on new pictures")


def test_not_learning_at_all_is_said_with_a_larger_rate() -> None:
    one = said_at("rate_too_low", 6)
    assert one.sentence == (
        "It has hardly learned in 6 epochs: 10 of 100 validation pictures right is close to guessing."
    )


def test_a_loss_that_leaps_asks_for_a_smaller_rate() -> None:
    one = said_at("rate_unstable", 7)
    assert one.sentence == (
        "The loss leaps up again and again, so the steps are too large; epoch 2 is the best so far."
    )
    assert one.action == "Start again with learning rate 0.015, a tenth of this one."


def test_a_loss_beyond_all_bounds_is_the_learning_rate() -> None:
    assert said_at("rate_too_high", 3).sentence == "The loss has left all bounds: the learning rate is too high."
    gone = [Epoch(1, 0.9, 0.5, 0.8, 0.5), Epoch(2, None, None, None, None)]
    one = coach.advise(gone, Situation(5, 2, 100))
    assert one is not None and one.kind is Kind.WILD
    assert one.action == "Start again with a learning rate a tenth as large."


def test_a_run_that_began_better_than_it_went_on_keeps_what_it_began_with() -> None:
    epochs = [Epoch(0, None, None, 0.2, 0.95), Epoch(1, 0.5, 0.8, 0.4, 0.9), Epoch(2, 0.4, 0.85, 0.41, 0.9)]
    during = coach.advise(epochs, Situation(5, 2, 100))
    assert during is not None and "the weights it began with are the best so far" in during.sentence
    over = coach.advise(epochs, Situation(5, 2, 100, ended="stopped"))
    assert over is not None and "What it began with is kept: 95 of 100 validation pictures right." in over.sentence


def test_an_early_end_says_why() -> None:
    epochs, situation, reason = recorded("finished_early")
    one = coach.advise(epochs, dataclasses.replace(situation, ended=reason))
    assert one is not None and one.sentence == (
        "It stopped by itself: nothing better came in 5 epochs. Epoch 17 is kept: 60 of 100 validation pictures right."
    )


def test_of_few_validation_pictures_it_says_how_many_are_right_and_no_share() -> None:
    epochs = [Epoch(1, 0.5, 0.8, 0.4, 10 / 12), Epoch(2, 0.4, 0.9, 0.3, 11 / 12)]
    during = coach.advise(epochs, Situation(5, 2, 100, checked_on=12))
    assert during is not None and during.sentence.startswith("It is learning: 11 of 12 validation pictures right")
    over = coach.advise(epochs, Situation(5, 2, 100, checked_on=12, ended="done"))
    assert over is not None and "Epoch 2 is kept: 11 of 12 validation pictures right." in over.sentence
    enough = coach.advise(epochs, Situation(5, 2, 100, checked_on=20))
    assert enough is not None and "91 of 100 validation pictures right" in enough.sentence


def test_accuracies_are_never_rounded_up() -> None:
    one = coach.advise([Epoch(1, 0.1, 0.9, 0.1, 0.9999)], Situation(5, 2, 100))
    assert one is not None and "99 of 100" in one.sentence

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from core.architectures import ARCHITECTURES
from core.errors import StudioError
from core.learning import loop
from core.learning.augment import as_input
from core.learning.checkpoint import Checkpoints
from core.learning.events import Checked, Event, Finished, Prepared, Reason, Saved, Stepped, Validated, WentBack
from core.learning.export import predict
from core.learning.learner import COOLED, Head, Learner, choose_device, learning_rate, load_best
from core.learning.loop import cut, permutation, train
from core.learning.networks import build
from tests.learning import sets

CPU = torch.device("cpu")


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is told of."""
    monkeypatch.setattr(loop, "SAY_S", 0.0)


@cache
def a_head(recipe_of: str = "efficientnet-lite0") -> Head:
    """A linear head by least squares on the vectors of the training pictures."""
    recipe = sets.recipe(recipe_of)
    pixels, targets = sets.pictures(recipe.side)
    network = build(recipe_of, 2, recipe).eval()
    with torch.inference_mode():
        vectors = network.answer(as_input(torch.from_numpy(pixels), False))[1].numpy()[:24]
    wanted = np.eye(2, dtype=np.float32)[targets[:24]] * 4 - 2
    weight = np.linalg.lstsq(vectors.T @ vectors + np.eye(vectors.shape[1]), vectors.T @ wanted, rcond=None)[0]
    return weight.T.astype(np.float32), np.zeros(2, np.float32)


@pytest.mark.parametrize("name", [card.name for card in ARCHITECTURES if not card.timm])
def test_every_architecture_learns_to_tell_two_labels_apart(name: str, tmp_path: Path) -> None:
    epochs = {"efficientnet-lite0": 5, "resnet18": 6, "mobilenetv3-small": 20}.get(name, 10)
    rate = {"efficientnet-lite0": 3e-4, "mobilenetv3-small": 3e-3}.get(name, 1e-3)
    plain: dict[str, Any] = {"augmentation": "none", "dropout": 0.0, "ema": 0.0, "label_smoothing": 0.0, "patience": 0}
    recipe = sets.recipe(name, epochs=epochs, learning_rate=rate, batch_size=8, **plain)

    events = list(sets.training(tmp_path, recipe))

    assert isinstance(events[0], Prepared) and isinstance(events[-1], Finished)
    assert events[-1].val_accuracy == 1.0 and events[-1].val_loss < 0.5


def test_a_training_says_what_happens_in_order(every_step: None, tmp_path: Path) -> None:
    recipe = sets.recipe(epochs=2, batch_size=8)

    events = [event for event in sets.training(tmp_path, recipe) if not isinstance(event, Checked | Saved)]

    assert [type(event) for event in events] == [
        Prepared,
        *([Stepped] * 3 + [Validated]) * 2,
        Finished,
    ]
    assert [event.step for event in events if isinstance(event, Stepped)] == [1, 2, 3, 4, 5, 6]
    assert [event.epoch for event in events if isinstance(event, Validated)] == [1, 2]
    assert events[0] == Prepared(6, 2, 24, 8, "cpu", resumed_at=0)
    finished = events[-1]
    assert isinstance(finished, Finished) and finished.reason is Reason.DONE


def test_train_and_validation_loss_are_in_the_same_unit(every_step: None, tmp_path: Path) -> None:
    recipe = sets.recipe(
        "mlp", 1, learning_rate=1e-6, dropout=0.0, label_smoothing=0.3, augmentation="none", batch_size=8
    )
    pixels, targets = sets.pictures(recipe.side, 20)
    everything = np.arange(20)

    events = list(train(pixels, targets, everything, everything, recipe, CPU, sets.LABELS, Checkpoints(tmp_path)))

    (validated,) = [event for event in events if isinstance(event, Validated)]
    assert validated.train_loss == pytest.approx(validated.val_loss, rel=1e-3)
    assert validated.train_accuracy == validated.val_accuracy


def test_the_mean_of_what_was_said_of_steps_is_what_is_said_of_the_epoch(every_step: None, tmp_path: Path) -> None:
    events = list(sets.training(tmp_path, sets.recipe(epochs=1, batch_size=8)))

    steps = [event.train_loss for event in events if isinstance(event, Stepped)]
    (validated,) = [event for event in events if isinstance(event, Validated)]
    assert validated.train_loss == pytest.approx(sum(steps) / len(steps))


def test_whoever_reads_the_events_finds_gradients_as_they_were(every_step: None, tmp_path: Path) -> None:
    for _ in sets.training(tmp_path, sets.recipe("three-block-cnn", epochs=1)):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
        assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize(("name", "epochs"), [("three-block-cnn", 4), ("efficientnet-lite0", 2)])
def test_the_best_model_is_kept_and_answers_as_it_was_measured(name: str, epochs: int, tmp_path: Path) -> None:
    recipe = sets.recipe(name, epochs)
    pixels, targets = sets.pictures(recipe.side)

    finished = list(sets.training(tmp_path, recipe))[-1]

    assert isinstance(finished, Finished)
    found, _ = predict(load_best(Checkpoints(tmp_path), sets.LABELS, recipe), recipe, pixels, np.arange(24, 32))
    assert (found.argmax(1) == targets[24:]).mean() == finished.val_accuracy
    assert -np.log(found[np.arange(8), targets[24:]]).mean() == pytest.approx(finished.val_loss, rel=1e-4)


def test_a_run_that_is_closed_has_saved_where_it_stands(every_step: None, tmp_path: Path) -> None:
    running = sets.training(tmp_path, sets.recipe(epochs=4, batch_size=8))
    for event in running:
        if isinstance(event, Stepped) and event.step == 5:
            break
    running.close()  # type: ignore[attr-defined]

    again = next(sets.training(tmp_path, sets.recipe(epochs=4, batch_size=8)))

    assert isinstance(again, Prepared) and again.resumed_at == 5
    assert Checkpoints(tmp_path).best() is not None  # of the first epoch


def test_a_run_that_was_over_is_over_at_once_when_taken_up(tmp_path: Path) -> None:
    recipe = sets.recipe(epochs=2)
    first = list(sets.training(tmp_path, recipe))

    again = list(sets.training(tmp_path, recipe))

    assert [type(event) for event in again] == [Prepared, Finished]
    assert again[-1] == first[-1]


def test_a_warm_start_tells_first_what_the_head_scores(tmp_path: Path) -> None:
    recipe, head = sets.recipe("efficientnet-lite0", epochs=1), a_head()
    pixels, targets = sets.pictures(recipe.side)
    network = build("efficientnet-lite0", 2, recipe)
    network.load_head(*head)
    scored = (predict(network, recipe, pixels, np.arange(24, 32))[0].argmax(1) == targets[24:]).mean()

    running = sets.training(tmp_path, recipe, head=head)
    first = next(event for event in running if isinstance(event, Validated))

    assert (first.step, first.epoch, first.train_loss, first.best) == (0, 0, None, True)
    assert first.val_accuracy == scored


def test_a_warm_start_doubts_before_it_learns_and_keeps_the_head_as_it_was(tmp_path: Path) -> None:
    recipe, (weight, bias) = sets.recipe("efficientnet-lite0", epochs=1), a_head()
    running = sets.training(tmp_path, recipe, head=(weight, bias))
    next(event for event in running if isinstance(event, Validated))
    cast("Generator[Event]", running).close()

    found = Checkpoints(tmp_path).load(CPU)
    assert found is not None
    for network in (found[0]["network"], found[0]["averaged"]):
        torch.testing.assert_close(network["last.weight"], torch.from_numpy(weight) * COOLED)
        torch.testing.assert_close(network["last.bias"], torch.from_numpy(bias) * COOLED)
    kept = load_best(Checkpoints(tmp_path), sets.LABELS, recipe).last
    assert torch.equal(kept.weight, torch.from_numpy(weight)) and torch.equal(kept.bias, torch.from_numpy(bias))


def test_a_head_that_knows_its_pictures_by_heart_leaves_the_body_more_to_learn_once_it_doubts() -> None:
    recipe, (weight, bias) = sets.recipe("efficientnet-lite0", label_smoothing=0.0, frozen_stages=0), a_head()
    pixels, targets = sets.pictures(recipe.side, 4)
    inputs, wanted = as_input(torch.from_numpy(pixels), False), torch.from_numpy(targets)
    learner = Learner(recipe, 2, CPU, (weight * 20, bias * 20), "")  # sure of every one of them

    def pull() -> float:
        learner.network.zero_grad()
        torch.nn.functional.cross_entropy(learner.network(inputs), wanted).backward()  # type: ignore[no-untyped-call]
        return sum(float(p.grad.norm()) for p in learner.network.body.parameters() if p.grad is not None)

    learner.network.eval()
    before, answers = pull(), learner.network(inputs).argmax(1)
    assert torch.equal(answers, wanted)
    learner.cool()
    assert pull() > 2 * before
    assert torch.equal(learner.network(inputs).argmax(1), answers)


def test_what_goes_back_to_the_head_it_began_with_doubts_again() -> None:
    learner = Learner(sets.recipe("efficientnet-lite0"), 2, CPU, a_head(), "")
    learner.end_epoch(0.5, 1.0, epoch=0)
    learner.cool()
    began = learner.network.last.weight.detach().clone()

    learner.go_back()

    assert torch.equal(learner.network.last.weight, began)
    assert torch.equal(learner.best_weights["last.weight"], torch.from_numpy(a_head()[0]))


def test_what_begins_with_an_earlier_run_has_no_head_to_doubt() -> None:
    learner = Learner(sets.recipe("efficientnet-lite0"), 2, CPU, None, "")
    began = learner.network.last.weight.detach().clone()
    learner.cool()
    assert torch.equal(learner.network.last.weight, began)


@pytest.mark.parametrize(("warm", "kept"), [(True, 0.9**4), (False, (5 / 14) ** 4)])
def test_an_average_forgets_random_weights_soon_but_not_what_a_warm_start_knows(warm: bool, kept: float) -> None:
    recipe = sets.recipe("efficientnet-lite0", ema=0.9, batch_size=4)
    learner = Learner(recipe, 2, CPU, a_head() if warm else None, "")
    began = learner.shown.last.weight.detach().clone()
    pixels, targets = sets.pictures(recipe.side, 4)

    for _ in range(4):
        learner.learn(as_input(torch.from_numpy(pixels), False), torch.from_numpy(targets), 1e-3)

    wanted = learner.network.last.weight.lerp(began, kept)
    assert learner.shown is not learner.network
    assert torch.allclose(learner.shown.last.weight, wanted, atol=1e-6)


def test_a_run_that_goes_wrong_ends_no_worse_than_the_head_it_began_with(tmp_path: Path) -> None:
    recipe = dataclasses.replace(sets.recipe("efficientnet-lite0", epochs=1), learning_rate=0.5, warmup_share=0.0)

    events = list(sets.training(tmp_path, recipe, head=a_head()))

    first = next(event for event in events if isinstance(event, Validated))
    finished = events[-1]
    assert isinstance(finished, Finished) and first.val_accuracy > 0.7
    assert (finished.val_accuracy, finished.best_epoch) == (first.val_accuracy, 0)


def test_a_run_stops_when_nothing_better_comes(tmp_path: Path) -> None:
    recipe = sets.recipe(epochs=20, learning_rate=1e-6, patience=2, augmentation="none", dropout=0.0, optimizer="sgd")
    recipe = dataclasses.replace(recipe, learning_rate=0.0)

    events = list(sets.training(tmp_path, recipe))

    finished = events[-1]
    assert isinstance(finished, Finished) and finished.reason is Reason.EARLY
    assert [event.epoch for event in events if isinstance(event, Validated)] == [1, 2, 3]
    assert "epoch 1" in finished.sentence


def test_a_loss_that_is_no_number_ends_the_run_in_a_sentence(tmp_path: Path) -> None:
    recipe = dataclasses.replace(sets.recipe(epochs=3, optimizer="sgd"), learning_rate=1e30, warmup_share=0.0)

    with pytest.raises(StudioError, match="smaller learning rate"):
        list(sets.training(tmp_path, recipe))


def test_a_run_that_diverges_again_keeps_its_best_model(tmp_path: Path) -> None:
    recipe = sets.recipe("efficientnet-lite0", epochs=1, optimizer="sgd")
    recipe = dataclasses.replace(recipe, learning_rate=1e30, warmup_share=0.0)

    events = list(sets.training(tmp_path, recipe, head=a_head()))
    finished = events[-1]

    assert sum(isinstance(event, WentBack) for event in events) == 1
    assert isinstance(finished, Finished) and finished.reason is Reason.DIVERGED
    assert finished.best_epoch == 0
    weights = Checkpoints(tmp_path).best()
    assert weights is not None and all(bool(value.isfinite().all()) for value in weights.values())


def test_no_epochs_at_all_only_checks(tmp_path: Path) -> None:
    recipe = dataclasses.replace(sets.recipe(), epochs=0)

    events = list(sets.training(tmp_path, recipe))

    assert [type(event) for event in events] == [Prepared, Validated, Saved, Finished]


@pytest.mark.parametrize("images", [1, 2, 5, 9])
def test_no_number_of_pictures_leaves_one_alone_in_a_batch(images: int, tmp_path: Path) -> None:
    recipe = sets.recipe("three-block-cnn", epochs=1, side=16, batch_size=4)
    pixels, targets = sets.pictures(16, 12)

    running = train(pixels, targets, np.arange(images), np.array([11]), recipe, CPU, sets.LABELS, Checkpoints(tmp_path))

    assert isinstance(list(running)[-1], Finished)
    assert all(stop - start >= 2 for start, stop in cut(images, 4))


def test_an_epoch_shows_every_picture_once_in_an_order_of_its_own() -> None:
    index = np.arange(5, 25)
    batches = cut(len(index), 8)

    first, second = (permutation(index, 3, epoch) for epoch in (0, 1))

    assert [i for start, stop in batches for i in range(start, stop)] == list(range(20))
    assert sorted(first) == sorted(second) == list(index)
    assert list(first) != list(second)
    assert list(first) == list(permutation(index, 3, 0))


def test_nothing_to_learn_from_is_said_before_anything_is_done(tmp_path: Path) -> None:
    recipe = sets.recipe()
    pixels, targets = sets.pictures(recipe.side)

    with pytest.raises(StudioError, match="Add pictures"):
        list(train(pixels, targets, np.arange(0), np.arange(8), recipe, CPU, sets.LABELS, Checkpoints(tmp_path)))


@pytest.mark.parametrize("schedule", ["cosine", "constant", "step"])
def test_a_schedule_warms_up_and_never_goes_above_its_rate(schedule: str) -> None:
    recipe = sets.recipe(epochs=10, schedule=schedule, warmup_share=0.2, learning_rate=0.1)

    rates = [learning_rate(recipe, step, 100) for step in range(100)]

    assert rates[:20] == sorted(rates[:20]) and rates[19] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(0.1) and min(rates) > 0
    assert rates[20:] == sorted(rates[20:], reverse=True)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
def test_every_optimizer_brings_the_loss_down(optimizer: str, tmp_path: Path) -> None:
    recipe = sets.recipe("digit-cnn", epochs=6, optimizer=optimizer, dropout=0.0, batch_size=8)

    validated = [event for event in sets.training(tmp_path, recipe) if isinstance(event, Validated)]

    assert validated[-1].val_loss < validated[0].val_loss


def test_a_device_that_is_not_there_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(StudioError, match="DARKROOM_DEVICE"):
        choose_device("cuda")

    assert choose_device("cpu") == CPU


@pytest.mark.parametrize(("passed_s", "due"), [(59.0, False), (61.0, True)])
def test_a_checkpoint_that_takes_long_is_written_every_minute_all_the_same(
    passed_s: float, due: bool, tmp_path: Path
) -> None:
    recipe = sets.recipe()
    saver = loop._Saver(Learner(recipe, 2, CPU, None, ""), Checkpoints(tmp_path), resumed=False)
    saver.took_s, saver.saved_s = 30.0, time.monotonic() - passed_s
    assert saver.due(loop.SAVE_STEP_S) is due

"""Starting a run from the screen: exactly what was chosen is queued, and what cannot be trained is refused in words."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest

from core import runs
from core.records import Hold, ModelKind, Run, RunState, Wish
from core.studio import Studio
from tests.pages.conftest import Visit, add, add_model, calm, words


def test_start_queues_a_run_with_exactly_the_chosen_settings(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 30, "pear": 30})
    app = visit("training", dataset=dataset_id, architecture="plain-cnn")
    app.number_input(key="epochs-plain-cnn-").set_value(7)
    app.number_input(key="set-plain-cnn--batch_size").set_value(24)
    app.selectbox(key="set-plain-cnn--optimizer").set_value("sgd")
    app.selectbox(key="set-plain-cnn--mirror").set_value("no")
    app.run()
    start = next(button for button in app.button if button.label == "Start training")
    start.click().run()
    (run,) = runs.all_of(studio)
    assert (run.dataset_id, run.state, run.spec.architecture, run.spec.epochs) == (
        dataset_id,
        RunState.QUEUED,
        "plain-cnn",
        7,
    )
    assert run.spec.overrides == {"batch_size": 24, "optimizer": "sgd", "mirror": False}
    assert calm(app) and app.query_params["run"] == str(run.id)


def test_untouched_settings_are_left_to_the_recipe(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 30, "pear": 30})
    app = visit("training", dataset=dataset_id)
    next(button for button in app.button if button.label == "Start training").click().run()
    (run,) = runs.all_of(studio)
    assert (run.spec.architecture, run.spec.epochs, run.spec.overrides) == ("efficientnet-lite0", 5, {})


def test_one_label_alone_is_refused_with_the_sentence(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 30})
    app = visit("training", dataset=dataset_id)
    next(button for button in app.button if button.label == "Start training").click().run()
    assert calm(app) and not runs.all_of(studio)
    assert "one label only" in app.warning[0].value


def test_training_again_begins_with_the_settings_of_that_run(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 30, "pear": 30})
    run = runs.start(studio, dataset_id, "mlp", 4, {"seed": 5, "activation": "sigmoid"})
    app = visit("training", dataset=dataset_id, like=run.id)
    next(button for button in app.button if button.label == "Start training").click().run()
    again = runs.all_of(studio)[0]
    assert again.id != run.id and again.spec == run.spec


def test_a_running_run_is_stopped_once_and_its_best_kept(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 30, "pear": 30})
    run = runs.start(studio, dataset_id, "mlp", 4)
    attempt = studio.store.runs.begin_attempt(run.id)
    assert attempt is not None
    studio.store.runs.beat(run.id, attempt, "host:1:1", 3, 40, 0)
    app = visit("training", run=run.id)
    stop = next(button for button in app.button if button.label == "Stop and keep the best")
    stop.click().run()
    assert runs.get(studio, run.id).wish is Wish.STOP
    assert "The best model so far is kept" in words(app)


def test_a_waiting_run_says_how_many_are_before_it(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 30, "pear": 30})
    runs.start(studio, dataset_id, "mlp", 4)
    second = runs.start(studio, dataset_id, "mlp", 4)
    assert "1 before you, about" in words(visit("training", run=second.id))


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def ended(studio: Studio, run: Run, state: RunState, **values: Any) -> None:
    attempt = studio.store.runs.begin_attempt(run.id)
    assert attempt is not None
    studio.store.runs.beat(run.id, attempt, "host:1:1", 3, 40, 1, (), [("recipe", {"recipe": RECIPE}, 1.0)])
    assert studio.store.runs.cas(run.id, [RunState.RUNNING], state=state, finished_at=9.0, **values)


RECIPE = {"patience": 5, "learning_rate": 0.001, "schedule": "cosine"}


def test_a_run_that_failed_says_why_and_is_tried_again_with_one_click(visit: Visit, studio: Studio) -> None:
    run = runs.start(studio, add(studio, "Fruit", {"apple": 30, "pear": 30}), "mlp", 4)
    ended(studio, run, RunState.FAILED, error="There was not enough memory.")
    app = visit("training", run=run.id)
    assert calm(app) and "not enough memory" in app.warning[0].value
    press(app, "Try again")
    again = runs.all_of(studio)[0]
    assert (again.parent_id, again.spec.begin, again.version_id) == (run.id, "again", run.version_id)
    assert app.query_params["run"] == str(again.id)


def test_a_finished_run_is_trained_longer_and_says_first_how(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 30, "pear": 30})
    run = runs.start(studio, dataset_id, "mlp", 4)
    ended(studio, run, RunState.SUCCEEDED)
    add_model(studio, dataset_id, ModelKind.TRAINED, run.id)
    app = visit("training", run=run.id)
    app.number_input(key=f"longer-{run.id}").set_value(6).run()
    assert "6 epochs more from its best epoch" in words(app) and "half of what it was, 0.0005" in words(app)
    app.button(key=f"start-longer-{run.id}").click().run()
    child = runs.all_of(studio)[0]
    assert (child.parent_id, child.spec.epochs, child.spec.begin) == (run.id, 6, "best")


def test_a_run_made_like_another_remembers_which(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 30, "pear": 30})
    run = runs.start(studio, dataset_id, "mlp", 4, {"seed": 5})
    app = visit("training", dataset=dataset_id, like=run.id)
    app.number_input(key=f"epochs-mlp-{run.id}").set_value(9).run()
    press(app, "Start training")
    again = runs.all_of(studio)[0]
    assert (again.parent_id, again.spec.epochs, again.spec.overrides) == (run.id, 9, {"seed": 5})


def test_a_run_that_waits_for_room_says_so_and_one_that_waits_its_turn_can_go_first(
    visit: Visit, studio: Studio
) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 30, "pear": 30})
    held = runs.start(studio, dataset_id, "mlp", 4)
    studio.store.runs.cas(held.id, [RunState.QUEUED], state=RunState.PAUSED, hold=Hold.DISK, error="The disk is full.")
    assert "It goes on by itself" in words(visit("training", run=held.id))
    runs.start(studio, dataset_id, "mlp", 4)
    second = runs.start(studio, dataset_id, "mlp", 4)
    app = press(visit("training", run=second.id), "Let it go first")
    assert runs.get(studio, second.id).priority == 1 and "Next in the queue" in words(app)

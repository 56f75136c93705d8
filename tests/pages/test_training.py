"""Starting a run from the screen: exactly what was chosen is queued, and what cannot be trained is refused in words."""

from __future__ import annotations

from core import runs
from core.records import RunState, Wish
from core.studio import Studio
from tests.pages.conftest import Visit, add, calm, words


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

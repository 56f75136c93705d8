"""Starting a run from the screen: exactly what was chosen is queued, and what cannot be trained is refused in words."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import datasets, runs
from core.records import Hold, ModelKind, Run, RunState, Split, Wish
from core.stores import Change, Where
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


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"apple": 30}, "one label only"),
        ({"apple": 2, "pear": 1}, "“pear” has fewer than 2"),
        ({None: 3}, "no labelled"),
    ],
)
@pytest.mark.parametrize("find", ["", "1"])
def test_what_cannot_be_trained_on_is_said_before_anybody_presses(
    visit: Visit, studio: Studio, labels: dict[str | None, int], said: str, find: str
) -> None:
    dataset_id = add(studio, "Fruit", labels)
    app = visit("training", dataset=dataset_id, find=find)
    assert calm(app) and said in app.warning[0].value
    assert [one.disabled for one in app.button if one.label in ("Start training", "Start searching")] == [True]
    next_step = [one.label for one in app.button if one.proto.type == "primary" and not one.disabled]
    assert next_step == ["Label" if None in labels else "Add pictures"]
    press(app, "Label")
    assert app.title[0].value == "Label"


def test_pictures_for_testing_are_none_to_learn_from(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 3, "pear": 3})
    pears = [one for one in studio.store.images.page(dataset_id, Where(), 0, 9) if one.label == "pear"]
    datasets.change(studio, dataset_id, "split", [Change(one.id, split=Split.TEST) for one in pears])
    app = visit("training", dataset=dataset_id)
    assert calm(app) and "fewer than 2 pictures to learn from" in app.warning[0].value


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
    said = words(visit("home"))
    assert "Waits for room on the disk" in said and "Paused" not in said
    runs.start(studio, dataset_id, "mlp", 4)
    second = runs.start(studio, dataset_id, "mlp", 4)
    app = press(visit("training", run=second.id), "Let it go first")
    assert runs.get(studio, second.id).priority == 1 and "Next in the queue" in words(app)


# ---- weights that are not on this machine

NAME = "mobilenetv3_small_100.lamb_in1k"


def test_a_card_says_before_the_click_that_its_weights_are_not_here(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 30, "pear": 30})
    said = words(visit("training", dataset=dataset_id))
    assert said.count("Weights not here") == 3  # of the four that are pretrained, one came with the program
    studio.files.weights(f"{NAME}.safetensors").write_bytes(b"anything")
    assert words(visit("training", dataset=dataset_id)).count("Weights not here") == 2


@pytest.mark.parametrize(
    ("label", "architecture"),
    [("Train from scratch", "mobilenetv3_small_100"), ("Take EfficientNet-Lite0", "efficientnet-lite0")],
)
def test_a_run_without_its_weights_asks_and_does_what_is_answered(
    visit: Visit, studio: Studio, label: str, architecture: str
) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 30, "pear": 30})
    app = visit("training", dataset=dataset_id, architecture=NAME)
    assert "are not on this machine" in words(app)
    press(app, "Start training")
    (run,) = runs.all_of(studio)
    assert (run.state, run.hold) == (RunState.PAUSED, Hold.ANSWER)
    app = visit("training", run=run.id)
    assert "What should it do?" in words(app) and "Download about 6 MB" in words(app)
    press(app, label)
    again = runs.get(studio, run.id)
    assert calm(app) and (again.state, again.hold, again.spec.architecture) == (RunState.QUEUED, None, architecture)


def test_who_has_put_the_file_there_lets_the_run_look_again(visit: Visit, studio: Studio) -> None:
    run = runs.start(studio, add(studio, "Fruit", {"apple": 30, "pear": 30}), NAME, 4)
    press(visit("training", run=run.id), "Look again")
    assert runs.get(studio, run.id).state is RunState.QUEUED


def test_any_network_is_found_behind_advanced_with_size_and_licence(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 30, "pear": 30})
    app = visit("training", dataset=dataset_id)
    app.selectbox(key="network-efficientnet-lite0").set_value("convnext_atto").run()
    chosen = app.query_params["architecture"]
    assert chosen == "convnext_atto.d2_in1k"
    said = words(app)
    assert "apache-2.0" in said and "224 × 224 px" in said and "3.4 million" in said
    app.selectbox(key=f"weights-{chosen}").set_value("").run()
    assert app.query_params["architecture"] == "convnext_atto" and calm(app)
    press(app, "Start training")
    (run,) = runs.all_of(studio)
    assert (run.spec.architecture, run.state, run.name) == (
        "convnext_atto",
        RunState.QUEUED,
        "convnext_atto, 15 epochs",
    )


def test_a_card_tells_what_earlier_runs_took_and_came_to_and_nothing_where_there_were_none(
    visit: Visit, studio: Studio
) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 30, "pear": 30})
    assert "Your last" not in words(visit("training", dataset=dataset_id))
    run = runs.start(studio, dataset_id, "mlp", 4)
    ended(studio, run, RunState.SUCCEEDED, started_at=-31.0, epoch=1)
    add_model(studio, dataset_id, ModelKind.TRAINED, run.id)
    said = words(visit("training", dataset=dataset_id))
    assert "Your last run on these pictures: about 40 seconds an epoch, at best 93 of 100 right (validation)." in said
    assert "It has not been trained here yet" in said

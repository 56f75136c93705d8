"""Finding good settings from the screen: what was chosen is searched, and the search says how it stands."""

from __future__ import annotations

import json
import re
from typing import Any

from streamlit.testing.v1 import AppTest

from core import runs, searches, trials
from core.records import RunState, Search, SearchKind, SearchState
from core.searcher import carry_on
from core.searches import Asked
from core.studio import Studio
from core.trials import Outcome
from tests.pages.conftest import Visit, add, calm, words
from tests.searching import Trainers, carried

SPACE = {"architecture": ["mlp"], "learning_rate": [0.1, 10.0], "augmentation": ["none", "light", "strong"]}


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def begin(studio: Studio, **wishes: Any) -> Search:
    dataset_id = add(studio, "Fruit", {"apple": 30, "pear": 30})
    return searches.start(studio, dataset_id, Asked(**{"space": SPACE, "epochs": 4, "minutes": 10, **wishes}))


def drawn(app: AppTest) -> list[dict[str, Any]]:
    """The figures that a search's page draws."""
    (component,) = [one for one in app.get("bidi_component") if '"figures"' in one.proto.json]
    found: list[dict[str, Any]] = json.loads(component.proto.json)["figures"]
    return found


def test_the_usual_search_begins_with_one_click(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 30, "pear": 30})
    app = press(visit("training", dataset=dataset_id), "Find good settings for me")
    assert calm(app) and "fit into 30 minutes" in words(app)
    app = press(app, "Start searching")
    (search,) = searches.all_of(studio)
    assert (search.kind, search.budget_s, search.dataset_id) == (SearchKind.TPE, 1800, dataset_id)
    assert "learning_rate" in search.space and search.space["architecture"] == ["efficientnet-lite0"]
    assert calm(app) and app.query_params["search"] == str(search.id)


def test_exactly_what_was_chosen_is_searched(visit: Visit, studio: Studio) -> None:
    app = visit("training", dataset=add(studio, "Fruit", {"apple": 30, "pear": 30}), find=1)
    app.selectbox(key="find-minutes").set_value(60)
    app.button_group(key="find-kind").set_value(SearchKind.GRID).run()
    app.multiselect(key="find-cards").set_value(["mlp", "digit-cnn"])
    app.multiselect(key="find-dials-grid").set_value(["learning_rate", "mirror"]).run()
    app.text_input(key="find-values-grid-learning_rate").set_value("0.5, 2")
    app.number_input(key="find-epochs").set_value(2)
    app.number_input(key="find-most").set_value(7)
    app.run()
    assert "the grid has 8 combinations" in words(app)
    press(app, "Start searching")
    (search,) = searches.all_of(studio)
    assert search.space == {
        "architecture": ["mlp", "digit-cnn"],
        "learning_rate": [0.5, 2.0],
        "mirror": [True, False],
    }
    assert (search.kind, search.budget_s, search.epochs, search.most) == (SearchKind.GRID, 3600, 2, 7)


def test_what_cannot_be_searched_is_a_sentence_and_nothing_begins(visit: Visit, studio: Studio) -> None:
    app = visit("training", dataset=add(studio, "Fruit", {"apple": 30, "pear": 30}), find=1)
    app.text_input(key="find-values-tpe-learning_rate").set_value("high").run()
    assert calm(app) and "is searched as multiples" in app.warning[0].value
    press(app, "Start searching")
    assert searches.all_of(studio) == []


def test_before_the_first_epoch_there_is_no_picture_yet_but_a_sentence(visit: Visit, studio: Studio) -> None:
    search = begin(studio)
    app = visit("training", search=search.id)
    assert calm(app) and "has not been through all pictures yet" in words(app)
    assert not [one for one in app.get("bidi_component") if '"figures"' in one.proto.json]


def test_the_picture_shows_every_trial_the_best_so_far_and_what_ended_early(visit: Visit, studio: Studio) -> None:
    search = begin(studio)
    carried(studio, Trainers(studio), search)
    app = visit("training", search=search.id)
    assert calm(app)
    shown = trials.read(studio, search)
    progress, common, mattered = drawn(app)
    line, whole, cut, *_ = progress["traces"]
    assert len(whole["x"]) + len(cut["x"]) == len(shown) == len(line["x"]) and cut["x"]
    assert line["y"] == sorted(line["y"]) and line["y"][-1] == round(100 * max(one.best or 0 for one in shown), 2)
    assert whole["customdata"] == [one.run.id for one in shown if one.tried.outcome is Outcome.WHOLE]
    assert sum(one is None for trace in common["traces"] for one in trace["x"]) == len(shown), "a line a trial"
    assert "Best of" in words(app) and "The winner is trial" in words(app)
    bar = mattered["traces"][0]
    assert bar["x"] == sorted(bar["x"]) and set(bar["y"]) == {"Learning rate", "Augmentation"}
    assert f"Worked out from {len(shown)} trials." in words(app)
    assert all(f"/train?run={one.run.id}" in words(app) for one in shown)


def test_of_few_pictures_no_place_of_a_search_shows_a_share(visit: Visit, studio: Studio) -> None:
    search = begin(studio)
    carried(studio, Trainers(studio, pictures=12), search)
    app = visit("training", search=search.id)
    assert calm(app) and re.search(r"<b>\d+ of 12</b>", words(app)) and "of 12</td>" in words(app)
    progress, common, _ = drawn(app)
    pointed = [text for trace in (*progress["traces"], *common["traces"]) for text in trace.get("text", ())]
    assert pointed and all(" of 12" in text for text in pointed)


def test_a_search_is_paused_resumed_stopped_and_cancelled_from_its_page(visit: Visit, studio: Studio) -> None:
    search = begin(studio)
    carry_on(studio, search)
    Trainers(studio).step()
    app = press(visit("training", search=search.id), "Pause")
    assert searches.get(studio, search.id).state is SearchState.PAUSED
    app = press(app, "Resume")
    assert searches.get(studio, search.id).state is SearchState.SEARCHING
    app = press(app, "Stop and train the best")
    assert searches.get(studio, search.id).state is SearchState.ENDING
    press(app, "Cancel")
    assert searches.get(studio, search.id).state is SearchState.CANCELLED


def test_trials_stand_with_their_search_and_their_runs_lead_back_to_it(visit: Visit, studio: Studio) -> None:
    search = begin(studio)
    carry_on(studio, search)
    (run,) = runs.all_of(studio)
    assert run.state is RunState.QUEUED
    app = visit("training", dataset=search.dataset_id)
    assert calm(app) and "Search 1" in words(app) and run.name not in words(app)
    app = press(visit("training", run=run.id), "A trial of search 1")
    assert app.query_params["search"] == "1"


def test_a_search_that_failed_says_why(visit: Visit, studio: Studio) -> None:
    search, trainers = begin(studio), Trainers(studio)
    trainers.fails = True
    carried(studio, trainers, search)
    app = visit("training", search=search.id)
    assert calm(app) and "The first 4 trials failed" in app.warning[0].value


def test_a_trial_whose_model_was_removed_says_why_and_can_be_made_again(visit: Visit, studio: Studio) -> None:
    search = begin(studio, most=3)
    carried(studio, Trainers(studio), search)
    lost = next(one for one in trials.read(studio, search) if one.trial.number != search.winner)
    app = visit("training", run=lost.run.id)
    assert calm(app) and "Other settings won the search" in words(app)

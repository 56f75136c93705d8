"""Searches: each trial an ordinary run, the budget kept, nothing asked twice whoever dies, the winner trained fully."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from core import models, runs, searches, spaces, trials
from core.errors import Conflict, NotFound, Refused
from core.records import Hold, Model, ModelKind, Ranked, RunState, Search, SearchKind, SearchState, TrainingSpec, Wish
from core.runs import END
from core.searcher import carry_on
from core.searches import Asked
from core.studio import Studio
from core.trials import Outcome
from tests.pages.conftest import add
from tests.searching import Trainers, augmentation, carried, likes_strong, points

SPACE: dict[str, list[Any]] = {
    "architecture": ["mlp", "digit-cnn"],
    "learning_rate": [0.1, 10.0],
    "augmentation": ["none", "light", "strong"],
}
GRID: dict[str, list[Any]] = {"architecture": ["mlp"], "augmentation": ["none", "strong"], "side": [1.0, 1.25, 1.5]}


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def dataset(studio: Studio) -> int:
    return add(studio, "Fruit", {"apple": 30, "pear": 30})


def begin(studio: Studio, dataset: int, **wishes: Any) -> Search:
    return searches.start(studio, dataset, Asked(**{"space": SPACE, "minutes": 5, "epochs": 3, **wishes}))


def shown(studio: Studio, search: Search) -> list[trials.Shown]:
    return trials.read(studio, searches.get(studio, search.id))


def test_a_search_stands_on_one_version_and_its_trials_are_ordinary_runs(studio: Studio, dataset: int) -> None:
    search = begin(studio, dataset)
    add(studio, "Other", {"a": 3, "b": 3})
    carry_on(studio, search)
    (run,) = runs.all_of(studio)
    assert (run.version_id, run.search_id, run.owner, run.state) == (search.version_id, 1, "ann", RunState.QUEUED)
    assert run.name == "Search 1, trial 1: Multi-layer perceptron"
    assert runs.pause(studio, run.id).state is RunState.PAUSED


def test_a_search_begins_with_the_recipe_itself(studio: Studio, dataset: int) -> None:
    carry_on(studio, begin(studio, dataset, epochs=4))
    (run,) = runs.all_of(studio)
    assert run.spec == TrainingSpec("mlp", 4, {})


def test_one_device_works_on_one_trial_at_a_time(studio: Studio, dataset: int) -> None:
    search = begin(studio, dataset)
    for _ in range(3):
        carry_on(studio, search)
    assert len(runs.all_of(studio)) == 1
    studio.store.services.alive("scheduler", {"slots": 2})
    for _ in range(3):
        carry_on(studio, search)
    assert len(runs.all_of(studio)) == 2


def test_the_budget_is_kept(studio: Studio, dataset: int) -> None:
    search = carried(studio, Trainers(studio, epoch_s=20), begin(studio, dataset, minutes=5))
    spent_s = sum(one.seconds for one in shown(studio, search))
    assert 300 - 60 / 2 <= spent_s <= 300 + 20, "to within half of a trial, or one epoch"


def test_a_trial_at_work_when_the_budget_is_spent_ends_and_counts(studio: Studio, dataset: int) -> None:
    search = begin(studio, dataset, minutes=1, epochs=30)
    trainers = Trainers(studio, epoch_s=25)
    for _ in range(5):
        carry_on(studio, searches.get(studio, search.id))
        trainers.step()
    (trial, *_) = shown(studio, search)
    assert (trial.run.state, trial.tried.outcome) == (RunState.SUCCEEDED, Outcome.CUT)
    assert carried(studio, trainers, search).winner == 1


def test_the_winner_is_trained_fully_once_by_itself(studio: Studio, dataset: int) -> None:
    search = carried(studio, Trainers(studio), begin(studio, dataset))
    assert search.state is SearchState.DONE
    best = max(shown(studio, search), key=lambda one: one.best or 0)
    assert search.winner == best.trial.number
    winner = runs.get(studio, search.winner_run_id or 0)
    assert winner.spec == searches.spec_of(studio, search, best.trial.point, 15)
    assert (winner.version_id, winner.search_id, winner.name) == (
        search.version_id,
        None,
        f"Winner of search 1: {'Digit CNN' if winner.spec.architecture == 'digit-cnn' else 'Multi-layer perceptron'}, "
        "15 epochs",
    )
    assert len(runs.all_of(studio)) == len(shown(studio, search)) + 1


def test_models_of_trials_stand_with_their_search_and_the_winners_among_the_models(
    studio: Studio, dataset: int
) -> None:
    search = carried(studio, Trainers(studio), begin(studio, dataset, most=2))
    trial, winner = shown(studio, search)[0].run.id, search.winner_run_id
    facts = ("mlp", ["apple", "pear"], 0.9, (0.8, 0.95), "validation", 20)
    for run, folder in ((winner, "of-the-winner"), (trial, "of-the-trial")):
        made = studio.store.models.put(dataset, ModelKind.TRAINED, *facts, folder, {}, run, search.version_id)
    assert [model.run_id for model in models.all_of(studio, dataset)] == [winner]
    best = models.best(studio, dataset)
    assert best is not None and best.run_id == winner
    assert runs.get(studio, trial).model_id == made.id == models.get(studio, made.id).id


def test_hopeless_trials_end_early_and_keep_their_best(studio: Studio, dataset: int) -> None:
    search = carried(studio, Trainers(studio), begin(studio, dataset, epochs=6, minutes=12))
    found = shown(studio, search)
    pruned = [one for one in found if one.trial.pruned_at]
    assert pruned and all(one.tried.outcome is Outcome.CUT and one.run.state is RunState.SUCCEEDED for one in pruned)
    assert all(max(one.accuracy) < 6 for one in pruned)
    assert (trials.best(found) or pruned[0]).trial.pruned_at is None


def test_what_comes_next_does_not_depend_on_how_soon_a_hopeless_trial_obeyed(studio: Studio, dataset: int) -> None:
    """Who looks seldom sees several epochs at once, and the trainer is some epochs further when it obeys."""
    often, seldom = (begin(studio, dataset, epochs=8, minutes=16, seed=2) for _ in range(2))
    carried(studio, Trainers(studio), often)
    carried(studio, Trainers(studio), seldom, looks_every=3)
    least = min(len(points(studio, often)), len(points(studio, seldom)))
    assert least > 6 and points(studio, often)[:least] == points(studio, seldom)[:least]


def test_a_grid_is_covered_once(studio: Studio, dataset: int) -> None:
    search = carried(studio, Trainers(studio), begin(studio, dataset, kind=SearchKind.GRID, space=GRID, minutes=60))
    tried = points(studio, search)
    assert len(tried) == 6 and all(point in tried for point in spaces.combinations(GRID))
    assert search.state is SearchState.DONE


@pytest.mark.parametrize("kind", list(SearchKind))
def test_a_search_with_the_same_seed_is_the_same_search(studio: Studio, dataset: int, kind: SearchKind) -> None:
    wishes = {"kind": kind, "space": GRID if kind is SearchKind.GRID else SPACE, "seed": 7, "most": 6}
    first, second = (carried(studio, Trainers(studio), begin(studio, dataset, **wishes)) for _ in range(2))
    assert points(studio, first) == points(studio, second)
    assert [one.trial.pruned_at for one in shown(studio, first)] == [
        one.trial.pruned_at for one in shown(studio, second)
    ]


def dying(act: Callable[..., Any], after: bool) -> Callable[..., Any]:
    """`act`, whose caller is killed just before or just after it."""

    def call(*arguments: Any, **named: Any) -> Any:
        if after:
            act(*arguments, **named)
        raise Killed

    return call


@pytest.mark.parametrize("after", [False, True])
def test_a_searcher_killed_at_any_write_loses_nothing_and_asks_nothing_twice(
    studio: Studio, dataset: int, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    wishes = {"epochs": 6, "minutes": 12, "seed": 5}
    undisturbed = carried(studio, Trainers(studio), begin(studio, dataset, **wishes))
    search, trainers, deaths = begin(studio, dataset, **wishes), Trainers(studio), 0
    writes = [(studio.store.searches, name) for name in ("begin_trial", "prune", "cas", "crown")]
    writes += [(studio.store.runs, "request")]  # type: ignore[list-item]
    for turn in range(400):
        if (search := searches.get(studio, search.id)).state.final:
            break
        with monkeypatch.context() as patch:
            store, name = writes[turn % len(writes)]
            patch.setattr(store, name, dying(getattr(store, name), after))
            try:
                carry_on(studio, search)
            except Killed:
                deaths += 1
        carry_on(studio, searches.get(studio, search.id))
        trainers.step()
    assert search.state is SearchState.DONE and deaths >= 4
    assert points(studio, search) == points(studio, undisturbed)
    assert (search.winner, len(runs.all_of(studio))) == (undisturbed.winner, 2 * len(points(studio, search)) + 2)


def test_two_searchers_at_once_begin_a_trial_once(studio: Studio, dataset: int) -> None:
    search = begin(studio, dataset)
    spec = TrainingSpec("mlp", 3)
    assert studio.store.searches.begin_trial(search.id, 1, {"architecture": "mlp"}, "first", spec)
    assert not studio.store.searches.begin_trial(search.id, 1, {"architecture": "mlp"}, "again", spec)
    assert not studio.store.searches.begin_trial(search.id, 3, {"architecture": "mlp"}, "too soon", spec)
    assert len(runs.all_of(studio)) == 1


def test_a_stopped_search_trains_the_best_it_has(studio: Studio, dataset: int) -> None:
    search, trainers = begin(studio, dataset, minutes=60), Trainers(studio)
    for _ in range(8):
        carry_on(studio, searches.get(studio, search.id))
        trainers.step()
    tried = len(shown(studio, search))
    assert searches.stop(studio, search.id).state is SearchState.ENDING
    done = carried(studio, trainers, search)
    assert (done.state, len(shown(studio, done)) - tried) == (SearchState.DONE, 0)
    with pytest.raises(Conflict, match="is done"):
        searches.stop(studio, search.id)


def test_a_paused_search_holds_its_trial_and_goes_on_with_it(studio: Studio, dataset: int) -> None:
    search, trainers = begin(studio, dataset, most=2), Trainers(studio)
    carry_on(studio, search)
    trainers.step()
    assert searches.pause(studio, search.id).state is SearchState.PAUSED
    trainers.step()
    assert [one.run.state for one in shown(studio, search)] == [RunState.PAUSED]
    assert studio.store.searches.due() == []
    searches.resume(studio, search.id)
    done = carried(studio, trainers, search)
    assert (done.state, len(shown(studio, done))) == (SearchState.DONE, 2)


def test_a_cancelled_search_ends_what_it_has_at_work(studio: Studio, dataset: int) -> None:
    search, trainers = begin(studio, dataset), Trainers(studio)
    carry_on(studio, search)
    trainers.step()
    searches.cancel(studio, search.id)
    assert shown(studio, search)[0].run.wish is Wish.CANCEL
    trainers.step()
    assert shown(studio, search)[0].tried.outcome is Outcome.VOID
    assert studio.store.searches.due() == []


def test_a_trial_that_a_person_paused_does_not_hold_up_the_others(studio: Studio, dataset: int) -> None:
    search, trainers = begin(studio, dataset, most=3), Trainers(studio)
    carry_on(studio, search)
    runs.pause(studio, shown(studio, search)[0].run.id)
    assert carried(studio, trainers, search).state is SearchState.DONE
    assert [one.tried.outcome for one in shown(studio, search)] == [Outcome.VOID, Outcome.WHOLE, Outcome.WHOLE]


def test_a_trial_that_waits_for_room_on_the_disk_is_waited_for(studio: Studio, dataset: int) -> None:
    search = begin(studio, dataset)
    carry_on(studio, search)
    (run,) = runs.all_of(studio)
    studio.store.runs.cas(run.id, [RunState.QUEUED], state=RunState.PAUSED, hold=Hold.DISK, error="full")
    carry_on(studio, search)
    assert len(runs.all_of(studio)) == 1


def test_settings_that_cannot_work_end_the_search_with_the_reason(studio: Studio, dataset: int) -> None:
    trainers = Trainers(studio)
    trainers.fails = True
    search = carried(studio, trainers, begin(studio, dataset))
    assert search.state is SearchState.FAILED
    assert search.error == "The first 4 trials failed, the last one so: The loss is no number."


def test_one_trial_that_fails_is_the_worst_and_never_wins(studio: Studio, dataset: int) -> None:
    search, trainers = begin(studio, dataset, most=3), Trainers(studio)
    carry_on(studio, search)
    trainers.fails = True
    trainers.step()
    trainers.fails = False
    done = carried(studio, trainers, search)
    assert shown(studio, done)[0].tried.outcome is Outcome.LOST and done.winner in (2, 3)


def test_of_two_that_get_as_many_right_the_lower_loss_wins_and_of_equals_the_first(
    studio: Studio, dataset: int
) -> None:
    search = begin(studio, dataset, most=3)
    losses = {"none": 0.4, "strong": 0.9}
    trainers = Trainers(studio, lambda spec, epoch: 0.8, loss=lambda spec: losses.get(augmentation(spec), 0.6))
    found = shown(studio, carried(studio, trainers, search))
    best = min(found, key=lambda one: (losses.get(augmentation(one.run.spec), 0.6), one.trial.number))
    assert searches.get(studio, search.id).winner == best.trial.number


def test_the_plan_says_how_many_trials_fit(studio: Studio, dataset: int) -> None:
    def said(**wishes: Any) -> str:
        return searches.plan(studio, dataset, Asked(**{"space": SPACE, "epochs": 3, **wishes})).sentence

    assert said(minutes=10).startswith("About 73 trials of 8 seconds fit into 10 minutes.")
    assert "That is little to choose from" in said(minutes=1, epochs=200)
    assert "it ends after 3" in said(minutes=10, most=3)
    assert "all 6 combinations" in said(minutes=10, kind=SearchKind.GRID, space=GRID)


@pytest.mark.parametrize(
    ("wishes", "said"),
    [({"minutes": 0}, "between 1 and"), ({"most": -1}, "at most"), ({"epochs": 9999}, "between 1 and 1,000")],
)
def test_what_cannot_be_asked_is_refused_in_words(
    studio: Studio, dataset: int, wishes: dict[str, Any], said: str
) -> None:
    with pytest.raises(Refused, match=said):
        begin(studio, dataset, **wishes)
    assert searches.all_of(studio) == []


def test_a_search_of_a_removed_dataset_is_over(studio: Studio, dataset: int) -> None:
    search = begin(studio, dataset)
    studio.store.datasets.remove(dataset)
    assert studio.store.searches.due() == []
    with pytest.raises(NotFound):
        searches.get(studio, search.id)


def test_how_it_stands_is_said_with_what_it_was_measured_on(studio: Studio, dataset: int) -> None:
    search = begin(studio, dataset, most=4)
    assert "has not been through" in searches.standing(studio, search).sentence
    done = carried(studio, Trainers(studio, scores=likes_strong), search)
    said = searches.standing(studio, done).sentence
    assert "of 100 right, give or take" in said and "on 20 pictures held back, which also choose the winner" in said
    assert "A difference that small may be chance." in said


def test_of_few_pictures_a_search_says_how_many_are_right_and_no_share(studio: Studio, dataset: int) -> None:
    done = carried(studio, Trainers(studio, pictures=12), begin(studio, dataset, most=4))
    stands = searches.standing(studio, done)
    assert re.search(r": \d+ of 12 right, on 12 pictures held back", stands.sentence)
    assert "of 100" not in stands.sentence and "give or take" not in stands.sentence
    assert [re.fullmatch(r"\d+ of 12", stands.right(one)) is not None for one in stands.shown] == [True] * 4


# ---- which dial mattered, and what is left of the trials --------------------------------------------


def test_the_dial_that_mattered_is_worked_out_from_the_trials_and_said(studio: Studio, dataset: int) -> None:
    search = begin(studio, dataset, kind=SearchKind.RANDOM, most=16, minutes=60)
    for _ in range(9):
        carry_on(studio, search)
    assert searches.mattered(searches.get(studio, search.id)) == "", "nothing is said of few trials"
    done = carried(studio, Trainers(studio), search)
    assert done.weighed == 16 and done.importance["augmentation"] > 0.6
    said = searches.mattered(done)
    assert said.startswith("Augmentation mattered most") and "Worked out from 16 trials." in said


def test_where_no_dial_stands_out_or_trials_were_few_that_is_said(studio: Studio, dataset: int) -> None:
    search = begin(studio, dataset)
    studio.store.searches.weigh(search.id, 7, {"augmentation": 0.35, "learning_rate": 0.34, "architecture": 0.31})
    said = searches.mattered(searches.get(studio, search.id))
    assert said.startswith("No dial stands out; augmentation comes first, with 35 %") and "a hint, no more" in said


def with_models(studio: Studio, search: Search) -> dict[int, Model]:
    """Trial number -> its model; each with its folder and the weights to train on from."""
    found = {}
    for one in shown(studio, search):
        folder = studio.files.model(f"run-{one.run.id}-1")
        (folder / "deeper").mkdir(parents=True)
        studio.files.run(one.run.id).mkdir(parents=True, exist_ok=True)
        (studio.files.run(one.run.id) / END).write_bytes(b"weights")
        found[one.trial.number] = put(studio, search, one.run.id, folder.name)
    return found


def put(studio: Studio, search: Search, run_id: int, folder: str) -> Model:
    facts = ("mlp", ["apple", "pear"], 0.9, (0.8, 0.95), "validation", 20)
    dataset_id = search.dataset_id
    return studio.store.models.put(dataset_id, ModelKind.TRAINED, *facts, folder, {}, run_id, search.version_id)


def at_the_winner(studio: Studio, dataset: int, **wishes: Any) -> Search:
    """A search whose winner is still in the queue."""
    search, trainers = begin(studio, dataset, **wishes), Trainers(studio)
    while search.state is not SearchState.TRAINING:
        carry_on(studio, search)
        search = searches.get(studio, search.id)
        if search.state is not SearchState.TRAINING:
            trainers.step()
    return search


def crowned(studio: Studio, search: Search) -> Search:
    """Its winner is trained, and the searcher has seen that."""
    trainers, winner = Trainers(studio), search.winner_run_id or 0
    while trainers.step():
        pass
    studio.files.model(f"run-{winner}-1").mkdir(parents=True)
    put(studio, search, winner, f"run-{winner}-1")
    carry_on(studio, searches.get(studio, search.id))
    return searches.get(studio, search.id)


def test_models_that_did_not_win_go_and_the_winners_and_those_a_person_kept_stay(studio: Studio, dataset: int) -> None:
    search = at_the_winner(studio, dataset, most=8, minutes=60)
    of = with_models(studio, search)
    chosen, asked, shared, parent, plain, *_ = [number for number in of if number != search.winner]
    studio.store.models.use(dataset, of[chosen].id)
    studio.store.predictions.add(dataset, of[asked].id, "0" * 64, "a.png", [Ranked("apple", 0.9)], 1.0)
    studio.store.shares.add(of[shared].id, "ann", "hash", 9e9)
    grown = shown(studio, search)[parent - 1].run
    studio.store.runs.submit(dataset, search.version_id, "longer", grown.spec, "ann", 0, grown.id)
    done = crowned(studio, search)
    assert done.state is SearchState.DONE
    kept = {one.trial.number for one in shown(studio, done) if one.run.model_id is not None}
    assert kept == {chosen, asked, shared, parent, done.winner}
    for number, model in of.items():
        assert studio.files.model(model.folder).exists() == (number in kept)
        assert (studio.files.run(model.run_id or 0) / END).exists() == (number in kept)
    assert plain not in kept and models.get(studio, of[chosen].id).chosen
    assert runs.get(studio, done.winner_run_id or 0).model_id is not None


def test_whoever_dies_while_models_are_removed_has_them_removed_by_the_next(
    studio: Studio, dataset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = at_the_winner(studio, dataset, most=4, minutes=60)
    of = with_models(studio, search)
    drop = studio.store.models.drop_unused

    def dies(run_id: int) -> int:
        drop(run_id)
        raise Killed  # the row is gone, the folder is not

    monkeypatch.setattr(studio.store.models, "drop_unused", dies)
    with pytest.raises(Killed):
        crowned(studio, search)
    monkeypatch.undo()
    assert searches.get(studio, search.id).state is SearchState.TRAINING
    carry_on(studio, searches.get(studio, search.id))
    there = {number for number, model in of.items() if studio.files.model(model.folder).exists()}
    assert there == {search.winner} and searches.get(studio, search.id).state is SearchState.DONE


def test_a_cancelled_search_removes_no_model(studio: Studio, dataset: int) -> None:
    search = at_the_winner(studio, dataset, most=3, minutes=60)
    of = with_models(studio, search)
    searches.cancel(studio, search.id)
    carry_on(studio, searches.get(studio, search.id))
    assert all(studio.files.model(model.folder).exists() for model in of.values())


# ---- what can be searched among ---------------------------------------------------------------------


def test_networks_whose_weights_a_person_brought_are_offered_and_cards_searched_unasked(studio: Studio) -> None:
    card, other = "mobilenetv3_small_100.lamb_in1k", "test_resnet.r160_in1k"
    there = [one.name for one in spaces.at_hand(studio.files)]
    assert card not in there and other not in there
    for name in (f"{card}.safetensors", f"{other}.pth", "notes.txt", "of-nobody.pth"):
        studio.files.weights(name).write_bytes(b"")
    there = [one.name for one in spaces.at_hand(studio.files)]
    assert there[:3] == ["efficientnet-lite0", card, other] and "of-nobody" not in there
    assert spaces.usual(studio.files, SearchKind.TPE)["architecture"] == ["efficientnet-lite0", card]

"""Commands about searches: begin one, steer it, say how it stands."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

from core import datasets, recipe, runs, searches, spaces
from core.commands.answers import Answer, Failed, progress, progress_over, table
from core.embedded import open_studio
from core.errors import Refused
from core.records import Search, SearchKind, SearchState
from core.searches import Asked
from core.studio import Studio
from core.trials import Shown

POLL_S = 1.0
_ACTS: dict[str, tuple[Callable[[Studio, int], Search], str]] = {
    "stop": (searches.stop, "Search {id} ends: the trials at work keep their best, and the best settings are trained."),
    "pause": (searches.pause, "Search {id} pauses, and so do its trials."),
    "resume": (searches.resume, "Search {id} goes on with the trials that were paused."),
    "cancel": (searches.cancel, "Search {id} is cancelled. The models of trials that are over stay."),
}


def list_searches(wish: argparse.Namespace) -> Answer:
    studio = open_studio()
    if wish.search:
        search = searches.find(studio, wish.search)
        return Answer(document(studio, search), _described(studio, search))
    found = searches.all_of(studio)
    if not found:
        return Answer([], "No search yet. `python -m core search DATASET` begins one.")
    documents = [document(studio, search) for search in found]
    rows = [
        [d["search"], d["dataset"], d["kind"], d["state"], len(d["trials"]), searches.right(d["best"], d["pictures"])]
        for d in documents
    ]
    return Answer(documents, table(["search", "dataset", "kind", "state", "trials", "best"], rows))


def search(wish: argparse.Namespace) -> Answer:
    studio = open_studio()
    for name, (act, words) in _ACTS.items():
        if (text := getattr(wish, name)) is not None:
            found = act(studio, searches.find(studio, text).id)
            return Answer(document(studio, found), words.format(id=found.id))
    if not wish.dataset:
        raise Refused("Say which dataset to find good settings for.", "dataset")
    dataset, asked = datasets.find(studio, wish.dataset), _asked(studio, wish)
    planned = searches.plan(studio, dataset.id, asked)
    if wish.plan:
        facts = {"fit": planned.fit, "trial_s": round(planned.trial_s, 1), "points": planned.points}
        return Answer(facts | {"epochs": planned.epochs, "space": planned.space}, planned.sentence)
    found = searches.start(studio, dataset.id, asked)
    if not wish.wait:
        return Answer(document(studio, found), f"Search {found.id} has begun. {planned.sentence}")
    found = _until_over(studio, found)
    answer = Answer if found.state is SearchState.DONE else Failed
    return answer(document(studio, found), _described(studio, found))


def _asked(studio: Studio, wish: argparse.Namespace) -> Asked:
    kind = SearchKind(wish.kind)
    named = dict(_dial(text) for text in wish.dial)
    space = spaces.usual(studio.files, kind, wish.architecture, list(named))
    space |= {name: values for name, values in named.items() if values}
    fixed = dict(_setting(text) for text in wish.set)
    if not wish.dial:  # what is set once for all is not searched
        space = {name: values for name, values in space.items() if name not in fixed}
    return Asked(kind, wish.minutes, space, wish.epochs, wish.full_epochs, wish.trials, wish.seed, fixed)


def _dial(text: str) -> tuple[str, list[Any]]:
    """`side=0.75,1` or, with its usual values, `side`."""
    name, _, values = text.partition("=")
    return name.strip(), spaces.parse(name.strip(), values.split(",")) if values else []


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Refused(f"--set wants KEY=VALUE, but got “{text}”.", "setting")
    return name.strip(), recipe.parse_override(name.strip(), value.strip())


def _until_over(studio: Studio, found: Search) -> Search:
    while not found.state.final and found.state is not SearchState.PAUSED:
        studio.services.wake()
        studio.store.services.alive("cli")
        progress(searches.standing(studio, found).sentence)
        time.sleep(POLL_S)
        found = searches.get(studio, found.id)
    progress_over()
    return found


def document(studio: Studio, found: Search) -> dict[str, Any]:
    stands = searches.standing(studio, found)
    return {
        "search": found.id,
        "dataset": studio.store.datasets.get(found.dataset_id).name,
        "version": found.version_id,
        "kind": str(found.kind),
        "state": str(found.state),
        "budget_s": found.budget_s,
        "spent_s": round(stands.spent_s, 1),
        "space": found.space,
        "best": stands.best.best if stands.best else None,
        "best_trial": stands.best.trial.number if stands.best else None,
        "interval": list(stands.interval),
        "pictures": stands.pictures,
        "importance": found.importance,
        "winner_run": found.winner_run_id,
        "error": found.error,
        "trials": [
            {
                "trial": one.trial.number,
                "run": one.run.id,
                "state": str(one.run.state),
                "pruned_at": one.trial.pruned_at,
                "best": one.best,
                "point": one.trial.point,
                "settings": one.run.spec.overrides,
                "seconds": round(one.seconds, 1),
            }
            for one in stands.shown
        ],
    }


def _described(studio: Studio, found: Search) -> str:
    stands = searches.standing(studio, found)
    said = f"Search {found.id}: {searches.WORDS[found.state]}. {found.error or stands.sentence}"
    if found.winner_run_id:
        winner = runs.get(studio, found.winner_run_id)
        said += f" Its winner, trial {found.winner}, is trained fully by run {winner.id}: {runs.word(winner)}."
    said = f"{said} {searches.mattered(found)}".rstrip()
    rows = [
        [one.trial.number, one.run.id, runs.word(one.run), stands.right(one), spaces.words(one.trial.point)]
        for one in _best_first(stands.shown)
    ]
    return "\n".join([said, *([table(["trial", "run", "state", "best", "settings"], rows)] if rows else [])])


def _best_first(shown: Sequence[Shown]) -> list[Shown]:
    return sorted(shown, key=lambda one: -one.score)

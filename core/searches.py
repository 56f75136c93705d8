"""Searches: good settings are looked for by trying some out. Starting, steering and describing them.

A search stands on one frozen version. Its trials are ordinary runs in the queue; who carries it on is `core.searcher`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core import architectures, estimates, events, runs, spaces, trials, versions, weights, words
from core.errors import Conflict, NotFound, Refused
from core.records import Hold, RunState, Search, SearchKind, SearchState, TrainingSpec, Wish
from core.scores import wilson_interval
from core.spaces import ARCHITECTURE, Space
from core.studio import Studio
from core.trials import Outcome, Shown
from core.words import count, duration

BUDGET_MINUTES = (1, 7 * 24 * 60)
MOST_TRIALS = 1000
STANDS_OUT, HARDLY = 0.4, 0.1  # shares of the differences between trials
SURE = 15  # trials: with fewer, what the shares say may be chance
WORDS = {
    SearchState.SEARCHING: "searching",
    SearchState.PAUSED: "paused",
    SearchState.ENDING: "ending",
    SearchState.TRAINING: "training the winner",
    SearchState.DONE: "done",
    SearchState.CANCELLED: "cancelled",
    SearchState.FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person wants of a search; empty parts are filled in by `plan`."""

    kind: SearchKind = SearchKind.TPE
    minutes: float = 30
    space: Mapping[str, Sequence[Any]] | None = None  # None: the usual one
    epochs: int = 0  # of a trial; 0: as many as are usual
    full_epochs: int = 0  # of the winner; 0: what its architecture usually gets
    most: int = 0  # trials; 0: as many as fit
    seed: int = 0
    fixed: Mapping[str, Any] | None = None  # settings that are the same in all trials


@dataclass(frozen=True, slots=True)
class Plan:
    """How a search would go."""

    space: dict[str, list[Any]]
    epochs: int  # of a trial
    trial_s: float  # that a trial takes, on average
    fit: int  # trials that the budget has room for
    points: int | None  # different settings there are; None: any number
    sentence: str


def plan(studio: Studio, dataset_id: int, asked: Asked) -> Plan:
    """What `start` would do with it, and how many trials fit.

    Raises:
        NotFound: no such dataset or architecture. Refused: something out of range, or nothing to search.
    """
    dataset = studio.store.datasets.get(dataset_id)
    low, high = BUDGET_MINUTES
    if not low <= asked.minutes <= high:
        raise Refused(f"{asked.minutes:g} minutes? Please choose between {low} and {high:,}.", "budget")
    if not 0 <= asked.most <= MOST_TRIALS:
        raise Refused(f"{asked.most} trials? Please choose at most {MOST_TRIALS:,}.", "most")
    space = {name: list(values) for name, values in (asked.space or spaces.usual(studio.files, asked.kind)).items()}
    cards = [architectures.get(name) for name in space.get(ARCHITECTURE, [])]
    if missing := [card for card in cards if not weights.at_hand(studio.files, card)]:
        raise Refused(f"{weights.missing(missing[0])} A search asks nobody: train it once, or leave it out.", "weights")
    epochs = asked.epochs or (3 if cards and all(card.pretrained for card in cards) else 6)
    for number in (epochs, asked.full_epochs or 1):
        if not 1 <= number <= runs.MAX_EPOCHS:
            raise Refused(f"{number} epochs? Please choose between 1 and {runs.MAX_EPOCHS:,}.", "epochs")
    spaces.check(asked.kind, space, asked.fixed or {}, epochs)
    trial_s = _trial_s(studio, space, asked.fixed or {}, dataset.images, epochs)
    points = spaces.points(asked.kind, space)
    fit = max(1, int(asked.minutes * 60 / trial_s + 0.5))
    wanted = min(number for number in (fit, asked.most or fit, points or fit))
    return Plan(space, epochs, trial_s, fit, points, _planned(asked, wanted, fit, points, trial_s))


def start(studio: Studio, dataset_id: int, asked: Asked) -> Search:
    """Freezes a version of the dataset and begins to search on it. Raises like `plan`; Refused like a run; DiskFull."""
    planned = plan(studio, dataset_id, asked)
    studio.files.require_room()
    fixed = dict(asked.fixed or {})
    share, seed = fixed.get("validation_share", versions.VALIDATION_SHARE), fixed.get("seed", versions.SEED)
    version = versions.freeze(studio, dataset_id, share, seed)
    search = studio.store.searches.create(
        dataset_id,
        version.id,
        asked.kind,
        planned.space,
        fixed,
        asked.minutes * 60,
        planned.epochs,
        asked.full_epochs,
        asked.most,
        asked.seed,
        studio.who,
    )
    studio.services.wake()
    return search


def get(studio: Studio, search_id: int) -> Search:
    """Raises NotFound."""
    return studio.store.searches.get(search_id)


def all_of(studio: Studio, dataset_id: int | None = None) -> list[Search]:
    """Newest first."""
    return studio.store.searches.all(dataset_id)


def find(studio: Studio, text: str) -> Search:
    """By its number as typed. Raises NotFound."""
    if not text.isdecimal():
        raise NotFound(f"There is no search “{text}”. Searches have numbers: `python -m core searches` lists them.")
    return get(studio, int(text))


# ---- steering ----------------------------------------------------------------------------------------


def stop(studio: Studio, search_id: int) -> Search:
    """Ends the trials at work, which keep their best, and trains the best settings. Raises NotFound, Conflict."""
    return _move(studio, search_id, [SearchState.SEARCHING, SearchState.PAUSED], SearchState.ENDING, "stop")


def pause(studio: Studio, search_id: int) -> Search:
    """Pauses the trials at work and begins no other. Raises NotFound, Conflict."""
    found = _move(studio, search_id, [SearchState.SEARCHING], SearchState.PAUSED, "pause")
    for one in trials.read(studio, found):
        if not one.run.state.final:
            studio.store.runs.request(one.run.id, Wish.PAUSE)
    return found


def resume(studio: Studio, search_id: int) -> Search:
    """Goes on, with the trials that were paused. Raises NotFound, Conflict."""
    found = _move(studio, search_id, [SearchState.PAUSED], SearchState.SEARCHING, "resume")
    for one in trials.read(studio, found):
        if one.run.state is RunState.PAUSED and one.run.hold is not Hold.DISK:
            studio.store.runs.request(one.run.id, "resume")
    return found


def cancel(studio: Studio, search_id: int) -> Search:
    """Ends the search and what it has at work; trials that are over keep their models. Raises NotFound, Conflict."""
    there = [state for state in SearchState if not state.final]
    found = _move(studio, search_id, there, SearchState.CANCELLED, "cancel")
    at_work = [one.run for one in trials.read(studio, found)]
    at_work += [runs.get(studio, found.winner_run_id)] if found.winner_run_id else []
    for run in at_work:
        if not run.state.final:
            studio.store.runs.request(run.id, Wish.CANCEL)
    return found


def _move(studio: Studio, search_id: int, there: Sequence[SearchState], to: SearchState, verb: str) -> Search:
    found = get(studio, search_id)
    if not studio.store.searches.cas(search_id, there, state=to):
        raise Conflict(f"Search {search_id} is {WORDS[found.state]}, so there is nothing to {verb}.")
    studio.services.wake()
    return get(studio, search_id)


# ---- describing --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """How a search stands."""

    shown: list[Shown]  # trials, by number
    best: Shown | None
    interval: tuple[float, float]  # 95 %, of the best; of its validation pictures alone
    pictures: int  # that the trials were checked on; 0: not known yet
    spent_s: float
    expected: int  # trials in all, as far as one can tell
    sentence: str

    def right(self, trial: Shown) -> str:
        """What it got right at best, in a word; empty before its first epoch is over."""
        return right(trial.best, self.pictures)


def right(share: float | None, pictures: int) -> str:
    """A trial's best share as it is said, of so many pictures (0: not known yet); empty before there is one."""
    return "" if share is None else words.share_of(share, pictures or None, 1)


def standing(studio: Studio, search: Search) -> Standing:
    shown = trials.read(studio, search)
    top = trials.best(shown)
    split = events.last(studio, top.run.id, "split") if top else None
    pictures = int(split.data.get("validation", 0)) if split else 0
    share = (top.best if top else None) or 0.0
    interval = wilson_interval(round(share * pictures), pictures)
    spent_s = sum(one.seconds for one in shown)
    expected, said = _expected(search, shown, spent_s), _said(search, shown, top, interval, pictures)
    return Standing(shown, top, interval, pictures, spent_s, expected, said)


def expected_s(studio: Studio, search: Search, shown: Sequence[Shown]) -> float:
    """Seconds that the next trial will take: as those so far, or estimated before there are any."""
    ended = [one.seconds for one in shown if one.tried.outcome in (Outcome.WHOLE, Outcome.CUT)]
    if ended:
        return sum(ended) / len(ended)
    images = studio.store.versions.get(search.version_id).images
    return _trial_s(studio, search.space, search.fixed, images, search.epochs)


def spec_of(studio: Studio, search: Search, point: spaces.Point, epochs: int) -> TrainingSpec:
    """The settings that a point of this search means."""
    version = studio.store.versions.get(search.version_id)
    return spaces.settings(point, search.fixed, epochs, version.images, max(len(version.labels), 2))


def _trial_s(studio: Studio, space: Space, fixed: Mapping[str, Any], images: int, epochs: int) -> float:
    known = estimates.speeds(studio)
    cards = [architectures.get(str(name)) for name in space[ARCHITECTURE]]
    costs: list[float] = []
    for card in cards:
        factors: Sequence[float] = space.get("side") or [float(fixed.get("side", card.side)) / card.side]
        usual = estimates.guess_s(card, images, epochs, known)
        still = estimates.guess_s(card, 0, epochs, known)
        costs.append(still + (usual - still) * sum(factor * factor for factor in factors) / len(factors))
    return sum(costs) / len(costs)


def mattered(search: Search) -> str:
    """Which dial mattered, in words; empty as long as there is nothing to say."""
    ranked = sorted(search.importance.items(), key=lambda found: -found[1])
    if len(ranked) < 2:
        return ""
    (first, most), (last, least) = ranked[0], ranked[-1]
    title = spaces.BY_NAME[first].title
    said = (
        f"No dial stands out; {title.lower()} comes first, with {100 * most:.0f} % of the differences between trials."
    )
    if most >= STANDS_OUT:
        said = f"{title} mattered most: {100 * most:.0f} % of the differences between trials go back to it."
        said += f" {spaces.BY_NAME[last].title} hardly mattered." if least <= HARDLY else ""
    few = " So few trials give a hint, no more." if search.weighed < SURE else ""
    return f"{said} Worked out from {count(search.weighed, 'trial')}.{few}"


def _planned(asked: Asked, wanted: int, fit: int, points: int | None, trial_s: float) -> str:
    minutes = f"{asked.minutes:g} minutes" if asked.minutes != 1 else "1 minute"
    room = f"About {count(fit, 'trial')} of {duration(trial_s).removeprefix('about ')} fit into {minutes}"
    if points is not None and wanted == points and asked.kind is SearchKind.GRID:
        return f"{room}: all {count(points, 'combination')} of the grid."
    if asked.kind is SearchKind.GRID and points:
        return f"{room}, and the grid has {count(points, 'combination')}: the others are not tried."
    if wanted < fit:
        return f"{room}; it ends after {wanted:,}."
    if wanted < 5:
        return f"{room}. That is little to choose from: give it more time, fewer epochs or a quicker architecture."
    return f"{room}. Trials without hope end early and make room for others."


def _expected(search: Search, shown: Sequence[Shown], spent_s: float) -> int:
    ended = [one.seconds for one in shown if one.tried.outcome is not Outcome.OPEN and one.seconds]
    points = spaces.points(search.kind, search.space)
    if search.state is not SearchState.SEARCHING or not ended:
        return len(shown)
    more = max(0.0, search.budget_s - spent_s) / (sum(ended) / len(ended))
    return min(number for number in (len(shown) + int(more + 0.5), search.most, points) if number)


def _said(
    search: Search, shown: Sequence[Shown], top: Shown | None, interval: tuple[float, float], pictures: int
) -> str:
    ended = sum(one.tried.outcome is not Outcome.OPEN for one in shown)
    if top is None or top.best is None:
        return "The first trial has not been through all pictures yet." if ended == 0 else "No trial got anywhere yet."
    spread = max(top.best - interval[0], interval[1] - top.best)
    few = words.too_few(pictures or None)
    give = f", give or take {max(1, math.ceil(100 * spread - 1e-9))}" if pictures and not few else ""
    held = f" on {count(pictures, 'picture')} held back, which also choose the winner" if pictures else ""
    best = "Best of" if search.state.final or search.winner else "Best so far, after"
    said = f"{best} {count(ended, 'trial')}: {_of_hundred(top.best, pictures)} right{give},{held}."
    said += " So few cannot say how good it is." if few else ""
    own, yet = next((one for one in shown if one.trial.number == 1), None), "" if search.state.final else " yet"
    if own is None or own.best is None or own.trial.number == top.trial.number:
        return said if own is None or own.best is None else f"{said} Nothing has beaten the first settings{yet}."
    gain = 100 * (top.best - own.best)
    chance = " A difference that small may be chance." if pictures and gain < 100 * spread else ""
    return f"{said} The first settings got {_of_hundred(own.best, pictures)}.{chance}"


def _of_hundred(share: float, pictures: int) -> str:
    return words.of_hundred(share, pictures or None, 1)

"""The searcher's process: `python -m core.searcher`. It carries on searches: the next trial, the hopeless, the winner.

One a data folder; started by the scheduler while a search needs it, gone a while after. It remembers nothing: every
look decides from the rows alone, each step is one transaction, so it may be killed at any moment.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from core import architectures, losers, proposing, runs, searches, spaces, trials
from core.embedded import open_studio
from core.records import Run, RunState, Search, SearchKind, SearchState, Wish
from core.running.alone import alone, when_told_to_end
from core.studio import Studio
from core.trials import Outcome, Shown, Tried

POLL_S = 0.5
BEAT_S = 2.0
IDLE_S = 20.0  # it leaves, and gives its memory back
PAUSE_S = 2.0  # after something went wrong
NICENESS = 5
FAILURES = 4  # so many first trials failed: their common settings are at fault
ENOUGH = 6  # trials that are over, before anything is said of which dial mattered
WORTH = 0.5  # of a trial must still fit, or none is begun

log = logging.getLogger("searcher")


def carry_on(studio: Studio, search: Search) -> None:
    """Whatever there is to do for a search just now."""
    if search.state is SearchState.TRAINING:
        return _watch_winner(studio, search)
    shown = trials.read(studio, search)
    _weigh(studio, search, shown)
    if search.state is SearchState.SEARCHING:
        _search(studio, search, shown)
    elif search.state is SearchState.ENDING:
        _end(studio, search, shown)


def _weigh(studio: Studio, search: Search, shown: Sequence[Shown]) -> None:
    """Which dial mattered, worked out anew whenever another trial is over."""
    over = [one.tried for one in shown if one.tried.outcome in (Outcome.WHOLE, Outcome.CUT, Outcome.LOST)]
    if len(over) >= ENOUGH and len(over) != search.weighed:
        found = proposing.importance(search.kind, search.space, over)
        studio.store.searches.weigh(search.id, len(over), found)


def _search(studio: Studio, search: Search, shown: Sequence[Shown]) -> None:
    _end_hopeless(studio, search, shown)
    open_ones = [one for one in shown if not one.run.state.final and not one.waits]
    left_s = search.budget_s - sum(one.seconds for one in shown)
    if reason := _given_up(shown):
        studio.store.searches.cas(search.id, [SearchState.SEARCHING], state=SearchState.FAILED, error=reason)
    elif left_s <= 0:
        _over(studio, search, "the budget is spent")
    elif len(open_ones) < _devices(studio) and not _begin_another(studio, search, shown, left_s) and not open_ones:
        _over(studio, search, "nothing more to try, or no time for it")


def _begin_another(studio: Studio, search: Search, shown: Sequence[Shown], left_s: float) -> bool:
    """False: there is no time for another, or nothing left to try."""
    number = len(shown) + 1
    at_work = sum(not one.run.state.final for one in shown)
    expected_s = searches.expected_s(studio, search, shown)
    if shown and left_s - at_work * expected_s < WORTH * expected_s or 0 < search.most < number:
        return False
    tried = [one.tried for one in shown]
    version = studio.store.versions.get(search.version_id)
    first = spaces.own(search.space, search.fixed, search.epochs, version.images, max(len(version.labels), 2))
    point = proposing.propose(search.kind, search.space, search.seed, first, tried)
    if point is None:
        return False
    spec = searches.spec_of(studio, search, point, search.epochs)
    name = f"Search {search.id}, trial {number}: {architectures.get(spec.architecture).title}"
    if studio.store.searches.begin_trial(search.id, number, point, name, spec):
        log.info("search %d: trial %d at %s", search.id, number, spaces.words(point))
        studio.services.wake()
    return True


def _end_hopeless(studio: Studio, search: Search, shown: Sequence[Shown]) -> None:
    tried = [one.tried for one in shown]
    for place, one in enumerate(shown):
        if one.run.state is not RunState.RUNNING:
            continue
        if one.trial.pruned_at is not None:  # whoever wrote that may not have lived to say it
            _ask_to_stop(studio, one.run)
        elif (epoch := _lost_hope(search, tried, place)) is not None:
            log.info("search %d: trial %d has no hope left after epoch %d", search.id, one.trial.number, epoch)
            studio.store.searches.prune(search.id, one.trial.number, epoch)
            _ask_to_stop(studio, one.run)


def _lost_hope(search: Search, tried: Sequence[Tried], place: int) -> int | None:
    """The first epoch after which it had none; several may have passed since the last look."""
    if search.kind is SearchKind.GRID:
        return None
    scores = tried[place].scores
    for epoch in sorted(epoch for epoch in scores if epoch < search.epochs):
        so_far = {at: score for at, score in scores.items() if at <= epoch}
        if proposing.hopeless([*tried[:place], replace(tried[place], scores=so_far), *tried[place + 1 :]], place):
            return epoch
    return None


def _ask_to_stop(studio: Studio, run: Run) -> None:
    if run.wish is None:
        studio.store.runs.request(run.id, Wish.STOP)


def _over(studio: Studio, search: Search, why: str) -> None:
    log.info("search %d ends: %s", search.id, why)
    studio.store.searches.cas(search.id, [SearchState.SEARCHING], state=SearchState.ENDING)


def _end(studio: Studio, search: Search, shown: Sequence[Shown]) -> None:
    at_work = [one for one in shown if not one.run.state.final]
    for one in at_work:
        _ask_to_stop(studio, one.run)
    if at_work:
        return
    best = trials.best(shown)
    if best is None:
        said = next((one.run.error for one in shown if one.run.error), "No trial came to the end of its first epoch.")
        error = f"No settings could be compared. {said}"
        studio.store.searches.cas(search.id, [SearchState.ENDING], state=SearchState.FAILED, error=error)
        return
    architecture = str(best.trial.point[spaces.ARCHITECTURE])
    epochs = search.full_epochs or max(architectures.get(architecture).usual_epochs, search.epochs)
    spec = searches.spec_of(studio, search, best.trial.point, epochs)
    name = f"Winner of search {search.id}: {architectures.get(architecture).title}, {epochs} epochs"
    if studio.store.searches.crown(search.id, best.trial.number, name, spec):
        log.info("search %d: trial %d has won with %.4f", search.id, best.trial.number, best.best)
        studio.services.wake()


def _watch_winner(studio: Studio, search: Search) -> None:
    winner = runs.get(studio, search.winner_run_id or 0)
    if winner.state is RunState.FAILED:
        error = f"The full training of the winner failed. {winner.error}"
        studio.store.searches.cas(search.id, [SearchState.TRAINING], state=SearchState.FAILED, error=error)
    elif winner.state.final:
        # Before it is over for good: whoever dies in between does it again. Without a winner's model nothing is worse.
        if winner.model_id is not None and (
            gone := losers.clear(studio.files, studio.store, search, trials.read(studio, search))
        ):
            log.info("search %d: %d models that did not win are removed", search.id, gone)
        studio.store.searches.cas(search.id, [SearchState.TRAINING], state=SearchState.DONE)


def _given_up(shown: Sequence[Shown]) -> str | None:
    """Why there is no sense in going on: the first trials all failed."""
    if len(shown) < FAILURES or any(one.tried.outcome is not Outcome.LOST for one in shown):
        return None
    return f"The first {len(shown)} trials failed, the last one so: {shown[-1].run.error}"


def _devices(studio: Studio) -> int:
    """So many trials at once: each has a device, and what others queue meanwhile goes before the next trial."""
    scheduler = studio.store.services.all().get("scheduler")
    return max(1, int(scheduler.detail.get("slots", 1))) if scheduler else 1


class Process:
    """The loop around it: until SIGTERM, until there is nothing to do, or until the data folder is gone."""

    def __init__(self, studio: Studio, clock: Callable[[], float] = time.monotonic) -> None:
        self._studio, self._clock = studio, clock
        self._stopped = threading.Event()

    def stop(self, _received: int, _frame: object) -> None:
        self._stopped.set()

    def run(self) -> None:
        needed_s, beat_s = self._clock(), -BEAT_S
        while not self._stopped.is_set() and self._studio.files.lock("searcher").exists():
            try:
                due = self._studio.store.searches.due()
                if self._clock() - beat_s >= BEAT_S:
                    self._studio.store.services.alive("searcher", {"searches": len(due)})
                    beat_s = self._clock()
                for search in due:
                    self._carry_on(search)
                needed_s = self._clock() if due else needed_s
                if self._clock() - needed_s > IDLE_S:
                    return
                self._stopped.wait(POLL_S)
            except Exception:
                # The database is away: decide nothing, say it, try again.
                log.exception("a round failed")
                self._stopped.wait(PAUSE_S)

    def _carry_on(self, search: Search) -> None:
        try:
            carry_on(self._studio, search)
        except Exception:
            # One search that goes wrong must not hold up the others.
            log.exception("search %d could not be carried on; it is tried again", search.id)
            self._stopped.wait(PAUSE_S)


def serve(studio: Studio) -> None:
    process = Process(studio)
    when_told_to_end(process.stop)
    process.run()


def main() -> int:
    return alone(open_studio(), "searcher", serve, NICENESS)


if __name__ == "__main__":
    sys.exit(main())

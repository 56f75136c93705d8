"""Trainers of a test's own for searches: a trial scores what a function of its settings says, in the time they say."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import update

from core import searches, trials
from core.records import Metric, Run, RunState, Search, SearchState, TrainingSpec, Wish
from core.searcher import carry_on
from core.storage.schema import attempt as attempts
from core.studio import Studio

STEPS = 10  # an epoch


def augmentation(spec: TrainingSpec) -> str:
    return str(spec.overrides.get("augmentation", "as the recipe has it"))


def likes_strong(spec: TrainingSpec, epoch: int) -> float:
    """Strong augmentation helps, and so does every epoch."""
    gain = {"none": 0.0, "strong": 0.2}.get(augmentation(spec), 0.1)
    return 0.5 + gain + 0.02 * epoch + 0.01 * len(spec.overrides)


class Trainers:
    """Does what scheduler and trainers would do for the runs of a search, an epoch at a time."""

    def __init__(
        self,
        studio: Studio,
        scores: Callable[[TrainingSpec, int], float] = likes_strong,
        epoch_s: float = 10.0,
        loss: Callable[[TrainingSpec], float] = lambda spec: 1.0,
        pictures: int = 20,
    ) -> None:
        self.studio, self.scores, self.epoch_s, self.loss = studio, scores, epoch_s, loss
        self.fails, self.pictures = False, pictures  # held back

    def step(self) -> bool:
        """Every run that is not over and not paused learns for an epoch, or obeys. False when there was none."""
        waiting = (RunState.QUEUED, RunState.STARTING, RunState.RUNNING)
        open_runs = self.studio.store.runs.all(states=waiting)
        for run in open_runs:
            self._learn(run)
        return bool(open_runs)

    def _learn(self, run: Run) -> None:
        store = self.studio.store.runs
        attempt = store.begin_attempt(run.id) if run.state is RunState.QUEUED else run.attempt
        assert attempt is not None
        if self.fails:
            store.beat(run.id, attempt, "h:1:1", 0, 0, 0)
            return self._end(run.id, attempt, RunState.FAILED, error="The loss is no number.")
        epoch, total = run.epoch + 1, STEPS * run.spec.epochs
        if run.wish is None:
            values = {"val_accuracy": self.scores(run.spec, epoch), "val_loss": self.loss(run.spec)}
            metrics = [Metric(epoch * STEPS, key, value) for key, value in values.items()]
            told = [("split", {"train": 80, "validation": self.pictures}, 1.0)] if epoch == 1 else []
            store.beat(run.id, attempt, "h:1:1", epoch * STEPS, total, epoch, metrics, told)
            self._spend(run.id, attempt, epoch)
        if run.wish is Wish.PAUSE:
            self._end(run.id, attempt, RunState.PAUSED)
        elif run.wish is Wish.CANCEL:
            self._end(run.id, attempt, RunState.CANCELLED)
        elif run.wish or epoch == run.spec.epochs:
            self._end(run.id, attempt, RunState.SUCCEEDED)

    def _spend(self, run_id: int, attempt: int, epochs: int) -> None:
        """It had a device for so long, and not a moment longer."""
        lasted = {"started_at": 1000.0, "ended_at": 1000.0 + epochs * self.epoch_s}
        with self.studio.store.runs._db.write() as connection:  # type: ignore[attr-defined]
            mine = (attempts.c.run_id == run_id) & (attempts.c.n == attempt)
            connection.execute(update(attempts).where(mine).values(**lasted))

    def _end(self, run_id: int, attempt: int, state: RunState, **values: object) -> None:
        self.studio.store.runs.cas(run_id, [RunState.RUNNING], fence=attempt, state=state, wish=None, **values)


def carried(studio: Studio, trainers: Trainers, search: Search, most: int = 400, looks_every: int = 1) -> Search:
    """The search at its end: trainers learn for an epoch, and the searcher looks every so many turns."""
    for turn in range(most):
        search = searches.get(studio, search.id)
        if search.state.final or search.state is SearchState.PAUSED:
            return search
        if turn % looks_every == 0:
            carry_on(studio, search)
        trainers.step()
    raise AssertionError(f"the search is {search.state} after {most} turns")


def points(studio: Studio, search: Search) -> list[dict[str, object]]:
    return [one.trial.point for one in trials.read(studio, search)]

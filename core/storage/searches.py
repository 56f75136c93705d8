"""Searches and their trials."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, RowMapping, case, func, select, update

from core.errors import NotFound
from core.records import Metric, Run, Search, SearchKind, SearchState, TrainingSpec, Trial
from core.storage.database import Database, now
from core.storage.runs import ACTIVE, insert_run, run_of, select_runs
from core.storage.schema import attempt, dataset, metric, run, search, trial

AT_WORK = (SearchState.SEARCHING, SearchState.ENDING, SearchState.TRAINING)
CHECKS = ("val_accuracy", "val_loss")
_QUERY = select(search).join(dataset, dataset.c.id == search.c.dataset_id).where(dataset.c.removed_at.is_(None))


class Searches:
    def __init__(self, database: Database) -> None:
        self._db = database

    def create(
        self,
        dataset_id: int,
        version_id: int,
        kind: SearchKind,
        space: Mapping[str, Sequence[Any]],
        fixed: Mapping[str, Any],
        budget_s: float,
        epochs: int,
        full_epochs: int,
        most: int,
        seed: int,
        owner: str,
    ) -> Search:
        values = {
            "dataset_id": dataset_id,
            "version_id": version_id,
            "kind": str(kind),
            "space": {name: list(values) for name, values in space.items()},
            "fixed": dict(fixed),
            "budget_s": budget_s,
            "epochs": epochs,
            "full_epochs": full_epochs,
            "most": most,
            "seed": seed,
            "owner": owner,
            "state": str(SearchState.SEARCHING),
            "created_at": now(),
            "weighed": 0,
            "importance": {},
        }
        with self._db.write() as connection:
            new = connection.execute(search.insert().values(values).returning(search.c.id)).scalar_one()
        return self.get(new)

    def get(self, search_id: int) -> Search:
        if (row := self._db.row(_QUERY.where(search.c.id == search_id))) is None:
            raise NotFound(f"There is no search {search_id}.")
        return _search(row)

    def all(self, dataset_id: int | None = None) -> list[Search]:
        query = _QUERY.order_by(search.c.id.desc())
        query = query.where(search.c.dataset_id == dataset_id) if dataset_id is not None else query
        return [_search(row) for row in self._db.rows(query)]

    def due(self) -> list[Search]:
        query = _QUERY.where(search.c.state.in_([str(state) for state in AT_WORK])).order_by(search.c.id)
        return [_search(row) for row in self._db.rows(query)]

    def trials(self, search_id: int) -> list[tuple[Trial, Run]]:
        rows = self._db.rows(select(trial).where(trial.c.search_id == search_id).order_by(trial.c.number))
        query = select_runs().where(trial.c.search_id == search_id)
        runs = {row["id"]: run_of(row) for row in self._db.rows(query)}
        # A trial that was made between the two questions is in the next answer.
        return [(Trial(**row), runs[row["run_id"]]) for row in rows if row["run_id"] in runs]

    def trial_runs(self) -> set[int]:
        return {row["run_id"] for row in self._db.rows(select(trial.c.run_id))}

    def checks(self, search_id: int) -> dict[int, list[Metric]]:
        query = (
            select(metric)
            .join(trial, trial.c.run_id == metric.c.run_id)
            .where(trial.c.search_id == search_id, metric.c.key.in_(CHECKS))
            .order_by(metric.c.run_id, metric.c.step)
        )
        found: dict[int, list[Metric]] = defaultdict(list)
        for row in self._db.rows(query):
            value = math.nan if row["value"] is None else row["value"]
            found[row["run_id"]].append(Metric(row["step"], row["key"], value))
        return dict(found)

    def seconds(self, search_id: int) -> dict[int, float]:
        working = (attempt.c.n == run.c.attempt) & run.c.state.in_([str(state) for state in ACTIVE])
        end = case((attempt.c.ended_at.is_not(None), attempt.c.ended_at), (working, now()), else_=attempt.c.started_at)
        query = (
            select(attempt.c.run_id, func.sum(end - attempt.c.started_at).label("seconds"))
            .join(run, run.c.id == attempt.c.run_id)
            .join(trial, trial.c.run_id == run.c.id)
            .where(trial.c.search_id == search_id)
            .group_by(attempt.c.run_id)
        )
        return {row["run_id"]: max(0.0, float(row["seconds"])) for row in self._db.rows(query)}

    def cas(self, search_id: int, expected: Sequence[SearchState], **values: Any) -> bool:
        with self._db.write() as connection:
            return _move(connection, search_id, expected, **values)

    def begin_trial(self, search_id: int, number: int, point: Mapping[str, Any], name: str, spec: TrainingSpec) -> bool:
        with self._db.write() as connection:
            asked = connection.execute(_here(search_id, [SearchState.SEARCHING])).mappings().first()
            last = connection.execute(select(func.max(trial.c.number)).where(trial.c.search_id == search_id)).scalar()
            if asked is None or number != (last or 0) + 1:
                return False
            new = _insert(connection, asked, name, spec)
            values = {"search_id": search_id, "number": number, "run_id": new, "point": dict(point)}
            connection.execute(trial.insert().values(values))
        return True

    def prune(self, search_id: int, number: int, epoch: int) -> None:
        one = (trial.c.search_id == search_id) & (trial.c.number == number) & trial.c.pruned_at.is_(None)
        with self._db.write() as connection:
            connection.execute(update(trial).where(one).values(pruned_at=epoch))

    def weigh(self, search_id: int, trials: int, importance: Mapping[str, float]) -> None:
        found = {"weighed": trials, "importance": dict(importance)}
        with self._db.write() as connection:
            connection.execute(update(search).where(search.c.id == search_id).values(found))

    def crown(self, search_id: int, number: int, name: str, spec: TrainingSpec) -> bool:
        with self._db.write() as connection:
            asked = connection.execute(_here(search_id, [SearchState.ENDING])).mappings().first()
            if asked is None:
                return False
            new = _insert(connection, asked, name, spec)
            to = {"state": SearchState.TRAINING, "winner": number, "winner_run_id": new}
            return _move(connection, search_id, [SearchState.ENDING], **to)


def _insert(connection: Connection, asked: RowMapping, name: str, spec: TrainingSpec) -> int:
    return insert_run(connection, asked["dataset_id"], asked["version_id"], name, spec, asked["owner"])


def _here(search_id: int, states: Sequence[SearchState]) -> Any:
    return _QUERY.where(search.c.id == search_id, search.c.state.in_([str(state) for state in states]))


def _move(connection: Connection, search_id: int, expected: Sequence[SearchState], **values: Any) -> bool:
    plain = {name: str(value) if isinstance(value, StrEnum) else value for name, value in values.items()}
    if SearchState(plain["state"]).final:
        plain["finished_at"] = now()
    here = (search.c.id == search_id) & search.c.state.in_([str(state) for state in expected])
    return connection.execute(update(search).where(here).values(plain)).rowcount == 1


def _search(row: RowMapping) -> Search:
    return Search(**{**row, "kind": SearchKind(row["kind"]), "state": SearchState(row["state"])})

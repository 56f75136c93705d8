"""Runs: the queue, compare-and-swap along legal moves, and writes that only the newest attempt may do."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, Select, case, delete, func, literal, select, true, update

from core.errors import NotFound
from core.records import Begin, Choice, Event, Frame, Hold, Metric, Run, RunState, TrainingSpec, Wish
from core.storage.database import Database, now
from core.storage.schema import attempt as attempts
from core.storage.schema import event, frame, metric, model, run, trial

ACTIVE = (RunState.STARTING, RunState.RUNNING)
MOVES: dict[RunState, set[RunState]] = {
    RunState.QUEUED: {RunState.STARTING, RunState.PAUSED, RunState.CANCELLED},
    RunState.STARTING: {
        RunState.RUNNING,
        RunState.QUEUED,
        RunState.FAILED,
        RunState.CANCELLED,
        RunState.PAUSED,
        RunState.SUCCEEDED,
    },
    RunState.RUNNING: {RunState.SUCCEEDED, RunState.FAILED, RunState.PAUSED, RunState.CANCELLED, RunState.QUEUED},
    RunState.PAUSED: {RunState.QUEUED, RunState.CANCELLED},
}  # succeeded, failed and cancelled are final

_QUERY = (
    select(run, model.c.id.label("model_id"), trial.c.search_id)
    .outerjoin(model, model.c.run_id == run.c.id)
    .outerjoin(trial, trial.c.run_id == run.c.id)
)


class Runs:
    def __init__(self, database: Database) -> None:
        self._db = database

    # ---- asking and wishing ----

    def submit(
        self,
        dataset_id: int,
        version_id: int,
        name: str,
        spec: TrainingSpec,
        owner: str = "",
        priority: int = 0,
        parent_id: int | None = None,
        question: str | None = None,
    ) -> Run:
        with self._db.write() as connection:
            new = insert_run(connection, dataset_id, version_id, name, spec, owner, priority, parent_id, question)
        return self.get(new)

    def get(self, run_id: int) -> Run:
        if (row := self._db.row(_QUERY.where(run.c.id == run_id))) is None:
            raise NotFound(f"There is no run {run_id}.")
        return run_of(row)

    def all(self, dataset_id: int | None = None, states: Sequence[RunState] = ()) -> list[Run]:
        query = _QUERY.order_by(run.c.id.desc())
        query = query.where(run.c.dataset_id == dataset_id) if dataset_id is not None else query
        query = query.where(run.c.state.in_([str(state) for state in states])) if states else query
        return [run_of(row) for row in self._db.rows(query)]

    def request(self, run_id: int, wish: Wish | Literal["resume"]) -> bool:
        if wish == "resume":
            fresh: dict[str, Any] = {"wish": None, "hold": None, "error": None, "not_before": 0.0, "crash_count": 0}
            return self.cas(run_id, [RunState.PAUSED], state=RunState.QUEUED, queued_at=now(), **fresh)
        if wish is Wish.PAUSE:
            weaker: Any = run.c.wish.is_(None)  # a pause never overwrites a stop
            if self._ask(run_id, [RunState.QUEUED], weaker, state=str(RunState.PAUSED)):
                return True
        else:
            weaker = run.c.wish.is_(None) | (run.c.wish != str(Wish.CANCEL))
            # A run that never trained has no best model to keep: stopping it is cancelling it.
            waiting = [RunState.QUEUED, RunState.PAUSED]
            untrained = run.c.step == 0 if wish is Wish.STOP else true()
            ended = {"state": str(RunState.CANCELLED), "wish": None, "hold": None, "finished_at": now()}
            if self._ask(run_id, waiting, untrained, **ended):
                return True
            # One that did train starts once more, to end with the best model of its checkpoint.
            again = {"state": str(RunState.QUEUED), "wish": str(wish), "hold": None, "not_before": 0.0}
            if self._ask(run_id, waiting, weaker, **again):
                return True
        return self._ask(run_id, ACTIVE, weaker, wish=str(wish))

    def answer(self, run_id: int, choice: Choice, name: str, spec: TrainingSpec) -> bool:
        values = {"state": str(RunState.QUEUED), "hold": None, "error": None, "wish": None, "not_before": 0.0}
        waits = (run.c.id == run_id) & (run.c.state == str(RunState.PAUSED)) & (run.c.hold == str(Hold.ANSWER))
        changed = {"name": name, "spec": dataclasses.asdict(spec), "queued_at": now(), "crash_count": 0}
        with self._db.write() as connection:
            number = connection.execute(
                update(run).where(waits).values(**values, **changed).returning(run.c.attempt)
            ).scalar()
            if number is not None:
                say(connection, run_id, number, "answered", {"choice": str(choice)})
        return number is not None

    def _ask(self, run_id: int, states: Sequence[RunState], condition: Any, **values: Any) -> bool:
        mine = (run.c.id == run_id) & run.c.state.in_([str(state) for state in states]) & condition
        with self._db.write() as connection:
            number = connection.execute(update(run).where(mine).values(values).returning(run.c.attempt)).scalar()
            if number is not None:
                told = {"wish": values["wish"]} if values.get("wish") else {}
                say(connection, run_id, number, values.get("state", "asked"), told)
        return number is not None

    def metrics(self, run_id: int, after_step: int = -1) -> list[Metric]:
        query = select(metric).where(metric.c.run_id == run_id, metric.c.step > after_step).order_by(metric.c.step)
        return [
            Metric(row["step"], row["key"], math.nan if row["value"] is None else row["value"])
            for row in self._db.rows(query)
        ]

    def latest(self, run_id: int, key: str) -> float | None:
        mine = (metric.c.run_id == run_id) & (metric.c.key == key)
        newest = select(metric.c.value).where(mine).order_by(metric.c.step.desc()).limit(1)
        return None if (value := self._db.scalar(newest)) is None else float(value)

    def frames(self, run_id: int, after_epoch: int = -1) -> list[Frame]:
        query = select(frame).where(frame.c.run_id == run_id, frame.c.epoch > after_epoch).order_by(frame.c.epoch)
        return [Frame(row["step"], row["epoch"], row["data"]) for row in self._db.rows(query)]

    def events(self, run_id: int, after_id: int = 0) -> list[Event]:
        query = select(event).where(event.c.run_id == run_id, event.c.id > after_id).order_by(event.c.id)
        return [Event(**row) for row in self._db.rows(query)]

    # ---- the scheduler ----

    def prefer(self, run_id: int, priority: int) -> None:
        with self._db.write() as connection:
            connection.execute(update(run).where(run.c.id == run_id).values(priority=priority))

    def used(self, since: float) -> dict[str, float]:
        at = now()
        working = (attempts.c.n == run.c.attempt) & run.c.state.in_([str(state) for state in ACTIVE])
        end = case((attempts.c.ended_at.is_not(None), attempts.c.ended_at), (working, at), else_=attempts.c.started_at)
        begin = case((attempts.c.started_at < since, since), else_=attempts.c.started_at)
        query = (
            select(run.c.owner, func.sum(end - begin).label("seconds"))
            .join(attempts, attempts.c.run_id == run.c.id)
            .where(end > since)
            .group_by(run.c.owner)
        )
        return {row["owner"]: float(row["seconds"]) for row in self._db.rows(query)}

    def cas(self, run_id: int, expected: Sequence[RunState], *, fence: int | None = None, **values: Any) -> bool:
        if "state" in values and any(values["state"] not in MOVES.get(state, set()) for state in expected):
            raise ValueError(f"illegal move {expected} -> {values['state']}")
        here = (run.c.id == run_id) & run.c.state.in_([str(state) for state in expected])
        if fence is not None:
            here = here & (run.c.attempt == fence)
        plain = {name: str(value) if isinstance(value, StrEnum) else value for name, value in values.items()}
        with self._db.write() as connection:
            moved = connection.execute(update(run).where(here).values(plain)).rowcount == 1
            if moved and "state" in values:
                number = connection.execute(select(run.c.attempt).where(run.c.id == run_id)).scalar_one()
                told = {"error": values["error"]} if values.get("error") else {}
                say(connection, run_id, number, str(values["state"]), told)
            return moved

    def begin_attempt(self, run_id: int) -> int | None:
        queued = (run.c.id == run_id) & (run.c.state == str(RunState.QUEUED))
        values = {
            "state": str(RunState.STARTING),
            "attempt": run.c.attempt + 1,
            "heartbeat_at": now(),
            "progress_at": now(),
            "handle": None,
            # Why it failed is told again once its best model is kept.
            "error": case((run.c.wish == str(Wish.SALVAGE), run.c.error), else_=None),
            "hold": None,
        }
        with self._db.write() as connection:
            number = connection.execute(update(run).where(queued).values(values).returning(run.c.attempt)).scalar()
            if number is not None:
                connection.execute(attempts.insert().values(run_id=run_id, n=number, started_at=now()))
                say(connection, run_id, number, "starting", {})
        return None if number is None else int(number)

    def end_attempt(self, run_id: int, attempt: int, exit_code: int | None, reason: str) -> None:
        mine = (attempts.c.run_id == run_id) & (attempts.c.n == attempt) & attempts.c.ended_at.is_(None)
        with self._db.write() as connection:
            connection.execute(update(attempts).where(mine).values(ended_at=now(), exit_code=exit_code, reason=reason))

    def log_event(self, run_id: int, attempt: int, kind: str, data: dict[str, Any]) -> None:
        with self._db.write() as connection:
            say(connection, run_id, attempt, kind, data)

    # ---- the trainer ----

    def beat(
        self,
        run_id: int,
        attempt: int,
        handle: str,
        step: int,
        total_steps: int,
        epoch: int,
        metrics: Sequence[Metric] = (),
        events: Sequence[tuple[str, dict[str, Any], float]] = (),
        frames: Sequence[Frame] = (),
    ) -> Wish | None:
        at = now()
        values = {
            "heartbeat_at": at,
            "state": str(RunState.RUNNING),
            "handle": handle,
            "step": step,
            "total_steps": total_steps,
            "epoch": epoch,
            "started_at": case((run.c.started_at.is_(None), at), else_=run.c.started_at),
            # Whoever has something to tell makes progress, steps or none: pictures are prepared, a model is scored.
            "progress_at": at if metrics or events else case((run.c.step != step, at), else_=run.c.progress_at),
        }
        with self._db.write() as connection:
            row = connection.execute(
                update(run).where(_mine(run_id, attempt)).values(values).returning(run.c.wish)
            ).first()
            if row is None:
                raise PermissionError(f"attempt {attempt} of run {run_id} was replaced, or the run is over")
            rows = [
                {"run_id": run_id, "step": m.step, "key": m.key, "value": m.value if math.isfinite(m.value) else None}
                for m in metrics
            ]
            self._db.upsert(connection, metric, ("run_id", "step", "key"), rows)
            shown = [{"run_id": run_id, "epoch": f.epoch, "step": f.step, "data": f.data} for f in frames]
            self._db.upsert(connection, frame, ("run_id", "epoch"), shown)
            for kind, data, when in events:
                connection.execute(event.insert().values(run_id=run_id, attempt=attempt, at=when, kind=kind, data=data))
        return Wish(row.wish) if row.wish else None

    def drop_metrics_after(self, run_id: int, attempt: int, step: int) -> None:
        fenced = select(run.c.id).where(_mine(run_id, attempt)).exists()
        with self._db.write() as connection:
            for table in (metric, frame):
                connection.execute(delete(table).where(table.c.run_id == run_id, table.c.step > step, fenced))


def insert_run(
    connection: Connection,
    dataset_id: int,
    version_id: int,
    name: str,
    spec: TrainingSpec,
    owner: str = "",
    priority: int = 0,
    parent_id: int | None = None,
    question: str | None = None,
) -> int:
    """Puts a run into the queue, in a transaction that may do more; gives its id. One with a question waits first."""
    start = {
        "attempt": 0,
        "step": 0,
        "total_steps": 0,
        "epoch": 0,
        "not_before": 0.0,
        "crash_count": 0,
        "crash_step": -1,
        "owner": owner,
        "priority": priority,
        "parent_id": parent_id,
        "error": question,
        "hold": None if question is None else str(Hold.ANSWER),
    }
    state = RunState.QUEUED if question is None else RunState.PAUSED
    values = {"dataset_id": dataset_id, "version_id": version_id, "name": name, "spec": dataclasses.asdict(spec)}
    query = run.insert().values(**values, **start, state=str(state), queued_at=now())
    new: int = connection.execute(query.returning(run.c.id)).scalar_one()
    told = {} if parent_id is None else {"parent": parent_id, "begin": str(spec.begin)}
    say(connection, new, 0, "queued", told)
    if spec.begin == Begin.AGAIN:
        columns = [metric.c.step, metric.c.key, metric.c.value]
        theirs = select(literal(new), *columns).where(metric.c.run_id == parent_id)
        connection.execute(metric.insert().from_select(["run_id", *columns], theirs))
    return new


def say(connection: Connection, run_id: int, attempt: int, kind: str, data: dict[str, Any]) -> None:
    connection.execute(event.insert().values(run_id=run_id, attempt=attempt, at=now(), kind=kind, data=data))


def select_runs() -> Select[Any]:
    """The columns of `run_of`; may be narrowed by `run` and `trial`."""
    return _QUERY


def _mine(run_id: int, attempt: int) -> Any:
    return (run.c.id == run_id) & (run.c.attempt == attempt) & run.c.state.in_([str(state) for state in ACTIVE])


def run_of(row: RowMapping) -> Run:
    typed = {
        "spec": TrainingSpec(**row["spec"]),
        "state": RunState(row["state"]),
        "wish": Wish(row["wish"]) if row["wish"] else None,
        "hold": Hold(row["hold"]) if row["hold"] else None,
    }
    return Run(**{**row, **typed})

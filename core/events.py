"""Events: what a run said, in order, in words for its log."""

from __future__ import annotations

from core.records import Event
from core.studio import Studio


def since(studio: Studio, run_id: int, after_id: int = 0) -> list[Event]:
    """The run's events after the one with id `after_id`, oldest first."""
    return studio.store.runs.events(run_id, after_id)


def last(studio: Studio, run_id: int, kind: str) -> Event | None:
    """The newest event of a kind."""
    return next((event for event in reversed(since(studio, run_id)) if event.kind == kind), None)

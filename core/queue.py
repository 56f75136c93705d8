"""The queue: whose run is next, and when a run that waits will begin. Fair among people.

Higher priority first; then who has the fewest runs at work; then who had a device for the least time of the last day;
then who came first. While somebody else waits, nobody is given more than half of the devices. A trial of a search goes
behind every run that waited already when the trial came, so that no run ever waits for more than one trial of a search.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.records import Run

MEMORY_S = 24 * 3600.0  # what somebody used longer ago is forgotten


@dataclass(frozen=True, slots=True)
class Turn:
    """When a waiting run will begin, as things are now."""

    before: int  # runs at work or waiting that go first
    starts_in_s: float


def next_up(waiting: Sequence[Run], working: Mapping[str, int], used: Mapping[str, float], slots: int) -> Run:
    """The run that gets the device that is free.

    Args:
        waiting: at least one.
        working: owner -> runs at work.
        used: owner -> seconds on a device in the last `MEMORY_S`.
        slots: devices in all.
    """
    share = math.ceil(slots / 2)
    alone = len({run.owner for run in waiting}) == 1
    fair = [run for run in waiting if alone or working.get(run.owner, 0) < share] or list(waiting)
    patient = [run for run in fair if not _yields(run, fair)]

    def rank(run: Run) -> tuple[float, ...]:
        return (-run.priority, working.get(run.owner, 0), used.get(run.owner, 0.0), run.queued_at, run.id)

    return min(patient, key=rank)


def _yields(trial: Run, waiting: Sequence[Run]) -> bool:
    """It is a trial, and somebody's run of no lower priority was there before it."""
    return trial.search_id is not None and any(
        run.search_id is None
        and run.priority >= trial.priority
        and (run.queued_at, run.id) < (trial.queued_at, trial.id)
        for run in waiting
    )


def turns(
    active: Sequence[tuple[Run, float]], waiting: Sequence[tuple[Run, float]], used: Mapping[str, float], slots: int
) -> dict[int, Turn]:
    """Run id -> its turn, played through from now on.

    Args:
        active, waiting: runs with the seconds that each still needs.
    """
    needs = {run.id: seconds for run, seconds in waiting}
    left = [run for run, _ in waiting]
    working, used = Counter(run.owner for run, _ in active), Counter(used)
    ends = [(seconds, run.id, run.owner, seconds) for run, seconds in active]
    heapq.heapify(ends)
    found: dict[int, Turn] = {}
    now_s = 0.0
    while left:
        if len(ends) >= max(1, slots):
            now_s, _, owner, spent_s = heapq.heappop(ends)
            working[owner] -= 1
            used[owner] += math.ceil(spent_s)
            continue
        run = next_up(left, working, used, slots)
        left.remove(run)
        found[run.id] = Turn(len(active) + len(found), now_s)
        working[run.owner] += 1
        heapq.heappush(ends, (now_s + needs[run.id], run.id, run.owner, needs[run.id]))
    return found

"""Commands that steer a run: what the buttons of its page do."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from core import runs
from core.commands.answers import Answer
from core.commands.training import document
from core.embedded import open_studio
from core.records import Run
from core.studio import Studio


def stop(wish: argparse.Namespace) -> Answer:
    return _steer(wish, runs.stop, "Run {id} ends between two steps and keeps its best model.")


def pause(wish: argparse.Namespace) -> Answer:
    return _steer(wish, runs.pause, "Run {id} pauses after this step and keeps everything.")


def resume(wish: argparse.Namespace) -> Answer:
    return _steer(wish, runs.resume, "Run {id} is in the queue again and goes on at the very step it was paused at.")


def cancel(wish: argparse.Namespace) -> Answer:
    return _steer(wish, runs.cancel, "Run {id} ends and keeps nothing.")


def retry(wish: argparse.Namespace) -> Answer:
    return _steer(wish, runs.retry, "Run {id} tries run {parent_id} again.")


def prefer(wish: argparse.Namespace) -> Answer:
    return _steer(
        wish,
        lambda studio, run_id: runs.prefer(studio, run_id, wish.priority),
        "Run {id} has priority {priority} now.",
    )


def _steer(wish: argparse.Namespace, act: Callable[[Studio, int], Run], words: str) -> Answer:
    studio = open_studio()
    run = act(studio, runs.find(studio, wish.run).id)
    said = words.format(id=run.id, parent_id=run.parent_id, priority=run.priority)
    return Answer(document(studio, run), said)

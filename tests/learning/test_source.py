"""Batches: made one ahead, by another thread, and the very same."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.learning import augment
from core.learning.events import Stepped
from core.learning.source import Indices, Source
from tests.learning import sets

NAME = "next batch"


def source(threads: int = 1) -> Source:
    recipe = sets.recipe("resnet18", augmentation="strong", threads=threads)
    return Source(*sets.pictures(recipe.side, 40), recipe, torch.device("cpu"))


def pieces() -> list[Indices]:
    return [np.arange(40)[start : start + 8][::-1] for start in range(0, 40, 8)]


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(NAME)]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_batch_made_ahead_is_the_one_made_when_asked_for(threads: int) -> None:
    made = source(threads)
    torch.set_num_threads(threads)
    for (ahead, targets), chosen in zip(made.epoch(pieces(), 3), pieces(), strict=True):
        inputs, wanted = made.varied(chosen, 3)
        assert torch.equal(ahead, inputs) and torch.equal(targets, wanted)
        assert torch.get_num_threads() == threads, "the step has the threads of the recipe"


@pytest.mark.parametrize("side", [97, 224])
@pytest.mark.parametrize("architecture", ["resnet18", "digit-cnn"])
def test_a_part_is_the_same_bits_with_however_many_threads_it_is_made(architecture: str, side: int) -> None:
    """Who makes it is a matter of time: the thread of its own, which has one, or the step's, which has all."""
    recipe = sets.recipe(architecture, side=side, augmentation="strong")
    made = Source(*sets.pictures(side, 4), recipe, torch.device("cpu"))
    before, found = torch.get_num_threads(), []
    for threads in (1, 2, 3, 4):
        torch.set_num_threads(threads)
        found.append(made.varied(np.arange(4), 3)[0])
    torch.set_num_threads(before)
    assert all(torch.equal(one, found[0]) for one in found)


def test_the_next_batch_takes_no_core_from_the_step_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: dict[bool, set[int]] = {True: set(), False: set()}
    vary = augment.vary

    def noted(*given: Any) -> torch.Tensor:
        threads[threading.current_thread().name.startswith(NAME)].add(torch.get_num_threads())
        return vary(*given)

    monkeypatch.setattr(augment, "vary", noted)
    torch.set_num_threads(2)
    for _ in source(2).epoch(pieces(), 0):
        time.sleep(0.05)  # a step, in which the other thread begins the next
    assert threads[True] == {1} and threads[False] <= {2} and torch.get_num_threads() == 2


def test_the_next_batch_is_made_while_the_network_learns_and_no_more_than_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[torch.Tensor] = []
    second, vary = threading.Event(), augment.vary

    def noted(*given: Any) -> torch.Tensor:
        made.append(vary(*given))
        if len(made) == 2:
            second.set()
        return made[-1]

    monkeypatch.setattr(augment, "vary", noted)
    batches = source().epoch(pieces(), 0)
    next(batches)
    assert second.wait(30), "nobody has asked for it yet"
    assert len(made) == 2
    batches.close()


def test_a_batch_is_the_same_whoever_makes_which_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = source(2).varied(np.arange(40), 3)
    monkeypatch.setattr("core.learning.source.CACHED", 1)  # every picture is a part
    makers: list[str] = []
    met, vary = threading.Barrier(2, timeout=30), augment.vary

    def noted(*given: Any) -> torch.Tensor:
        if threading.current_thread().name not in makers:
            makers.append(threading.current_thread().name)
            met.wait()  # until the other has taken a part as well
        return vary(*given)

    monkeypatch.setattr(augment, "vary", noted)
    batches = source(2).epoch([np.arange(40)], 3)
    (shared, _), *_ = batches
    assert len(makers) == 2
    assert torch.equal(shared, whole)


def test_a_thread_that_gets_no_time_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.learning.source.CACHED", 1)
    others, vary = threading.Event(), augment.vary
    made = itertools.count(1)

    def slow(*given: Any) -> torch.Tensor:
        if threading.current_thread().name.startswith(NAME):
            assert others.wait(30), "the seven other parts are made without it"
        elif next(made) >= 7:
            others.set()
        return vary(*given)

    expected, _ = source().varied(pieces()[0], 3)
    monkeypatch.setattr(augment, "vary", slow)
    batches = source().epoch(pieces()[:1], 3)
    assert torch.equal(next(batches)[0], expected)
    batches.close()


def test_steps_take_batches_in_their_precision_and_checks_in_full() -> None:
    recipe = sets.recipe("resnet18", precision="bf16", layout="channels_last")
    made = Source(*sets.pictures(recipe.side, 8), recipe, torch.device("cpu"))
    inputs, _ = made.varied(np.arange(8), 0)
    assert inputs.dtype == torch.bfloat16 and inputs.is_contiguous(memory_format=torch.channels_last)
    assert made.plain(np.arange(8))[0].dtype == torch.float32


def test_whoever_stops_in_the_middle_leaves_no_thread_behind(tmp_path: Path) -> None:
    batches = source().epoch(pieces(), 0)
    next(batches)
    assert workers()
    batches.close()
    assert not workers()
    run = sets.training(tmp_path, sets.recipe("resnet18", epochs=2))
    next(event for event in run if isinstance(event, Stepped))
    run.close()  # type: ignore[attr-defined]
    assert not workers()


def test_what_goes_wrong_in_either_thread_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_given: Any) -> torch.Tensor:
        raise OSError("the disk is gone")

    monkeypatch.setattr(augment, "vary", broken)
    with pytest.raises(OSError, match="gone"):
        list(source().epoch(pieces(), 0))

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.running.warmth import Warmth, expect
from core.storage import LocalFiles

KEEP_S = 100.0


class FakeEngine:
    def __init__(self) -> None:
        self.waits = False

    def warm(self) -> None:
        self.waits = True

    def cool(self) -> None:
        self.waits = False


class World:
    def __init__(self, home: Path, keep_s: float = KEEP_S) -> None:
        self.files, self.engine, self.now_s, self.signs = LocalFiles(home, 0), FakeEngine(), 1000.0, 0
        self.warmth = Warmth(self.files, self.engine, keep_s, lambda: self.now_s)

    def expect(self) -> None:
        expect(self.files)
        self.signs += 1  # two signs are told apart however coarse the file system's clock is
        os.utime(self.files.lock("training.expected"), (self.signs, self.signs))

    def waits(self, after_s: float = 0.0, busy: bool = False) -> bool:
        self.now_s += after_s
        self.warmth.tick(busy)
        return self.engine.waits


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_nobody_waits_where_nobody_is_about_to_train(world: World) -> None:
    assert not world.waits() and not world.waits(5.0)


def test_a_trainer_waits_for_a_while_and_then_gives_its_memory_back(world: World) -> None:
    world.expect()
    assert world.waits() and world.waits(KEEP_S - 1)
    assert not world.waits(2.0) and not world.waits(KEEP_S)


def test_another_look_at_the_screen_has_it_wait_on(world: World) -> None:
    world.expect()
    assert world.waits()
    for _ in range(5):
        world.expect()
        assert world.waits(KEEP_S - 1)
    assert not world.waits(KEEP_S + 1)


def test_after_a_run_it_waits_for_the_next(world: World) -> None:
    world.expect()
    assert world.waits() and world.waits(busy=True)
    world.waits(10 * KEEP_S, busy=True)
    assert world.waits(1.0) and world.waits(KEEP_S - 2)
    assert not world.waits(KEEP_S)


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    world = World(tmp_path, keep_s=0.0)
    world.expect()
    assert not world.waits() and not world.waits(1.0)

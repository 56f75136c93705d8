"""What a question costs must not grow with what it is not about: counted in the steps of SQLite's own machine, which
are the same on every computer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from core.records import Split
from core.storage import open_store
from core.stores import Change, NewImage, Store, Where

STEPS = 20  # of the machine, between two looks
Steps = Callable[[Callable[[], object]], int]


@pytest.fixture
def steps() -> Iterator[Steps]:
    """How many steps the statements of a piece of work take, of stores that are opened from now on."""
    counted = [0]

    def watch(connection: Any, _record: object) -> None:
        def count() -> int:
            counted[0] += STEPS
            return 0

        connection.set_progress_handler(count, STEPS)

    def spent(work: Callable[[], object]) -> int:
        counted[0] = 0
        work()
        return counted[0]

    event.listen(Engine, "connect", watch)
    yield spent
    event.remove(Engine, "connect", watch)


def fill(store: Store, name: str, first: int, many: int) -> int:
    dataset = store.datasets.create(name)
    new = [NewImage(f"{n:064x}", f"{n}.jpg", "cat", Split.AUTO, 8, 8, "PNG", 9) for n in range(first, first + many)]
    store.images.add(dataset.id, new, "ann", "Added")
    store.vectors.put({one.sha256: one_row for one_row, one in enumerate(new, store.vectors.next_row())})
    return dataset.id


def test_what_still_wants_its_vector_is_counted_without_a_look_at_what_has_one(steps: Steps, tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'darkroom.db'}")
    few, many = fill(store, "few", 0, 3), fill(store, "many", 100, 2000)
    assert steps(lambda: store.vectors.todo_count(many)) <= steps(lambda: store.vectors.todo_count(few)) + STEPS
    waiting = NewImage(f"{9999:064x}", "late.jpg", "cat", Split.AUTO, 8, 8, "PNG", 9)
    store.images.add(many, [waiting], "ann", "Added")
    assert (store.vectors.todo_count(many), store.vectors.todo_count(few), store.vectors.todo_count()) == (1, 0, 1)
    assert steps(lambda: store.vectors.todo_count(many)) < 500


def test_after_one_label_the_desk_asks_about_one_picture_not_about_all_that_wait(steps: Steps, tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'darkroom.db'}")
    dataset_id = fill(store, "many", 0, 2000)
    ids = [one.id for one in store.images.page(dataset_id, Where(), 0, 3000)]
    store.images.change(dataset_id, "relabel", "none", [Change(one, label=None) for one in ids], "ann")
    since, row = store.desk.revision(dataset_id), store.vectors.next_row()
    store.images.change(dataset_id, "relabel", "one", [Change(ids[0], label="dog")], "ann")
    patch = steps(lambda: store.desk.news(dataset_id, since, row, 100))
    assert patch < steps(lambda: store.desk.waiting(dataset_id)) / 10
    found = store.desk.news(dataset_id, since, row, 100)
    assert found is not None and found[0] == [ids[0]] and len(found[1]) == 0
    assert store.desk.news(dataset_id, 0, row, 100) is None, "so many are read anew"

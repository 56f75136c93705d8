"""Changes of many images are carried out in the background: they end as those made at once do, whoever is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from core import datasets, errands, merging, versions
from core.errors import Conflict
from core.indexer import Indexer
from core.records import Dataset, Errand, Image, Split, Version
from core.scheduler import Idle
from core.storage import open_store
from core.stores import Change, NewImage, Outcome, Where
from core.studio import Studio

Ask = Callable[[Studio, int, int], object]  # of a studio, a dataset and one of its versions


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three images are many, and two are gone through at a time."""
    monkeypatch.setattr(errands, "LARGE", 3)
    monkeypatch.setattr(errands, "PIECE", 2)


def make(studio: Studio, name: str, first: int = 1, many: int = 9) -> int:
    dataset_id = datasets.create(studio, name).id
    new = [
        NewImage(f"{n:064x}", f"{n}.png", "apple" if n % 2 else "pear", Split.AUTO, 8, 8, "PNG", 9)
        for n in range(first, first + many)
    ]
    studio.store.images.add(dataset_id, new, "ann", "Added pictures")
    return dataset_id


def disturb(studio: Studio, dataset_id: int) -> None:
    """Some relabelled, some in the trash, some moved, one new."""
    ids = [one.id for one in studio.store.images.page(dataset_id, Where(order="oldest"), 0, 20)]
    datasets.change(studio, dataset_id, "relabel", [Change(one, label="fig") for one in ids[:4]])
    datasets.change(studio, dataset_id, "delete", [Change(one, deleted=True) for one in ids[3:6]])
    datasets.change(studio, dataset_id, "split", [Change(one, split=Split.TEST) for one in ids[6:8]])
    studio.store.images.add(
        dataset_id, [NewImage(f"{99:064x}", "99.png", None, Split.AUTO, 8, 8, "PNG", 9)], "ann", "Added"
    )


def finish(studio: Studio, budget_s: float = 60.0) -> int:
    """Carries out whatever there is; gives how many turns it took."""
    turns = 0
    while errands.carry_out(studio, budget_s):
        turns += 1
        assert turns < 100
    return turns


def every(studio: Studio, dataset_id: int) -> list[Image]:
    """By arrival, those in the trash too."""
    found = [
        image
        for deleted in (False, True)
        for image in studio.store.images.page(dataset_id, Where(deleted=deleted), 0, 99)
    ]
    return sorted(found, key=lambda one: one.id)


def content(studio: Studio, dataset_id: int) -> list[tuple[object, ...]]:
    return sorted(
        (one.sha256, one.name, one.label, one.split, one.deleted_at is not None, one.origin, one.revision)
        for one in every(studio, dataset_id)
    )


def story(studio: Studio, dataset_id: int) -> list[tuple[str, str, int]]:
    return [(one.kind, one.summary, one.images) for one in studio.store.images.actions(dataset_id)]


def steps(studio: Studio, dataset_id: int) -> list[int]:
    """How many changes each image went through, by arrival."""
    return [len(studio.store.images.history(one.id)) for one in every(studio, dataset_id)]


def undo_last(studio: Studio, dataset_id: int) -> object:
    action = next(one for one in studio.store.images.actions(dataset_id) if one.kind == "relabel")
    return errands.undo(studio, action.id)


ASKED: dict[str, Ask] = {
    "restore": lambda studio, dataset, version: errands.restore(studio, version),
    "undo": lambda studio, dataset, version: undo_last(studio, dataset),
    "relabel all": lambda studio, dataset, version: errands.change_all(
        studio, dataset, "relabel", Where(), Change(0, label="kiwi")
    ),
    "delete all": lambda studio, dataset, version: errands.change_all(
        studio, dataset, "delete", Where(text="png"), Change(0, deleted=True)
    ),
    "accept": lambda studio, dataset, version: errands.relabel(
        studio,
        dataset,
        [
            Change(one.id, one.revision - (one.name == "9.png"), "kiwi")
            for one in studio.store.images.page(dataset, Where(order="oldest"), 0, 9)
        ],
        "Accepting",
        "Accepted",
    ),
    "keep": lambda studio, dataset, version: errands.keep(studio, dataset, "later"),
}


def carried_out_by_the_dying(studio: Studio, errand: Errand) -> int:
    """Each process carries out one piece and is gone; how many it took."""
    turns = 0
    while errands.get(studio, errand.id).open:
        errands.carry_out(replace(studio, store=open_store(studio.settings.database)), -1.0)
        turns += 1
    return turns


@pytest.mark.parametrize("name", ASKED)
def test_what_is_carried_out_in_pieces_ends_as_what_is_done_at_once(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ends = []
    for large in (3, 1000):
        monkeypatch.setattr(errands, "LARGE", large)
        dataset_id = make(studio, f"set {large}")
        kept = versions.keep(studio, dataset_id, "before")
        disturb(studio, dataset_id)
        found = ASKED[name](studio, dataset_id, kept.id)
        assert isinstance(found, Errand) == (large == 3)
        finish(studio)
        names = [(one.name, one.images, one.unlabelled) for one in studio.store.versions.all(dataset_id)]
        conflicts: list[int] = []
        if isinstance(found, Errand) and found.action_id:
            found = errands.outcome(studio, errands.get(studio, found.id))
        if isinstance(found, Outcome):
            first = every(studio, dataset_id)[0].id
            conflicts = [one - first for one in found.conflicts]
        ends.append(
            (content(studio, dataset_id), story(studio, dataset_id), steps(studio, dataset_id), names, conflicts)
        )
    assert ends[0] == ends[1]
    if name == "accept":
        assert len(ends[0][4]) == 1, "what somebody changed meanwhile was left alone, and is named"


def test_a_merge_in_pieces_ends_as_one_at_once(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [make(studio, "shop", 1, 7), make(studio, "field", 4, 9)]
    disturb(studio, ids[1])
    ends = []
    for large in (3, 1000):
        monkeypatch.setattr(errands, "LARGE", large)
        clash = merging.plan(studio, ids).clashes[0]
        copy = merging.clashes(studio, merging.plan(studio, ids))[0].copies[1]
        merged = errands.merge(studio, f"merged {large}", ids, {clash: copy.id}, ids[0])
        assert (merged.images == 0) == (large == 3)
        finish(studio)
        order = [one.sha256 for one in studio.store.images.page(merged.id, Where(order="oldest"), 0, 99)]
        labels = [one.name for one in datasets.labels(studio, merged.id)]
        ends.append((content(studio, merged.id), story(studio, merged.id), steps(studio, merged.id), order, labels))
        assert set(steps(studio, merged.id)) == {1}
    assert ends[0] == ends[1]


@pytest.mark.parametrize("name", [name for name in ASKED if name != "keep"])
def test_whoever_takes_over_after_a_kill_repeats_nothing_and_leaves_nothing_out(studio: Studio, name: str) -> None:
    """Each piece is one transaction with its place: another process goes on behind the last one."""
    dataset_id = make(studio, "set")
    kept = versions.keep(studio, dataset_id, "before")
    disturb(studio, dataset_id)
    before = steps(studio, dataset_id)
    found = ASKED[name](studio, dataset_id, kept.id)
    assert isinstance(found, Errand) and found.action_id
    assert carried_out_by_the_dying(studio, found) >= 3
    outcome = errands.outcome(studio, errands.get(studio, found.id))
    changed = set(outcome.changed)
    ids = [one.id for one in every(studio, dataset_id)]
    assert steps(studio, dataset_id) == [many + (one in changed) for one, many in zip(ids, before, strict=True)]
    assert outcome.action and outcome.action.images == len(outcome.changed) == len(changed)


def test_few_pictures_are_changed_at_once(studio: Studio) -> None:
    dataset_id = make(studio, "few", many=3)
    kept = errands.keep(studio, dataset_id, "before")
    assert isinstance(kept, Version)
    done = errands.change_all(studio, dataset_id, "relabel", Where(), Change(0, label="fig"))
    assert isinstance(done, Outcome) and done.action
    assert isinstance(errands.restore(studio, kept.id), Outcome)
    other = make(studio, "other", 4, 0)
    assert isinstance(errands.merge(studio, "both", [dataset_id, other]), Dataset)
    assert errands.of(studio, dataset_id) == [] and not errands.carry_out(studio, 1)


def test_asked_again_with_the_same_token_it_is_the_same_one(studio: Studio) -> None:
    dataset_id = make(studio, "set")

    def ask() -> object:
        return errands.change_all(studio, dataset_id, "relabel", Where(), Change(0, label="fig"), "once")

    first = ask()
    assert ask() == first and isinstance(first, Errand)
    finish(studio)
    again = ask()
    assert isinstance(again, Errand) and again.id == first.id and not again.open
    back = errands.undo_own(studio, dataset_id, "once", "back")
    assert errands.undo_own(studio, dataset_id, "once", "back") == back
    finish(studio)
    assert story(studio, dataset_id)[:2] == [
        ("undo", "Took back: Labelled 9 pictures “fig”", 9),
        ("relabel", "Labelled 9 pictures “fig”", 9),
    ]
    assert {one.label for one in studio.store.images.page(dataset_id, Where(), 0, 20)} == {"apple", "pear"}
    with pytest.raises(Conflict, match="already"):
        errands.undo_own(studio, dataset_id, "once", "another")


def test_what_is_still_at_work_is_taken_back_once_it_is_through(studio: Studio) -> None:
    dataset_id = make(studio, "set")
    before = [one[2] for one in content(studio, dataset_id)]
    found = errands.change_all(studio, dataset_id, "relabel", Where(), Change(0, label="fig"))
    assert isinstance(found, Errand) and found.action_id
    errands.carry_out(studio, -1.0)
    assert isinstance(errands.undo(studio, found.action_id), Errand), "not at once, although few are changed so far"
    finish(studio)
    assert [one[2] for one in content(studio, dataset_id)] == before


class Broken:
    """A step that fails as a full disk does."""

    def __init__(self, real: Any) -> None:
        self._real, self.broken = real, True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def step(self, errand_id: int, limit: int) -> bool:
        if self.broken:
            raise OSError("database or disk is full")
        return bool(self._real.step(errand_id, limit))


def test_one_that_never_gets_on_says_so_and_goes_on_when_somebody_wants_it(studio: Studio) -> None:
    dataset_id = make(studio, "set")
    broken = Broken(studio.store.errands)
    troubled = replace(studio, store=replace(studio.store, errands=broken))
    found = errands.change_all(studio, dataset_id, "relabel", Where(), Change(0, label="fig"))
    assert isinstance(found, Errand)
    for _ in range(3):
        with pytest.raises(OSError, match="full"):
            errands.carry_out(troubled, 1)
    assert errands.carry_out(troubled, 1) and not errands.carry_out(troubled, 1)
    (stopped,) = errands.of(studio, dataset_id)
    assert stopped.problem and "nothing is lost" in stopped.problem
    with pytest.raises(Conflict, match="three times"):
        errands.outcome(studio, stopped)
    errands.go_on(studio, stopped.id)
    broken.broken = False
    finish(troubled)
    assert errands.of(studio, dataset_id) == []
    assert {one.label for one in studio.store.images.page(dataset_id, Where(), 0, 20)} == {"fig"}


def test_a_state_that_is_kept_already_is_said_in_words(studio: Studio) -> None:
    dataset_id = make(studio, "set")
    versions.keep(studio, dataset_id, "first")
    assert isinstance(errands.keep(studio, dataset_id, "second"), Errand)
    finish(studio)
    (stopped,) = errands.of(studio, dataset_id)
    assert stopped.problem and "Nothing has changed since version “first”" in stopped.problem
    errands.leave(studio, stopped.id)
    assert errands.of(studio, dataset_id) == []


def test_what_belongs_to_a_removed_dataset_is_not_carried_out(studio: Studio) -> None:
    dataset_id = make(studio, "set")
    errands.change_all(studio, dataset_id, "delete", Where(), Change(0, deleted=True))
    datasets.remove(studio, dataset_id)
    assert not errands.carry_out(studio, 1)


@pytest.fixture
def indexer(studio: Studio) -> Iterator[Indexer]:
    yield Indexer(studio)


def test_the_indexer_carries_out_keeps_its_processes_awake_and_learns_when_it_is_through(
    studio: Studio, indexer: Indexer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.indexer.CARRY_S", -1.0)  # a piece a round
    dataset_id = make(studio, "set")
    studio.store.vectors.put({f"{n:064x}": n for n in range(1, 10)})
    studio.store.datasets.mark_fitted(dataset_id, studio.store.datasets.get(dataset_id).labels_revision)
    assert not Idle(studio.store, 1.0).work()
    errands.change_all(studio, dataset_id, "split", Where(), Change(0, split=Split.TRAIN))
    assert Idle(studio.store, 1.0).work()
    assert indexer.tick() and 0 < errands.of(studio, dataset_id)[0].done < 9
    assert studio.store.datasets.stale() == [], "labels that are on their way are not learned from"
    while errands.of(studio, dataset_id):
        assert indexer.tick()
    assert [one for one, _ in studio.store.datasets.stale()] == [dataset_id]
    assert {one.split for one in studio.store.images.page(dataset_id, Where(), 0, 20)} == {Split.TRAIN}

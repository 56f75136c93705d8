"""A run of many images starts at once, and trains on exactly what was there when somebody started it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from core import datasets, errands, exports, runs, searches, versions
from core.errors import Refused
from core.indexer import SETTLE_S, Indexer
from core.preparing import Preparation
from core.records import Errand, FindingKind, Found, Run, Split, Version
from core.scheduler import Idle
from core.stores import Change, NewImage, Where
from core.studio import Studio

LABELS = ("apple", "pear", "fig", None)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three images are many."""
    monkeypatch.setattr(versions, "AT_ONCE", 3)


def new(first: int, many: int, label: str | None = None) -> list[NewImage]:
    named = [(n, label or LABELS[n % 4]) for n in range(first, first + many)]
    return [NewImage(f"{n:064x}", f"{n}.png", name, Split.AUTO, 8, 8, "PNG", 9) for n, name in named]


@pytest.fixture
def fruit(studio: Studio) -> int:
    """Twenty-four images, of which some are in the trash, some placed, and two pairs of twins."""
    dataset_id = datasets.create(studio, "fruit").id
    ids = studio.store.images.add(dataset_id, new(1, 24), "ann", "Added pictures").changed
    datasets.change(studio, dataset_id, "delete", [Change(one, deleted=True) for one in ids[:3]])
    datasets.change(studio, dataset_id, "split", [Change(one, split=Split.TEST) for one in ids[3:6]])
    pairs = [(ids[8], ids[12]), (ids[9], ids[13])]
    found = [Found(FindingKind.NEAR, f"near:{pair[0]}", 1.0, "Twins.", pair) for pair in pairs]
    there = studio.store.images.page(dataset_id, Where(), 0, 99)
    studio.store.findings.replace(dataset_id, found, {one.id: (one.label_id, one.split) for one in there})
    return dataset_id


def ids_of(studio: Studio, dataset_id: int, deleted: bool = False) -> list[int]:
    return [one.id for one in studio.store.images.page(dataset_id, Where(order="oldest", deleted=deleted), 0, 99)]


def disturb(studio: Studio, dataset_id: int, seed: int) -> None:
    """Whatever people do to a dataset, in any order, several times to one image."""
    rng = random.Random(seed)

    def change(kind: str, trash: bool = False, **to: Any) -> None:
        there = ids_of(studio, dataset_id, trash)
        if some := rng.sample(there, min(5, len(there))):
            datasets.change(studio, dataset_id, kind, [Change(one, **to) for one in some])

    def take_back() -> None:
        done = [one for one in studio.store.images.actions(dataset_id) if one.undone_at is None]
        if done:
            datasets.undo(studio, rng.choice(done).id)

    steps = [
        lambda: change("relabel", label="kiwi"),
        lambda: change("relabel", label=None),
        lambda: change("delete", deleted=True),
        lambda: change("restore", True, deleted=False),
        lambda: change("split", split=Split.TRAIN),
        lambda: datasets.change_all(studio, dataset_id, "relabel", Where(), Change(0, label="fig")),
        lambda: studio.store.images.add(dataset_id, new(rng.randint(1, 40), 5, "plum"), "ann", "Added more"),
        take_back,
    ]
    for step in rng.choices(steps, k=12):
        step()
    studio.store.findings.replace(dataset_id, [], {})


def whole(studio: Studio, made: Version) -> object:
    holdings = studio.store.versions.contents(made.dataset_id, made.id)
    facts = (made.labels, made.images, made.unlabelled, made.content_hash)
    return facts, studio.store.versions.images(made.id), sorted(holdings, key=lambda one: one.sha256)


def waits(studio: Studio, made: Version) -> bool:
    return studio.store.versions.announced(made.id) is not None


@pytest.mark.parametrize("seed", range(8))
def test_whatever_people_do_meanwhile_it_is_written_down_as_it_was_at_the_click(
    studio: Studio, fruit: int, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Against a version of the same moment that was written down at once, then taken out of the way."""
    with monkeypatch.context() as at_once:
        at_once.setattr(versions, "AT_ONCE", 1000)
        expected = versions.freeze(studio, fruit, 0.3, seed)
    wanted = whole(studio, expected)
    forget(studio, expected)
    made = versions.freeze(studio, fruit, 0.3, seed)
    assert waits(studio, made) and studio.store.versions.images(made.id) == []
    assert (made.labels, made.images, made.unlabelled) == (expected.labels, expected.images, expected.unlabelled)
    disturb(studio, fruit, seed)
    assert versions.settle(studio.store, made.id) == made.id
    assert whole(studio, studio.store.versions.get(made.id)) == wanted
    assert not waits(studio, made) and versions.settle(studio.store, made.id) == made.id


def forget(studio: Studio, made: Version) -> None:
    """As if it had never been frozen."""
    with studio.store.versions._db.write() as connection:  # type: ignore[attr-defined]
        for table in ("version_image where version_id", "version where id"):
            connection.exec_driver_sql(f"delete from {table} = {made.id}")  # noqa: S608


def test_an_attempt_trains_on_what_was_there_at_the_click(studio: Studio, fruit: int) -> None:
    there = {one.image_id: one for one in studio.store.images.labelled(fruit)}
    run = runs.start(studio, fruit, "mlp", 2)
    assert waits(studio, studio.store.versions.get(run.version_id))
    disturb(studio, fruit, 3)
    got = prepared(studio, run)
    names = {label.id: label.name for label in studio.store.datasets.labels(fruit)}
    told = {one.image_id: (one.sha256, got.version.labels[one.label_index], one.kept) for one in got.images}
    assert told == {one: (image.sha256, names[image.label_id], image.split) for one, image in there.items()}
    assert {one.split for one in got.images} == {Split.TRAIN, Split.VALIDATION, Split.TEST}
    again = prepared(studio, run)
    assert again.images == got.images, "the next attempt finds it written down"


def prepared(studio: Studio, run: Run) -> Preparation:
    return Preparation(studio.settings, studio.files, studio.store, run, None)  # type: ignore[arg-type]


def test_started_twice_it_is_one_version_and_after_a_change_another(studio: Studio, fruit: int) -> None:
    first, second = runs.start(studio, fruit, "mlp", 2), runs.start(studio, fruit, "mlp", 3)
    assert first.version_id == second.version_id
    assert searches.start(studio, fruit, searches.Asked(minutes=60)).version_id == first.version_id
    versions.settle(studio.store, first.version_id)
    assert runs.start(studio, fruit, "mlp", 2).version_id == first.version_id, "written down, it is still that one"
    other = runs.start(studio, fruit, "mlp", 2, {"seed": 9}).version_id
    datasets.change(studio, fruit, "relabel", [Change(ids_of(studio, fruit)[0], label="fig")])
    third = runs.start(studio, fruit, "mlp", 2).version_id
    assert len({first.version_id, other, third}) == 3


def test_what_turns_out_to_be_a_version_that_is_there_is_that_version(studio: Studio, fruit: int) -> None:
    """A change and its undo leave the content as it was; what was made on the second version is on the first then."""
    kept = versions.keep(studio, fruit, "before")
    one = ids_of(studio, fruit)[0]
    done = datasets.change(studio, fruit, "relabel", [Change(one, label="kiwi")])
    assert done.action is not None
    datasets.undo(studio, done.action.id)
    run, search = runs.start(studio, fruit, "mlp", 2), searches.start(studio, fruit, searches.Asked(minutes=60))
    announced = run.version_id
    assert announced == search.version_id != kept.id
    assert versions.settle(studio.store, announced) == kept.id
    assert runs.get(studio, run.id).version_id == searches.get(studio, search.id).version_id == kept.id
    assert [one.name for one in studio.store.versions.all(fruit)] == ["before"]
    assert prepared(studio, run).version.id == kept.id, "an attempt that began before finds it all the same"
    assert runs.start(studio, fruit, "mlp", 2).version_id == kept.id


def test_whoever_reads_it_first_sees_all_of_it(studio: Studio, fruit: int) -> None:
    live = len(ids_of(studio, fruit))
    readers: dict[str, Callable[[Version], object]] = {
        "export": lambda made: len(exports.plan(studio, fruit, made.id).entries),
        "compare": lambda made: versions.compare(studio, fruit, made.id, made.id).same,
        "restore": lambda made: versions.restore(studio, made.id) and live,
    }
    for seed, (name, read) in enumerate(readers.items()):
        made = versions.freeze(studio, fruit, 0.2, seed)
        assert waits(studio, made)
        assert read(made) == live, name
        assert not waits(studio, made)
    assert len(ids_of(studio, fruit)) == live


def test_going_back_to_one_in_the_background_goes_back_to_all_of_it(
    studio: Studio, fruit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "LARGE", 3)
    live = ids_of(studio, fruit)
    made = versions.freeze(studio, fruit, 0.2, 0)
    disturb(studio, fruit, 5)
    assert isinstance(errands.restore(studio, made.id), Errand)
    while errands.carry_out(studio, 60):
        pass
    assert ids_of(studio, fruit) == live


def test_what_no_run_has_written_down_the_indexer_does(
    studio: Studio, fruit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = versions.freeze(studio, fruit, 0.2, 0)
    studio.store.vectors.put({f"{n:064x}": n for n in range(1, 25)})
    studio.store.datasets.mark_fitted(fruit, studio.store.datasets.get(fruit).labels_revision)
    assert Idle(studio.store, 1.0).work(), "nobody leaves before"
    indexer = Indexer(studio)
    indexer.tick()
    assert waits(studio, made), "a run that begins at once does it by itself"
    at = time.time() + SETTLE_S + 1
    monkeypatch.setattr("core.indexer.time.time", lambda: at)
    assert indexer.tick()
    assert not waits(studio, made) and len(studio.store.versions.images(made.id)) == made.images
    assert not Idle(studio.store, 1.0).work()


def test_nothing_it_needs_is_removed_for_good_before_it_is_written_down(studio: Studio, fruit: int) -> None:
    made = versions.freeze(studio, fruit, 0.2, 0)
    datasets.change_all(studio, fruit, "delete", Where(), Change(0, deleted=True))
    assert studio.store.images.purge(time.time() + 1, 99) == 0
    versions.settle(studio.store, made.id)
    assert len(studio.store.versions.images(made.id)) == made.images
    assert studio.store.images.purge(time.time() + 1, 99) == 3, "those that were in the trash before"


def test_what_cannot_be_trained_on_is_refused_at_the_click(studio: Studio, fruit: int) -> None:
    one = ids_of(studio, fruit)[0]
    datasets.change(studio, fruit, "relabel", [Change(one, label="lonely")])
    with pytest.raises(Refused, match="“lonely” has fewer than 2"):
        versions.freeze(studio, fruit, 0.2, 0)
    assert studio.store.versions.all(fruit) == []

"""Versions kept by hand, compared, restored: checked against a plain copy of every state in memory."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from core import datasets, recipe, runs, versions
from core.errors import Conflict, NotFound, Refused
from core.records import ChangeKind, ModelKind, Split, TrainingSpec, Version
from core.stores import Change, NewImage, Where
from core.studio import Studio

LABELS = ("cat", "dog", "cow", None)
State = Mapping[int, tuple[str | None, Split]]


def add(studio: Studio, dataset_id: int, labels: Mapping[str | None, int], start: int = 0) -> list[int]:
    new = [(label, n) for label, many in labels.items() for n in range(many)]
    images = [
        NewImage(f"{start + at:064x}", f"{label}/{start + at}.png", label, Split.AUTO, 8, 8, "PNG", 9)
        for at, (label, _) in enumerate(new)
    ]
    return list(studio.store.images.add(dataset_id, images, "ann", "Added pictures").changed)


@pytest.fixture
def pets(studio: Studio) -> int:
    """Ten cats, ten dogs, two pictures without a label."""
    dataset_id = datasets.create(studio, "pets").id
    add(studio, dataset_id, {"cat": 10, "dog": 10, None: 2})
    return dataset_id


def state(studio: Studio, dataset_id: int) -> dict[int, tuple[str | None, Split]]:
    return {image.id: (image.label, image.split) for image in studio.store.images.page(dataset_id, Where(), 0, 10_000)}


def change(studio: Studio, dataset_id: int, ids: list[int], **what: object) -> None:
    kind = "relabel" if "label" in what else "split" if "split" in what else "delete"
    datasets.change(studio, dataset_id, kind, [Change(i, **what) for i in ids])  # type: ignore[arg-type]


def disturb(studio: Studio, dataset_id: int, draw: random.Random, start: int) -> None:
    """Some of everything a person does to a dataset."""
    here = sorted(state(studio, dataset_id))
    add(studio, dataset_id, {label: draw.randint(0, 4) for label in LABELS}, start)
    change(studio, dataset_id, draw.sample(here, 5), label=draw.choice(LABELS))
    change(studio, dataset_id, draw.sample(here, 5), split=draw.choice(list(Split)))
    change(studio, dataset_id, draw.sample(here, 3), deleted=True)


def counted(before: State, after: State) -> dict[ChangeKind, int]:
    both = before.keys() & after.keys()
    return {
        ChangeKind.ADDED: len(after.keys() - before.keys()),
        ChangeKind.REMOVED: len(before.keys() - after.keys()),
        ChangeKind.RELABELLED: sum(before[i][0] != after[i][0] for i in both),
        ChangeKind.MOVED: sum(before[i][1] is not after[i][1] for i in both),
    }


@pytest.mark.parametrize("seed", range(4))
def test_any_two_states_are_compared_rightly_and_any_version_is_restored_exactly(
    studio: Studio, pets: int, seed: int
) -> None:
    draw = random.Random(seed)
    kept: list[tuple[Version, State]] = []
    for n in range(4):
        kept.append((versions.keep(studio, pets, f"v{n}"), state(studio, pets)))
        disturb(studio, pets, draw, 1000 * (n + 1))
    sides: list[tuple[int | None, State]] = [(version.id, then) for version, then in kept]
    sides.append((None, state(studio, pets)))
    for before_id, before in sides:
        for after_id, after in sides:
            found = versions.compare(studio, pets, before_id, after_id)
            expected = counted(before, after)
            assert {kind: found.counts[kind] for kind in expected} == expected
            assert found.none == (before == after)
            assert found.same == sum(before[i] == after.get(i) for i in before)
            assert sum(many for *_, many in found.relabelled) == expected[ChangeKind.RELABELLED]
            assert_pictures(studio, pets, (before_id, before), (after_id, after), expected)
    for version, then in draw.sample(kept, len(kept)):
        now = state(studio, pets)
        trash = {image.id for image in studio.store.images.page(pets, Where(deleted=True), 0, 1000)}
        action = versions.restore(studio, version.id).action
        assert state(studio, pets) == then
        assert versions.compare(studio, pets, version.id, None).none
        assert action is not None
        assert action.images == len({i for i in now.keys() | then.keys() if now.get(i) != then.get(i)})
        datasets.undo(studio, action.id)
        assert state(studio, pets) == now
        assert {image.id for image in studio.store.images.page(pets, Where(deleted=True), 0, 1000)} == trash
        versions.restore(studio, version.id)


def assert_pictures(
    studio: Studio,
    dataset_id: int,
    before: tuple[int | None, State],
    after: tuple[int | None, State],
    expected: Mapping[ChangeKind, int],
) -> None:
    """The pictures themselves, page by page, say where they were and where they went."""
    for kind, many in expected.items():
        pages = [versions.differing(studio, dataset_id, before[0], after[0], kind, at, 7) for at in range(0, many, 7)]
        shown = [one for page in pages for one in page]
        assert len({one.image.id for one in shown}) == len(shown) == many
        for one in shown:
            was, went = before[1].get(one.image.id), after[1].get(one.image.id)
            assert (one.before and (one.before.label, one.before.split)) == was
            assert (one.after and (one.after.label, one.after.split)) == went


def test_pictures_deleted_since_come_back_and_those_added_since_go_to_the_trash(studio: Studio, pets: int) -> None:
    first = versions.keep(studio, pets, "first")
    here = sorted(state(studio, pets))
    change(studio, pets, here[:3], deleted=True)
    added = add(studio, pets, {"cow": 2}, 500)
    outcome = versions.restore(studio, first.id)
    assert sorted(outcome.changed) == [*here[:3], *added]
    assert sorted(state(studio, pets)) == here
    assert {image.id for image in studio.store.images.page(pets, Where(deleted=True), 0, 10)} == set(added)
    last = datasets.last_action(studio, pets)
    assert last is not None and last.summary == "Went back to version “first”"


def test_restoring_what_is_there_already_is_no_action(studio: Studio, pets: int) -> None:
    first = versions.keep(studio, pets, "first")
    actions, revision = studio.store.images.actions(pets), datasets.get(studio, pets).labels_revision
    assert versions.restore(studio, first.id).action is None
    assert (studio.store.images.actions(pets), datasets.get(studio, pets).labels_revision) == (actions, revision)


def test_a_restored_dataset_is_learned_anew(studio: Studio, pets: int) -> None:
    first = versions.keep(studio, pets, "first")
    change(studio, pets, sorted(state(studio, pets))[:2], label="cow")
    studio.store.datasets.mark_fitted(pets, datasets.get(studio, pets).labels_revision)
    versions.restore(studio, first.id)
    assert [stale for stale, _ in studio.store.datasets.stale()] == [pets]


def test_what_is_kept_by_hand_and_what_a_run_trains_on_is_one_version(studio: Studio, pets: int) -> None:
    derived = recipe.derive(TrainingSpec("mlp", 1), 20, 2, 2)
    assert (derived.validation_share, derived.seed) == (versions.VALIDATION_SHARE, versions.SEED)
    kept = versions.keep(studio, pets, "before")
    run = runs.start(studio, pets, "mlp", 1)
    assert run.version_id == kept.id
    model = studio.store.models.put(
        pets, ModelKind.TRAINED, "mlp", ["cat", "dog"], 0.9, (0.8, 1.0), "validation", 4, "m", {}, run.id, kept.id
    )
    (listed,) = versions.all_of(studio, pets)
    assert (listed.version.name, [r.id for r in listed.runs], listed.models) == ("before", [run.id], (model,))


def test_a_run_trains_on_the_labelled_pictures_only(studio: Studio, pets: int) -> None:
    run = runs.start(studio, pets, "mlp", 1)
    version = versions.get(studio, run.version_id)
    assert (version.images, version.unlabelled) == (20, 2)
    frozen = studio.store.versions.images(version.id)
    assert len(frozen) == 20 and all(one.label_index in (0, 1) for one in frozen)


def test_validation_pictures_drawn_anew_are_told_apart_from_pictures_a_person_moved(studio: Studio, pets: int) -> None:
    first, second = versions.freeze(studio, pets, 0.2, 1), versions.freeze(studio, pets, 0.2, 2)
    found = versions.compare(studio, pets, first.id, second.id)
    assert found.none and found.counts[ChangeKind.REDRAWN] > 0
    shown = versions.differing(studio, pets, first.id, second.id, ChangeKind.REDRAWN)
    assert len(shown) == found.counts[ChangeKind.REDRAWN]
    assert all({one.before.split, one.after.split} == {Split.TRAIN, Split.VALIDATION} for one in shown)  # type: ignore[union-attr]
    assert versions.compare(studio, pets, first.id, None).counts[ChangeKind.REDRAWN] == 0


def test_a_dataset_that_cannot_be_trained_on_is_kept_too(studio: Studio) -> None:
    dataset_id = datasets.create(studio, "one").id
    with pytest.raises(Refused, match="no picture"):
        versions.keep(studio, dataset_id, "nothing")
    add(studio, dataset_id, {"only": 1, None: 3})
    version = versions.keep(studio, dataset_id, "something")
    assert (version.images, version.unlabelled, version.labels) == (1, 3, ("only",))


def test_keeping_the_same_again_says_which_version_it_is(studio: Studio, pets: int) -> None:
    versions.keep(studio, pets, "first")
    with pytest.raises(Conflict, match="since version “first”"):
        versions.keep(studio, pets, "second")


def test_a_version_has_a_name_of_its_own_and_can_be_renamed(studio: Studio, pets: int) -> None:
    first = versions.freeze(studio, pets, 0.2, 0)
    assert versions.title(first) == f"Version {first.id}"
    versions.rename(studio, first.id, " before\u202e the fair ")
    assert versions.get(studio, first.id).name == "before the fair"
    change(studio, pets, sorted(state(studio, pets))[:1], label="cow")
    with pytest.raises(Conflict, match="“before the fair” already"):
        versions.keep(studio, pets, "Before the fair")
    with pytest.raises(Refused):
        versions.rename(studio, first.id, "\u200b")
    assert versions.find(studio, pets, "before the fair") == versions.find(studio, pets, str(first.id)) == first.id
    assert versions.find(studio, pets, "now") is None
    with pytest.raises(NotFound, match="There is: before the fair"):
        versions.find(studio, pets, "after")


def test_a_version_of_another_dataset_is_no_state_of_this_one(studio: Studio, pets: int) -> None:
    other = datasets.create(studio, "other").id
    add(studio, other, {"cat": 2, "dog": 2}, 900)
    foreign = versions.keep(studio, other, "foreign")
    with pytest.raises(NotFound):
        versions.compare(studio, pets, foreign.id, None)
    with pytest.raises(NotFound):
        versions.differing(studio, pets, None, foreign.id, ChangeKind.ADDED)
    datasets.remove(studio, other)
    with pytest.raises(NotFound):
        versions.restore(studio, foreign.id)

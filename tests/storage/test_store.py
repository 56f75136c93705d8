"""The contract of the store, on every database it claims to run on."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import Conflict, NotFound, StudioError
from core.records import (
    ItemState,
    Metric,
    Model,
    ModelKind,
    Ranked,
    RunState,
    Split,
    TrainingSpec,
    UploadItem,
    VersionImage,
    Wish,
)
from core.storage import Database, open_store
from core.storage.migrations import migrate
from core.storage.schema import migration
from core.stores import Change, NewImage, Order, Store, Where


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    yield open_store(f"sqlite:///{tmp_path / 'darkroom.db'}")


def new_image(n: int, label: str | None = "cat") -> NewImage:
    return NewImage(f"{n:064x}", f"{label}/{n}.jpg", label, Split.AUTO, 10, 20, "JPEG", 100)


def add(store: Store, dataset_id: int, *images: NewImage) -> list[int]:
    return list(store.images.add(dataset_id, images, "ann", "Added pictures").changed)


def queued_run(store: Store) -> int:
    dataset = store.datasets.create("runs")
    (image_id,) = add(store, dataset.id, new_image(1))
    version = store.versions.freeze(dataset.id, "v1", ["cat"], [VersionImage(image_id, f"{1:064x}", 0, Split.TRAIN)])
    return store.runs.submit(dataset.id, version.id, "first", TrainingSpec("mlp", 3)).id


def test_what_another_process_wrote_is_seen_at_once_whatever_is_remembered(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'darkroom.db'}"
    ours, theirs = open_store(url), open_store(url)
    dataset_id = ours.datasets.create("fruit").id
    measured = (0.9, (0.8, 1.0), "test", 10)
    model_id = ours.models.put(dataset_id, ModelKind.INSTANT, "x", ["cat"], *measured, "folder", {}).id
    token_id = ours.tokens.add("line 3", "ann", "0" * 64).id
    for _ in range(2):
        assert ours.datasets.get(dataset_id).images == 0 and ours.models.get(model_id).answer_share == 1.0
        found = ours.tokens.find(token_id)
        assert found is not None and found.revoked_at is None

    add(theirs, dataset_id, new_image(1))
    theirs.datasets.rename(dataset_id, "berries")
    theirs.models.answer(model_id, 0.75)
    theirs.tokens.revoke(token_id)
    known = ours.datasets.get(dataset_id)
    assert (known.images, known.name) == (1, "berries")
    assert (ours.models.get(model_id).answer_share, ours.models.get(model_id).dataset) == (0.75, "berries")
    found = ours.tokens.find(token_id)
    assert found is not None and found.revoked_at is not None

    theirs.datasets.remove(dataset_id)
    for gone in (ours.datasets.get, ours.models.get):
        for _ in range(2):
            with pytest.raises(NotFound):
                gone(dataset_id if gone == ours.datasets.get else model_id)
    assert ours.tokens.find(404) is None


def test_what_is_remembered_is_made_anew_only_when_its_row_has_changed(store: Store) -> None:
    dataset_id = store.datasets.create("fruit").id
    first = store.datasets.get(dataset_id)
    store.services.alive("somebody", {})
    assert store.datasets.get(dataset_id) is first
    store.datasets.rename(dataset_id, "berries")
    assert store.datasets.get(dataset_id) is not first


def test_two_datasets_cannot_share_a_name_in_other_letter_case(store: Store) -> None:
    store.datasets.create("Fruit")
    with pytest.raises(Conflict, match="already"):
        store.datasets.create("fruit")


def test_a_removed_dataset_frees_its_name(store: Store) -> None:
    first = store.datasets.create("fruit")
    store.datasets.remove(first.id)
    with pytest.raises(NotFound):
        store.datasets.get(first.id)
    assert store.datasets.create("fruit").id != first.id


def test_the_same_bytes_are_kept_once(store: Store) -> None:
    dataset = store.datasets.create("d")
    assert len(add(store, dataset.id, new_image(1), new_image(1), new_image(2))) == 2
    assert add(store, dataset.id, new_image(1, "dog")) == []
    assert [i.label for i in store.images.page(dataset.id, Where(order="oldest"), 0, 9)] == ["cat", "cat"]


def test_a_label_keeps_its_position_when_others_come_and_go(store: Store) -> None:
    dataset = store.datasets.create("d")
    first, _ = add(store, dataset.id, new_image(1, "b"), new_image(2, "a"))
    store.images.change(dataset.id, "relabel", "s", [Change(first, label="c")], "ann")
    assert [(label.name, label.position, label.images) for label in store.datasets.labels(dataset.id)] == [
        ("b", 0, 0),
        ("a", 1, 1),
        ("c", 2, 1),
    ]


def test_a_change_made_on_an_old_revision_is_a_conflict_and_changes_nothing(store: Store) -> None:
    dataset = store.datasets.create("d")
    (image,) = add(store, dataset.id, new_image(1))
    assert store.images.change(dataset.id, "relabel", "s", [Change(image, 1, label="dog")], "ann").changed == (image,)
    late = store.images.change(dataset.id, "relabel", "s", [Change(image, 1, label="cow")], "bob", token="t")
    assert (late.changed, late.conflicts) == ((), (image,))
    assert store.images.get(image).label == "dog"
    assert [one.who for one in store.images.actions(dataset.id)][:1] == ["ann"], (
        "there is nothing of bob's to take back"
    )


def test_the_same_token_twice_is_done_once(store: Store) -> None:
    dataset = store.datasets.create("d")
    (image,) = add(store, dataset.id, new_image(1))
    first = store.images.change(dataset.id, "relabel", "s", [Change(image, 1, label="dog")], "ann", token="t1")
    again = store.images.change(dataset.id, "relabel", "s", [Change(image, 1, label="dog")], "ann", token="t1")
    assert (again.changed, again.conflicts) == (first.changed, first.conflicts) == ((image,), ())
    assert store.images.get(image).revision == 2


def test_every_action_can_be_taken_back(store: Store) -> None:
    dataset = store.datasets.create("d")
    images = add(store, dataset.id, *[new_image(n) for n in range(3)])
    before = store.images.page(dataset.id, Where(), 0, 9)
    changes = [Change(images[0], label="dog"), Change(images[1], deleted=True), Change(images[2], split=Split.TEST)]
    done = store.images.change(dataset.id, "mixed", "s", changes, "ann")
    assert store.images.count(dataset.id, Where()) == 2
    assert done.action is not None
    store.images.undo(done.action.id, "ann")
    after = store.images.page(dataset.id, Where(), 0, 9)
    assert [(i.id, i.label, i.split) for i in after] == [(i.id, i.label, i.split) for i in before]
    with pytest.raises(Conflict):
        store.images.undo(done.action.id, "ann")


def test_undo_leaves_alone_what_somebody_changed_since(store: Store) -> None:
    dataset = store.datasets.create("d")
    (image,) = add(store, dataset.id, new_image(1))
    done = store.images.change(dataset.id, "relabel", "s", [Change(image, label="dog")], "ann")
    store.images.change(dataset.id, "relabel", "s", [Change(image, label="cow")], "bob")
    assert done.action is not None
    assert store.images.undo(done.action.id, "ann").conflicts == (image,)
    assert store.images.get(image).label == "cow"


def test_undoing_an_import_takes_the_pictures_out_and_adding_again_brings_them_back(store: Store) -> None:
    dataset = store.datasets.create("d")
    outcome = store.images.add(dataset.id, [new_image(1)], "ann", "Added")
    assert outcome.action is not None
    store.images.undo(outcome.action.id, "ann")
    assert store.images.count(dataset.id, Where()) == 0
    assert add(store, dataset.id, new_image(1, "dog")) == list(outcome.changed)
    assert store.images.get(outcome.changed[0]).label == "dog"


def test_every_change_of_labels_asks_for_a_new_fit(store: Store) -> None:
    dataset = store.datasets.create("d")
    (image,) = add(store, dataset.id, new_image(1))
    seen = store.datasets.get(dataset.id).labels_revision
    store.images.change(dataset.id, "relabel", "s", [Change(image, label="dog")], "ann")
    assert store.datasets.get(dataset.id).labels_revision == seen + 1
    store.datasets.mark_fitted(dataset.id, seen + 1)
    store.datasets.mark_fitted(dataset.id, seen)
    assert store.datasets.get(dataset.id).fitted_revision == seen + 1


def test_filters_find_what_they_say(store: Store) -> None:
    dataset = store.datasets.create("d")
    images = add(store, dataset.id, new_image(1, "cat"), new_image(2, "100%_cat"), new_image(3, None))
    cat = store.datasets.labels(dataset.id)[0]

    def found(where: Where) -> list[int]:
        return [image.id for image in store.images.page(dataset.id, where, 0, 9)]

    assert found(Where(label_id=cat.id)) == [images[0]]
    assert found(Where(unlabelled=True)) == [images[2]]
    assert found(Where(text="100%_")) == [images[1]]
    assert found(Where(ids=())) == []
    assert found(Where(ids=(images[0], images[2]), order="oldest")) == [images[0], images[2]]


def test_a_picture_that_kills_the_indexer_is_given_three_times(store: Store) -> None:
    dataset = store.datasets.create("d")
    add(store, dataset.id, new_image(1))
    assert [store.vectors.todo(8) for _ in range(4)] == [[f"{1:064x}"]] * 3 + [[]]
    assert store.vectors.todo_count(dataset.id) == 0


def test_a_vector_is_asked_for_once(store: Store) -> None:
    dataset = store.datasets.create("d")
    add(store, dataset.id, new_image(1), new_image(2))
    store.vectors.put({f"{1:064x}": store.vectors.next_row()})
    assert store.vectors.todo(8) == [f"{2:064x}"]
    assert (store.vectors.rows([f"{1:064x}", f"{2:064x}"]), store.vectors.next_row()) == ({f"{1:064x}": 0}, 1)
    other = store.datasets.create("e")
    add(store, other.id, new_image(1))
    assert store.vectors.todo_count(other.id) == 0


def test_an_item_sent_twice_is_counted_once(store: Store) -> None:
    upload = store.uploads.create(None, "new")
    item = UploadItem(upload.id, "cat/1.jpg", ItemState.RECEIVED, 7, label="cat")
    store.uploads.receive(upload.id, [item])
    store.uploads.receive(upload.id, [item])
    assert (store.uploads.get(upload.id).received, store.uploads.get(upload.id).checked) == (1, 0)


def test_accepted_items_get_vectors_before_they_are_added(store: Store) -> None:
    upload = store.uploads.create(None, "new")
    store.uploads.receive(upload.id, [UploadItem(upload.id, "cat/1.jpg", ItemState.RECEIVED, 7)])
    store.uploads.settle(upload.id, [UploadItem(upload.id, "cat/1.jpg", ItemState.ACCEPTED, 7, f"{9:064x}")])
    assert store.vectors.todo(9) == [f"{9:064x}"]
    assert store.uploads.summary(upload.id)[ItemState.ACCEPTED] == 1


def test_the_same_list_is_the_same_version(store: Store) -> None:
    dataset = store.datasets.create("d")
    (image,) = add(store, dataset.id, new_image(1))
    rows = [VersionImage(image, f"{1:064x}", 0, Split.TRAIN)]
    first = store.versions.freeze(dataset.id, "a", ["cat"], rows)
    assert store.versions.freeze(dataset.id, "b", ["cat"], rows).id == first.id
    assert store.versions.freeze(dataset.id, "c", ["dog"], rows).id != first.id
    assert store.versions.images(first.id) == rows


def test_one_run_is_given_to_one_scheduler(store: Store) -> None:
    run = queued_run(store)
    given: list[int | None] = []
    threads = [threading.Thread(target=lambda: given.append(store.runs.begin_attempt(run))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given, key=str) == [1] + [None] * 7


def test_a_replaced_attempt_can_write_nothing(store: Store) -> None:
    run = queued_run(store)
    old = store.runs.begin_attempt(run)
    assert old == 1
    store.runs.beat(run, old, "h", 5, 10, 0, [Metric(5, "train_loss", 1.0)])
    assert store.runs.cas(run, [RunState.RUNNING], state=RunState.QUEUED)
    new = store.runs.begin_attempt(run)
    assert new == 2
    with pytest.raises(PermissionError):
        store.runs.beat(run, old, "h", 6, 10, 0, [Metric(6, "train_loss", 9.0)])
    store.runs.drop_metrics_after(run, old, -1)
    assert not store.runs.cas(run, [RunState.STARTING], fence=old, state=RunState.FAILED)
    assert [m.step for m in store.runs.metrics(run)] == [5]
    store.runs.drop_metrics_after(run, new, 4)
    assert store.runs.metrics(run) == []


def test_a_metric_written_twice_is_one_row_and_not_a_number_survives(store: Store) -> None:
    run = queued_run(store)
    attempt = store.runs.begin_attempt(run)
    assert attempt is not None
    for value in (1.0, math.nan):
        store.runs.beat(run, attempt, "h", 1, 10, 0, [Metric(1, "train_loss", value)])
    (row,) = store.runs.metrics(run)
    assert math.isnan(row.value)


def test_a_pause_never_overwrites_a_cancel(store: Store) -> None:
    run = queued_run(store)
    attempt = store.runs.begin_attempt(run)
    assert attempt is not None
    assert store.runs.request(run, Wish.CANCEL)
    assert not store.runs.request(run, Wish.PAUSE)
    assert store.runs.beat(run, attempt, "h", 1, 10, 0) is Wish.CANCEL


def test_a_waiting_run_is_cancelled_at_once_and_never_comes_back(store: Store) -> None:
    run = queued_run(store)
    assert store.runs.request(run, Wish.CANCEL)
    assert store.runs.get(run).state is RunState.CANCELLED
    assert store.runs.begin_attempt(run) is None
    assert not store.runs.request(run, "resume")


def test_an_illegal_move_is_a_bug_not_a_wish(store: Store) -> None:
    run = queued_run(store)
    with pytest.raises(ValueError, match="illegal move"):
        store.runs.cas(run, [RunState.SUCCEEDED], state=RunState.QUEUED)


def test_a_model_is_read_once_until_anybody_writes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'darkroom.db'}"
    mine, other = open_store(url), open_store(url)
    dataset = mine.datasets.create("d")
    measured = (0.9, (0.8, 0.95), "cross-validation", 100)
    model = mine.models.put(dataset.id, ModelKind.INSTANT, "efficientnet-lite0", ["a", "b"], *measured, "one", {})
    assert mine.models.get(model.id) is mine.models.get(model.id), "nobody has written: not asked again"
    for wrote in (other, mine):
        before = mine.models.get(model.id)
        wrote.models.answer(model.id, before.answer_share / 2)
        assert mine.models.get(model.id).answer_share == before.answer_share / 2
    other.datasets.remove(dataset.id)
    with pytest.raises(NotFound):
        mine.models.get(model.id)


def test_a_correction_is_remembered_with_its_prediction(store: Store) -> None:
    run = queued_run(store)
    dataset_id = store.runs.get(run).dataset_id

    def put(folder: str) -> Model:
        measured = (0.9, (0.8, 1.0), "cross-validation", 10)
        return store.models.put(dataset_id, ModelKind.INSTANT, "instant", ["cat"], *measured, folder, {})

    model = put("a")
    assert put("b").id == model.id
    assert store.models.get(model.id).folder == "b"
    prediction = store.predictions.add(dataset_id, model.id, f"{77:064x}", "x.jpg", [Ranked("cat", 0.9)], 12.0)
    new = NewImage(f"{77:064x}", "x.jpg", "dog", Split.AUTO, 8, 6, "JPEG", 9)
    [image_id] = store.images.add(dataset_id, [new], "ann", "Corrected").changed
    store.predictions.file([prediction.id])
    (again,) = store.predictions.all(dataset_id)
    assert (again.corrected_label, again.image_id, again.ranked) == ("dog", image_id, (Ranked("cat", 0.9),))
    store.images.change(dataset_id, "delete", "Deleted", [Change(image_id, deleted=True)], "ann")
    (gone,) = store.predictions.all(dataset_id)
    assert (gone.corrected_label, gone.image_id) == (None, None), "what is not in the dataset any more is open again"


def test_data_of_a_newer_program_is_refused_untouched(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'darkroom.db'}"
    open_store(url)
    database = Database(url)
    with database.write() as connection:
        connection.execute(migration.insert().values(name="m999_future", at=0.0))
    with pytest.raises(StudioError, match="newer Darkroom"):
        migrate(database)


# ---- many at once, and the way back ----


def test_everything_that_matches_is_changed_as_one_action(store: Store) -> None:
    dataset = store.datasets.create("d")
    images = add(store, dataset.id, *[new_image(n, "cat" if n % 2 else None) for n in range(8)])
    said = [f"{n} pictures" for n in range(9)]
    where = Where(unlabelled=True)
    done = store.images.change_all(dataset.id, "relabel", said.__getitem__, where, Change(0, label="dog"), "ann", "t")
    assert done.changed == tuple(images[::2])
    assert done.action is not None and (done.action.images, done.action.summary) == (4, "4 pictures")
    again = store.images.change_all(dataset.id, "relabel", said.__getitem__, where, Change(0, label="cow"), "ann", "t")
    assert again.changed == done.changed and store.images.count(dataset.id, where) == 0
    assert {store.images.get(one).label for one in done.changed} == {"dog"}
    store.images.undo(done.action.id, "ann")
    assert store.images.count(dataset.id, where) == 4


def test_what_is_so_already_is_not_changed(store: Store) -> None:
    dataset = store.datasets.create("d")
    images = add(store, dataset.id, new_image(1), new_image(2, "dog"))
    done = store.images.change_all(dataset.id, "relabel", str, Where(), Change(0, label="dog"), "ann")
    assert done.changed == (images[0],)
    nothing = store.images.change_all(dataset.id, "relabel", str, Where(), Change(0, label="dog"), "ann")
    assert nothing.action is None and nothing.changed == ()
    assert [one.kind for one in store.images.actions(dataset.id)] == ["relabel", "add"]


@pytest.mark.parametrize(
    ("to", "seen"),
    [(Change(0, label=None), 3), (Change(0, split=Split.TEST), 3), (Change(0, deleted=True), 3)],
)
def test_undo_of_many_leaves_alone_what_somebody_changed_since(store: Store, to: Change, seen: int) -> None:
    dataset = store.datasets.create("d")
    images = add(store, dataset.id, *[new_image(n) for n in range(seen)])
    before = [store.images.get(one) for one in images]
    done = store.images.change_all(dataset.id, "split", str, Where(), to, "ann")
    store.images.change(dataset.id, "relabel", "s", [Change(images[0], label="cow")], "bob")
    assert done.action is not None
    taken = store.images.undo(done.action.id, "ann")
    assert (taken.changed, taken.conflicts) == (tuple(images[1:]), (images[0],))
    assert store.images.get(images[0]).label == "cow"
    for one in before[1:]:
        after = store.images.get(one.id)
        assert (after.label, after.split, after.deleted_at) == (one.label, one.split, one.deleted_at)
        assert after.revision == one.revision + 2


def test_thousands_of_pictures_named_one_by_one_are_found(store: Store) -> None:
    dataset = store.datasets.create("d")
    images = add(store, dataset.id, new_image(1), new_image(2))
    many = (images[1], *range(100_000, 150_000), images[0])
    assert [one.id for one in store.images.page(dataset.id, Where(ids=many, order="given"), 0, 9)] == images[::-1]
    assert store.images.count(dataset.id, Where(ids=many)) == 2


@pytest.mark.parametrize("order", ["newest", "oldest", "name", "label", "split", "mixed"])
def test_leafing_shows_every_picture_once(store: Store, order: Order) -> None:
    dataset = store.datasets.create("d")
    images = [new_image(n, [None, "b", "a"][n % 3]) for n in range(25)]
    add(store, dataset.id, *images)
    pages = [store.images.page(dataset.id, Where(order=order), at, 10) for at in (0, 10, 20)]
    assert [len(page) for page in pages] == [10, 10, 5]
    assert {image.sha256 for page in pages for image in page} == {image.sha256 for image in images}


def test_by_label_the_unlabelled_come_first_and_then_labels_in_order_of_arrival(store: Store) -> None:
    dataset = store.datasets.create("d")
    add(store, dataset.id, new_image(1, "b"), new_image(2, "a"), new_image(3, None), new_image(4, "b"))
    assert [one.label for one in store.images.page(dataset.id, Where(order="label"), 0, 9)] == [None, "b", "b", "a"]


def test_counts_follow_every_change_whoever_made_it(store: Store, tmp_path: Path) -> None:
    other = open_store(f"sqlite:///{tmp_path / 'darkroom.db'}")  # another process, say
    dataset = store.datasets.create("d")
    (image, *_) = add(store, dataset.id, new_image(1), new_image(2, None), replace(new_image(3), origin="elsewhere"))

    def counted() -> tuple[object, ...]:
        [label, *_] = store.datasets.labels(dataset.id)
        here = store.datasets.get(dataset.id)
        wheres = (Where(), Where(deleted=True), Where(unlabelled=True), Where(text="cat"), Where(origin="elsewhere"))
        return (here.images, here.labels, label.images, *[store.images.count(dataset.id, where) for where in wheres])

    assert counted() == (3, 1, 2, 3, 0, 1, 2, 1)
    other.images.change(dataset.id, "delete", "s", [Change(image, deleted=True)], "bob")
    assert counted() == (2, 1, 1, 2, 1, 1, 1, 1)
    other.images.change_all(dataset.id, "relabel", str, Where(), Change(0, label=None), "bob")
    assert counted() == (2, 0, 0, 2, 1, 2, 1, 1)
    assert store.images.origins(dataset.id) == {"": 1, "elsewhere": 1}


def test_an_action_is_untouched_until_something_later_changes_one_of_its_pictures(store: Store) -> None:
    dataset = store.datasets.create("d")
    images = add(store, dataset.id, new_image(1), new_image(2))
    store.images.change(dataset.id, "relabel", "first", [Change(images[0], label="dog")], "ann")
    store.images.change(dataset.id, "relabel", "second", [Change(images[1], label="dog")], "ann")

    def untouched() -> list[str]:
        actions = store.images.actions(dataset.id)
        return [one.summary for one in actions if one.id in store.images.untouched(actions)]

    assert untouched() == ["second", "first"]
    store.images.undo(store.images.actions(dataset.id)[1].id, "ann")
    assert untouched() == ["Took back: first", "second"]


def test_a_picture_knows_what_was_done_to_it(store: Store) -> None:
    dataset = store.datasets.create("d")
    (image,) = add(store, dataset.id, new_image(1))
    store.images.change(dataset.id, "relabel", "s", [Change(image, label="dog")], "bob")
    store.images.change_all(dataset.id, "delete", str, Where(), Change(0, deleted=True), "eve")
    steps = store.images.history(image)
    assert [(step.action.who, step.action.kind, step.label, step.deleted[1]) for step in steps] == [
        ("eve", "delete", ("dog", "dog"), True),
        ("bob", "relabel", ("cat", "dog"), False),
        ("ann", "add", (None, "cat"), False),
    ]


def test_the_trash_is_emptied_for_good_save_what_a_version_holds(store: Store) -> None:
    dataset = store.datasets.create("d")
    images = add(store, dataset.id, *[new_image(n) for n in range(4)])
    store.versions.freeze(dataset.id, "v", ["cat"], [VersionImage(images[0], f"{0:064x}", 0, Split.TRAIN)])
    gone = store.images.change_all(
        dataset.id, "delete", str, Where(ids=tuple(images[:3])), Change(0, deleted=True), "ann"
    )
    ended = store.images.get(images[0]).deleted_at
    assert ended is not None and gone.action is not None
    assert store.images.purge(ended, 99) == 0, "not before its time"
    assert store.images.purge(ended + 1, 1) == 1, "a bounded piece at a time"
    assert store.images.purge(ended + 1, 99) == 1
    assert store.images.count(dataset.id, Where(deleted=True)) == 1
    assert sorted(store.images.leftovers(99)) == [f"{1:064x}", f"{2:064x}"]
    assert store.images.undo(gone.action.id, "ann").changed == (images[0],)
    store.images.forget([f"{1:064x}"])
    assert store.images.leftovers(99) == [f"{2:064x}"]


def test_what_was_removed_for_good_cannot_be_taken_back(store: Store) -> None:
    dataset = store.datasets.create("d")
    add(store, dataset.id, new_image(1))
    gone = store.images.change_all(dataset.id, "delete", str, Where(), Change(0, deleted=True), "ann")
    assert store.images.purge(9e9, 99) == 1
    assert gone.action is not None
    with pytest.raises(Conflict, match="for good"):
        store.images.undo(gone.action.id, "ann")

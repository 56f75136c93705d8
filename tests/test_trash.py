"""The trash keeps for thirty days, and then neither rows nor files."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from core import datasets, trash
from core.errors import NotFound
from core.indexer import Indexer
from core.ports import Checked
from core.records import Image, ItemState, Ranked, Split, TrainingSpec, UploadItem, UploadState, VersionImage
from core.stores import Change, NewImage, Where
from core.studio import Studio
from tests.pages.conftest import add_model

DAY_S = 86_400.0


def put(studio: Studio, dataset_id: int, number: int) -> Image:
    """An image with its files."""
    sha = f"{number:064x}"
    for path in files_of(studio, sha):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    new = NewImage(sha, f"{number}.jpg", "cat", Split.AUTO, 8, 8, "JPEG", 1)
    studio.store.images.add(dataset_id, [new], "ann", "Added")
    return studio.store.images.by_sha(dataset_id, [sha])[sha]


def files_of(studio: Studio, sha: str) -> list[Path]:
    return [place(sha) for place in (studio.files.picture, studio.files.thumb, studio.files.view)]


def delete(studio: Studio, *images: Image) -> float:
    """Gives when that was."""
    datasets.change(studio, images[0].dataset_id, "delete", [Change(one.id, deleted=True) for one in images])
    at = studio.store.images.get(images[0].id).deleted_at
    assert at is not None
    return at


@pytest.fixture
def dataset_id(studio: Studio) -> int:
    return studio.store.datasets.create("pets").id


def test_a_deleted_picture_stays_for_thirty_days_and_then_its_files_go(studio: Studio, dataset_id: int) -> None:
    image, kept = put(studio, dataset_id, 1), put(studio, dataset_id, 2)
    at = delete(studio, image)
    assert trash.days_left(studio.store.images.get(image.id), at + 1) == 30
    assert trash.days_left(studio.store.images.get(image.id), at + 29.5 * DAY_S) == 1
    assert trash.sweep(studio, lambda: at + 29.9 * DAY_S) == 0
    assert all(path.exists() for path in files_of(studio, image.sha256))
    assert trash.sweep(studio, lambda: at + 30.1 * DAY_S) == 1
    assert not any(path.exists() for path in files_of(studio, image.sha256))
    assert all(path.exists() for path in files_of(studio, kept.sha256))
    with pytest.raises(NotFound):
        studio.store.images.get(image.id)
    assert studio.store.images.leftovers(9) == []


def test_a_picture_that_was_put_back_is_not_swept(studio: Studio, dataset_id: int) -> None:
    image = put(studio, dataset_id, 1)
    at = delete(studio, image)
    datasets.change(studio, dataset_id, "restore", [Change(image.id, deleted=False)])
    assert trash.sweep(studio, lambda: at + 99 * DAY_S) == 0
    assert studio.store.images.count(dataset_id, Where()) == 1


def test_files_that_another_dataset_names_stay(studio: Studio, dataset_id: int) -> None:
    image = put(studio, dataset_id, 1)
    put(studio, studio.store.datasets.create("other").id, 1)
    at = delete(studio, image)
    assert trash.sweep(studio, lambda: at + 31 * DAY_S) == 1
    assert all(path.exists() for path in files_of(studio, image.sha256))


def test_a_picture_that_a_version_holds_stays_in_the_trash(studio: Studio, dataset_id: int) -> None:
    image = put(studio, dataset_id, 1)
    studio.store.versions.freeze(dataset_id, "v", ["cat"], [VersionImage(image.id, image.sha256, 0, Split.TRAIN)])
    at = delete(studio, image)
    assert trash.sweep(studio, lambda: at + 99 * DAY_S) == 0
    assert all(path.exists() for path in files_of(studio, image.sha256))
    assert studio.store.images.held([image.id]) == {image.id}


def test_a_sweep_that_was_killed_between_row_and_file_ends_next_time(studio: Studio, dataset_id: int) -> None:
    image = put(studio, dataset_id, 1)
    at = delete(studio, image)
    assert studio.store.images.purge(at + 1, 10) == 1
    assert all(path.exists() for path in files_of(studio, image.sha256)), "here the process ends"
    trash.sweep(studio, lambda: at + 31 * DAY_S)
    assert not any(path.exists() for path in files_of(studio, image.sha256))


def test_bytes_that_arrive_again_while_they_are_swept_are_kept(studio: Studio, dataset_id: int, tmp_path: Path) -> None:
    """The check has found the file in its place, and not yet written the row."""
    image = put(studio, dataset_id, 1)
    at = delete(studio, image)
    studio.store.images.purge(at + 1, 10)
    source = tmp_path / "again.jpg"
    source.write_bytes(b"x")
    studio.files.keep_pictures([Checked(source, image.sha256)])
    trash.sweep(studio, lambda: at + 60)
    assert studio.files.picture(image.sha256).exists()
    put(studio, dataset_id, 1)
    trash.sweep(studio, lambda: at + 31 * DAY_S)
    assert all(path.exists() for path in files_of(studio, image.sha256))
    assert studio.store.images.leftovers(9) == []


def test_the_indexer_empties_the_trash_by_itself(
    studio: Studio, dataset_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = put(studio, dataset_id, 1)
    delete(studio, image)
    monkeypatch.setattr(trash, "DAYS", -1)  # whatever is in the trash is there long enough
    Indexer(studio).tick()
    assert studio.store.images.count(dataset_id, Where(deleted=True)) == 0
    assert studio.store.images.leftovers(9) == [image.sha256], "these bytes came a moment ago"


def plant(studio: Studio, number: int, age_s: float, name: str = "") -> Path:
    """A picture's file, as a kill between file and row leaves it."""
    path = studio.files.picture(f"{number:064x}")
    path = path.with_name(name or path.name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    return path


def test_a_file_that_nothing_names_goes_after_a_day_and_no_other(studio: Studio, dataset_id: int) -> None:
    old, young = plant(studio, 1, 1.1 * DAY_S), plant(studio, 2, 0.9 * DAY_S)
    half, other = plant(studio, 1, 2 * DAY_S, f"{1:064x}.77.part"), plant(studio, 1, 2 * DAY_S, "not ours.txt")
    image, _ = put(studio, dataset_id, 3), put(studio, dataset_id, (1 << 255) + 6)
    studio.store.images.change(dataset_id, "relabel", "a second label", [Change(image.id, label="dog")], "ann")
    upload = studio.store.uploads.create(None, "going on")
    items = [UploadItem(upload.id, "4.jpg", ItemState.ACCEPTED, 1, f"{4:064x}")]
    studio.store.uploads.receive(upload.id, items)
    model = add_model(studio, dataset_id)
    studio.store.predictions.add(dataset_id, model.id, f"{5:064x}", "5.jpg", [Ranked("cat", 1.0)], 1.0)
    named = [studio.files.picture(image.sha256), plant(studio, 4, 0), plant(studio, 5, 0)]
    for path in named:
        os.utime(path, (0, 0))
    assert trash.sweep_strays(studio, 0) == 2
    trash.sweep(studio)
    assert not old.exists() and not half.exists()
    assert young.exists() and other.exists() and all(path.exists() for path in named)
    assert trash.sweep_strays(studio, 1) == 0, "a folder that is not there"


def test_a_stray_that_is_wanted_again_before_it_goes_stays(studio: Studio, dataset_id: int, tmp_path: Path) -> None:
    path = plant(studio, 1, 2 * DAY_S)
    assert trash.sweep_strays(studio, 0) == 1
    source = tmp_path / "again.jpg"
    source.write_bytes(b"x")
    studio.files.keep_pictures([Checked(source, f"{1:064x}")])  # its row is on its way
    trash.sweep(studio)
    assert path.exists()


def test_the_indexer_looks_for_strays_one_folder_a_sweep(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.indexer.SWEEP_S", 0.0)
    monkeypatch.setattr("core.indexer.SHARDS", 2)
    paths = [plant(studio, (shard << 248) + 7, 2 * DAY_S) for shard in (0, 1)]
    indexer = Indexer(studio)
    indexer.tick()
    assert sum(path.exists() for path in paths) == 1
    indexer.tick()
    assert not any(path.exists() for path in paths)


def test_a_removed_dataset_loses_its_pictures_after_thirty_days_but_none_that_another_has(
    studio: Studio, dataset_id: int
) -> None:
    mine, shared = put(studio, dataset_id, 1), put(studio, dataset_id, 2)
    other = studio.store.datasets.create("other").id
    put(studio, other, 2)
    held = [VersionImage(one.id, one.sha256, 0, Split.TRAIN) for one in (mine, shared)]
    studio.store.versions.freeze(dataset_id, "v", ["cat"], held)
    studio.store.datasets.remove(dataset_id)
    assert trash.sweep(studio, lambda: time.time() + 29 * DAY_S) == 0
    assert all(path.exists() for path in files_of(studio, mine.sha256))
    assert trash.sweep(studio, lambda: time.time() + 31 * DAY_S) == 2
    assert not any(path.exists() for path in files_of(studio, mine.sha256))
    assert all(path.exists() for path in files_of(studio, shared.sha256))
    assert studio.store.images.count(other, Where()) == 1


def test_a_removed_dataset_keeps_its_pictures_while_a_run_of_it_goes_on(studio: Studio, dataset_id: int) -> None:
    image = put(studio, dataset_id, 1)
    version = studio.store.versions.freeze(
        dataset_id, "v", ["cat"], [VersionImage(image.id, image.sha256, 0, Split.TRAIN)]
    )
    studio.store.runs.submit(dataset_id, version.id, "run", TrainingSpec("mlp", 1))
    studio.store.datasets.remove(dataset_id)
    assert trash.sweep(studio, lambda: time.time() + 99 * DAY_S) == 0
    assert all(path.exists() for path in files_of(studio, image.sha256))


def test_what_a_cancelled_upload_had_accepted_is_swept_but_not_what_is_held_elsewhere(
    studio: Studio, dataset_id: int
) -> None:
    shas = [f"{n:064x}" for n in range(1, 5)]
    image, *_ = [put(studio, dataset_id, n) for n in (1,)]
    for sha in shas[1:]:
        for path in files_of(studio, sha):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"x")
    gone, going_on = (studio.store.uploads.create(None, name) for name in ("gone", "going on"))
    for upload, some in ((gone, shas[:3]), (going_on, shas[2:])):
        items = [UploadItem(upload.id, f"{sha}.jpg", ItemState.ACCEPTED, 1, sha) for sha in some]
        studio.store.uploads.receive(upload.id, items)
    studio.store.uploads.move(gone.id, [UploadState.RECEIVING], UploadState.CANCELLED)
    studio.store.uploads.forget(gone.id)
    trash.sweep(studio, lambda: time.time() + DAY_S)
    there = [studio.files.picture(sha).exists() for sha in shas]
    assert there == [True, False, True, True], "in a dataset, of the cancelled one alone, of another upload twice"
    assert studio.store.images.get(image.id).sha256 == shas[0]

"""The trash keeps for thirty days, and then neither rows nor files."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import datasets, trash
from core.errors import NotFound
from core.indexer import Indexer
from core.records import Image, Split, VersionImage
from core.studio import Change, Checked, NewImage, Studio, Where

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

from __future__ import annotations

import pytest

from core import layouts
from core.layouts import Place
from core.records import Split


def places(*paths: str) -> list[tuple[str | None, Split]]:
    read = layouts.read(paths)
    return [(read[path].label, read[path].split) for path in paths]


def test_the_folder_is_the_label_with_or_without_a_root_around_it() -> None:
    expected = [("cat", Split.AUTO), ("dog", Split.AUTO)]
    assert places("cat/1.jpg", "dog/1.jpg") == expected
    assert places("pets/cat/1.jpg", "pets/dog/1.jpg") == expected
    assert places("a/b/c/cat/1.jpg", "a/b/c/dog/1.jpg") == expected
    assert places("pets\\cat\\1.jpg", "pets\\dog\\1.jpg") == expected


def test_train_and_test_folders_above_the_labels_are_splits() -> None:
    assert places("s/train/cat/1.jpg", "s/valid/cat/2.jpg", "s/Testing/dog/3.jpg") == [
        ("cat", Split.TRAIN),
        ("cat", Split.VALIDATION),
        ("dog", Split.TEST),
    ]


def test_a_label_may_be_called_test_when_its_neighbours_are_no_splits() -> None:
    assert places("test/1.jpg", "control/2.jpg") == [("test", Split.AUTO), ("control", Split.AUTO)]


def test_one_folder_of_pictures_is_one_label() -> None:
    assert places("cats/1.jpg", "cats/2.jpg") == [("cats", Split.AUTO)] * 2


def test_loose_pictures_have_no_label() -> None:
    assert places("1.jpg", "2.jpg") == [(None, Split.AUTO)] * 2
    assert places("pets/1.jpg", "pets/cat/2.jpg") == [(None, Split.AUTO), ("cat", Split.AUTO)]
    assert places("test/1.jpg", "test/2.jpg") == [(None, Split.TEST)] * 2


def test_a_path_that_climbs_only_names_its_last_folder() -> None:
    assert places("../../etc/1.jpg", "C:\\evil\\2.jpg") == [("etc", Split.AUTO), ("evil", Split.AUTO)]


def test_a_label_keeps_its_strange_name() -> None:
    assert places("<b>/1.jpg", "=1+1/2.jpg") == [("<b>", Split.AUTO), ("=1+1", Split.AUTO)]


@pytest.mark.parametrize(
    "path", ["a/.DS_Store", "__MACOSX/a/._1.jpg", "a/Thumbs.db", ".git/x.jpg", "a/.ipynb_checkpoints/1.jpg"]
)
def test_what_systems_leave_behind_is_nobodys_picture(path: str) -> None:
    assert layouts.is_system(path)


def test_text_beside_pictures_is_told_from_pictures_with_a_wrong_ending() -> None:
    assert layouts.is_side_file("a/readme.TXT")
    assert not layouts.is_side_file("a/picture.dat")


def test_an_empty_upload_has_no_places() -> None:
    assert layouts.read([]) == {}
    assert Place(None, Split.AUTO) == layouts.read(["x.jpg"])["x.jpg"]

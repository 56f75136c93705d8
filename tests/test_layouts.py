from __future__ import annotations

from collections import Counter

import pytest

from core import layouts
from core.layouts import Place, Reading
from core.records import Split


def reading(*paths: str) -> Reading:
    return layouts.read(Counter(folder_of(path) for path in paths))


def folder_of(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[0]


def places(*paths: str) -> list[tuple[str | None, Split]]:
    read = reading(*paths).places
    return [(read[folder_of(path)].label, read[folder_of(path)].split) for path in paths]


def said(*paths: str) -> str:
    return " ".join(reading(*paths).sentences)


def test_the_folder_is_the_label_with_or_without_a_root_around_it() -> None:
    expected = [("cat", Split.AUTO), ("dog", Split.AUTO)]
    assert places("cat/1.jpg", "dog/1.jpg") == expected
    assert places("pets/cat/1.jpg", "pets/dog/1.jpg") == expected
    assert places("a/b/c/cat/1.jpg", "a/b/c/dog/1.jpg") == expected
    assert places("pets\\cat\\1.jpg", "pets\\dog\\1.jpg") == expected
    assert places("pets.zip/pets/cat/1.jpg", "pets.zip/pets/dog/1.jpg") == expected
    assert "below “pets”" in said("pets/cat/1.jpg", "pets/dog/1.jpg")


@pytest.mark.parametrize(
    ("train", "valid", "test"),
    [
        ("train", "val", "test"),
        ("Training", "Validation", "Testing"),
        ("TRAIN", "valid", "TEST"),
        ("train_set", "dev_set", "test_set"),
        ("training-data", "val", "Test Data"),
        ("01_train", "02_val", "03_test"),
    ],
)
@pytest.mark.parametrize("shape", ["{split}/{label}", "root/{split}/{label}", "root/{label}/{split}"])
def test_split_folders_are_known_in_their_usual_spellings_above_or_below_the_labels(
    shape: str, train: str, valid: str, test: str
) -> None:
    wanted = [
        (label, name, split)
        for label in ("cat", "dog")
        for name, split in ((train, Split.TRAIN), (valid, Split.VALIDATION), (test, Split.TEST))
    ]
    paths = [f"{shape.format(split=name, label=label)}/1.jpg" for label, name, _ in wanted]
    assert places(*paths) == [(label, split) for label, _, split in wanted]
    assert "2 to learn from, 2 to check with, 2 to test with" in said(*paths)


def test_a_label_may_be_called_test_when_its_neighbours_are_no_splits() -> None:
    assert places("test/1.jpg", "control/2.jpg") == [("test", Split.AUTO), ("control", Split.AUTO)]


def test_one_folder_of_pictures_is_one_label_and_that_is_said() -> None:
    assert places("cats/1.jpg", "cats/2.jpg") == [("cats", Split.AUTO)] * 2
    assert "one label: “cats”" in said("cats/1.jpg")
    assert places("images/1.jpg") == [(None, Split.AUTO)]


def test_loose_pictures_have_no_label_and_that_is_said() -> None:
    assert places("1.jpg", "2.jpg") == [(None, Split.AUTO)] * 2
    assert places("pets.zip/1.jpg") == [(None, Split.AUTO)]
    assert places("pets/1.jpg", "pets/cat/2.jpg") == [(None, Split.AUTO), ("cat", Split.AUTO)]
    assert "1 picture lies outside of the label folders" in said("pets/1.jpg", "pets/cat/2.jpg")
    assert places("test/1.jpg", "test/2.jpg") == [(None, Split.TEST)] * 2


def test_several_roots_with_the_same_labels_are_put_together_and_that_is_said() -> None:
    paths = ("monday/train/cat/1.jpg", "monday/test/dog/1.jpg", "friday/train/cat/2.jpg", "friday/test/dog/2.jpg")
    assert places(*paths) == [("cat", Split.TRAIN), ("dog", Split.TEST)] * 2
    assert "The same labels lie in “monday” and “friday”" in said(*paths)


def test_a_zip_for_each_label_is_a_folder_for_each_label() -> None:
    assert places("cat.zip/1.jpg", "dog.ZIP/1.jpg") == [("cat", Split.AUTO), ("dog", Split.AUTO)]


def test_folders_in_folders_can_be_read_two_ways() -> None:
    paths = ("hat/red/1.jpg", "hat/blue/1.jpg", "shoes/green/1.jpg")
    assert {place.label for place in reading(*paths).places.values()} == {"red", "blue", "green"}
    assert {place.label for place in reading(*paths).outer.values()} == {"hat", "shoes"}
    assert "the inner ones were read as labels" in said(*paths)
    assert reading("a/1.jpg", "b/1.jpg").outer == {}


def test_labels_that_only_the_test_pictures_have_are_named() -> None:
    assert "have not: “fox”" in said("train/cat/1.jpg", "train/dog/1.jpg", "test/cat/1.jpg", "test/fox/1.jpg")


def test_masks_are_no_label() -> None:
    assert "looks like outlines or masks" in said("images/1.png", "masks/1.png")


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
    assert layouts.read({}).places == {}
    assert Place(None, Split.AUTO) == layouts.read({"": 1}).places[""]


def test_file_names_may_begin_with_the_label() -> None:
    named = Counter(layouts.named_label(path) for path in ("cat_01.jpg", "cat_02.jpg", "x/dog (1).jpg", "dog (2).jpg"))
    assert named == {"cat": 2, "dog": 2} and layouts.names_tell(named)
    assert not layouts.names_tell(Counter(layouts.named_label(path) for path in ("IMG_1.jpg", "IMG_2.jpg")))
    assert not layouts.names_tell(Counter(layouts.named_label(path) for path in ("one.jpg", "cat_1.jpg", "cat_2.jpg")))

"""Every problem is named, and nothing is named that is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageFilter

from core import datasets, findings, surveys, uploads
from core.findings import labelled, twinned
from core.findings.material import Material
from core.index.twins import Pair
from core.records import FindingKind, Split
from core.stores import Change, Where
from core.studio import Studio
from core.surveyor import KINDS, Surveyor
from tests.findings.world import World, scene
from tests.pages.conftest import add, add_model


@pytest.fixture
def world(studio: Studio) -> World:
    """Forty different pictures under two labels: nothing wrong."""
    made = World(studio)
    made.add([scene(seed) for seed in range(20)], "cat")
    made.add([scene(seed) for seed in range(20, 40)], "dog")
    return made


def brighter(picture: Picture.Image) -> Picture.Image:
    return picture.point([min(round(level * 1.15 + 4), 255) for level in range(256)] * 3)


def cropped(picture: Picture.Image) -> Picture.Image:
    width, height = picture.size
    return picture.crop((round(0.04 * width), round(0.03 * height), width, round(0.96 * height)))


def test_a_dataset_with_nothing_wrong_has_no_findings(world: World) -> None:
    assert world.survey() == {}
    assert findings.summary(world.studio, world.dataset_id).open == 0


def test_resized_recropped_and_relit_copies_are_near_duplicates(world: World) -> None:
    copies = world.add([scene(3).resize((120, 90)), cropped(scene(7)), brighter(scene(25))], "cat")
    world.add([scene(31).resize((150, 112))], "dog")
    world.survey()
    near = world.open(FindingKind.NEAR)
    assert {copies[0], copies[1]} <= {image for one in near for image in one.images}
    assert len(near) == 3 and all(len(one.images) == 2 for one in near)
    (two,) = world.open(FindingKind.TWO_LABELS)
    assert copies[2] in two.images and two.detail["labels"] == ["cat", "dog"]


def test_the_same_pixels_in_another_file_are_an_exact_duplicate_and_the_largest_is_kept(world: World) -> None:
    (copy,) = world.add([scene(3)], "cat", format="PNG")
    world.survey()
    (one,) = world.open()
    assert one.kind is FindingKind.EXACT and copy in one.images
    assert one.detail["keep"] == copy, "of equal size: the one with more bytes"
    assert "twice" in one.sentence


def test_near_duplicates_on_both_sides_of_the_split_are_a_leak(studio: Studio) -> None:
    world = World(studio)
    world.add([scene(seed) for seed in range(12)], "cat", Split.TRAIN)
    world.add([scene(seed) for seed in range(12, 24)], "dog", Split.TRAIN)
    (copy,) = world.add([brighter(scene(5))], "cat", Split.TEST)
    world.survey()
    (leak,) = world.open()
    assert leak.kind is FindingKind.LEAK and copy in leak.images
    assert "training and testing" in leak.sentence
    findings.act(studio, world.dataset_id, "move", [leak.key])
    assert {world.images()[i].split for i in leak.images} == {Split.TRAIN}
    assert world.survey() == {"near": 1}


def test_pictures_that_show_little_are_named_once_each(world: World) -> None:
    odd = {
        FindingKind.BLANK: Picture.new("RGB", (240, 180), (120, 121, 119)),
        FindingKind.DARK: scene(50).point([level // 10 if level < 215 else 120 for level in range(256)] * 3),
        FindingKind.BRIGHT: scene(51).point([255 if level > 60 else 140 + level for level in range(256)] * 3),
        FindingKind.BLURRY: scene(52).filter(ImageFilter.GaussianBlur(9)),
        FindingKind.TINY: scene(53).resize((40, 30)),
        FindingKind.SHAPE: scene(54, 600, 120),
    }
    ids = {kind: world.add([picture], "cat")[0] for kind, picture in odd.items()}
    world.survey()
    found = {one.kind: one.images for one in world.open() if one.kind is not FindingKind.OUTLIER}
    assert found == {kind: (image_id,) for kind, image_id in ids.items()}


def test_where_all_pictures_are_dark_and_small_none_is_named(studio: Studio) -> None:
    world = World(studio)
    for label, start in (("one", 0), ("two", 20)):
        dark = [scene(start + n, 30, 30).point([level // 12 for level in range(256)] * 3) for n in range(20)]
        world.add(dark, label)
    assert not {"dark", "tiny", "blurry", "blank"} & set(world.survey())


def test_few_pictures_imbalance_and_names_that_look_like_one_are_named(studio: Studio) -> None:
    world = World(studio)
    world.add([scene(seed) for seed in range(60)], "Apple")
    world.add([scene(seed) for seed in range(60, 70)], "pear")
    world.add([scene(seed) for seed in range(70, 73)], "apples")
    world.survey()
    said = {one.kind: one for one in world.open() if one.kind is not FindingKind.OUTLIER}
    assert set(said) == {FindingKind.FEW, FindingKind.IMBALANCE, FindingKind.NAMES}
    assert "“apples” has only 3 pictures" in said[FindingKind.FEW].sentence
    assert "“Apple” has 6 times as many pictures as “pear”" in said[FindingKind.IMBALANCE].sentence
    findings.act(studio, world.dataset_id, "merge", [said[FindingKind.NAMES].key])
    assert [(one.name, one.images) for one in datasets.labels(studio, world.dataset_id)] == [
        ("Apple", 63),
        ("pear", 10),
    ]


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        ("T-shirt", "t shirt", True),
        ("café", "Cafe", True),
        ("cat", "cats", True),
        ("scratched", "scrached", True),
        ("cat", "bat", False),
        ("size 10", "size 12", False),
        ("ok", "not ok", False),
        ("hat", "shoes", False),
    ],
)
def test_two_names_look_like_one_when_a_person_would_say_so(first: str, second: str, one: bool) -> None:
    assert (labelled.alike(first, second) >= labelled.ALIKE) is one


def test_a_label_that_the_instant_model_finds_wrong_is_a_suspect_until_it_is_put_right(world: World) -> None:
    add_model(world.studio, world.dataset_id)
    world.survey()
    (suspect,) = world.open()
    assert suspect.kind is FindingKind.SUSPECT and suspect.detail["label"] == "dog"
    assert "Labelled “cat”, but it looks like “dog” (94\u00a0% sure)" in suspect.sentence
    outcome = findings.act(world.studio, world.dataset_id, "relabel", [suspect.key])
    assert world.images()[suspect.images[0]].label == "dog" and world.open() == []
    assert outcome.action is not None
    datasets.undo(world.studio, outcome.action.id)
    assert [one.key for one in world.open()] == [suspect.key], "undone: it is open again, without a new survey"


def test_a_picture_unlike_the_rest_is_named_and_no_other(studio: Studio) -> None:
    world, rng = World(studio), np.random.default_rng(0)

    def near(direction: int, many: int) -> NDArray[np.float32]:
        found = rng.normal(0, 0.4 / np.sqrt(1280), (many, 1280)).astype(np.float32)
        found[:, direction] += 1
        return found

    world.add([scene(seed) for seed in range(30)], "cat", vectors=near(0, 30))
    world.add([scene(seed) for seed in range(30, 60)], "dog", vectors=near(1, 30))
    (stranger,) = world.add([scene(60)], "dog", vectors=rng.normal(0, 1, (1, 1280)).astype(np.float32))
    assert world.survey() == {"outlier": 1}
    (found,) = world.open(FindingKind.OUTLIER)
    assert found.images == (stranger,) and found.sentence.startswith("Unlike the rest: nothing else")
    findings.act(studio, world.dataset_id, "remove", [found.key])
    assert stranger not in world.images()


def test_what_gives_a_label_away_is_named(studio: Studio) -> None:
    world = World(studio)
    world.add([brighter(brighter(brighter(scene(seed)))) for seed in range(30)], "cat")
    world.add([scene(seed).point([level // 2 for level in range(256)] * 3) for seed in range(30, 60)], "dog")
    world.survey()
    found = world.open(FindingKind.SHORTCUT)
    assert found and "how light or dark the picture is" in found[0].sentence


def test_a_label_of_one_kind_of_file_among_mixed_ones_is_named(studio: Studio) -> None:
    """Nothing tells it by its files alone, as half of the others are of that kind; but the other half is given away."""
    world = World(studio)
    world.add([scene(seed) for seed in range(30)], "cat", format="PNG")
    world.add([scene(seed) for seed in range(30, 45)], "dog", format="PNG")
    world.add([scene(seed) for seed in range(45, 60)], "dog", format="JPEG")
    world.survey()
    (found,) = world.open(FindingKind.SHORTCUT)
    assert found.sentence.startswith("100\u00a0% of “cat” are PNG files, of the others only 50\u00a0%.")


def test_pictures_without_a_label_are_compared_but_never_judged(studio: Studio) -> None:
    world = World(studio)
    world.add([scene(seed) for seed in range(12)], None)
    world.add([scene(4).resize((120, 90))], None)
    assert world.survey() == {"near": 1}


def test_a_picture_that_cannot_be_read_any_more_is_damaged(studio: Studio, tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        (tmp_path / "p" / label).mkdir(parents=True)
        for seed in range(12):
            scene(seed + 50 * (label == "dog")).save(tmp_path / "p" / label / f"{seed}.png")
    dataset = uploads.import_path(studio, tmp_path / "p", "p").dataset
    assert dataset is not None
    lost = studio.store.images.page(dataset.id, Where(order="oldest"), 0, 1)[0]
    studio.files.picture(lost.sha256).write_bytes(b"rot")
    studio.store.datasets.mark_fitted(dataset.id, studio.store.datasets.get(dataset.id).labels_revision)
    surveys.latest(studio, dataset.id, "findings")
    assert Surveyor(studio, KINDS).tick()
    survey = surveys.latest(studio, dataset.id, "findings")
    assert survey.ready and survey.content["pictures"] == 24
    (one,) = findings.page(studio, dataset.id, [FindingKind.DAMAGED])
    assert one.images == (lost.id,)
    images = studio.store.images.page(dataset.id, Where(), 0, 100)
    assert len(studio.store.facts.get([image.sha256 for image in images])) == 23


def test_an_empty_dataset_is_surveyed_too(studio: Studio) -> None:
    assert World(studio).survey() == {}


def test_a_finding_closes_when_its_pictures_change_anywhere_else(world: World) -> None:
    (copy,) = world.add([scene(3).resize((120, 90))], "cat")
    world.survey()
    assert len(world.open()) == 1
    datasets.change(world.studio, world.dataset_id, "delete", [Change(copy, deleted=True)])
    assert world.open() == []


def test_each_group_is_as_alike_as_its_own_pairs_however_many_there_are(studio: Studio) -> None:
    dataset_id = add(studio, "Films", {"a": 64})
    images = studio.store.images.page(dataset_id, Where(order="oldest"), 0, 64)
    material = Material(datasets.get(studio, dataset_id), images, [], [None] * 64, np.zeros(64, np.int64))
    film = [Pair(at, at + 1, 0.75) for at in range(59)]
    found = twinned.groups(material, [*film, Pair(60, 61, 1.0), Pair(60, 62, 0.5)], range(64))
    assert [(len(one.images), one.score) for one in found] == [(60, 0.75), (3, 0.75)]


def test_hundreds_of_frames_of_one_scene_are_one_finding(studio: Studio) -> None:
    world = World(studio)
    rng = np.random.default_rng(0)
    base = np.asarray(scene(1)).astype(float)
    film = [Picture.fromarray((base + rng.normal(0, 4, base.shape)).clip(0, 255).astype(np.uint8)) for _ in range(60)]
    world.add(film, "cat")
    world.survey()
    (one,) = world.open()
    assert one.kind is FindingKind.NEAR and len(one.images) == 60

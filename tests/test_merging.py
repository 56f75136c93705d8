"""Merged datasets: every picture once, from where it came, under the label a person chose where there were two."""

from __future__ import annotations

import pytest

from core import datasets, merging
from core.errors import Conflict, NotFound, Refused
from core.records import Split
from core.stores import Change, NewImage, Where
from core.studio import Studio


def make(studio: Studio, name: str, rows: list[tuple[int, str | None, Split]], origin: str = "") -> int:
    """A dataset of pictures (content, label, split)."""
    dataset_id = datasets.create(studio, name).id
    new = [NewImage(f"{n:064x}", f"{name}/{n}.png", label, split, 8, 8, "PNG", 9, origin) for n, label, split in rows]
    studio.store.images.add(dataset_id, new, "ann", "Added pictures")
    return dataset_id


def content(studio: Studio, dataset_id: int) -> dict[int, tuple[str | None, Split, str, str]]:
    """Content -> label, split, origin, name."""
    images = studio.store.images.page(dataset_id, Where(), 0, 1000)
    return {int(one.sha256, 16): (one.label, one.split, one.origin, one.name) for one in images}


@pytest.fixture
def shop(studio: Studio) -> int:
    rows: list[tuple[int, str | None, Split]] = [(1, "apple", Split.AUTO), (2, "pear", Split.TEST)]
    return make(studio, "shop", [*rows, (3, "apple", Split.TRAIN), (4, None, Split.AUTO)])


@pytest.fixture
def field(studio: Studio) -> int:
    rows: list[tuple[int, str | None, Split]] = [(2, "pear", Split.TRAIN), (3, "pear", Split.AUTO)]
    return make(studio, "field", [*rows, (4, "plum", Split.AUTO), (5, "plum", Split.VALIDATION)])


def test_every_picture_comes_once_and_knows_where_it_came_from(studio: Studio, shop: int, field: int) -> None:
    merged = merging.merge(studio, "all", [shop, field], prefer=shop)
    assert content(studio, merged.id) == {
        1: ("apple", Split.AUTO, "shop", "shop/1.png"),
        2: ("pear", Split.TEST, "shop", "shop/2.png"),
        3: ("apple", Split.TRAIN, "shop", "shop/3.png"),
        4: ("plum", Split.AUTO, "field", "field/4.png"),
        5: ("plum", Split.VALIDATION, "field", "field/5.png"),
    }
    assert [label.name for label in datasets.labels(studio, merged.id)] == ["apple", "pear", "plum"]
    assert (merged.images, merged.labels_revision > merged.fitted_revision) == (5, True)


def test_the_datasets_that_were_merged_stay_as_they_are(studio: Studio, shop: int, field: int) -> None:
    before = [content(studio, one) for one in (shop, field)]
    merging.merge(studio, "all", [shop, field], prefer=field)
    assert [content(studio, one) for one in (shop, field)] == before


def test_a_picture_that_is_a_test_picture_anywhere_is_never_trained_on(studio: Studio) -> None:
    uses = [Split.AUTO, Split.TRAIN, Split.VALIDATION, Split.TEST]
    for n, (first, second) in enumerate((a, b) for a in uses for b in uses):
        ids = [make(studio, f"{side}{n}", [(n, "x", split)]) for side, split in (("a", first), ("b", second))]
        merged = merging.merge(studio, f"m{n}", ids)
        assert content(studio, merged.id)[n][1] is max(first, second, key=uses.index)


def test_two_labels_are_named_before_the_merge_and_nothing_is_merged_until_somebody_chose(
    studio: Studio, shop: int, field: int
) -> None:
    planned = merging.plan(studio, [shop, field])
    assert (planned.images, planned.copies, planned.labels) == (5, 3, ("apple", "pear", "plum"))
    (clash,) = merging.clashes(studio, planned)
    assert [(one.dataset_id, one.label) for one in clash.copies] == [(shop, "apple"), (field, "pear")]
    with pytest.raises(Conflict, match="1 picture has different labels"):
        merging.merge(studio, "all", [shop, field])
    assert studio.store.datasets.find("all") is None


@pytest.mark.parametrize(("at", "label", "origin"), [(0, "apple", "shop"), (1, "pear", "field")])
def test_the_label_that_was_chosen_counts_picture_by_picture(
    studio: Studio, shop: int, field: int, at: int, label: str, origin: str
) -> None:
    (clash,) = merging.clashes(studio, merging.plan(studio, [shop, field]))
    merged = merging.merge(studio, "all", [shop, field], {clash.sha256: clash.copies[at].id})
    found = content(studio, merged.id)[3]
    assert (found[0], found[2]) == (label, origin)


def test_the_labels_of_the_dataset_that_was_chosen_count(studio: Studio, shop: int, field: int) -> None:
    for prefer, label in ((shop, "apple"), (field, "pear")):
        merged = merging.merge(studio, f"like {prefer}", [shop, field], prefer=prefer)
        assert content(studio, merged.id)[3][0] == label


def test_a_choice_that_is_none_of_the_copies_is_no_choice(studio: Studio, shop: int, field: int) -> None:
    (clash,) = merging.clashes(studio, merging.plan(studio, [shop, field]))
    other = studio.store.images.page(shop, Where(text="1.png"), 0, 1)[0]
    with pytest.raises(Conflict, match="different labels"):
        merging.merge(studio, "all", [shop, field], {clash.sha256: other.id})


def test_what_is_in_the_trash_is_not_merged(studio: Studio, shop: int, field: int) -> None:
    there = studio.store.images.page(shop, Where(text="3.png"), 0, 1)
    datasets.change(studio, shop, "delete", [Change(image.id, deleted=True) for image in there])
    merged = merging.merge(studio, "all", [shop, field])
    assert content(studio, merged.id)[3] == ("pear", Split.AUTO, "field", "field/3.png")


def test_the_first_origin_is_kept_when_merged_datasets_are_merged(studio: Studio, shop: int) -> None:
    once = make(studio, "once", [(9, "fig", Split.AUTO)], origin="garden")
    merged = merging.merge(studio, "all", [shop, once])
    assert content(studio, merged.id)[9][2] == "garden"


def test_the_merge_is_an_action_that_undo_takes_back(studio: Studio, shop: int, field: int) -> None:
    merged = merging.merge(studio, "all", [shop, field], prefer=shop)
    action = datasets.last_action(studio, merged.id)
    assert action is not None
    assert (action.summary, action.images) == ("Merged “shop” and “field”", 5)
    assert sorted(datasets.undo(studio, action.id).changed) == [
        one.id for one in studio.store.images.page(merged.id, Where(deleted=True, order="oldest"), 0, 10)
    ]
    assert datasets.get(studio, merged.id).images == 0


def test_what_cannot_be_merged_is_said_in_words(studio: Studio, shop: int, field: int) -> None:
    with pytest.raises(Refused, match="at least two"):
        merging.merge(studio, "all", [shop, shop])
    with pytest.raises(NotFound):
        merging.merge(studio, "all", [shop, 999])
    with pytest.raises(Conflict, match="called “Shop” already|called “shop” already"):
        merging.merge(studio, "Shop", [shop, field], prefer=shop)
    with pytest.raises(Refused, match="must be one of those"):
        merging.merge(studio, "all", [shop, field], prefer=999)
    empty = [datasets.create(studio, name).id for name in ("e1", "e2")]
    with pytest.raises(Refused, match="no picture"):
        merging.merge(studio, "all", empty)

"""Versions and merging on the screen: what is kept, what differs, and what a click does."""

from __future__ import annotations

from typing import Any

import pytest

from core import datasets, errands, merging, models, runs, versions
from core.records import Errand, Split
from core.stores import Change, NewImage, Where
from core.studio import Studio
from tests.pages.conftest import Visit, add, calm, words


@pytest.fixture
def fruit(studio: Studio) -> int:
    return add(studio, "Fruit", {"apple": 30, "pear": 5, None: 3})


def disturb(studio: Studio, dataset_id: int) -> None:
    apples = [image for image in studio.store.images.page(dataset_id, Where(order="oldest"), 0, 100) if image.label]
    datasets.change(studio, dataset_id, "relabel", [Change(image.id, label="quince") for image in apples[:2]])
    datasets.change(studio, dataset_id, "delete", [Change(image.id, deleted=True) for image in apples[2:5]])
    datasets.change(studio, dataset_id, "split", [Change(image.id, split=Split.TEST) for image in apples[5:9]])


def press(app: Any, label: str) -> Any:
    return next(button for button in app.button if button.label == label).click().run()


def test_a_state_is_kept_under_the_name_that_was_typed(visit: Visit, studio: Studio, fruit: int) -> None:
    app = visit("datasets", dataset=fruit, view="versions")
    assert "No version yet" in words(app)
    next(box for box in app.text_input if box.key == "keep-name").set_value("before <b>")
    app = press(app, "Keep this state")
    assert calm(app) and [one.version.name for one in versions.all_of(studio, fruit)] == ["before <b>"]
    assert "before &lt;b&gt;" in words(app) and "<b>" not in words(app)
    assert "35 pictures in 2 labels, 3 without a label" in words(app)


def test_what_was_made_from_a_version_stands_beside_it(visit: Visit, studio: Studio, fruit: int) -> None:
    runs.start(studio, fruit, "mlp", 1)
    versions_of = visit("datasets", dataset=fruit, view="versions")
    assert "1 run on it." in words(versions_of)


def test_two_states_are_compared_in_words_and_in_pictures(visit: Visit, studio: Studio, fruit: int) -> None:
    kept = versions.keep(studio, fruit, "before")
    disturb(studio, fruit)
    app = visit("datasets", dataset=fruit, view="versions", before=kept.id, after=0)
    assert calm(app)
    said = words(app)
    assert "3 removed, 2 relabelled, 4 moved; 29 pictures the same." in said
    kinds = [option.content for pills in app.get("pills") for option in pills.proto.options]
    assert {"Removed 3", "Relabelled 2", "Moved 4"} <= set(kinds)
    relabelled = words(visit("datasets", dataset=fruit, view="versions", before=kept.id, after=0, kind="relabelled"))
    assert relabelled.count('<figure class="dr-change">') == 2
    assert "apple" in relabelled and "quince" in relabelled


def test_states_without_a_difference_say_so(visit: Visit, studio: Studio, fruit: int) -> None:
    kept = versions.keep(studio, fruit, "before")
    assert "No difference" in words(visit("datasets", dataset=fruit, view="versions", before=kept.id, after=0))


@pytest.mark.parametrize("before", [999, 2])
def test_a_version_that_is_none_of_this_dataset_shows_one_that_is(
    visit: Visit, studio: Studio, fruit: int, before: int
) -> None:
    versions.keep(studio, fruit, "before")
    versions.keep(studio, add(studio, "Other", {"a": 2, "b": 2}), "foreign")
    assert calm(visit("datasets", dataset=fruit, view="versions", before=before, after=0))


def test_a_restored_version_is_undone_with_one_click(visit: Visit, studio: Studio, fruit: int) -> None:
    kept = versions.keep(studio, fruit, "before")
    disturb(studio, fruit)
    versions.restore(studio, kept.id)
    app = visit("datasets", dataset=fruit, view="versions")
    button = next(button for button in app.button if button.label.startswith("Undo"))
    app = button.click().run()
    assert calm(app) and datasets.get(studio, fruit).images == 35


def test_many_versions_are_shown_a_dozen_at_a_time(visit: Visit, studio: Studio, fruit: int) -> None:
    images = studio.store.images.page(fruit, Where(), 0, 20)
    for n, image in enumerate(images[:14]):
        datasets.change(studio, fruit, "delete", [Change(image.id, deleted=True)])
        versions.keep(studio, fruit, f"v{n}")
    app = visit("datasets", dataset=fruit, view="versions")
    assert sum(button.label == "Compare" for button in app.button) == 12
    assert sum(button.label == "Compare" for button in press(app, "All 14 versions").button) == 14


# ---- more than anybody would wait for ----------------------------------------------------------------


def test_a_large_dataset_goes_back_in_the_background_and_says_how_far_it_is(
    visit: Visit, studio: Studio, fruit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = versions.keep(studio, fruit, "before <b>")
    disturb(studio, fruit)
    monkeypatch.setattr(errands, "LARGE", 10)
    monkeypatch.setattr(errands, "PIECE", 20)
    errands.restore(studio, kept.id)
    errands.carry_out(studio, -1.0)
    for view in ("versions", "pictures"):
        app = visit("datasets", dataset=fruit, view=view)
        assert calm(app) and "Going back to version “before &lt;b&gt;”: 20 of 38 pictures" in words(app)
        assert not [button.label for button in app.button if button.label.startswith("Undo")]
    while errands.carry_out(studio, 60):
        pass
    app = app.run()
    assert "Going back" not in words(app) and datasets.get(studio, fruit).images == 38
    assert [button.label for button in app.button if button.label.startswith("Undo")]


def test_a_state_of_a_large_dataset_is_kept_in_the_background(
    visit: Visit, studio: Studio, fruit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "LARGE", 10)
    app = visit("datasets", dataset=fruit, view="versions")
    next(box for box in app.text_input if box.key == "keep-name").set_value("large")
    app = press(app, "Keep this state")
    assert calm(app) and "Keeping the present state as “large”: 38 pictures" in words(app)
    assert versions.all_of(studio, fruit) == [] and "No version yet" not in words(app)
    errands.carry_out(studio, 60)
    assert [one.version.name for one in versions.all_of(studio, fruit)] == ["large"]


def test_what_stopped_says_why_and_goes_on_with_one_click(
    visit: Visit, studio: Studio, fruit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "LARGE", 10)
    asked = errands.change_all(studio, fruit, "relabel", Where(), Change(0, label="fig"))
    assert isinstance(asked, Errand)
    studio.store.errands.fail(asked.id, "The disk was full.")
    app = visit("datasets", dataset=fruit)
    assert calm(app) and "The disk was full" in app.warning[0].value
    assert [one.label for one in app.button if one.proto.type == "primary"] == ["Go on"], "first things first"
    app = press(app, "Go on")
    assert calm(app) and "Labelling all 38 pictures that match: 0 of 38 pictures" in words(app)
    images = studio.store.images.page(fruit, Where(), 0, 100)
    studio.store.vectors.put({one.sha256: row for row, one in enumerate(images)})
    assert "once the change of many pictures is through" in models.instant(studio, fruit).sentence
    errands.carry_out(studio, 60)
    assert [label.name for label in datasets.labels(studio, fruit)] == ["fig"]


# ---- merging -----------------------------------------------------------------------------------------


def shared(studio: Studio) -> tuple[int, int]:
    """Two datasets that share two pictures, one of them under two labels."""
    ids = []
    for name, labels in (("shop", ("apple", "pear", "pear")), ("field", ("apple", "apple", "fig"))):
        ids.append(datasets.create(studio, name).id)
        numbers = (1, 2, 3) if name == "shop" else (1, 2, 4)
        new = [
            NewImage(f"{n:064x}", f"{n}.png", label, Split.AUTO, 8, 8, "PNG", 9)
            for n, label in zip(numbers, labels, strict=True)
        ]
        studio.store.images.add(ids[-1], new, "ann", "Added pictures")
    return ids[0], ids[1]


def test_datasets_are_merged_once_a_label_was_chosen(visit: Visit, studio: Studio) -> None:
    shop, field = shared(studio)
    app = visit("datasets", merge=1)
    app.multiselect(key="merge-of").set_value([shop, field]).run()
    app.text_input(key="merge-name").set_value("all").run()
    assert "4 pictures in 3 labels" in words(app) and "2 copies of pictures" in words(app)
    assert next(button for button in app.button if button.label == "Merge").disabled
    app.segmented_control(key="merge-prefer").set_value(field).run()
    app = press(app, "Merge")
    assert calm(app)
    merged = studio.store.datasets.find("all")
    assert merged is not None and app.query_params["dataset"] == str(merged.id)
    assert sorted(str(one.label) for one in studio.store.images.page(merged.id, Where(), 0, 9)) == [
        "apple",
        "apple",
        "fig",
        "pear",
    ]


def test_a_name_that_is_taken_is_said_and_nothing_is_merged(visit: Visit, studio: Studio) -> None:
    shop, field = shared(studio)
    app = visit("datasets", merge=1)
    app.multiselect(key="merge-of").set_value([shop, field]).run()
    app.text_input(key="merge-name").set_value("Shop").run()
    app.segmented_control(key="merge-prefer").set_value(shop).run()
    app = press(app, "Merge")
    assert calm(app) and "already" in app.warning[0].value
    assert len(merging.plan(studio, [shop, field]).datasets) == len(datasets.all_of(studio)) == 2

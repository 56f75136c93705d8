"""The map: alike pictures stand together, and stay where they are when others come."""

from __future__ import annotations

import hashlib
import json
import struct
import threading

import numpy as np
import pytest

from core import findings, maps, surveys
from core.index import mapping
from core.index.mapping import Floats
from core.index.vector_file import WIDTH
from core.jobs import Interrupted
from core.records import FindingKind, Found, Split, Survey
from core.stores import Change, NewImage, Where
from core.studio import Studio
from core.surveyor import UNFORESEEN, Surveyor

GROUPS = 4


def add(studio: Studio, dataset_id: int, numbers: range) -> None:
    """Pictures in four groups, by their number; each group has a direction of its own."""
    names = [hashlib.sha256(f"{number}".encode()).hexdigest() for number in numbers]
    images = [
        NewImage(sha, f"{number}.jpg", f"group {number % GROUPS}", Split.AUTO, 8, 8, "JPEG", 9)
        for sha, number in zip(names, numbers, strict=True)
    ]
    studio.store.images.add(dataset_id, images, "ann", "Added")
    vectors = np.stack([np.random.default_rng(number).normal(0, 0.2, WIDTH).astype(np.float32) for number in numbers])
    vectors[np.arange(len(vectors)), [number % GROUPS for number in numbers]] += 12
    first = studio.store.vectors.next_row()
    studio.vectors.append(first, vectors)
    studio.store.vectors.put({sha: first + at for at, sha in enumerate(names)})


def mapped(studio: Studio, dataset_id: int) -> Survey:
    dataset = studio.store.datasets.get(dataset_id)
    studio.store.datasets.mark_fitted(dataset_id, dataset.labels_revision)
    surveys.latest(studio, dataset_id, maps.KIND)
    Surveyor(studio, {maps.KIND: mapping.compute}).tick()
    return surveys.latest(studio, dataset_id, maps.KIND)


def positions(studio: Studio, dataset_id: int) -> dict[int, np.ndarray[tuple[int], np.dtype[np.float32]]]:
    found = maps.read(studio, dataset_id)
    assert found is not None
    return dict(zip(found.ids.tolist(), found.at, strict=True))


def purity(studio: Studio, dataset_id: int) -> float:
    """The share of pictures whose nearest neighbour on the map is of their own group."""
    labels = {one.image_id: one.label_id for one in studio.store.images.labelled(dataset_id)}
    at = positions(studio, dataset_id)
    ids, places = np.array(list(at)), np.stack(list(at.values()))
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    return float(
        np.mean([labels[int(a)] == labels[int(b)] for a, b in zip(ids, ids[apart.argmin(axis=1)], strict=True)])
    )


@pytest.fixture
def dataset_id(studio: Studio) -> int:
    made = studio.store.datasets.create("groups").id
    add(studio, made, range(120))
    return made


@pytest.mark.parametrize("landmarks", [4000, 60])
def test_alike_pictures_stand_together(
    studio: Studio, dataset_id: int, landmarks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping, "LANDMARKS", landmarks)
    survey = mapped(studio, dataset_id)
    assert survey.ready and survey.problem is None and survey.content["pictures"] == 120
    assert purity(studio, dataset_id) >= 0.98
    assert len({tuple(place) for place in positions(studio, dataset_id).values()}) == 120


def test_a_changed_label_moves_nothing_and_a_few_new_pictures_move_no_other(studio: Studio, dataset_id: int) -> None:
    mapped(studio, dataset_id)
    before = positions(studio, dataset_id)
    image, *_ = studio.store.images.page(dataset_id, Where(), 0, 1)
    studio.store.images.change(dataset_id, "relabel", "s", [Change(image.id, label="new")], "ann")
    mapped(studio, dataset_id)
    assert all(np.array_equal(at, before[one]) for one, at in positions(studio, dataset_id).items())
    add(studio, dataset_id, range(120, 140))
    assert mapped(studio, dataset_id).content["laid"] == 120
    after = positions(studio, dataset_id)
    assert len(after) == 140
    assert all(np.array_equal(after[one], at) for one, at in before.items())
    assert purity(studio, dataset_id) >= 0.95


def test_many_new_pictures_are_laid_out_from_where_the_others_stand(studio: Studio, dataset_id: int) -> None:
    mapped(studio, dataset_id)
    before = positions(studio, dataset_id)
    add(studio, dataset_id, range(200, 300))
    assert mapped(studio, dataset_id).content["laid"] == 220
    after = positions(studio, dataset_id)
    assert purity(studio, dataset_id) >= 0.95
    old = np.stack([before[one] for one in before])
    new = np.stack([after[one] for one in before])
    apart = [np.linalg.norm(places[:, None] - places[None], axis=2).ravel() for places in (old, new)]
    assert np.corrcoef(*apart)[0, 1] > 0.8, "the groups stand as they stood to each other"


def test_too_few_pictures_are_said_to_be_so(studio: Studio) -> None:
    made = studio.store.datasets.create("few").id
    add(studio, made, range(2))
    assert "needs 3" in str(mapped(studio, made).problem)


def test_the_browser_gets_every_live_point_with_its_label_of_now(studio: Studio, dataset_id: int) -> None:
    mapped(studio, dataset_id)
    first, second, *_ = studio.store.images.page(dataset_id, Where(order="oldest"), 0, 9)
    tag = maps.tag(studio, dataset_id)
    studio.store.images.change(dataset_id, "delete", "s", [Change(first.id, deleted=True)], "ann")
    studio.store.images.change(dataset_id, "relabel", "s", [Change(second.id, label=None, split=Split.TEST)], "ann")
    assert maps.tag(studio, dataset_id) != tag
    content = maps.packed(studio, dataset_id)
    (length,) = struct.unpack("<I", content[:4])
    head = json.loads(content[4 : 4 + length])
    n = head["points"]
    assert (n, len(content)) == (119, 4 + length + 13 * 119)
    ids = np.frombuffer(content, "<u4", n, 4 + length)
    label, split = (np.frombuffer(content, kind, n, 4 + length + at * n) for kind, at in (("<u2", 8), ("u1", 10)))
    assert first.id not in ids
    [at] = np.flatnonzero(ids == second.id)
    assert label[at] == 0 and split[at] == list(Split).index(Split.TEST)
    names = [one["name"] for one in head["labels"]]
    third = studio.store.images.get(int(ids[at + 1]))
    assert names[label[at + 1] - 1] == third.label


def test_a_map_that_nobody_wants_any_more_is_left_in_the_middle_of_a_stage(
    studio: Studio, dataset_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, end = threading.Event(), threading.Event()

    class Endless:
        def __init__(self, **_dials: object) -> None: ...

        def fit_transform(self, parts: Floats) -> Floats:
            begun.set()
            end.wait()
            return parts[:, :2]

    monkeypatch.setattr("sklearn.manifold.TSNE", Endless)
    dataset = studio.store.datasets.get(dataset_id)
    studio.store.datasets.mark_fitted(dataset_id, dataset.labels_revision)
    surveys.latest(studio, dataset_id, maps.KIND)
    surveyor = Surveyor(studio, {maps.KIND: mapping.compute})

    def stop() -> None:
        begun.wait()
        surveyor.stopped = True

    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(Interrupted):
        surveyor.tick()
    end.set()
    assert surveys.latest(studio, dataset_id, maps.KIND).pending, "the next surveyor draws it"


def test_what_fails_in_a_stage_is_told_as_ever(
    studio: Studio, dataset_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sklearn.manifold.TSNE.fit_transform", lambda *_: 1 / 0)
    assert mapped(studio, dataset_id).problem == UNFORESEEN


def test_a_point_says_the_worst_that_was_found_of_its_picture(studio: Studio, dataset_id: int) -> None:
    mapped(studio, dataset_id)
    first, second, third, *_ = studio.store.images.page(dataset_id, Where(order="oldest"), 0, 9)
    found = [
        Found(FindingKind.SHORTCUT, "a", 1.0, "s", (third.id,)),
        Found(FindingKind.NEAR, "b", 1.0, "s", (first.id, second.id)),
        Found(FindingKind.SUSPECT, "c", 1.0, "s", (second.id,)),
    ]
    states = {one.id: (one.label_id, one.split) for one in (first, second, third)}
    tag = maps.tag(studio, dataset_id)
    studio.store.findings.replace(dataset_id, found, states)

    def said() -> list[str]:
        content = maps.packed(studio, dataset_id)
        (length,) = struct.unpack("<I", content[:4])
        head = json.loads(content[4 : 4 + length])
        last = np.frombuffer(content[-head["points"] :], np.uint8)
        return [["", *head["kinds"]][place] for place in last]

    assert said() == ["Near-duplicates", "Labels in doubt", *[""] * 118], "of labels nothing is said here"
    findings.ignore(studio, dataset_id, ["c"])
    assert maps.tag(studio, dataset_id) != tag
    assert said()[:2] == ["Near-duplicates", "Near-duplicates"]


def test_old_maps_leave_no_files_behind(studio: Studio, dataset_id: int) -> None:
    image, *_ = studio.store.images.page(dataset_id, Where(), 0, 1)
    for label in ("a", "b", "c", "d"):
        studio.store.images.change(dataset_id, "relabel", "s", [Change(image.id, label=label)], "ann")
        mapped(studio, dataset_id)
    assert len(list(studio.files.survey("x").parent.glob("map-*"))) <= 2

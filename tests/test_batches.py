"""Batches: many pictures arrive once, are answered whatever ends the process, and become data in one step."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import struct
import threading
import zipfile
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pytest

from core import batches, corrections, datasets, predictions, trash
from core.answering import Answering, Looked
from core.errors import NotFound, Refused
from core.imaging.pool import DecoderPool
from core.index import useful
from core.records import Answer, Model, ModelKind, Ranked, Verdict
from core.storage import LocalFiles
from core.stores import Asked, Where
from core.studio import Studio
from tests.worlds import folder_of, imported, make_studio, png


class Looker:
    """Says hat of the first half of all greens, and is the surer the farther the green is from the middle."""

    def __init__(self, studio: Studio) -> None:
        self._decoder, self._lock = studio.decoder, threading.Lock()
        self.asked = 0
        self.dies_after = 10**9

    def look(
        self, model_id: int, folder: str, picture: bytes | Path, neighbours: int = 0, heat: bool = False
    ) -> Looked:
        with self._lock:
            self.asked += 1
        if self.asked > self.dies_after:
            raise MemoryError
        pixels = self._decoder.pixels(picture)
        green, (height, width, _) = int(pixels[0, 0, 1]), pixels.shape
        sure = 0.5 + abs(green - 128) / 256
        names = ("=hat", "coat") if green < 128 else ("coat", "=hat")
        vector = np.zeros(1280, np.float32)
        vector[green] = 1
        ranked = (Ranked(names[0], sure), Ranked(names[1], 1 - sure))
        answer = Answer(ranked, (), (), 5.0, width, height, Verdict.ANSWERED, None)
        return Looked(answer, vector, "PNG")

    def wait_for_callers(self) -> None: ...


@pytest.fixture
def studio(tmp_path: Path, decoder: DecoderPool) -> Studio:
    return make_studio(tmp_path / "home", decoder)


@pytest.fixture
def model(studio: Studio, tmp_path: Path) -> Model:
    return make_model(studio, tmp_path)


def make_model(studio: Studio, tmp_path: Path) -> Model:
    dataset = imported(studio, folder_of(tmp_path / "p", {"=hat": 3, "coat": 3}), "p")
    measured = (0.936, (0.90, 0.97), "cross-validation", 120)
    labels = ["=hat", "coat"]
    return studio.store.models.put(dataset.id, ModelKind.INSTANT, "efficientnet-lite0", labels, *measured, "x", {})


def packed(pictures: Sequence[tuple[int, str, bytes]]) -> bytes:
    head = json.dumps([{"place": at, "path": path, "size": len(content)} for at, path, content in pictures]).encode()
    return struct.pack("<I", len(head)) + head + b"".join(content for *_, content in pictures)


def pictures(greens: Sequence[int]) -> list[tuple[int, str, bytes]]:
    return [(at, f"a/{green}.png", png((200, green, 30), seed=1000 + at)) for at, green in enumerate(greens)]


def answered(studio: Studio, model: Model, greens: Sequence[int]) -> int:
    """A batch of pictures of these greens, all answered."""
    batch = batches.begin(studio, model.id, "shoes", len(greens))
    batches.receive(studio, batch.id, packed(pictures(greens)))
    answering = Answering(studio, Looker(studio))
    while answering.step():
        pass
    return batch.id


# ---- arriving ----


def test_pictures_may_come_in_parts_and_twice_and_are_counted_once(studio: Studio, model: Model) -> None:
    batch = batches.begin(studio, model.id, "shoes", 4)
    found = pictures([1, 2, 3, 4])
    batches.receive(studio, batch.id, packed(found[:2]))
    assert batches.receive(studio, batch.id, packed(found[1:3])).received == 3
    assert studio.store.batches.missing(batch.id) == [3]
    assert not batches.get(studio, batch.id).over


def test_what_comes_together_is_made_durable_together_and_before_its_rows(
    studio: Studio, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[list[str]] = []
    whole = LocalFiles.sync

    def noted(files: LocalFiles, paths: Collection[str]) -> None:
        assert studio.store.batches.get(batch.id).received == 0
        synced.append(sorted(paths))
        whole(files, paths)

    monkeypatch.setattr(LocalFiles, "sync", noted)
    batch = batches.begin(studio, model.id, "shoes", 30)
    found = pictures(range(30))
    batches.receive(studio, batch.id, packed(found))
    assert synced == [sorted(str(studio.files.picture(hashlib.sha256(content).hexdigest())) for *_, content in found)]


def test_half_a_file_that_a_lost_power_left_is_not_believed(studio: Studio, model: Model) -> None:
    batch = batches.begin(studio, model.id, "shoes", 2)
    found = pictures([7, 8])
    places = [studio.files.picture(hashlib.sha256(content).hexdigest()) for *_, content in found]
    for place, half in zip(places, (b"", bytes(len(found[1][2]))), strict=True):
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(half)
    batches.receive(studio, batch.id, packed(found))
    assert [place.read_bytes() for place in places] == [content for *_, content in found]


@pytest.mark.parametrize(
    "body",
    [b"", b"\x01", struct.pack("<I", 1 << 31), struct.pack("<I", 2) + b"{}", packed([(9, "a", b"x")])]
    + [packed([(-1, "a", b"x")]), packed([(0, "a", b"x")]) + b"y", packed([(0, "a", b"xy")])[:-1]],
)
def test_what_is_not_what_it_says_is_refused_whole(studio: Studio, model: Model, body: bytes) -> None:
    batch = batches.begin(studio, model.id, "shoes", 4)
    with pytest.raises(Refused):
        batches.receive(studio, batch.id, body)
    assert batches.get(studio, batch.id).received == 0


def test_a_batch_has_a_model_and_an_end(studio: Studio, model: Model) -> None:
    with pytest.raises(NotFound):
        batches.begin(studio, 99, "shoes", 4)
    for expected in (0, batches.MOST + 1):
        with pytest.raises(Refused):
            batches.begin(studio, model.id, "shoes", expected)


# ---- being answered ----


def test_every_picture_is_answered_and_what_is_none_is_refused_by_name(studio: Studio, model: Model) -> None:
    batch = batches.begin(studio, model.id, "shoes", 42)
    found = pictures(range(40))
    batches.receive(studio, batch.id, packed([*found, (40, "letter.png", b"Dear all"), (41, "empty.png", b"")]))
    answering = Answering(studio, Looker(studio))
    while answering.step():
        pass
    done = batches.get(studio, batch.id)
    assert (done.answered, done.refused, done.over, done.waiting) == (40, 2, True, 0)
    assert [one.name for one in batches.refused(studio, batch.id)] == ["letter.png", "empty.png"]
    assert all(one.reason and one.reason.endswith(".") for one in batches.refused(studio, batch.id))
    kept = studio.store.predictions.page(model.dataset_id, Asked(batch_id=batch.id, order="arrival"), 0, 100)
    assert [one.name for one in kept] == [f"{green}.png" for green in range(40)]
    assert (kept[0].width, kept[0].height, kept[0].format, kept[0].label) == (8, 8, "PNG", "=hat")


def test_a_batch_goes_on_where_the_predictor_died(studio: Studio, model: Model) -> None:
    batch = batches.begin(studio, model.id, "shoes", 50)
    batches.receive(studio, batch.id, packed(pictures(range(50))))
    dying = Looker(studio)
    dying.dies_after = 40
    answering = Answering(studio, dying)
    with pytest.raises(MemoryError):
        while answering.step():
            pass
    half = batches.get(studio, batch.id)
    assert 0 < half.answered < 50
    again = Answering(studio, Looker(studio))
    while again.step():
        pass
    assert batches.get(studio, batch.id).answered == 50
    assert studio.store.predictions.count(model.dataset_id, Asked(batch_id=batch.id)) == 50


def test_a_stopped_batch_keeps_its_answers_and_asks_no_more(studio: Studio, model: Model) -> None:
    batch = batches.begin(studio, model.id, "shoes", 50)
    batches.receive(studio, batch.id, packed(pictures(range(50))))
    answering = Answering(studio, Looker(studio))
    answering.step()
    done = batches.cancel(studio, batch.id)
    assert done.over and done.waiting == 0 and done.answered > 0
    assert not answering.step()
    with pytest.raises(Refused):
        batches.receive(studio, batch.id, packed(pictures([1])))


def files_left(studio: Studio) -> set[str]:
    """The pictures on the disk after a sweep, when their last use is long ago."""
    for path in studio.files.pictures.rglob("*"):
        os.utime(path, (0, 0))
    trash.sweep(studio)
    return {path.name for path in studio.files.pictures.rglob("*") if path.is_file()}


def test_what_a_stopped_batch_had_brought_and_what_was_refused_leaves_the_disk(studio: Studio, model: Model) -> None:
    kept = {one.sha256 for one in studio.store.images.page(model.dataset_id, Where(), 0, 99)}
    batch = batches.begin(studio, model.id, "shoes", 90)
    found = [(0, "letter.png", b"Dear all"), *[(at + 1, name, content) for at, name, content in pictures(range(70))]]
    batches.receive(studio, batch.id, packed(found))
    answering = Answering(studio, Looker(studio))
    answering.step()
    assert len(files_left(studio)) == len(kept) + 70, "what waits is kept, the letter is not"
    batches.cancel(studio, batch.id)
    answered = {one.sha256 for one in studio.store.predictions.page(model.dataset_id, Asked(), 0, 99)}
    assert 0 < len(answered) < 70
    late = studio.store.batches.receive(batch.id, [(80, "late.png", "0" * 64)])
    assert late.cancelled and studio.store.batches.due(5) == [], "sent before the stop was known"
    assert files_left(studio) == kept | answered


# ---- being looked through ----


def test_the_most_worth_labelling_are_the_unsure_ones_no_two_alike(studio: Studio, model: Model) -> None:
    batch = answered(studio, model, [126, 126, 126, 5, 250, 131])
    found = batches.table(studio, model.dataset_id, Asked(batch_id=batch), "worth", 0, 10)
    assert {found.rows[0].name, found.rows[1].name} == {"126.png", "131.png"}, "not 126 twice"
    assert found.total == 6 and len(found.rows) == 6
    assert dict(found.labels) == {"=hat": 4, "coat": 2}


def test_filters_and_orders_hold(studio: Studio, model: Model) -> None:
    answered(studio, model, [126, 5, 250, 131])
    page = studio.store.predictions.page
    assert [one.name for one in page(model.dataset_id, Asked(order="sure"), 0, 9)][:2] == ["5.png", "250.png"]
    assert [one.name for one in page(model.dataset_id, Asked(label="coat", order="name"), 0, 9)] == [
        "131.png",
        "250.png",
    ]
    sure = Asked(least=0.9)
    assert {one.name for one in page(model.dataset_id, sure, 0, 9)} == {"5.png", "250.png"}
    assert studio.store.predictions.count(model.dataset_id, sure) == 2
    assert page(model.dataset_id, Asked(verdict=Verdict.UNLIKE), 0, 9) == []


# ---- being taken away ----


def test_the_zip_is_sorted_into_folders_and_its_table_is_harmless(studio: Studio, model: Model) -> None:
    batch = answered(studio, model, [126, 126, 250])
    content = b"".join(batches.zip_pieces(studio, model.dataset_id, Asked(batch_id=batch)))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert sorted(archive.namelist()) == ["=hat/126 (2).png", "=hat/126.png", "coat/250.png", "predictions.csv"]
        rows = list(csv.DictReader(io.StringIO(archive.read("predictions.csv").decode())))
    assert [(row["file"], row["label"]) for row in rows][:2] == [("250.png", "coat"), ("126.png", "'=hat")]


# ---- becoming data ----


def test_confirmed_answers_become_images_in_one_step_and_undo_takes_it_back(studio: Studio, model: Model) -> None:
    batch = answered(studio, model, [126, 5, 250])
    found = studio.store.predictions.page(model.dataset_id, Asked(batch_id=batch, order="arrival"), 0, 9)
    revision = studio.store.datasets.get(model.dataset_id).labels_revision
    labels = {found[0].id: "=hat", found[1].id: "new one", found[2].id: "coat"}
    done = corrections.file(studio, model.dataset_id, labels)
    assert (done.images, done.left, len(done.actions)) == (3, 0, 1)
    assert studio.store.images.count(model.dataset_id, Where()) == 9
    assert studio.store.datasets.get(model.dataset_id).labels_revision > revision, "the instant model learns them"
    filed = studio.store.predictions.page(model.dataset_id, Asked(filed=True, order="arrival"), 0, 9)
    assert [one.corrected_label for one in filed] == ["=hat", "new one", "coat"]
    for action in done.actions:
        datasets.undo(studio, action)
    assert studio.store.images.count(model.dataset_id, Where()) == 6
    assert studio.store.predictions.count(model.dataset_id, Asked(filed=True)) == 0
    again = corrections.file(studio, model.dataset_id, labels)
    assert again.images == 3 and studio.store.images.count(model.dataset_id, Where()) == 9


def test_a_picture_that_is_in_the_dataset_already_is_relabelled(studio: Studio, model: Model) -> None:
    image = studio.store.images.page(model.dataset_id, Where(order="oldest"), 0, 1)[0]
    batch = batches.begin(studio, model.id, "shoes", 2)
    known = studio.files.picture(image.sha256).read_bytes()
    batches.receive(studio, batch.id, packed([(0, "again.png", known), *[(1, *pictures([9])[0][1:])]]))
    answering = Answering(studio, Looker(studio))
    while answering.step():
        pass
    found = studio.store.predictions.page(model.dataset_id, Asked(batch_id=batch.id), 0, 9)
    done = corrections.file(studio, model.dataset_id, {one.id: "dog" for one in found})
    assert (done.images, len(done.actions)) == (2, 2)
    assert studio.store.images.get(image.id).label == "dog"
    for action in done.actions:
        datasets.undo(studio, action)
    assert studio.store.images.get(image.id).label == image.label


def test_a_single_prediction_can_be_confirmed_beside_those_of_a_batch(studio: Studio, model: Model) -> None:
    said = [Ranked("coat", 0.9), Ranked("=hat", 0.1)]
    content = png(seed=777)
    sha256 = hashlib.sha256(content).hexdigest()
    predictions.keep_pictures(studio, {sha256: content})
    one = studio.store.predictions.add(model.dataset_id, model.id, sha256, "one.png", said, 5.0)
    gone = studio.store.predictions.add(model.dataset_id, model.id, "0" * 64, "gone.png", said, 5.0)
    done = corrections.file(studio, model.dataset_id, {one.id: "coat", gone.id: "coat"})
    assert (done.images, done.left) == (1, 1)


def test_the_picture_of_a_batch_is_not_swept_away(studio: Studio, model: Model) -> None:
    batch = batches.begin(studio, model.id, "shoes", 1)
    batches.receive(studio, batch.id, packed(pictures([7])))
    [item] = studio.store.batches.due(5)
    assert studio.store.images.known(item.sha256)


def test_a_sketch_keeps_what_is_alike_together() -> None:
    drawn = np.random.default_rng(3)
    a, b = drawn.standard_normal((2, 1280)).astype(np.float32)
    near = a + 0.1 * b
    one, two, three = useful.sketched([useful.sketch(a), useful.sketch(near), useful.sketch(b)])
    assert one @ two > 0.8 > 0.6 > abs(one @ three)
    assert useful.sketched([None, useful.sketch(a)]).shape == (2, useful.SKETCH)

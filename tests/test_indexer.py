"""The indexer: what arrives gets its vector, what is labelled gets its model, and no kill loses any of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core import evaluation, uploads
from core.imaging.pool import DecoderPool
from core.index.fitting import sweep
from core.indexer import Indexer, Rate
from core.records import Dataset, ItemState, Model, Split, UploadItem, UploadState
from core.settings import Settings
from core.stores import Change, Where
from core.studio import Studio
from core.uploads.staging import staged
from tests.worlds import folder_of, imported, make_studio, png, shared_set

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(
    not Settings(Path()).backbone_path.exists(), reason="build/backbone.onnx is missing; run `make setup`"
)


def work(studio: Studio, indexer: Indexer | None = None) -> Indexer:
    """Rounds until nothing is left to do."""
    indexer = indexer or Indexer(studio)
    until(lambda: not indexer.tick() and not studio.store.datasets.stale() and not studio.store.vectors.todo_count())
    return indexer


def until(true: Callable[[], object], within_s: float = 120.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def filled(studio: Studio, tmp_path: Path, labels: dict[str, int]) -> Dataset:
    return imported(studio, folder_of(tmp_path / "pictures", labels), "pictures")


def the_model(studio: Studio, dataset: Dataset) -> Model:
    [model] = studio.store.models.all(dataset.id)
    return model


def test_an_upload_becomes_vectors_and_a_model_by_itself(studio: Studio, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "pets", {"cat": 6, "dog": 6})
    upload = uploads.begin(studio, None, "pets", add_when_ready=True)
    for path in sorted(folder.glob("*/*")):
        name = f"pets/{path.parent.name}/{path.name}"
        staged(studio, upload.id, name).write_bytes(path.read_bytes())
        item = UploadItem(upload.id, name, ItemState.RECEIVED, path.stat().st_size)
        studio.store.uploads.receive(upload.id, [item])
    uploads.finish(studio, upload.id)
    indexer = Indexer(studio)
    until(lambda: not indexer.tick() and studio.store.datasets.find("pets") and not studio.store.datasets.stale())
    assert studio.store.uploads.get(upload.id).state is UploadState.ADDED
    dataset = studio.store.datasets.find("pets")
    assert dataset is not None
    model = the_model(studio, dataset)
    assert set(model.labels) == {"cat", "dog"}
    assert (model.measured_on, model.measured_n) == ("cross-validation", 12)
    assert model.interval[0] <= model.accuracy <= model.interval[1]
    images = studio.store.images.page(dataset.id, Where(), 0, 20)
    assert all(studio.files.thumb(image.sha256).exists() for image in images)
    facts = studio.store.facts.get([image.sha256 for image in images])
    assert len(facts) == 12 and all(len(one.mini) == 256 for one in facts.values()), "measured with its vector"


def test_what_was_measured_can_be_looked_at_picture_by_picture(studio: Studio, tmp_path: Path) -> None:
    dataset = filled(studio, tmp_path, {"cat": 8, "dog": 5})
    work(studio)
    model = the_model(studio, dataset)
    held = evaluation.held_out(studio, model)
    images = {image.id: image for image in studio.store.images.page(dataset.id, Where(), 0, 100)}
    assert sorted(held.image_ids) == sorted(images)
    assert [model.labels[target] for target in held.targets] == [images[int(one)].label for one in held.image_ids]
    assert evaluation.score(studio, model).accuracy == model.accuracy


def test_a_correction_is_learned_in_a_new_folder(studio: Studio, tmp_path: Path) -> None:
    dataset = filled(studio, tmp_path, {"cat": 4, "dog": 4})
    indexer = work(studio)
    before = the_model(studio, dataset)
    [image] = studio.store.images.page(dataset.id, Where(), 0, 1)
    studio.store.images.change(dataset.id, "relabel", "One", [Change(image.id, label="bird")], "ann")
    work(studio, indexer)
    after = the_model(studio, dataset)
    assert after.id == before.id and after.folder != before.folder
    assert "bird" in after.labels
    assert "too few" in " ".join(after.summary["notes"])
    assert studio.files.model(before.folder).is_dir(), "somebody may still download it"


def test_one_label_gives_no_model_and_no_endless_work(studio: Studio, tmp_path: Path) -> None:
    filled(studio, tmp_path, {"cat": 3})
    indexer = work(studio)
    assert studio.store.models.all() == []
    assert not indexer.tick() and not indexer.pending


def test_one_picture_a_label_gives_no_model_because_nothing_can_be_measured(studio: Studio, tmp_path: Path) -> None:
    filled(studio, tmp_path, {"cat": 1, "dog": 1})
    work(studio)
    assert studio.store.models.all() == []


def test_pictures_for_testing_are_scored_but_never_learned_from(studio: Studio, tmp_path: Path) -> None:
    dataset = filled(studio, tmp_path, {"cat": 6, "dog": 6})
    chosen = studio.store.images.page(dataset.id, Where(order="oldest"), 0, 12)[::3]
    changes = [Change(image.id, split=Split.TEST) for image in chosen]
    studio.store.images.change(dataset.id, "split", "Set aside", changes, "ann")
    work(studio)
    model = the_model(studio, dataset)
    held = evaluation.held_out(studio, model)
    assert not {int(one) for one in held.image_ids} & {image.id for image in chosen}
    assert model.measured_n == 8
    assert model.summary["test"]["images"] == 4


def test_what_the_check_left_of_a_large_picture_gives_the_vector_that_decoding_it_again_gives(
    studio: Studio, tmp_path: Path
) -> None:
    for label, number in (("cat", 1), ("dog", 2)):
        (tmp_path / "large" / label).mkdir(parents=True)
        (tmp_path / "large" / label / "1.png").write_bytes(png((number * 90, 40, 10), side=1500, seed=number))
    dataset = imported(studio, tmp_path / "large", "large")
    first, second = studio.store.images.page(dataset.id, Where(order="oldest"), 0, 2)
    left = {image.sha256: studio.files.spool(image.sha256).read_bytes() for image in (first, second)}
    studio.files.spool(first.sha256).unlink()
    work(studio)
    assert not list((studio.files.root / "spool").glob("*/*")), "decoded pictures wait only until they have a vector"
    rows = studio.store.vectors.rows(list(left))
    backbone = Indexer(studio)._backbone()
    assert backbone is not None
    pixels = np.stack([np.frombuffer(one, np.uint8).reshape(224, 224, 3) for one in left.values()])
    np.testing.assert_allclose(studio.vectors.read([rows[sha] for sha in left]), backbone.vectors(pixels), atol=1e-4)


def test_a_picture_that_cannot_be_read_any_more_holds_nothing_up(studio: Studio, tmp_path: Path) -> None:
    dataset = filled(studio, tmp_path, {"cat": 3, "dog": 3})
    [image] = studio.store.images.page(dataset.id, Where(), 0, 1)
    studio.files.picture(image.sha256).write_bytes(b"damaged")
    work(studio)
    assert the_model(studio, dataset).summary["missing"] == 1


def test_without_the_backbone_it_says_what_to_do_and_goes_on_checking(tmp_path: Path, decoder: DecoderPool) -> None:
    studio = make_studio(tmp_path / "home", decoder, environment={"backbone": str(tmp_path / "none.onnx")})
    filled(studio, tmp_path, {"cat": 2, "dog": 2})
    indexer = Indexer(studio)
    for _ in range(3):
        assert not indexer.tick()
    assert "make setup" in studio.store.services.all()["indexer"].detail["problem"]


def test_folders_that_no_model_names_are_swept_after_their_grace(studio: Studio, tmp_path: Path) -> None:
    dataset = filled(studio, tmp_path, {"cat": 2, "dog": 2})
    work(studio)
    model = the_model(studio, dataset)
    for name in ("instant-9-9-abcdef", ".instant-9-9-abcdef.0.part"):  # fits that were killed
        (studio.files.model(model.folder).parent / name).mkdir()
    (studio.files.model("trained-1")).mkdir()
    sweep(studio)
    assert studio.files.model("instant-9-9-abcdef").exists()
    sweep(studio, grace_s=-1)
    left = {path.name for path in studio.files.model("x").parent.iterdir()}
    assert left == {model.folder, "trained-1"}


def test_the_rate_is_that_of_the_last_moments_of_work() -> None:
    times = iter([1.0, 2.0, 3.0, 100.0])
    rate = Rate(lambda: next(times))
    assert rate.per_second() == 0
    for _ in range(3):
        rate.count(50)
    assert rate.per_second() == 50
    rate.count(50)
    assert rate.per_second() == 0, "what was long ago says nothing about the next batch"


# ---- the process ----


def start(studio: Studio) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "DARKROOM_HOME": str(studio.settings.home), "DARKROOM_DISK_RESERVE_BYTES": "1"}
    return subprocess.Popen([sys.executable, "-m", "core.indexer"], cwd=ROOT, env=environment)


def test_kill_9_in_the_middle_loses_nothing(studio: Studio, tmp_path: Path) -> None:
    labels = {"cat": 100, "dog": 100}
    dataset = filled(studio, tmp_path, labels)
    everything = sum(labels.values())
    for wanted in (1, 70, 140):  # killed once for each of these, in the batch after so many vectors
        process = start(studio)
        until(lambda wanted=wanted: studio.store.vectors.next_row() >= wanted)  # type: ignore[misc]
        process.send_signal(signal.SIGKILL)
        process.wait()
    process = start(studio)
    try:
        until(lambda: not studio.store.datasets.stale())
    finally:
        process.terminate()
        assert process.wait(30) == 0
    assert studio.store.vectors.todo_count() == 0
    shas = [image.sha256 for image in studio.store.images.page(dataset.id, Where(), 0, 500)]
    rows = studio.store.vectors.rows(shas)
    assert len(set(rows.values())) == everything
    assert np.isfinite(studio.vectors.read(list(rows.values()))).all()
    assert the_model(studio, dataset).measured_n == everything


def test_pictures_that_were_in_hand_when_it_was_killed_are_given_again_for_ever(studio: Studio, tmp_path: Path) -> None:
    filled(studio, tmp_path, {"cat": 3, "dog": 3})
    for _ in range(5):  # killed five times, each time with all pictures in hand
        Indexer(studio)
        assert len(studio.store.vectors.todo(64)) == 6


def test_a_second_indexer_leaves(studio: Studio) -> None:
    first = start(studio)
    until(lambda: "indexer" in studio.store.services.all())
    second = start(studio)
    assert second.wait(60) == 0
    assert first.poll() is None
    first.terminate()
    assert first.wait(30) == 0


def test_real_pictures_are_told_apart_after_nothing_but_being_added(studio: Studio, tmp_path: Path) -> None:
    folder = shared_set("demo_clothes4", tmp_path)
    for path in folder.glob("*/*"):
        if int(path.stem.rpartition("_")[2]) > 15:
            path.unlink()
    dataset = imported(studio, folder, "clothes")
    work(studio)
    assert the_model(studio, dataset).accuracy > 0.8


def test_the_pulse_moves_with_every_write_and_rests_without(studio: Studio) -> None:
    first = studio.store.services.pulse()
    assert studio.store.services.pulse() == first
    make_studio(studio.settings.home, studio.decoder).store.services.alive("web")
    assert studio.store.services.pulse() != first


def test_the_model_that_somebody_waits_for_comes_before_the_thumbnails(studio: Studio, tmp_path: Path) -> None:
    dataset = filled(studio, tmp_path, {"cat": 4, "dog": 4})
    shas = [image.sha256 for image in studio.store.images.page(dataset.id, Where(), 0, 8)]
    indexer = Indexer(studio)
    until(lambda: indexer.tick() and not studio.store.datasets.stale())
    assert the_model(studio, dataset).measured_n == 8
    assert not any(studio.files.thumb(sha).exists() for sha in shas)
    work(studio, indexer)
    assert all(studio.files.thumb(sha).exists() for sha in shas)
    assert not indexer.pending
    assert set(studio.store.facts.get(shas)) == set(shas)

"""Uploads as the web and the command line do them, with the real picture gate."""

from __future__ import annotations

import csv
import json
import re
import struct
import time
import zipfile
from pathlib import Path

import pytest

from core import datasets, uploads
from core.errors import Conflict, DiskFull, NotFound, Refused
from core.records import ItemState, Split, UploadState
from core.settings import Settings
from core.storage import LocalFiles
from core.studio import Studio, Where
from core.uploads.staging import staged
from tests.worlds import CORPUS, folder_of, imported, png


def batch(*files: tuple[str, bytes]) -> bytes:
    header = json.dumps([{"path": path, "size": len(data)} for path, data in files]).encode()
    return struct.pack("<I", len(header)) + header + b"".join(data for _, data in files)


def send(studio: Studio, upload_id: str, *files: tuple[str, bytes], piece: int = 1000) -> int:
    receiver = uploads.Receiver(studio, upload_id)
    body = batch(*files)
    for start in range(0, len(body), piece):
        receiver.feed(body[start : start + piece])
    return receiver.finish()


def pets(n: int = 3) -> list[tuple[str, bytes]]:
    return [
        (f"pets/{label}/{i}.png", png(seed=i + 100 * (label == "dog"))) for label in ("cat", "dog") for i in range(n)
    ]


@pytest.mark.parametrize("piece", [1, 7, 1000, 1 << 20])
def test_a_batch_arrives_whole_however_the_wire_cuts_it(studio: Studio, piece: int) -> None:
    upload = uploads.begin(studio, None, "pets")
    files = [*pets(), ("pets/cat/empty.png", b"")]
    assert send(studio, upload.id, *files, piece=piece) == 7
    for path, data in files:
        assert staged(studio, upload.id, path).read_bytes() == data


def test_a_batch_sent_again_counts_once(studio: Studio) -> None:
    upload = uploads.begin(studio, None, "pets")
    assert send(studio, upload.id, *pets()) == send(studio, upload.id, *pets()) == 6


@pytest.mark.parametrize(
    "body", [b"", b"\1", struct.pack("<I", 1 << 30), struct.pack("<I", 3) + b"[1]", batch(("a", b"xyz"))[:-1]]
)
def test_a_batch_that_is_not_what_it_says_is_refused_and_nothing_is_acknowledged(studio: Studio, body: bytes) -> None:
    upload = uploads.begin(studio, None, "pets")
    receiver = uploads.Receiver(studio, upload.id)
    with pytest.raises(Refused):
        receiver.feed(body)
        receiver.finish()
    assert uploads.get(studio, upload.id).received == 0


def test_an_upload_becomes_a_dataset_with_labels_from_its_folders(studio: Studio) -> None:
    upload = uploads.begin(studio, None, "pets")
    send(
        studio,
        upload.id,
        *pets(),
        ("pets/readme.txt", b"hello"),
        ("pets/cat/bad.png", b"not a picture"),
        ("pets/.DS_Store", b"x"),
    )
    uploads.finish(studio, upload.id)
    assert uploads.check(studio, upload.id) == 9
    told = uploads.understood(studio, upload.id)
    assert (told.sentence, told.labels, told.can_add) == (
        "2 labels, 6 pictures, 1 file left out",
        {"cat": 3, "dog": 3},
        True,
    )
    assert [(item.path, item.state) for item in told.problems] == [("pets/cat/bad.png", ItemState.REFUSED)]
    dataset_id, added = uploads.add(studio, upload.id)
    assert added == 6
    assert uploads.add(studio, upload.id) == (dataset_id, 0), "a second click adds nothing"
    images = studio.store.images.page(dataset_id, Where(), 0, 9)
    assert all(studio.files.picture(i.sha256).exists() for i in images)
    assert not studio.files.upload(upload.id).exists()


def test_the_same_picture_twice_is_kept_once_and_named(studio: Studio) -> None:
    upload = uploads.begin(studio, None, "pets")
    send(studio, upload.id, ("cat/1.png", png()), ("dog/2.png", png()), ("dog/3.png", png(seed=3)))
    uploads.finish(studio, upload.id)
    uploads.check(studio, upload.id)
    told = uploads.understood(studio, upload.id)
    assert told.counts[ItemState.ACCEPTED] == 2
    (twin,) = told.problems
    assert (twin.path, twin.reason) == ("dog/2.png", "The same picture is there already, as cat/1.png.")


def test_importing_again_adds_nothing(studio: Studio, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "pets", {"cat": 3, "dog": 4})
    first = uploads.import_path(studio, folder, "pets")
    again = uploads.import_path(studio, folder, "pets")
    assert (first.accepted, first.duplicates, first.labels) == (7, 0, {"cat": 3, "dog": 4})
    assert again.dataset is not None
    assert (again.accepted, again.duplicates, again.dataset.images) == (0, 7, 7)
    assert not list((studio.files.root / "uploads").iterdir())


def test_an_upload_killed_between_keeping_and_saying_so_loses_nothing(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = uploads.begin(studio, None, "pets")
    send(studio, upload.id, *pets())
    uploads.finish(studio, upload.id)
    store = studio.store.uploads
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(type(store), "settle", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        uploads.check(studio, upload.id)
    uploads.check(studio, upload.id)
    assert uploads.understood(studio, upload.id).counts[ItemState.ACCEPTED] == 6


def test_a_cancelled_upload_leaves_no_file(studio: Studio) -> None:
    upload = uploads.begin(studio, None, "pets")
    send(studio, upload.id, *pets())
    uploads.cancel(studio, upload.id)
    uploads.cancel(studio, upload.id)
    assert not studio.files.upload(upload.id).exists()
    with pytest.raises(Conflict):
        uploads.Receiver(studio, upload.id)


def test_a_zip_goes_on_where_it_was_cut(studio: Studio, tmp_path: Path) -> None:
    packed = tmp_path / "pets.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path, data in pets():
            archive.writestr(path, data)
    body = packed.read_bytes()
    upload = uploads.begin(studio, None, "pets")
    assert uploads.append_archive(studio, upload.id, "pets.zip", 0, body[:500]) == 500
    with pytest.raises(Conflict, match="byte 500"):
        uploads.append_archive(studio, upload.id, "pets.zip", 900, body[900:])
    assert uploads.append_archive(studio, upload.id, "pets.zip", 400, body[400:]) == len(body)
    uploads.finish_archive(studio, upload.id, "pets.zip")
    uploads.finish(studio, upload.id)
    uploads.check(studio, upload.id)
    assert uploads.understood(studio, upload.id).labels == {"cat": 3, "dog": 3}


def test_an_upload_that_adds_itself_needs_nobody(studio: Studio) -> None:
    upload = uploads.begin(studio, None, "pets", add_when_ready=True)
    send(studio, upload.id, *pets())
    uploads.finish(studio, upload.id)
    uploads.check(studio, upload.id)
    assert uploads.get(studio, upload.id).state is UploadState.ADDED
    assert datasets.find(studio, "pets").images == 6


def test_splits_of_the_upload_are_kept(studio: Studio, tmp_path: Path) -> None:
    folder_of(tmp_path / "s" / "train", {"a": 2, "b": 2})
    folder_of(tmp_path / "s" / "test", {"a": 1, "b": 1}, start=50)
    dataset = imported(studio, tmp_path / "s", "s")
    assert studio.store.images.count(dataset.id, Where(split=Split.TEST)) == 2


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"only": 3}, "one label only"),
        ({"a": 3, "b": 1}, "one picture only"),
        ({"Cat": 2, "cat": 2}, "look like one label"),
    ],
)
def test_what_cannot_be_trained_on_is_said_before_adding(studio: Studio, labels: dict[str, int], words: str) -> None:
    upload = uploads.begin(studio, None, "d")
    files = [
        (f"d/{name}/{i}.png", png(seed=i + 100 * n))
        for n, (name, count) in enumerate(labels.items())
        for i in range(count)
    ]
    send(studio, upload.id, *files)
    uploads.finish(studio, upload.id)
    uploads.check(studio, upload.id)
    told = uploads.understood(studio, upload.id)
    assert told.can_add
    assert words in str(told.advice)


def test_an_empty_folder_and_one_of_texts_are_refused_with_what_to_do(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(Refused, match="it is empty"):
        uploads.import_path(studio, tmp_path / "empty", "d")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("hello")
    with pytest.raises(Refused, match="a.txt"):
        uploads.import_path(studio, tmp_path / "texts", "d")
    with pytest.raises(NotFound):
        uploads.import_path(studio, tmp_path / "nowhere", "d")
    assert datasets.all_of(studio) == []


def test_a_link_in_an_imported_folder_is_not_followed(studio: Studio, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "pets", {"cat": 2, "dog": 2})
    (tmp_path / "secret.png").write_bytes(png(seed=999))
    (folder / "cat" / "link.png").symlink_to(tmp_path / "secret.png")
    assert uploads.import_path(studio, folder, "pets").accepted == 4


def test_a_nearly_full_disk_is_said_before_anything_is_received(studio: Studio, tmp_path: Path) -> None:
    full = LocalFiles(tmp_path / "home", reserve_bytes=1 << 60)
    with pytest.raises(DiskFull, match="nearly full"):
        uploads.begin(
            Studio(
                studio.settings, studio.store, full, studio.decoder, studio.vectors, studio.predictor, studio.services
            ),
            None,
            "d",
        )


def test_one_upload_cannot_hold_more_than_the_limit(studio: Studio, tmp_path: Path) -> None:
    small = Settings(home=tmp_path / "home", upload_limit_bytes=1000)
    limited = Studio(
        small, studio.store, studio.files, studio.decoder, studio.vectors, studio.predictor, studio.services
    )
    upload = uploads.begin(limited, None, "d")
    with pytest.raises(Refused, match="larger"):
        uploads.append_archive(limited, upload.id, "a.zip", 0, b"x" * 1001)


# ---- the corpus of archives ----


def _rows() -> list[dict[str, str]]:
    manifest = CORPUS / "manifest.csv"
    if not manifest.exists():
        return []
    with manifest.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["class"].startswith("archive")]


needs_corpus = pytest.mark.skipif(
    not CORPUS.exists(), reason="needs the corpus of hostile files, outside the repository"
)


def _import(studio: Studio, row: dict[str, str]) -> uploads.Understood:
    upload = uploads.begin(studio, None, "archive")
    try:
        (staged(studio, upload.id, "a.zip")).write_bytes((CORPUS / row["path"]).read_bytes())
        uploads.finish_archive(studio, upload.id, "a.zip")
        uploads.finish(studio, upload.id)
        uploads.check(studio, upload.id)
        return uploads.understood(studio, upload.id)
    finally:
        uploads.cancel(studio, upload.id)


@needs_corpus
@pytest.mark.parametrize(
    "row", [r for r in _rows() if r["expected"] in ("accept", "partial")], ids=lambda r: Path(r["path"]).name
)
def test_a_healthy_zip_gives_exactly_its_labels(studio: Studio, row: dict[str, str]) -> None:
    told = _import(studio, row)
    assert told.labels == json.loads(row["classes"])
    if row["expected"] == "partial":
        assert told.counts[ItemState.REFUSED] == int(row["refused_items"])
    if row["class"] == "archive-good":
        assert told.counts[ItemState.IGNORED] - 1 == int(row["ignored"])  # the zip itself is counted as one


@needs_corpus
@pytest.mark.parametrize("row", [r for r in _rows() if r["expected"] == "refuse"], ids=lambda r: Path(r["path"]).name)
def test_a_hopeless_archive_is_refused_in_a_sentence(studio: Studio, row: dict[str, str]) -> None:
    told = _import(studio, row)
    assert told.counts[ItemState.ACCEPTED] == 0
    assert not told.can_add
    reasons = [item.reason for item in told.problems] + [told.advice]
    assert all(reason and reason.endswith((".", "?")) and "Error" not in reason for reason in reasons)


CANARY = "e48f77b5af85eaa3548cbc2880e9f0a492da84abc2809614006ca1be4a5dd89f"


@needs_corpus
@pytest.mark.parametrize("row", [r for r in _rows() if r["expected"] == "contain"], ids=lambda r: Path(r["path"]).name)
def test_a_hostile_archive_writes_nothing_outside_and_ends_soon(
    studio: Studio, row: dict[str, str], tmp_path: Path
) -> None:
    began_s = time.process_time()
    before = {p for p in tmp_path.rglob("*") if not p.is_relative_to(studio.files.root)}
    told = _import(studio, row)
    assert {p for p in tmp_path.rglob("*") if not p.is_relative_to(studio.files.root)} == before
    assert time.process_time() - began_s < 10, "the archive kept this process busy"
    for name in told.labels:
        assert not re.search(r"[\x00-\x1f\u202a-\u202e\u2066-\u2069]", name)

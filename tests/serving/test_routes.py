"""Every route of ours: what it answers, and what it says to nonsense."""

from __future__ import annotations

import gzip
import io
import json
import struct
import time
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core import errands, uploads, versions
from core.records import FindingKind, Found, Frame, Metric, Run, RunState, Split, TrainingSpec, VersionImage
from core.serving import runs as serving_runs
from core.serving.gate import gate
from core.serving.headers import ALWAYS
from core.serving.routes import TABLE, routes
from core.stores import Where
from core.studio import Studio
from tests.serving.world import WEBP, FakeDecoder, client, open_world, with_images, with_model
from tests.worlds import NoServices

SCRIPT = b"export const a = 1;\n" * 100


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return open_world(tmp_path / "home")


@pytest.fixture
def web(studio: Studio, tmp_path: Path) -> TestClient:
    return web_of(studio, tmp_path)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """Of a studio that holds nothing, for the tests that change nothing."""
    folder = tmp_path_factory.mktemp("empty")
    return web_of(open_world(folder / "home"), folder)


def web_of(studio: Studio, tmp_path: Path) -> TestClient:
    (tmp_path / "a.js").write_bytes(SCRIPT)
    (tmp_path / "secret.txt").write_text("secret")
    files = {"a.js": tmp_path / "a.js"}
    return client(Starlette(routes=routes(studio, files), middleware=[gate(studio.settings, "default-src 'self'")]))


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def packed(*files: tuple[str, bytes]) -> bytes:
    head = json.dumps([{"path": path, "size": len(content)} for path, content in files]).encode()
    return struct.pack("<I", len(head)) + head + b"".join(content for _, content in files)


# ---- uploads -----------------------------------------------------------------------------------------


def test_a_folder_becomes_a_dataset(web: TestClient, studio: Studio) -> None:
    upload = web.post("/api/uploads", json={"dataset_id": None, "name": "pets"}).json()["id"]
    batch = packed(("cat/1.jpg", b"picture 1"), ("dog/1.jpg", b"picture 2"), ("dog/bad.jpg", b"nonsense"))
    assert web.post(f"/api/uploads/{upload}/batch", content=batch).json() == {"received": 3}
    assert web.post(f"/api/uploads/{upload}/finish").status_code == 200
    assert web.get(f"/api/uploads/{upload}").json()["state"] == "checking"
    uploads.check(studio, upload)  # what the indexer does
    found = web.get(f"/api/uploads/{upload}").json()
    assert found["can_add"] and found["labels"] == {"cat": 1, "dog": 1}
    assert (found["accepted"], found["refused"]) == (2, 1)
    assert found["problems"] == [{"path": "dog/bad.jpg", "reason": "This is not a picture."}]
    for _ in range(2):  # a click that comes twice
        answer = web.post(f"/api/uploads/{upload}/add", json={"labels": {"cat": "kitten"}})
        assert answer.json() == {"state": "adding"}
    uploads.check(studio, upload)
    added = web.get(f"/api/uploads/{upload}").json()
    assert (added["state"], added["added"]) == ("added", 2)
    assert studio.store.images.count(added["dataset_id"], Where()) == 2
    assert [label.name for label in studio.store.datasets.labels(added["dataset_id"])] == ["dog", "kitten"]


def test_the_server_says_which_files_are_still_to_be_sent(web: TestClient) -> None:
    upload = web.post("/api/uploads", json={"name": "pets"}).json()["id"]
    web.post(f"/api/uploads/{upload}/batch", content=packed(("cat/1.jpg", b"picture 1")))
    files = [["cat/1.jpg", 9], ["cat/1.jpg", 8], ["cat/2.jpg", 9]]
    assert web.post(f"/api/uploads/{upload}/missing", json={"files": files}).json() == {"missing": [1, 2]}
    for wrong in (None, [["a"]], [["a", "b"]], [["a", 1]] * 1001):
        assert web.post(f"/api/uploads/{upload}/missing", json={"files": wrong}).status_code == 400


def test_a_batch_may_come_in_drops_and_is_written_piece_by_piece(web: TestClient, studio: Studio) -> None:
    upload = web.post("/api/uploads", json={"name": "pets"}).json()["id"]
    content = b"picture" + bytes(3 << 20)
    batch = packed(("cat/1.jpg", content), ("cat/empty.jpg", b""))
    drops = (batch[at : at + 100_003] for at in range(0, len(batch), 100_003))
    assert web.post(f"/api/uploads/{upload}/batch", content=drops).json() == {"received": 2}
    sizes = sorted(path.stat().st_size for path in studio.files.upload(upload).iterdir())
    assert sizes == [0, len(content)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x01",
        struct.pack("<I", 1 << 30),
        struct.pack("<I", 2) + b"{}",
        packed(("a.jpg", b"12345"))[:-1],
        packed() + b"x",
    ],
)
def test_a_batch_that_is_not_what_it_says_is_refused(web: TestClient, studio: Studio, body: bytes) -> None:
    upload = web.post("/api/uploads", json={"name": "pets"}).json()["id"]
    answer = web.post(f"/api/uploads/{upload}/batch", content=body)
    assert answer.status_code == 422 and answer.json()["error"].endswith(".")
    assert web.get(f"/api/uploads/{upload}").json()["received"] == 0


def test_a_body_over_the_limit_is_refused_before_and_while_it_is_read(tmp_path: Path) -> None:
    web = web_of(open_world(tmp_path / "home", upload_limit_bytes=1 << 20, picture_limit_bytes=1 << 20), tmp_path)
    upload = web.post("/api/uploads", json={"name": "pets"}).json()["id"]
    said = packed(("a.jpg", bytes(2 << 20)))
    unsaid = (said[at : at + 65536] for at in range(0, len(said), 65536))
    for body in (said, unsaid):
        answer = web.post(f"/api/uploads/{upload}/batch", content=body)
        assert answer.status_code in (413, 422)
    assert web.post("/api/predict?model=1", content=bytes(2 << 20)).status_code == 413
    assert web.post("/api/uploads", json={"name": "x" * (3 << 20)}).status_code == 413


def test_a_full_disk_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    web = web_of(open_world(tmp_path / "home", disk_reserve_bytes=1 << 60), tmp_path)
    answer = web.post("/api/uploads", json={"name": "pets"})
    assert answer.status_code == 507 and "disk" in answer.json()["error"]


def test_a_zip_goes_on_where_it_was_interrupted(web: TestClient, studio: Studio) -> None:
    upload = web.post("/api/uploads", json={"name": "pets"}).json()["id"]
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("cat/1.jpg", "picture 1")
        archive.writestr("dog/1.jpg", "picture 2")
    content, address = made.getvalue(), f"/api/uploads/{upload}/archive?name=my%20pets.zip"
    assert web.get(address).json() == {"size": 0}
    assert web.put(f"{address}&offset=0", content=content[:50]).json() == {"size": 50}
    assert web.put(f"{address}&offset=70", content=content[70:]).status_code == 409
    assert web.get(address).json() == {"size": 50}
    assert web.put(f"{address}&offset=50&last=1", content=content[50:]).json() == {"size": len(content)}
    web.post(f"/api/uploads/{upload}/finish")
    uploads.check(studio, upload)
    assert web.get(f"/api/uploads/{upload}").json()["labels"] == {"cat": 1, "dog": 1}


def test_a_cancelled_upload_leaves_nothing(web: TestClient, studio: Studio) -> None:
    upload = web.post("/api/uploads", json={"name": "pets"}).json()["id"]
    web.post(f"/api/uploads/{upload}/batch", content=packed(("a.jpg", b"picture")))
    assert web.delete(f"/api/uploads/{upload}").status_code == 200
    assert not studio.files.upload(upload).exists()
    assert web.post(f"/api/uploads/{upload}/batch", content=packed()).status_code == 409


# ---- pictures ----------------------------------------------------------------------------------------


def test_a_thumbnail_is_kept_by_the_browser_when_its_address_carries_its_content(
    web: TestClient, studio: Studio
) -> None:
    (image,) = with_images(studio, "cat")
    plain = web.get(f"/api/images/{image.id}/thumb")
    assert (plain.content, plain.headers["content-type"]) == (WEBP, "image/webp")
    assert plain.headers["cache-control"] == "private, no-cache"
    kept = web.get(f"/api/images/{image.id}/thumb?v=abc")
    assert kept.headers["cache-control"] == "private, max-age=31536000, immutable"
    again = web.get(f"/api/images/{image.id}/thumb", headers={"if-none-match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_view_is_made_once_and_never_the_uploaded_bytes(web: TestClient, studio: Studio) -> None:
    (image,) = with_images(studio, "cat")
    with ThreadPoolExecutor(4) as viewers:
        answers = list(viewers.map(web.get, [f"/api/images/{image.id}/view"] * 8))
    assert [answer.content for answer in answers] == [WEBP + b"1600"] * 8
    assert isinstance(studio.decoder, FakeDecoder) and studio.decoder.viewed == 1


def test_a_picture_whose_file_is_gone_is_a_sentence(web: TestClient, studio: Studio) -> None:
    (image,) = with_images(studio, "cat")
    studio.files.thumb(image.sha256).unlink()
    studio.files.picture(image.sha256).unlink()
    for size in ("thumb", "view"):
        answer = web.get(f"/api/images/{image.id}/{size}")
        assert answer.status_code == 404 and "Add the picture again" in answer.json()["error"]


# ---- changes -----------------------------------------------------------------------------------------


def changes(web: TestClient, dataset_id: int, kind: str, items: Sequence[object], token: str = "t1") -> object:
    return web.post(
        f"/api/datasets/{dataset_id}/changes", json={"token": token, "kind": kind, "changes": list(items)}
    ).json()


def test_a_label_is_changed_once_however_often_it_is_sent_and_can_be_taken_back(
    web: TestClient, studio: Studio
) -> None:
    first, second = with_images(studio, "cat", "dog")
    wanted = [{"image_id": first.id, "revision": first.revision, "label": "dog"}]
    outcome = changes(web, first.dataset_id, "relabel", wanted)
    assert changes(web, first.dataset_id, "relabel", wanted) == outcome
    assert isinstance(outcome, dict)
    assert (outcome["changed"], outcome["conflicts"]) == ([first.id], [])
    (image,) = outcome["images"]
    assert (image["id"], image["label"], image["deleted"]) == (first.id, "dog", False)
    assert image["label_id"] == second.label_id and image["revision"] > first.revision
    undone = web.post(f"/api/actions/{outcome['action_id']}/undo").json()
    assert undone["images"][0]["label"] == "cat"
    assert web.post(f"/api/actions/{outcome['action_id']}/undo").status_code == 409


def test_a_change_of_what_somebody_else_changed_is_a_conflict_that_shows_both(web: TestClient, studio: Studio) -> None:
    (image,) = with_images(studio, "cat")
    changes(web, image.dataset_id, "relabel", [{"image_id": image.id, "label": "dog"}], "one")
    stale = [{"image_id": image.id, "revision": image.revision, "label": "bird"}]
    outcome = changes(web, image.dataset_id, "relabel", stale, "two")
    assert isinstance(outcome, dict)
    assert (outcome["changed"], outcome["conflicts"]) == ([], [image.id])
    assert outcome["images"][0]["label"] == "dog"


def test_a_deleted_image_is_said_to_be_deleted(web: TestClient, studio: Studio) -> None:
    (image,) = with_images(studio, "cat")
    outcome = changes(web, image.dataset_id, "delete", [{"image_id": image.id, "deleted": True}])
    assert isinstance(outcome, dict) and outcome["images"][0]["deleted"] is True


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"token": "t", "kind": "explode", "changes": [{"image_id": 1, "label": "a"}]},
        {"token": "", "kind": "relabel", "changes": [{"image_id": 1, "label": "a"}]},
        {"token": "t", "kind": "relabel", "changes": []},
        {"token": "t", "kind": "relabel", "changes": [1]},
        {"token": "t", "kind": "relabel", "changes": [{"label": "a"}]},
        {"token": "t", "kind": "relabel", "changes": [{"image_id": 1}]},
        {"token": "t", "kind": "relabel", "changes": [{"image_id": True, "label": "a"}]},
        {"token": "t", "kind": "relabel", "changes": [{"image_id": -1, "label": "a"}]},
        {"token": "t", "kind": "relabel", "changes": [{"image_id": 1, "label": 5}]},
        {"token": "t", "kind": "relabel", "changes": [{"image_id": 1, "label": "a" * 1000}]},
        {"token": "t", "kind": "split", "changes": [{"image_id": 1, "split": "moon"}]},
        {"token": "t", "kind": "delete", "changes": [{"image_id": 1, "deleted": "yes"}]},
        {"token": "t", "kind": "relabel", "changes": [{"image_id": 1, "label": "a"}] * 5001},
    ],
)
def test_a_change_that_makes_no_sense_is_refused_in_a_sentence(web: TestClient, studio: Studio, body: object) -> None:
    (image,) = with_images(studio, "cat")
    answer = web.post(f"/api/datasets/{image.dataset_id}/changes", json=body)
    assert answer.status_code == 400 and answer.json()["error"].endswith(".")
    assert studio.store.images.get(image.id) == image


def test_a_form_on_another_site_cannot_send_json(web: TestClient, studio: Studio) -> None:
    (image,) = with_images(studio, "cat")
    body = json.dumps({"token": "t", "kind": "delete", "changes": [{"image_id": image.id, "deleted": True}]})
    address = f"/api/datasets/{image.dataset_id}/changes"
    assert web.post(address, content=body, headers={"content-type": "text/plain"}).status_code == 400
    assert web.post(address, content="[" * 100_000, headers={"x-darkroom": "1"}).status_code == 400
    assert web.post(address, content=body, headers={"x-darkroom": "1"}).json()["changed"] == [image.id]


def test_all_that_match_are_changed_without_their_numbers_crossing_the_wire(web: TestClient, studio: Studio) -> None:
    images = with_images(studio, "cat", "cat", "dog")
    dataset_id = images[0].dataset_id
    where = {"label_id": images[0].label_id, "text": "cat/"}
    asked = {"token": "t", "kind": "relabel", "where": where, "to": {"label": "lion"}}
    outcome = web.post(f"/api/datasets/{dataset_id}/changes", json=asked).json()
    assert outcome["summary"] == "Labelled 2 pictures “lion”"
    assert web.post(f"/api/datasets/{dataset_id}/changes", json=asked).json()["action_id"] == outcome["action_id"]
    assert [studio.store.images.get(image.id).label for image in images] == ["lion", "lion", "dog"]
    assert web.post(f"/api/actions/{outcome['action_id']}/undo").json()["changed"] == outcome["changed"]
    assert [studio.store.images.get(image.id).label for image in images] == ["cat", "cat", "dog"]


@pytest.mark.parametrize(
    ("where", "to"),
    [({"lable_id": 1}, {"label": "a"}), ({"deleted": 1}, {"label": "a"}), ({"split": "moon"}, {"label": "a"})]
    + [({"ids": [1, "2"]}, {"label": "a"}), ({"ids": [True]}, {"label": "a"}), ([], {"label": "a"}), ({}, {})]
    + [({"text": 5}, {"label": "a"}), ({"label_id": "1"}, {"label": "a"})],
)
def test_a_filter_that_is_misunderstood_changes_nothing(
    web: TestClient, studio: Studio, where: object, to: object
) -> None:
    image, *_ = with_images(studio, "cat", "dog")
    asked = {"token": "t", "kind": "relabel", "where": where, "to": to}
    assert web.post(f"/api/datasets/{image.dataset_id}/changes", json=asked).status_code == 400
    assert studio.store.images.get(image.id).revision == 1


def test_a_picture_is_answered_with_those_most_like_it(web: TestClient, studio: Studio) -> None:
    image, *_ = with_images(studio, "cat", "dog")
    address = f"/api/datasets/{image.dataset_id}/similar"
    headers = {"X-Darkroom": "1", "content-type": "application/octet-stream"}
    found = web.post(address, content=b"picture", headers=headers).json()
    assert found == {"images": [{"id": 1, "similarity": 0.9}, {"id": 2, "similarity": 0.8}]}
    assert web.post(address, content=b"not a picture", headers=headers).status_code == 422
    assert web.post(address, headers=headers).status_code == 400


def test_a_picture_tells_its_history(web: TestClient, studio: Studio) -> None:
    image, *_ = with_images(studio, "cat", "dog")
    changes(web, image.dataset_id, "relabel", [{"image_id": image.id, "label": "lion"}])
    told = web.get(f"/api/images/{image.id}").json()
    assert (told["label"], told["width"], told["format"], told["split"]) == ("lion", 8, "JPEG", "auto")
    steps = [(step["who"], step["kind"], step["label"]) for step in told["history"]]
    assert steps == [("you", "relabel", ["cat", "lion"]), ("ann", "add", [None, "cat"])]
    assert told["said"] == [] and told["versions"] == []
    assert web.get("/api/images/999").status_code == 404


# ---- predictions -------------------------------------------------------------------------------------


def test_a_picture_is_answered_best_first_and_can_be_corrected(web: TestClient, studio: Studio) -> None:
    (image,) = with_images(studio, "cat")
    model = with_model(studio, image.dataset_id)
    answer = web.post(f"/api/predict?model={model.id}&name=my.jpg", content=b"picture of a dog").json()
    assert answer["ranked"] == [{"label": "cat", "confidence": 0.75}, {"label": "dog", "confidence": 0.25}]
    assert answer["heat"] == [[0.0, 1.0], [None, 0.5]]
    assert answer["neighbours"] == [{"image_id": 1, "label": "cat", "similarity": 0.9}]
    assert (answer["milliseconds"], answer["width"], answer["height"]) == (12.3, 8, 6)
    assert answer["model"] == {"id": model.id, "kind": "instant"}
    assert web.get(f"/api/predictions/{answer['id']}/picture").content == WEBP + b"1600"
    corrected = web.post(f"/api/predictions/{answer['id']}/correct", json={"label": "dog"}).json()
    assert corrected["dataset_id"] == image.dataset_id
    assert studio.store.images.get(corrected["image_id"]).label == "dog"
    assert isinstance(studio.services, NoServices) and studio.services.woken


def test_what_a_correction_brought_is_told_once_it_is_learned(web: TestClient, studio: Studio) -> None:
    (image,) = with_images(studio, "cat")
    model = with_model(studio, image.dataset_id)
    web.post(f"/api/predict?model={model.id}", content=b"picture of a dog")
    place = f"/api/datasets/{image.dataset_id}"
    done = web.post(f"{place}/predictions/file", json={"labels": {"1": "dog"}}).json()
    assert done["images"] == 1 and done["brought"] is None, "that model has no pictures on record to compare"
    assert web.get(f"{place}/corrections/1").status_code == 404
    folder = studio.files.model(model.folder)
    folder.mkdir(exist_ok=True)
    probabilities = np.array([[0.4, 0.6]], np.float32)
    np.savez(folder / "held_out.npz", image_id=[image.id], target=[0], probabilities=probabilities)
    web.post(f"/api/predict?model={model.id}", content=b"picture of another dog")
    key = web.post(f"{place}/predictions/file", json={"labels": {"2": "dog"}}).json()["brought"]
    assert web.get(f"{place}/corrections/{key}").json() == {"learning": True}
    studio.store.vectors.put({sha: at for at, sha in enumerate(studio.store.vectors.todo(9))})
    studio.store.datasets.mark_fitted(image.dataset_id, studio.store.datasets.get(image.dataset_id).labels_revision)
    told = web.get(f"{place}/corrections/{key}").json()
    assert not told["learning"] and told["model_id"] == model.id
    assert told["sentence"] == "Taking 1 picture in changed no answer: 1 picture as before."
    assert web.get(f"/api/datasets/99/corrections/{key}").status_code == 404


def test_predictions_leave_as_a_table_no_spreadsheet_runs(web: TestClient, studio: Studio) -> None:
    (image,) = with_images(studio, "cat")
    model = with_model(studio, image.dataset_id)
    web.post(f"/api/predict?model={model.id}&name=%3D1%2B1.jpg", content=b"picture")
    answer = web.get(f"/api/datasets/{image.dataset_id}/predictions.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "filename*=UTF-8''pets%20predictions.csv" in answer.headers["content-disposition"]
    assert "\n'=1+1.jpg," in answer.text


def test_a_picture_that_cannot_be_read_gets_the_gates_sentence(web: TestClient, studio: Studio) -> None:
    (image,) = with_images(studio, "cat")
    model = with_model(studio, image.dataset_id)
    answer = web.post(f"/api/predict?model={model.id}", content=b"not a picture")
    assert (answer.status_code, answer.json()) == (422, {"error": "This is not a picture."})
    assert web.post(f"/api/predict?model={model.id}", content=b"").status_code == 400


def test_a_bug_is_a_sentence_without_a_traceback(
    web: TestClient, studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    (image,) = with_images(studio, "cat")
    model = with_model(studio, image.dataset_id)
    answer = web.post(f"/api/predict?model={model.id}", content=b"kill")
    assert answer.status_code == 500 and list(answer.json()) == ["error"]
    assert "secret" not in answer.text
    assert "a bug with /a/secret/path" in caplog.text  # the log has it


# ---- runs, models ------------------------------------------------------------------------------------


def test_the_instant_model_says_where_it_is(web: TestClient, studio: Studio) -> None:
    (image,) = with_images(studio, "cat")
    revision = studio.store.datasets.get(image.dataset_id).labels_revision
    before = web.get(f"/api/datasets/{image.dataset_id}/instant").json()
    assert before["model_id"] is None and before["labels_revision"] == revision and before["sentence"].endswith(".")
    model = with_model(studio, image.dataset_id)
    after = web.get(f"/api/datasets/{image.dataset_id}/instant").json()
    assert (after["model_id"], after["accuracy"], after["interval"]) == (model.id, 0.9, [0.8, 0.95])


def with_run(studio: Studio) -> int:
    (image,) = with_images(studio, "cat")
    frozen = [VersionImage(image.id, image.sha256, 0, Split.TRAIN)]
    version = studio.store.versions.freeze(image.dataset_id, "v1", ["cat"], frozen)
    run = studio.store.runs.submit(image.dataset_id, version.id, "first", TrainingSpec("mlp", 2))
    attempt = studio.store.runs.begin_attempt(run.id)
    assert attempt == 1
    studio.store.runs.cas(run.id, [RunState.STARTING], fence=attempt, state=RunState.RUNNING, started_at=time.time())
    return run.id


def test_a_curve_gives_only_what_is_newer_and_never_a_number_json_cannot_say(web: TestClient, studio: Studio) -> None:
    run_id = with_run(studio)
    metrics = [Metric(1, "train_loss", 2.0), Metric(2, "train_loss", float("nan")), Metric(2, "val_accuracy", 0.5)]
    studio.store.runs.beat(run_id, 1, "here:1:1", 2, 4, 1, [*metrics, Metric(2, "val_loss", float("inf"))])
    found = web.get(f"/api/runs/{run_id}/curve").json()
    assert (found["state"], found["epoch"], found["epochs"], found["step"], found["total_steps"]) == (
        "running",
        1,
        2,
        2,
        4,
    )
    assert found["points"]["train_loss"] == [[0.5, 2.0], [1.0, None]]
    assert found["last_step"] == 2
    assert "val_accuracy" in found["points"]
    assert web.get(f"/api/runs/{run_id}/curve?since=3").json()["points"] == {}
    assert web.get(f"/api/runs/{run_id}/curve?since=-1").json()["last_step"] == 2
    assert web.get(f"/api/runs/{run_id}/curve?since=x").status_code == 400


def test_many_who_watch_a_run_cost_one_look_at_it(
    web: TestClient, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = with_run(studio)
    monkeypatch.setattr(serving_runs, "FRESH_S", 3600.0)
    studio.store.runs.beat(run_id, 1, "here:1:1", 1, 4, 0, [Metric(1, "train_loss", 2.0)])
    looks: list[int] = []
    asked = studio.store.runs.get

    def counted(run_id: int) -> Run:
        looks.append(run_id)
        return asked(run_id)

    monkeypatch.setattr(studio.store.runs, "get", counted)
    answers = [web.get(f"/api/runs/{run_id}/curve?since={since}").json() for since in (-1, *([0] * 20))]
    assert looks == [run_id]
    assert all(answer["points"]["train_loss"] == [[0.5, 2.0]] for answer in answers)


def test_a_curve_carries_the_coach_and_the_machine(web: TestClient, studio: Studio) -> None:
    run_id = with_run(studio)
    metrics = [Metric(2, "val_loss", 0.5), Metric(2, "val_accuracy", 0.875), Metric(2, "memory_mb", 700.0)]
    said = [("machine", {"device": "cpu"}, 1.0)]
    studio.store.runs.beat(run_id, 1, "here:1:1", 2, 4, 1, metrics, said)
    found = web.get(f"/api/runs/{run_id}/curve").json()
    assert found["advice"]["sentence"].startswith("It has begun: 87 of 100 validation pictures right.")
    assert (found["device"], found["points"]["memory_mb"]) == ("cpu", [[1.0, 700.0]])


def test_the_film_strip_gives_its_pictures_once_and_then_only_newer_frames(web: TestClient, studio: Studio) -> None:
    run_id = with_run(studio)
    (image,) = studio.store.versions.images(studio.store.runs.get(run_id).version_id)
    watched = {"image_id": image.image_id, "sha256": image.sha256, "label": 0}
    frames = [Frame(epoch, epoch, {"said": [[[0, 1.0]]], "maps": ["AA=="], "shape": [1, 1]}) for epoch in (1, 2)]
    said = [("strip", {"pictures": [watched]}, 1.0)]
    studio.store.runs.beat(run_id, 1, "here:1:1", 2, 4, 2, (), said, frames)
    found = web.get(f"/api/runs/{run_id}/strip").json()
    assert found["labels"] == ["cat"]
    assert found["pictures"] == [{"image_id": image.image_id, "v": image.sha256[:12], "label": 0}]
    assert [frame["epoch"] for frame in found["frames"]] == [1, 2]
    newer = web.get(f"/api/runs/{run_id}/strip?since=1").json()
    assert [frame["epoch"] for frame in newer["frames"]] == [2] and newer["pictures"] == []
    assert web.get("/api/runs/999/strip").status_code == 404


def test_a_run_can_be_taken_away_for_other_tools(web: TestClient, studio: Studio) -> None:
    run_id = with_run(studio)
    answer = web.get(f"/api/runs/{run_id}/run.json")
    assert answer.json()["run"]["id"] == run_id
    assert f'filename="darkroom-run-{run_id}.json"' in answer.headers["content-disposition"]
    log = web.get(f"/api/runs/{run_id}/tensorboard")
    assert "events.out.tfevents." in log.headers["content-disposition"] and b"brain.Event:2" in log.content
    assert web.get("/api/runs/999/run.json").status_code == web.get("/api/runs/999/tensorboard").status_code == 404


def test_a_log_is_read_from_where_the_reader_is(web: TestClient, studio: Studio) -> None:
    run_id = with_run(studio)
    assert web.get(f"/api/runs/{run_id}/log").text == ""
    path = studio.files.log(f"run-{run_id}.1")
    path.write_text("one\n")
    first = web.get(f"/api/runs/{run_id}/log")
    assert (first.text, first.headers["x-next-offset"]) == ("one\n", "4")
    path.write_text("one\ntwo <b>\n")
    assert web.get(f"/api/runs/{run_id}/log?offset=4").text == "two <b>\n"
    assert web.get(f"/api/runs/{run_id}/log?offset=9999").text == "one\ntwo <b>\n"  # another attempt has begun
    assert first.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_model_leaves_as_the_very_files_the_app_predicts_with(web: TestClient, studio: Studio) -> None:
    (image,) = with_images(studio, "cat")
    model = with_model(studio, image.dataset_id)
    bundle = web.get(f"/api/models/{model.id}/bundle.zip")
    assert bundle.headers["content-type"] == "application/zip"
    assert ".zip" in bundle.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("model.onnx")]
        assert archive.read(name) == b"onnx" * 1000
    onnx = web.get(f"/api/models/{model.id}/model.onnx", headers={"accept-encoding": "gzip"})
    assert onnx.content == b"onnx" * 1000 and onnx.headers["content-length"] == "4000"


def test_a_model_whose_files_are_gone_is_a_sentence(web: TestClient, studio: Studio) -> None:
    (image,) = with_images(studio, "cat")
    model = with_model(studio, image.dataset_id)
    for path in studio.files.model(model.folder).iterdir():
        path.unlink()
    studio.files.model(model.folder).rmdir()
    for file in ("bundle.zip", "model.onnx"):
        answer = web.get(f"/api/models/{model.id}/{file}")
        assert answer.status_code == 404 and answer.json()["error"].endswith(".")


# ---- statics, health, and what holds for all ---------------------------------------------------------


def test_statics_are_packed_once_and_kept_for_ever(web: TestClient) -> None:
    answer = web.get("/assets/a.js?v=1", headers={"accept-encoding": "gzip"})
    assert answer.content == SCRIPT and answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) == len(gzip.compress(SCRIPT, 6, mtime=0))
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    plain = web.get("/assets/a.js", headers={"accept-encoding": "identity"})
    assert plain.content == SCRIPT and plain.headers["cache-control"] == "no-cache"
    assert web.get("/assets/a.js", headers={"if-none-match": plain.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    "name", ["secret.txt", "../secret.txt", "..%2fsecret.txt", "%2fetc%2fpasswd", "a.js/..%2fsecret.txt", ""]
)
def test_only_listed_statics_are_ever_read(web: TestClient, name: str) -> None:
    answer = web.get(f"/assets/{name}")
    assert answer.status_code == 404 and "secret" not in answer.text.replace("secret.txt", "")


def test_a_static_that_was_changed_is_read_again(web: TestClient, tmp_path: Path) -> None:
    first = web.get("/assets/a.js").headers["etag"]
    (tmp_path / "a.js").write_bytes(b"changed")
    assert web.get("/assets/a.js").content == b"changed"
    assert web.get("/assets/a.js").headers["etag"] != first


def test_health_says_whether_the_scheduler_is_there(web: TestClient, studio: Studio) -> None:
    assert web.get("/api/health").json() == {"ok": True, "scheduler": False}
    studio.store.services.alive("scheduler")
    assert web.get("/api/health").json() == {"ok": True, "scheduler": True}


def test_a_name_in_a_download_is_data(web: TestClient, studio: Studio) -> None:
    dataset = studio.store.datasets.create('../../etc "x"\r\nSet-Cookie: a=b; 猫 <b>')
    disposition = web.get(f"/api/datasets/{dataset.id}/predictions.csv").headers["content-disposition"]
    assert disposition.startswith('attachment; filename="')
    assert "/" not in disposition.replace("UTF-8''", "") and "\r" not in disposition and "\n" not in disposition
    assert disposition.count('"') == 2 and "%E7%8C%AB" in disposition


BAD_IDS = ("0", "999999", "-1", "abc", "1;DROP", "9" * 20, "1.5", "%00", "..%2f..", "\uff11")


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in TABLE if "{id}" in path])
def test_an_id_that_is_not_there_is_a_sentence_with_404(empty: TestClient, method: str, path: str) -> None:
    query = "?name=a.zip" if path.endswith("archive") else ""
    change = {"token": "t", "kind": "delete", "changes": [{"image_id": 1, "deleted": True}]}
    wish = {"label": "cat", "of": "t", "token": "t", "order": "arrival", "desk": "d", "model": "m", "threshold": 9}
    wish |= {"files": [], "reading": "folders", "action": "keep", "keys": ["k"]}
    body = change if path.endswith("changes") else wish
    for bad in BAD_IDS:
        address = path.replace("{id}", bad) + query
        answer = empty.request(method, address, json=body if method == "POST" else None)
        assert answer.status_code == 404, address
        assert list(answer.json()) == ["error"] and answer.json()["error"].endswith(".")


@pytest.mark.parametrize(
    "path", ["/api/", "/api/nothing", "/api/uploads", "/api/health/", "/api/predict", "/api/images/1"]
)
def test_an_address_below_api_is_never_answered_with_a_page(empty: TestClient, path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
        answer = empty.request(method, path)
        assert answer.headers["content-type"] == "application/json"
        assert answer.status_code in (400, 404) and answer.json()["error"].endswith(".")


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in TABLE])
def test_every_route_carries_the_headers_and_refuses_other_sites(empty: TestClient, method: str, path: str) -> None:
    answer = empty.request(method, path.replace("{id}", "1"))
    assert all(answer.headers.get_list(name) == [value] for name, value in ALWAYS.items())
    assert answer.headers.get_list("content-security-policy")
    if method != "GET":
        foreign = empty.request(method, path.replace("{id}", "1"), headers={"origin": "http://evil.example"})
        assert foreign.status_code == 403


def test_a_dataset_and_a_version_are_downloaded_as_zips(studio: Studio, web: TestClient) -> None:
    images = with_images(studio, "cat", "dog", "cat")
    version = versions.keep(studio, images[0].dataset_id, "a/b")
    for path, name in (
        (f"/api/datasets/{images[0].dataset_id}/export.zip", "pets.zip"),
        (f"/api/versions/{version.id}/export.zip", "pets, a b.zip"),
    ):
        answer = web.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
        assert f'attachment; filename="{name}"' in answer.headers["content-disposition"]
        assert (answer.headers["cache-control"], answer.headers["content-encoding"]) == ("no-store", "identity")
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.testzip() is None
            assert len(archive.namelist()) == 4


def test_an_export_of_nothing_is_a_sentence(studio: Studio, web: TestClient) -> None:
    dataset = studio.store.datasets.create("empty")
    assert web.get(f"/api/datasets/{dataset.id}/export.zip").status_code == 422
    assert web.get("/api/datasets/999/export.zip").status_code == 404
    assert web.get("/api/versions/999/export.zip").status_code == 404


# ---- findings ----------------------------------------------------------------------------------------


def with_twins(studio: Studio) -> tuple[int, list[int]]:
    images = with_images(studio, "cat", "cat", "dog")
    ids = [image.id for image in images]
    found = Found(FindingKind.NEAR, "near:1", 0.9, "Twice.", (ids[0], ids[1]), {"keep": ids[0]})
    states = {image.id: (image.label_id, image.split) for image in images}
    studio.store.findings.replace(images[0].dataset_id, [found], states)
    return images[0].dataset_id, ids


def test_a_finding_is_settled_once_however_often_it_is_sent(web: TestClient, studio: Studio) -> None:
    dataset_id, ids = with_twins(studio)
    sent = {"action": "keep", "keys": ["near:1"], "token": "t1", "revisions": {str(ids[1]): 1}}
    answers = [web.post(f"/api/datasets/{dataset_id}/findings/act", json=sent).json() for _ in range(2)]
    assert answers[0] == answers[1] and answers[0]["changed"] == [ids[1]]
    assert studio.store.findings.counts(dataset_id) == {}
    assert web.post(f"/api/actions/{answers[0]['action_id']}/undo").status_code == 200
    assert studio.store.findings.counts(dataset_id) == {FindingKind.NEAR: 1}


def test_a_finding_is_ignored_and_shown_again(web: TestClient, studio: Studio) -> None:
    dataset_id, _ = with_twins(studio)
    for ignored, left in ((True, {}), (True, {}), (False, {FindingKind.NEAR: 1})):
        sent = {"keys": ["near:1"], "ignored": ignored}
        assert web.post(f"/api/datasets/{dataset_id}/findings/ignore", json=sent).status_code == 200
        assert studio.store.findings.counts(dataset_id) == left


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"action": "keep", "keys": "near:1", "token": ""}, 400),
        ({"action": "keep", "keys": ["near:1"]}, 400),
        ({"action": "keep", "keys": ["near:1"], "token": "", "choice": [1]}, 400),
        ({"action": "keep", "keys": [], "token": ""}, 422),
        ({"action": "eat", "keys": ["near:1"], "token": ""}, 422),
        ({"action": "keep", "keys": ["near:2"], "token": ""}, 404),
    ],
)
def test_what_makes_no_sense_of_a_finding_is_refused(
    web: TestClient, studio: Studio, sent: dict[str, object], status: int
) -> None:
    dataset_id, _ = with_twins(studio)
    answer = web.post(f"/api/datasets/{dataset_id}/findings/act", json=sent)
    assert answer.status_code == status and answer.json()["error"]
    assert studio.store.findings.counts(dataset_id) == {FindingKind.NEAR: 1}


def test_many_answers_are_filed_in_the_background_and_told_once_it_is_done(
    web: TestClient, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "FEW", 1)
    (image,) = with_images(studio, "cat")
    model = with_model(studio, image.dataset_id)
    for what in (b"picture one", b"picture two", b"picture three"):
        web.post(f"/api/predict?model={model.id}", content=what)
    place = f"/api/datasets/{image.dataset_id}"
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(web.post, f"{place}/predictions/file", json={"where": {}, "label": "dog"})
        until(lambda: errands.of(studio, image.dataset_id))
        assert not asked.done()
        assert errands.carry_out(studio, 60)
        told = asked.result(30).json()
    assert (told["images"], told["left"], told["brought"]) == (3, 0, None)
    assert studio.store.images.count(image.dataset_id, Where()) == 4
    assert web.post(f"{place}/predictions/unfile", json={"actions": told["actions"]}).json() == {"images": 3}
    assert studio.store.images.count(image.dataset_id, Where()) == 1


def test_what_the_background_does_is_answered_once_it_is_done(
    web: TestClient, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks again meanwhile, because the connection was cut, waits for the same one."""
    monkeypatch.setattr(errands, "LARGE", 1)
    monkeypatch.setattr(errands, "PIECE", 2)
    dataset_id = with_images(studio, "a", "b", "c", "d", "e")[0].dataset_id
    wish = {"kind": "relabel", "token": "all", "where": {}, "to": {"label": "fig"}}
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(web.post, f"/api/datasets/{dataset_id}/changes", json=wish) for _ in range(2)]
        until(lambda: errands.of(studio, dataset_id))
        assert not any(one.done() for one in asked)
        assert errands.carry_out(studio, 60) and not errands.carry_out(studio, 60)
        answers = [one.result(30).json() for one in asked]
        assert answers[0] == answers[1] and answers[0]["summary"] == "Labelled 5 pictures “fig”"
        assert len(answers[0]["changed"]) == 5
        undone = pool.submit(web.post, f"/api/actions/{answers[0]['action_id']}/undo")
        until(lambda: errands.of(studio, dataset_id))
        studio.store.errands.fail(errands.of(studio, dataset_id)[0].id, "The disk was full.")
        assert undone.result(30).status_code == 409 and undone.result().json() == {"error": "The disk was full."}

"""Why a model says what it says, over HTTP: the answer it is about, the question, what becomes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from core.records import Image, Model
from core.studio import Studio
from tests.serving.test_routes import web_of
from tests.serving.world import open_world, with_images, with_model


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return open_world(tmp_path / "home")


@pytest.fixture
def web(studio: Studio, tmp_path: Path) -> TestClient:
    return web_of(studio, tmp_path)


@pytest.fixture
def image(studio: Studio) -> Image:
    return with_images(studio, "cat", "dog")[0]


@pytest.fixture
def model(studio: Studio, image: Image) -> Model:
    return with_model(studio, image.dataset_id)


def test_a_question_is_asked_once_followed_and_answered(
    web: TestClient, studio: Studio, model: Model, image: Image
) -> None:
    question = {"model": model.id, "method": "lime", "image": image.id, "label": "dog"}
    asked = web.post("/api/explanations", json=question).json()
    assert (asked["state"], asked["map"], studio.services.woken) == ("waiting", None, 1)  # type: ignore[attr-defined]
    assert web.post("/api/explanations", json=question).json()["id"] == asked["id"]
    where = f"/api/explanations/{asked['id']}"
    studio.store.explanations.begin(asked["id"])
    studio.store.explanations.tell(asked["id"], 0.25)
    now = web.get(where).json()
    assert (now["state"], now["progress"]) == ("working", 0.25)
    studio.store.explanations.put(asked["id"], {"values": "AA=="})
    done = web.get(where).json()
    assert (done["state"], done["map"]) == ("done", {"values": "AA=="})


def test_what_went_wrong_is_told_in_words(web: TestClient, studio: Studio, model: Model, image: Image) -> None:
    asked = web.post("/api/explanations", json={"model": model.id, "method": "heat", "image": image.id}).json()
    studio.store.explanations.fail(asked["id"], "There is no heat map of it.")
    now = web.get(f"/api/explanations/{asked['id']}").json()
    assert (now["state"], now["problem"]) == ("failed", "There is no heat map of it.")


def test_a_predicted_picture_can_be_asked_about(web: TestClient, studio: Studio, model: Model) -> None:
    kept = web.post(f"/api/predict?model={model.id}&name=a.jpg", content=b"picture 7").json()
    asked = web.post("/api/explanations", json={"model": model.id, "method": "shap", "prediction": kept["id"]})
    assert asked.status_code == 200 and asked.json()["method"] == "shap"
    again = web.get(f"/api/predictions/{kept['id']}/answer?model={model.id}").json()
    assert again["ranked"] == kept["ranked"] and again["model"] == {"id": model.id, "kind": "instant"}
    assert len(studio.store.predictions.all(model.dataset_id)) == 1, "asking again keeps nothing"


def test_an_image_of_a_dataset_is_answered_without_itself_as_evidence(
    web: TestClient, studio: Studio, model: Model, image: Image
) -> None:
    said = web.get(f"/api/images/{image.id}/answer?model={model.id}").json()
    assert said["ranked"][0] == {"label": "cat", "confidence": 0.75} and said["heat"][0] == [0.0, 1.0]
    assert [one["image_id"] for one in said["neighbours"]] == [1]
    studio.files.picture(image.sha256).unlink()
    gone = web.get(f"/api/images/{image.id}/answer?model={model.id}")
    assert gone.status_code == 404 and "gone" in gone.json()["error"]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"method": "magic"}, 400),
        ({"model": None}, 400),
        ({"image": None}, 400),
        ({"prediction": 1}, 400),
        ({"image": 999}, 404),
        ({"label": "mouse"}, 422),
        ({"label": "x" * 101}, 400),
        ({"model": 99}, 404),
    ],
)
def test_nonsense_is_refused(
    web: TestClient, model: Model, image: Image, changed: dict[str, object], status: int
) -> None:
    question = {"model": model.id, "method": "lime", "image": image.id, **changed}
    assert web.post("/api/explanations", json=question).status_code == status
    assert web.get("/api/explanations/7").status_code == 404


def test_an_erased_picture_is_answered_with_every_label_and_not_kept(
    web: TestClient, studio: Studio, model: Model
) -> None:
    said = web.post(f"/api/predict?keep=no&most=1&model={model.id}", content=b"picture 7").json()
    assert [one["label"] for one in said["ranked"]] == ["cat"]
    assert studio.store.predictions.all(model.dataset_id) == []

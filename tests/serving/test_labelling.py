"""The labelling screen's routes."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core import people
from core.serving import labelling
from core.serving.routes import routes
from core.studio import Studio
from tests.serving.world import client, open_world, with_images


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    labelling.desks = labelling.Desks()
    return open_world(tmp_path)


@pytest.fixture
def web(studio: Studio) -> TestClient:
    return client(Starlette(routes=routes(studio, {})))


def change(web: TestClient, image_id: int, label: str, revision: int, who: str = "") -> dict[str, object]:
    changes = [{"image_id": image_id, "label": label, "revision": revision}]
    body = {"token": f"{image_id}{label}{revision}", "kind": "relabel", "changes": changes}
    headers = {"cookie": f"{people.COOKIE}={quote(who)}"} if who else {}
    answer: dict[str, object] = web.post("/api/datasets/1/changes", json=body, headers=headers).json()
    return answer


def test_two_desks_are_handed_different_pictures_and_a_third_rather_the_same_than_none(
    web: TestClient, studio: Studio
) -> None:
    with_images(studio, *[""] * 6)

    def ask(desk: str, have: list[int]) -> list[int]:
        body = {"order": "arrival", "limit": 3, "desk": desk, "have": have}
        return [one["id"] for one in web.post("/api/datasets/1/next", json=body).json()["images"]]

    assert (ask("a", []), ask("b", [])) == ([1, 2, 3], [4, 5, 6])
    assert ask("c", []) == [1, 2, 3]
    assert ask("c", [1, 2, 3]) == [4, 5, 6]


@pytest.mark.parametrize(
    "body", [{"order": "no"}, {"limit": 0}, {"limit": 1000}, {"have": "1"}, {"have": [None]}, {"desk": 3}], ids=str
)
def test_a_senseless_wish_for_pictures_gets_a_sentence(
    web: TestClient, studio: Studio, body: dict[str, object]
) -> None:
    with_images(studio, "cat")
    answer = web.post("/api/datasets/1/next", json={"order": "arrival", "limit": 3, "desk": "a", "have": []} | body)
    assert answer.status_code == 400 and answer.json()["error"]


def test_a_conflict_says_who_and_what(web: TestClient, studio: Studio) -> None:
    with_images(studio, "", "")
    assert change(web, 1, "cat", 1, who="Bo")["changed"] == [1]
    other = change(web, 1, "dog", 1, who="Ann")
    assert other["conflicts"] == [1]
    assert other["by"] == {"1": "Bo"}
    assert [one["label"] for one in other["images"]] == ["cat"]  # type: ignore[attr-defined]


def test_news_tell_what_another_labelled_and_nothing_twice(web: TestClient, studio: Studio) -> None:
    with_images(studio, "", "")
    start = web.get("/api/datasets/1/changes").json()["revision"]
    assert web.get(f"/api/datasets/1/changes?since={start}").json()["images"] == []
    change(web, 2, "cat", 1, who="Bo")
    told = web.get(f"/api/datasets/1/changes?since={start}").json()
    assert [(one["id"], one["label"], one["who"]) for one in told["images"]] == [(2, "cat", "Bo")]
    assert told["waiting"] == 1 and told["model"] is None
    assert web.get(f"/api/datasets/1/changes?since={told['revision']}").json()["images"] == []


def test_a_step_is_taken_back_by_its_own_token(web: TestClient, studio: Studio) -> None:
    with_images(studio, "")
    change(web, 1, "cat", 1)
    body = {"of": "1cat1", "token": "back"}
    first = web.post("/api/datasets/1/undo", json=body).json()
    assert first["changed"] == [1] and first == web.post("/api/datasets/1/undo", json=body).json()
    assert web.post("/api/datasets/1/undo", json={"of": "nobody's", "token": "x"}).status_code == 404
    assert web.post("/api/datasets/1/undo", json={"of": ""}).status_code == 400


def test_nothing_is_accepted_without_a_model(web: TestClient, studio: Studio) -> None:
    with_images(studio, "")
    assert web.get("/api/datasets/1/sure").json()["model"] is None
    answer = web.post("/api/datasets/1/accept", json={"threshold": 90, "model": "m", "token": "t"})
    assert answer.status_code == 409 and "Nothing was accepted" in answer.json()["error"]
    assert web.post("/api/datasets/1/accept", json={"threshold": "90", "model": "m", "token": "t"}).status_code == 400

"""The screens of a model that came from another Darkroom."""

from __future__ import annotations

import json
from typing import Any

from core import incoming, measuring, models
from core.records import ModelKind
from core.studio import Studio
from tests.pages.conftest import Visit, add, add_model, calm, words

NASTY = "</script><b>dog</b>"


def brought(studio: Studio, dataset_id: int, labels: list[str], **measured: Any) -> int:
    origin = {"dataset": NASTY, "kind": "instant", "file": "<i>a.zip"}
    folder = f"brought-{dataset_id}"
    studio.files.model(folder).mkdir()
    (studio.files.model(folder) / "model.json").write_text(json.dumps({"recipe": {}}))
    values: Any = (0.9, (0.8, 0.95), "test", 40, folder, {"origin": origin})
    return studio.store.models.put(dataset_id, ModelKind.IMPORTED, "efficientnet-lite0", labels, *values).id


def test_where_a_model_is_brought_in_the_last_ones_stand_with_what_became_of_them(visit: Visit, studio: Studio) -> None:
    app = visit("models")
    assert calm(app) and "Bring a model from another Darkroom" in [one.label for one in app.expander]
    dataset_id = add(studio, "Fruit", {"apple": 2, "pear": 2})
    model_id = brought(studio, dataset_id, ["apple", "pear"])
    good, bad = (incoming.begin(studio, name, dataset_id) for name in ("<i>good.zip", "bad.zip"))
    studio.store.incoming.ready(good.id)
    studio.store.incoming.done(good.id, model_id)
    studio.store.incoming.refuse(bad.id, "The zip holds “x.pkl”, which no bundle of Darkroom's does.")

    app = visit("models")

    assert calm(app)
    assert "which no bundle of Darkroom" in words(app) and "&lt;i&gt;good.zip" in words(app)
    assert [box.options for box in app.selectbox if box.label == "It answers for"] == [
        ["A dataset of its own", "Fruit"]
    ]


def test_an_imported_model_says_where_it_is_from_and_is_measured_here_when_it_can_be(
    visit: Visit, studio: Studio
) -> None:
    empty = studio.store.datasets.create("Elsewhere")
    alone = brought(studio, empty.id, ["cat", NASTY])
    app = visit("models", model=alone)
    assert calm(app) and "as its bundle says" in words(app)
    assert "Imported: an instant model of" in words(app) and "<b>dog" not in words(app).replace(NASTY, "")
    assert "Label pictures of at least two of its labels" in words(app)

    dataset_id = add(studio, "Fruit", {"apple": 10, "pear": 10, "kiwi": 1})
    model_id = brought(studio, dataset_id, ["apple", "pear"])
    app = visit("models", model=model_id)
    next(button for button in app.button if button.key == f"measure-{model_id}").click().run()
    assert calm(app) and "Being measured on 20 pictures here" in words(app)
    assert "by itself it never takes the place of a model made here" in words(app)
    assert [survey.kind for survey in studio.store.surveys.due()] == [measuring.kind(model_id)]


def test_every_view_of_an_imported_model_is_calm_measured_or_not(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 10, "pear": 10})
    own = add_model(studio, dataset_id)
    model_id = brought(studio, dataset_id, ["apple", "pear"])
    for view in ("judge", "compare", "travel", "use", "packages"):
        assert calm(visit("models", model=model_id, view=view)), view
    held = studio.files.model(own.folder) / "held_out.npz"
    model = models.get(studio, model_id)
    (models.folder(studio, model) / "held_out.npz").write_bytes(held.read_bytes())
    studio.store.models.measured(model_id, 0.95, (0.8, 0.99), models.HERE, 20, model.summary)
    app = visit("models", model=model_id)
    assert calm(app) and "Mixes up “apple” and “pear” most" in words(app)
    said = words(visit("models", model=model_id, view="compare"))
    assert "only its maker knows" in said and "neither has learned" not in said and "all of them were" in said
    assert calm(visit("predictions", model=model_id)) and calm(visit("home")) and calm(visit("datasets"))

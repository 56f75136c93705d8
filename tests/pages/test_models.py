"""The screens of one model: what it gets wrong, how sure that is, and when it does not know."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core import caution, corrections, datasets, judgements, packages, runs, travel
from core.evaluation import Choice
from core.explanations import WAYS
from core.index import judging
from core.judgements import Measure
from core.records import ModelKind, PackageKind, Ranked
from core.scores import score
from core.stores import Where
from core.studio import Studio
from pages import judged
from pages.parts import judged_charts
from tests.pages.conftest import Visit, add, add_model, calm, words


def test_the_worst_mistakes_can_be_relabelled_where_they_are_shown(visit: Visit, studio: Studio) -> None:
    model = add_model(studio, add(studio, "Fruit", {"apple": 10, "pear": 10}))
    app = visit("models", model=model.id)
    assert calm(app)
    [sheet] = [one for one in app.get("bidi_component") if '"mode"' in one.proto.json]
    told = json.loads(sheet.proto.json)
    assert [(one["label"], one["suggestion"]) for one in told["images"]] == [("apple", "pear")]
    assert told["model"] == model.id, "it can be asked why"
    assert [one["title"] for one in told["ways"]] == [way.title for way in WAYS.values()]
    assert "Mixes up “apple” and “pear” most: 1 of 20." in words(app)


def test_intervals_and_curves_come_when_they_are_worked_out(visit: Visit, studio: Studio) -> None:
    model = add_model(studio, add(studio, "Fruit", {"apple": 10, "pear": 10}))
    assert "Working out how sure" in words(visit("models", model=model.id))
    fitted = datasets.get(studio, model.dataset_id)
    judging.compute(studio, fitted, lambda _: None)
    survey, found = judgements.of(studio, model)
    assert survey is None and found is not None
    app = visit("models", model=model.id)
    assert calm(app)
    assert "expected calibration error" in words(app) and "Average precision" in words(app)


def test_of_a_handful_of_pictures_nothing_is_a_share(visit: Visit, studio: Studio) -> None:
    model = add_model(studio, add(studio, "Fruit", {"apple": 3, "pear": 3}))
    app = visit("models", model=model.id)
    assert calm(app)
    assert app.get("plotly_chart")[1:] == [] and "Working out" not in words(app), (
        "the matrix counts; nothing else is drawn"
    )
    assert "2 of 3" in words(app) and "from 20 measured pictures on" in words(app)


def test_a_slider_says_what_answering_fewer_pictures_brings(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 10, "pear": 10})
    old = add_model(studio, dataset_id)
    assert "Train it again" in words(visit("models", model=old.id, view="doubt"))
    targets = np.arange(20) % 2
    sure = np.linspace(0.51, 0.99, 20)
    said = np.where(np.arange(20) < 4, 1 - targets, targets)  # wrong where it is least sure
    shares = np.where(np.eye(2)[said] > 0, sure[:, None], 1 - sure[:, None]).astype(np.float32)
    found = caution.measure(shares, targets, np.ones(20, np.float32))
    measured = (0.8, (0.6, 0.9), "cross-validation", 20)
    summary = {"caution": found.as_dict()}
    model = studio.store.models.put(
        dataset_id, ModelKind.INSTANT, "efficientnet-lite0", ["apple", "pear"], *measured, old.folder, summary
    )

    app = visit("models", model=model.id, view="doubt")
    assert calm(app) and "Answers 100 of 100 pictures, 80 % of those right" in words(app)
    [slider] = app.slider
    slider.set_value(80).run()

    assert "Answers 80 of 100 pictures, 100 % of those right; sends 20 of 100 to a person" in words(app)
    assert studio.store.models.get(model.id).answer_share == pytest.approx(0.8)


def test_of_too_few_held_out_pictures_no_caution_is_promised(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 3, "pear": 2})
    folder = add_model(studio, dataset_id).folder
    found = caution.measure(
        np.eye(2, dtype=np.float32)[[0, 0, 0, 1, 1]], np.array([0, 0, 0, 1, 1]), np.ones(5, np.float32)
    )
    measured, summary = (1.0, (0.57, 1.0), "cross-validation", 5), {"caution": found.as_dict()}
    model = studio.store.models.put(
        dataset_id, ModelKind.INSTANT, "efficientnet-lite0", ["apple", "pear"], *measured, folder, summary
    )
    app = visit("models", model=model.id, view="use")
    said = words(app)
    assert calm(app) and not app.slider and "5 held-out pictures" in said
    assert "<b>5 of 5</b>" in said and "Got 5 right" in said and "of 100 right" not in said


def test_a_bar_stands_for_the_pictures_it_counts() -> None:
    read = judged_charts.read_bar([0, 3, 7])
    assert read({"y": 1.84, "point_index": 2, "customdata": "found"}) == Choice(true=7)
    assert read({"y": 2.16, "point_index": 1, "customdata": ["right"]}) == Choice(predicted=3)


def test_of_very_many_labels_those_it_knows_least_have_bars() -> None:
    targets = np.repeat(np.arange(100), 2)
    said = targets.copy()
    said[140:150] += 1
    found = score(targets, np.eye(100)[said], [f"label {n}" for n in range(100)])
    places = judged_charts.worst(found)
    assert len(places) == judged_charts.MOST_BARS and set(range(70, 76)) <= set(places)
    figure = judged_charts.bars(found, places, "#fff")
    assert list(figure.layout.yaxis.ticktext) == [f"label {n}" for n in places]
    assert figure.data[0].x[places.index(72)] == 0.0


def test_two_models_are_put_side_by_side_and_either_can_be_used(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 20, "pear": 20})
    instant = add_model(studio, dataset_id)
    assert "Nothing to compare with yet" in words(visit("models", model=instant.id, view="compare"))
    run = runs.start(studio, dataset_id, "mlp", 1)
    trained = add_model(studio, dataset_id, ModelKind.TRAINED, run.id)

    whole = visit("models", model=trained.id)
    assert calm(whole) and "Its run, recipe and log" in words(whole)
    app = visit("models", model=trained.id, view="compare")
    assert calm(app) and "Both are right and wrong on the same pictures" in words(app)
    [board] = [one for one in app.get("pills") if one.proto.label == "Became"]
    assert [one.content for one in board.proto.options] == ["Fixed 0", "Broken 0", "Still wrong 1", "Still right 39"]
    for kind, axis in (("ROC", "Called so though it is not"), ("Precision and recall", "Found (recall)")):
        app.segmented_control(key="compared-curve").set_value(kind).run()
        [chart] = [json.loads(one.proto.spec) for one in app.get("plotly_chart")]
        assert calm(app) and chart["layout"]["xaxis"]["title"]["text"] == axis
        assert [line["name"].split(" (model")[0] for line in chart["data"]] == [
            "Instant model",
            "Multi-layer perceptron",
        ]
    next(button for button in app.button if "Instant" in button.label).click().run()

    assert studio.store.models.get(instant.id).chosen
    assert calm(app) and "is in use" in words(app)


def test_of_few_pictures_models_are_compared_and_judged_by_counts(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 6, "pear": 6})
    add_model(studio, dataset_id)
    trained = add_model(studio, dataset_id, ModelKind.TRAINED, runs.start(studio, dataset_id, "mlp", 1).id)
    app = visit("models", model=trained.id, view="compare")
    assert calm(app) and words(app).count("<td>11 of 12</td>") == 2 and "91.7 %" not in words(app)
    assert judged.measured(Measure(11 / 12, 0.65, 0.99), 12).startswith("11 of 12 ")


def test_what_a_correction_brought_is_shown_and_one_click_goes_back(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 20, "pear": 20})
    model = add_model(studio, dataset_id)
    said = [Ranked("pear", 0.8), Ranked("apple", 0.2)]
    wrong = studio.store.images.page(dataset_id, Where(order="oldest"), 0, 1)[0]
    prediction = studio.store.predictions.add(dataset_id, model.id, wrong.sha256, wrong.name, said, 5.0)
    assert "What corrections brought" not in words(visit("models", model=model.id, view="compare"))

    done = corrections.file(studio, dataset_id, {prediction.id: "pear"})
    app = visit("models", model=model.id, view="compare", correction=done.brought)
    assert calm(app) and "The instant model is learning from it" in words(app)

    def learn() -> None:
        studio.store.datasets.mark_fitted(dataset_id, studio.store.datasets.get(dataset_id).labels_revision)

    learn()
    assert "1 picture, just now" in words(visit("models", model=model.id, view="compare"))
    app = visit("models", model=model.id, view="compare", correction=done.brought)
    assert calm(app) and "Taking 1 picture in changed no answer: 40 pictures as before." in words(app)
    [board] = [one for one in app.get("pills") if one.proto.label == "Became"]
    assert [one.content for one in board.proto.options] == ["Fixed 0", "Broken 0", "Still wrong 0", "Still right 40"]
    next(button for button in app.button if "Go back" in button.label).click().run()
    assert studio.store.images.get(wrong.id).label == "apple"
    learn()
    app = visit("models", model=model.id, view="compare", correction=done.brought)
    assert calm(app) and "Taken back" in words(app) and not [one for one in app.button if "Go back" in one.label]


def test_how_a_model_does_elsewhere_is_asked_for_by_looking(visit: Visit, studio: Studio) -> None:
    home = add(studio, "Fruit", {"apple": 4, "pear": 4})
    model = add_model(studio, home)
    assert "Nowhere to travel to yet" in words(visit("models", model=model.id, view="travel"))
    away = add(studio, "Market", {"apple": 4, "pear": 4})
    app = visit("models", model=model.id, view="travel")
    assert calm(app) and "Learning from either and from both" in words(app)

    row = {"home": [8, 8], "away": [4, 8]}
    table = {"home": row, "away": row, "both": {"home": [8, 8], "away": [8, 8]}}
    trips = [{"model_id": model.id, "folder": model.folder, "away": [4, 8]}]
    seen = [studio.store.datasets.get(away).labels_revision, away]
    content = {"labels": ["apple", "pear"], "table": table, "trips": trips, "seen": seen}
    revision = studio.store.datasets.get(home).labels_revision
    studio.store.surveys.put(home, travel.kind(away), revision, 0.1, content)

    app = visit("models", model=model.id, view="travel")
    assert calm(app)
    assert "Gets 4 of 8 right on the pictures of Market" in words(app)
    assert "Learning from both serves both: 8 of 8 right on “Fruit”" in words(app) and "100.0 %</td>" not in words(app)
    assert "What is learned from “Fruit” does not travel" in words(app)


def test_every_form_of_a_model_says_how_far_it_is(visit: Visit, studio: Studio) -> None:
    model = add_model(studio, add(studio, "Fruit", {"apple": 10, "pear": 10}))
    app = visit("models", model=model.id, view="packages")
    assert calm(app) and all(form.title in words(app) for form in packages.FORMS.values())
    next(button for button in app.button if button.key == f"make-{model.id}-{PackageKind.HALF}").click().run()
    assert calm(app) and "Being made" in words(app)
    certificate = {"pictures": 20, "agreement": 1.0, "difference": 0.004, "accuracy": 0.9, "reference_accuracy": 0.95}
    certificate |= {"bytes": 50, "reference_bytes": 100, "milliseconds": 1.0, "reference_milliseconds": 2.0}
    [asked] = studio.store.packages.due()
    place = packages.place(studio, asked)
    place.parent.mkdir()
    place.write_bytes(b"x" * 50)
    studio.store.packages.put(asked, certificate)

    app = visit("models", model=model.id, view="packages")

    assert calm(app) and "Says the same as the model on 20 of 20 pictures" in words(app)
    assert "Costs 5.0 points of accuracy on them; 50 % of the size, 2.0 times as quick here." in words(app)
    assert "Download, 1 KB" in [one.proto.label for one in app.get("link_button")]
    place.unlink()
    app = visit("models", model=model.id, view="packages")
    assert calm(app) and "The file is gone" in words(app)
    next(button for button in app.button if button.key == f"make-{model.id}-{PackageKind.HALF}").click().run()
    assert studio.store.packages.due(), "and can be made again"
    studio.store.packages.fail(asked, "It disagrees, so it is not offered.")
    app = visit("models", model=model.id, view="packages")
    assert calm(app) and "It disagrees" in words(app) and "Try again" in words(app)

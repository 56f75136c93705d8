"""Every screen opens: empty, full, and with an address that leads nowhere; and shows what people wrote literally."""

from __future__ import annotations

import html

import pytest
from streamlit.testing.v1 import AppTest

from core import runs
from core.records import ModelKind, RunState
from core.studio import Studio
from pages.parts.text import literal
from tests.pages.conftest import SCREENS, Visit, add, add_model, calm, words

HOSTILE = ("<b>bold</b>", "![t](http://evil.example/t.png)", "=1+1", ":red[hot] $x$", "n" * 60)


@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_opens_empty(visit: Visit, screen: str) -> None:
    app = visit(screen)
    assert calm(app)
    assert screen == "system" or not app.warning


@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_opens_full(visit: Visit, studio: Studio, screen: str) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 70, "pear": 5, None: 3})
    add_model(studio, dataset_id)
    app = visit(screen)
    assert calm(app)
    assert screen == "system" or not app.warning


@pytest.mark.parametrize(
    ("screen", "name"),
    [("datasets", "dataset"), ("labelling", "dataset"), ("training", "dataset"), ("training", "run")]
    + [("training", "like"), ("models", "model"), ("predictions", "dataset"), ("predictions", "model")]
    + [("home", "upload")],
)
def test_an_address_that_leads_nowhere_gets_a_sentence(visit: Visit, studio: Studio, screen: str, name: str) -> None:
    add(studio, "Fruit", {"apple": 3, "pear": 3})
    app = visit(screen, **{name: 999})
    assert calm(app)
    assert "999" in app.warning[0].value or "not known any more" in app.warning[0].value
    assert "Back to Home" in [button.label for button in app.button]


@pytest.mark.parametrize("value", ["1e9", "../etc", "<b>", "٣"])
def test_an_address_that_is_no_number_shows_the_list(visit: Visit, studio: Studio, value: str) -> None:
    add(studio, "Fruit", {"apple": 3, "pear": 3})
    app = visit("datasets", dataset=value)
    assert calm(app) and not app.warning
    assert app.title[0].value == "Datasets"


def test_a_dataset_shows_its_counts_its_labels_and_how_good_its_first_model_is(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 70, "pear": 5, None: 3})
    add_model(studio, dataset_id)
    app = visit("datasets", dataset=dataset_id)
    assert "78 pictures in 2 labels" in words(app)
    assert "Gets 93 of 100 right, give or take 3, on 75 pictures" in words(app)
    [filter_] = [one for one in app.get("pills") if one.proto.label == "Label"]
    chips = [option.content for option in filter_.proto.options]
    assert chips == ["All 78", "apple 70", "pear 5", "No label 3", "In doubt 1"]


def test_pictures_without_a_label_ask_to_be_labelled_first(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {None: 3})
    app = visit("datasets", dataset=dataset_id)
    assert calm(app) and "3 pictures without a label" in words(app)
    assert [one.label for one in app.button if one.proto.type == "primary"] == ["Label"]
    assert "3 pictures without a label" in words(visit("home"))


def test_what_stands_out_is_what_brings_a_dataset_on(visit: Visit, studio: Studio) -> None:
    def stands_out(fruit: dict[str | None, int]) -> list[str]:
        app = visit("datasets", dataset=add(studio, str(fruit), fruit))
        return [one.label for one in app.button if one.proto.type == "primary"]

    assert stands_out({"apple": 10, "pear": 10}) == ["Train a model"]
    assert stands_out({"apple": 1, "pear": 1, None: 1}) == ["Label"]
    assert stands_out({"apple": 1, "pear": 1}) == [], "more pictures are wanted, and no button here brings them"


def test_a_page_in_the_address_shows_that_page(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 70, "pear": 5})
    first, second = (words(visit("datasets", dataset=dataset_id, page=page)) for page in (1, 2))
    assert (first.count('"revision"'), second.count('"revision"')) == (60, 15)


@pytest.mark.parametrize(("label", "shown"), [("all", 60), ("none", 3), ("trash", 0)])
def test_the_chips_decide_what_the_gallery_shows(visit: Visit, studio: Studio, label: str, shown: int) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 70, "pear": 5, None: 3})
    app = visit("datasets", dataset=dataset_id, label=label)
    expected = 60 if label == "trash" else shown  # an empty trash has no chip: everything is shown
    assert words(app).count('"revision"') == expected


@pytest.mark.parametrize(
    ("screen", "name"), [*((screen, "") for screen in SCREENS), ("datasets", "dataset"), ("models", "model")]
)
def test_names_are_shown_letter_by_letter(visit: Visit, studio: Studio, screen: str, name: str) -> None:
    dataset_id = add(studio, " ".join(HOSTILE[:4]), {name: 2 for name in HOSTILE} | {None: 2})
    model = add_model(studio, dataset_id)
    app = visit(screen, **({name: dataset_id if name == "dataset" else model.id} if name else {}))
    assert calm(app)
    said = words(app)
    for text in [studio.store.datasets.get(dataset_id).name, *HOSTILE]:
        for harmless in (html.escape(text), literal(text), json_of(text)):  # a component shows its data as text
            said = said.replace(harmless, "")
    for dangerous in ("<b>bold", "http://evil.example", ":red[", "$x$"):
        assert dangerous not in said


def json_of(text: str) -> str:
    """The text as it stands in a component's JSON."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def test_a_finished_run_says_how_good_its_model_is_and_offers_it(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 20, "pear": 20})
    run = runs.start(studio, dataset_id, "mlp", 3)
    studio.store.runs.begin_attempt(run.id)
    studio.store.runs.cas(run.id, [RunState.STARTING], state=RunState.SUCCEEDED, started_at=1.0, finished_at=61.0)
    add_model(studio, dataset_id, ModelKind.TRAINED, run.id)
    app = visit("training", run=run.id)
    assert calm(app)
    assert "Gets 93 of 100 right" in words(app) and "It took about 1 minute" in words(app)
    assert [button.label for button in app.button][:1] == ["Try it"]


def test_the_sample_pictures_are_one_click_away(visit: Visit, studio: Studio) -> None:
    app = visit("home")
    next(button for button in app.button if button.label == "Try it with sample pictures").click().run()
    assert calm(app)
    upload = studio.store.uploads.get(str(app.query_params["upload"]))
    assert upload.add_when_ready
    assert "looked at" in words(app)


def test_the_map_is_asked_for_by_looking_at_it_and_drawn_once_it_is_there(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 3, "pear": 3})
    add_model(studio, dataset_id)
    app = visit("datasets", dataset=dataset_id, view="map")
    assert calm(app) and "Looking which of 6 pictures are alike" in words(app)
    revision = studio.store.datasets.get(dataset_id).labels_revision
    studio.store.surveys.put(dataset_id, "map", revision, 1.0, {"file": "map-1-1.npz", "pictures": 6, "laid": 6})
    app = visit("datasets", dataset=dataset_id, view="map")
    assert calm(app) and '"mode": "map"' in words(app)
    studio.store.surveys.fail(dataset_id, "map", revision, "A map needs 3 pictures. Add some more.")
    assert "A map needs 3 pictures" in visit("datasets", dataset=dataset_id, view="map").warning[0].value


def test_recent_origins_and_doubts_are_filters_of_the_gallery(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 70, "pear": 5, None: 3})
    add_model(studio, dataset_id)
    doubted = words(visit("datasets", dataset=dataset_id, label="doubtful"))
    assert doubted.count('"revision"') == 1 and '"suggestion": "pear"' in doubted
    assert '"doubtful": true' in doubted, "all that match is this filter"
    assert words(visit("datasets", dataset=dataset_id, use="Testing")).count('"revision"') == 0
    gone = visit("datasets", dataset=dataset_id, like="found")
    assert calm(gone) and "That search is over" in words(gone) and words(gone).count('"revision"') == 60
    away = visit("datasets", dataset=dataset_id, like="1")
    assert calm(away) and "no predictor" in away.warning[0].value and words(away).count('"revision"') == 60


def test_what_somebody_does_on_a_screen_stands_under_the_name_they_said(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 2, "pear": 2})
    app = visit("datasets", dataset=dataset_id, view="pictures")
    app.session_state["who"] = "Anna <b>"
    app.run()
    next(one for one in app.button if one.label.startswith("Undo")).click().run()
    assert [action.who for action in studio.store.images.actions(dataset_id)] == ["Anna <b>", "ann"]


def test_a_dialog_stays_open_while_the_page_behind_it_is_drawn_anew(visit: Visit, studio: Studio) -> None:
    """A model that has learned meanwhile draws the page anew: what somebody was about to press must not go."""
    dataset_id = add(studio, "Fruit", {"apple": 3, "pear": 3})
    app = visit("datasets", dataset=dataset_id)
    assert "Undo" not in [button.label for button in app.button]
    next(button for button in app.button if button.label == "Recent changes").click().run()
    app.run()
    assert calm(app)
    next(button for button in app.button if button.label == "Undo").click().run()
    assert calm(app) and studio.store.datasets.get(dataset_id).images == 0
    assert "Undo" not in [button.label for button in app.button]


def test_a_dialog_is_left_behind_with_its_screen() -> None:
    def script() -> None:
        import streamlit as st

        from pages.parts import dialogs

        dialogs.on(st.session_state.get("screen", "datasets"))
        if st.button("Open"):
            dialogs.ask("rename")
        st.markdown(f"open: {dialogs.asked('rename')}")

    app = AppTest.from_function(script).run()
    app.button[0].click().run()
    assert app.run().markdown[0].value == "open: True"
    app.session_state["screen"] = "system"
    assert app.run().markdown[0].value == "open: False"
    app.session_state["screen"] = "datasets"
    assert app.run().markdown[0].value == "open: False"

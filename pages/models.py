"""Models: the list, best first in each dataset; and one model with what it gets right and wrong."""

from __future__ import annotations

import time

import streamlit as st

from core import datasets, models, runs
from core.records import Model, ModelKind
from pages import answering, bringing, comparing, judged, packages, sharing, studio, travelling
from pages.components.curves import curves
from pages.parts import frame, links, markup, pickers, states, tiles
from pages.parts.text import ago, count, literal

# Name in the address -> name on the screen. Some hold parts, which have an address of their own.
VIEWS = {"judge": "How good", "compare": "Compare", "use": "Use", "packages": "Take away"}
PART_OF = {"travel": "compare", "doubt": "use", "share": "use"}
COMPARE = {"compare": "With another model", "travel": "On other pictures"}
darkroom = studio()


def page() -> None:
    if (model_id := pickers.chosen("model")) is not None:
        return one(models.get(darkroom, model_id))
    frame.head("Models", "Every model with how good it is, measured on pictures it had not learned from.")
    everything = models.all_of(darkroom)
    if not everything:
        states.begin("No model yet", "The first one comes by itself, seconds after a dataset has two labels.")
        bringing.section(darkroom)
        st.stop()
    for dataset in datasets.all_of(darkroom):
        found = sorted((m for m in everything if m.dataset_id == dataset.id), key=lambda m: (-m.accuracy, m.id))
        if not found:
            continue
        best = models.best(darkroom, dataset.id)
        markup.section(dataset.name, count(len(found), "model"))
        with st.grid(3, min_column_width=300):
            for model in found:
                tiles.model_tile(
                    model,
                    models.sentence(model),
                    time.time(),
                    len(found) > 1 and best is not None and model.id == best.id,
                )
    bringing.section(darkroom)


def one(model: Model) -> None:
    frame.head(tiles.title(model), f"Of {model.dataset}, made {ago(model.created_at, time.time())}.")
    markup.draw(markup.model_score(model, models.sentence(model), large=True))
    actions(model)
    match pickers.pills("View", "view", VIEWS, "judge", lambda: None, within=PART_OF):
        case "compare":
            compared(model)
        case "use":
            answering.draw(darkroom, model)
            sharing.section(darkroom, model)
            asked_by_programs(model)
        case "packages":
            as_it_is(model)
            packages.draw(darkroom, model)
        case _:
            how_good(model)
            made_of(model)


def how_good(model: Model) -> None:
    """Of an imported model only what was measured here has pictures behind it."""
    if model.kind is ModelKind.IMPORTED:
        bringing.measure(darkroom, model)
    if models.measured_here(model):
        judged.draw(darkroom, model)


def compared(model: Model) -> None:
    """With another model on the same pictures, or on the pictures of another dataset."""
    part = pickers.pills("Compare", "view", COMPARE, "compare", lambda: None, key="compare")
    (travelling if part == "travel" else comparing).draw(darkroom, model)


def asked_by_programs(model: Model) -> None:
    markup.section("From a program", f"model {model.id}")
    markup.draw(markup.words("A program of yours asks it over HTTP; the examples there are ready to copy.", quiet=True))
    st.link_button("How to ask", "/developers", icon=":material/code:")


def as_it_is(model: Model) -> None:
    """The files that are there without being made."""
    where = f"/api/models/{model.id}"
    markup.section("As it is", "the very file that answers here")
    said = "Unpack it anywhere: model.onnx takes pictures as they are, run.py asks it, and README says the rest."
    markup.draw(markup.words(said, quiet=True))
    with st.container(horizontal=True):
        st.link_button("Download the bundle", f"{where}/bundle.zip", icon=":material/download:")
        st.link_button("model.onnx alone", f"{where}/model.onnx", icon=":material/deployed_code:")


def actions(model: Model) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        links.go("Try it", "predictions", "center_focus_strong", "primary", dataset=model.dataset_id, model=model.id)
        links.go(
            f"Dataset: {literal(model.dataset)}", "datasets", "photo_library", "secondary", dataset=model.dataset_id
        )
        links.go("All models", "models")


def made_of(model: Model) -> None:
    markup.section("How it was made")
    pairs = {"Kind": "Instant: a linear layer on what EfficientNet-Lite0 sees"}
    if model.kind is ModelKind.TRAINED:
        pairs = {"Kind": f"Trained: {tiles.title(model)}"}
    if model.kind is ModelKind.IMPORTED:
        pairs = {"Kind": bringing.where_from(model)}
    pairs |= {"Labels": count(len(model.labels)), "Measured": models.measured_words(model)}
    if model.version_id is not None:
        version = darkroom.store.versions.get(model.version_id)
        pairs["Trained on"] = f"{count(version.images, 'picture')}, version {version.id} ({version.content_hash[:8]})"
    markup.draw(markup.facts(pairs))
    if model.run_id is not None:
        run = runs.get(darkroom, model.run_id)
        curves("curves", run.id, {"state": str(run.state), "wish": run.wish and str(run.wish), "begun": run.step > 0})
        links.go(f"Its run, recipe and log: {literal(run.name)}", "training", "notes", "secondary", run=run.id)


with states.sentences():
    page()

"""Models: the list, best first in each dataset; and one model with what it gets right and wrong."""

from __future__ import annotations

import time

import numpy as np
import streamlit as st

from core import datasets, evaluation, models, runs
from core.errors import NotFound
from core.records import Model, ModelKind
from core.scores import Scores
from pages import studio
from pages.components.curves import curves
from pages.parts import frame, links, markup, matrix, pickers, states, tiles
from pages.parts.text import ago, count, literal, percent
from pages.parts.theme import DARK, LIGHT

SMALL = 8  # labels: with so few the pictures stand beside the matrix
darkroom = studio()


def page() -> None:
    if (model_id := pickers.chosen("model")) is not None:
        return one(models.get(darkroom, model_id))
    frame.head("Models", "Every model with how good it is, measured on pictures it had not learned from.")
    everything = models.all_of(darkroom)
    if not everything:
        states.begin("No model yet", "The first one comes by itself, seconds after a dataset has two labels.")
        st.stop()
    for dataset in datasets.all_of(darkroom):
        found = sorted((m for m in everything if m.dataset_id == dataset.id), key=lambda m: (-m.accuracy, m.id))
        if not found:
            continue
        best = models.best(darkroom, dataset.id)
        markup.section(dataset.name, count(len(found), "model"))
        with st.grid(3, min_column_width=300):
            for model in found:
                tiles.model_tile(model, models.sentence(model), time.time(), best is not None and model.id == best.id)


def one(model: Model) -> None:
    frame.head(tiles.title(model), f"Of {model.dataset}, made {ago(model.created_at, time.time())}.")
    markup.draw(markup.score(model.accuracy, model.interval, models.sentence(model), large=True))
    actions(model)
    try:
        found = evaluation.score(darkroom, model)
    except NotFound as gone:
        states.problem(str(gone))
    else:
        mix_ups(model, found)
        per_label(model, found)
    made_of(model)


def actions(model: Model) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        links.go("Try it", "predictions", "center_focus_strong", "primary", dataset=model.dataset_id, model=model.id)
        where = f"/api/models/{model.id}"
        st.link_button("Download the bundle", f"{where}/bundle.zip", icon=":material/download:")
        st.link_button("model.onnx", f"{where}/model.onnx", icon=":material/deployed_code:")
        links.go("All models", "models")


def mix_ups(model: Model, found: Scores) -> None:
    """The confusion matrix, and the pictures behind the cell that was clicked; without a click the worst mistakes."""
    small = len(model.labels) <= SMALL
    left, right = st.columns([3, 2], gap="large") if small else (st.container(), st.container())
    with left:
        cell = confusion(model, found)
    with right:
        pictures(model, cell, 3 if small else 6)


def confusion(model: Model, found: Scores) -> tuple[int, int] | None:
    """The matrix; gives the cell (true, said) that was clicked."""
    markup.section("What it mixes up", "click a cell to see its pictures")
    ink = (LIGHT if st.context.theme.type == "light" else DARK).text
    figure = matrix.matrix(np.array(found.confusion), model.labels, ink)
    said = f"Confusion matrix of {count(model.measured_n, 'picture')} in {count(len(model.labels), 'label')}."
    event = st.plotly_chart(
        figure, key=f"matrix-{model.id}", on_select="rerun", selection_mode="points", config=matrix.CONFIG, alt=said
    )
    return matrix.clicked(event)


def pictures(model: Model, cell: tuple[int, int] | None, across: int) -> None:
    """The pictures behind a cell; without one the worst mistakes."""
    if cell:
        true, predicted = cell
        behind = evaluation.behind(darkroom, model, true, predicted)
        named = model.labels[true], model.labels[predicted]
        right = true == predicted
        markup.section(
            f"{named[0]}, and it says so" if right else f"{named[0]}, taken for {named[1]}",
            count(len(behind), "picture"),
        )
    else:
        behind = evaluation.mistakes(darkroom, model, limit=24)
        markup.section("Worst mistakes", "the ones it was most sure about")
    if not behind:
        markup.draw(
            markup.words("There are none. Try it on pictures from somewhere else to find its limits.", quiet=True)
        )
    markup.draw(markup.judged(behind[: across * 6], across))


def per_label(model: Model, found: Scores) -> None:
    markup.section("Label by label")
    positions = {label.name: label.position for label in darkroom.store.datasets.labels(model.dataset_id)}
    rows = [
        [
            markup.chip(one.label, positions.get(one.label)),
            *("–" if value is None else percent(value) for value in (one.recall, one.precision, one.f1)),
            count(one.images),
        ]
        for one in found.labels
    ]
    markup.draw(markup.table(["Label", "Found (recall)", "Right when it says so (precision)", "F1", "Pictures"], rows))


def made_of(model: Model) -> None:
    markup.section("How it was made")
    pairs = {"Kind": "Instant: a linear layer on what EfficientNet-Lite0 sees"}
    if model.kind is ModelKind.TRAINED:
        pairs = {"Kind": f"Trained: {tiles.title(model)}"}
    pairs |= {"Labels": count(len(model.labels)), "Measured": models.measured_words(model)}
    if model.version_id is not None:
        version = darkroom.store.versions.get(model.version_id)
        pairs["Trained on"] = f"{count(version.images, 'picture')}, version {version.id} ({version.content_hash[:8]})"
    markup.draw(markup.facts(pairs))
    if model.run_id is not None:
        run = runs.get(darkroom, model.run_id)
        curves("curves", run.id, None)
        links.go(f"Its run, recipe and log: {literal(run.name)}", "training", "notes", "secondary", run=run.id)


with states.sentences():
    page()

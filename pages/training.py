"""Train: choose an architecture and start; or, with a run in the address, watch it learn."""

from __future__ import annotations

import os
import time
from typing import Any

import streamlit as st

from core import architectures, datasets, estimates, recipe, runs
from core.records import Dataset, Run, TrainingSpec
from pages import studio
from pages.parts import frame, markup, pickers, states, tiles
from pages.parts.recipe_form import recipe_form
from pages.parts.text import count, duration
from pages.run import watch

EPOCHS = {True: 5, False: 15}  # by whether the architecture comes with knowledge
darkroom = studio()


def page() -> None:
    if (run_id := pickers.chosen("run")) is not None:
        return watch(darkroom, run_id)
    frame.head("Train", "Choose an architecture and how long it may learn. The recipe works out the rest.")
    everything = {dataset.id: dataset.name for dataset in datasets.all_of(darkroom)}
    if not everything:
        states.empty("Nothing to train on yet", "Add pictures with at least two labels first.")
        st.page_link("pages/home.py", label="Add pictures", icon=":material/add_photo_alternate:")
        st.stop()
    dataset = datasets.get(darkroom, pickers.wanted("dataset", everything))
    with st.container(width=420):
        pickers.pick("Dataset", "dataset", everything, dataset.id)
    like = clone()
    architecture = cards(dataset, like.architecture if like else architectures.ARCHITECTURES[0].name)
    form(dataset, architecture, like)
    earlier(dataset)


def clone() -> TrainingSpec | None:
    """The settings of the run that this one is made like (`?like=RUN`)."""
    like = pickers.chosen("like")
    return runs.get(darkroom, like).spec if like is not None else None


def cards(dataset: Dataset, default: str) -> architectures.Architecture:
    """One card each; the chosen one stands in the address."""
    chosen = architectures.get(st.query_params.get("architecture", default))
    speeds = estimates.speeds(darkroom)
    markup.section("Architecture", f"times for {count(dataset.images, 'picture')} on this server")
    with st.grid(4, min_column_width=260, gap="small"):
        for card in architectures.ARCHITECTURES:
            found = estimates.estimate(card, dataset.images, EPOCHS[card.pretrained], speeds)
            tiles.architecture_tile(card, found, EPOCHS[card.pretrained], card is chosen, choose)
    return chosen


def choose(name: str) -> None:
    st.query_params["architecture"] = name


def form(dataset: Dataset, card: architectures.Architecture, like: TrainingSpec | None) -> None:
    same = like if like and like.architecture == card.name else None
    place = f"{card.name}-{st.query_params.get('like', '')}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        epochs = st.number_input(
            "Epochs",
            1,
            runs.MAX_EPOCHS,
            same.epochs if same else EPOCHS[card.pretrained],
            key=f"epochs-{place}",
            help="How often the training looks at every picture. The best epoch is kept, so more does no harm.",
            width=180,
        )
        start = st.button("Start training", type="primary", icon=":material/play_arrow:")
    found = estimates.estimate(card, dataset.images, int(epochs or 1), estimates.speeds(darkroom))
    known = "measured in an earlier run here" if found.measured else "estimated from two processor cores without a GPU"
    markup.draw(markup.words(f"{card.title}: {duration(found.seconds)}, {known}.", quiet=True, small=True))
    with st.expander("Advanced", expanded=bool(same and same.overrides), icon=":material/tune:"):
        own = recipe.derive(
            TrainingSpec(card.name, int(epochs or 1)), dataset.images, max(dataset.labels, 2), os.cpu_count() or 1
        )
        overrides = recipe_form(own, same.overrides if same else {}, place)
    if start:
        with states.sentences():
            begin(dataset, card.name, int(epochs or 1), overrides)


def begin(dataset: Dataset, architecture: str, epochs: int, overrides: dict[str, Any]) -> None:
    run = runs.start(darkroom, dataset.id, architecture, epochs, overrides)
    st.switch_page("pages/training.py", query_params={"run": str(run.id)})


def earlier(dataset: Dataset) -> None:
    found = runs.all_of(darkroom, dataset.id)
    if not found:
        return
    markup.section("Runs", count(len(found), "run"))
    with st.grid(3, min_column_width=300):
        for run in found[:12]:
            tiles.run_tile(run, dataset.name, runs.WORDS[run.state], sentence(run), time.time())


def sentence(run: Run) -> str:
    if run.error:
        return run.error
    return f"Epoch {run.epoch} of {run.spec.epochs}"


with states.sentences():
    page()

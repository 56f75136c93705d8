"""Train: choose an architecture and start; or, with a run in the address, watch it learn."""

from __future__ import annotations

import os
import time
from typing import Any

import streamlit as st

from core import architectures, datasets, estimates, models, recipe, runs, searches, versions, weights
from core.architectures import Architecture
from core.records import Dataset, Run, TrainingSpec
from core.stores import Where
from pages import search, search_form, studio
from pages.parts import frame, links, markup, pickers, states, tiles
from pages.parts.network_picker import is_card, network_picker
from pages.parts.recipe_form import recipe_form
from pages.parts.text import count, duration
from pages.run import watch

darkroom = studio()


def page() -> None:
    if (run_id := pickers.chosen("run")) is not None:
        return watch(darkroom, run_id)
    if (search_id := pickers.chosen("search")) is not None:
        return search.watch(darkroom, search_id)
    everything = {dataset.id: dataset.name for dataset in datasets.all_of(darkroom)}
    if everything and pickers.chosen("find") is not None:
        darkroom.services.expect_training()
        return search_form.draw(darkroom, everything, datasets.get(darkroom, pickers.wanted("dataset", everything)))
    frame.head("Train", "Choose an architecture and how long it may learn. The recipe works out the rest.")
    if not everything:
        states.begin("Nothing to train on yet", "Add pictures with at least two labels first.")
        st.stop()
    darkroom.services.expect_training()
    dataset = datasets.get(darkroom, pickers.wanted("dataset", everything))
    like = clone()
    default = like.architecture if like else architectures.ARCHITECTURES[0].name
    card = architectures.get(st.query_params.get("architecture", default))
    same = like if like and like.architecture == card.name else None
    place = f"{card.name}-{st.query_params.get('like', '')}"
    epochs, start = dials(everything, dataset, card, same, place)
    said = st.container()
    cards(dataset, card)
    overrides = advanced(dataset, TrainingSpec(card.name, epochs), same, place)
    earlier(dataset)
    if start:
        with said, states.sentences():
            made_from = pickers.chosen("like") if same else None
            run = runs.start(darkroom, dataset.id, card.name, epochs, overrides, made_from)
            st.switch_page("pages/training.py", query_params={"run": str(run.id)})


def clone() -> TrainingSpec | None:
    """The settings of the run that this one is made like (`?like=RUN`)."""
    like = pickers.chosen("like")
    return runs.get(darkroom, like).spec if like is not None else None


def dials(
    everything: dict[int, str], dataset: Dataset, card: Architecture, same: TrainingSpec | None, place: str
) -> tuple[int, bool]:
    """Dataset, epochs, and the button; with how long it will take."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width=320):
            pickers.pick("Dataset", "dataset", everything, dataset.id)
        epochs = st.number_input(
            "Epochs",
            1,
            runs.MAX_EPOCHS,
            same.epochs if same else card.usual_epochs,
            key=f"epochs-{place}",
            width=180,
        )
        not_yet = versions.untrainable(darkroom, dataset.id)
        start = st.button("Start training", type="primary", icon=":material/play_arrow:", disabled=bool(not_yet))
        if not not_yet:
            links.go("Find good settings for me", "training", "search", "secondary", dataset=dataset.id, find=1)
    if not_yet:
        to_label = darkroom.store.images.count(dataset.id, Where(unlabelled=True)) > 0
        states.missing(not_yet, dataset.id, to_label)
        return int(epochs or 1), False
    found = estimates.estimate(card, dataset.images, int(epochs or 1), estimates.speeds(darkroom))
    markup.draw(markup.words(f"{card.title}: {takes(found)} The best epoch is kept.", quiet=True, small=True))
    if not weights.at_hand(darkroom.files, card):
        said = f"{weights.missing(card)} Start, and you are asked what to do instead; nothing begins by itself."
        markup.draw(markup.state(said, "warn small"))
    return int(epochs or 1), start


def takes(found: estimates.Estimate) -> str:
    if found.seconds is None:
        return "it has not been trained here yet, so nobody knows how long it takes."
    known = "measured in an earlier run here" if found.measured else "estimated for two processor cores without a GPU"
    return f"{duration(found.seconds)}, {known}."


def cards(dataset: Dataset, chosen: Architecture) -> None:
    """One card each; the chosen one stands in the address."""
    known, before = estimates.speeds(darkroom), estimates.histories(darkroom, dataset.id)
    markup.section("Architecture", f"times for {count(dataset.images, 'picture')}")
    shown = [*([] if is_card(chosen) else [chosen]), *architectures.ARCHITECTURES]
    grid = st.grid(4, min_column_width=250, gap="small")
    for at, card in enumerate(shown):
        found = estimates.estimate(card, dataset.images, card.usual_epochs, known)
        missing = "" if weights.at_hand(darkroom.files, card) else f"Weights not here ({weights.megabytes(card)})."
        with grid.cell(column_span=1 if at else 2):  # the first is the one for most people
            on = card.name == chosen.name
            tiles.architecture_tile(card, found, before.get(card.name), missing, card.usual_epochs, on, choose)


def choose(name: str) -> None:
    st.query_params["architecture"] = name


def advanced(dataset: Dataset, spec: TrainingSpec, same: TrainingSpec | None, place: str) -> dict[str, Any]:
    """What a person wants otherwise than the recipe would have it."""
    card = architectures.get(spec.architecture)
    opened = bool(same and same.overrides) or not is_card(card)
    with st.expander("Advanced", expanded=opened, icon=":material/tune:"):
        network_picker(card, choose)
        markup.draw(
            markup.words("Empty fields are worked out by the recipe. Fill in only what you want otherwise.", True)
        )
        own = recipe.derive(spec, dataset.images, max(dataset.labels, 2), os.cpu_count() or 1)
        return recipe_form(own, same.overrides if same else {}, place)


def earlier(dataset: Dataset) -> None:
    looked = searches.all_of(darkroom, dataset.id)
    if looked:
        markup.section("Searches", count(len(looked), "search", "searches"))
        with st.grid(3, min_column_width=300):
            for one in looked[:6]:
                tiles.search_tile(one, searches.WORDS[one.state], searches.standing(darkroom, one), time.time())
    # Trials stand with their search: they would drown what people started themselves.
    found = [run for run in runs.all_of(darkroom, dataset.id) if run.search_id is None]
    if not found:
        return
    markup.section("Runs", count(len(found), "run"))
    with st.grid(3, min_column_width=300):
        for run in found[:12]:
            tiles.run_tile(run, dataset.name, runs.word(run), sentence(run), time.time())


def sentence(run: Run) -> str:
    if run.error:
        return run.error
    if run.model_id is not None:
        return models.sentence(models.get(darkroom, run.model_id))
    if (turn := estimates.turn(darkroom, run)) is not None:
        return estimates.sentence(turn)
    return f"Epoch {run.epoch} of {run.spec.epochs}"


with states.sentences():
    page()

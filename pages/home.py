"""Home: what exists at a glance; and where nothing exists yet, the way to begin."""

from __future__ import annotations

import os
import time

import streamlit as st

from core import datasets, estimates, models, runs
from core.records import Dataset, RunState
from pages import studio
from pages.beginning import drop_area, getting_ready
from pages.components.uploader import just_added
from pages.parts import frame, links, markup, states, tiles
from pages.parts.text import count, file_size

MOST_DATASETS, MOST_MODELS = 6, 3
FIRST = (RunState.RUNNING, RunState.STARTING, RunState.QUEUED, RunState.PAUSED)  # of what is not over
darkroom = studio()


def page() -> None:
    everything = datasets.all_of(darkroom)
    if upload_id := st.query_params.get("upload"):
        return getting_ready(darkroom, upload_id)
    if not everything or just_added("first"):
        return drop_area(darkroom)
    left, right = st.columns([4, 1], vertical_alignment="center")
    with left:
        frame.head("Your darkroom", server())
    with right, st.container(horizontal_alignment="right"):
        links.go("New dataset", "datasets", "add", "primary", new=1)
    show_runs(everything)
    show_datasets(everything)
    show_models()


def server() -> str:
    """One line on what Darkroom runs on."""
    scheduler = darkroom.store.services.all().get("scheduler")
    devices = [str(one) for one in scheduler.detail.get("devices", [])] if scheduler else []
    gpus = [one for one in devices if one != "cpu"]
    runs_on = f"{count(len(gpus), 'graphics card')}" if gpus else f"{count(os.cpu_count() or 1, 'processor core')}"
    return f"Your pictures and models stay on this server: {runs_on}, {file_size(darkroom.files.free_bytes())} free."


def show_runs(everything: list[Dataset]) -> None:
    active = runs.active(darkroom)
    if not active:
        return
    markup.section("Training now", count(len(active), "run"))
    working(len(active), {dataset.id: dataset.name for dataset in everything})


@st.fragment(run_every=2.0)
def working(before: int, names: dict[int, str]) -> None:
    with states.sentences():
        active = runs.active(darkroom)
        if len(active) != before:
            st.rerun()  # one began or ended: the models below may have changed too
        with st.grid(3, min_column_width=300):
            for run in sorted(active, key=lambda one: FIRST.index(one.state))[:6]:
                turn = estimates.turn(darkroom, run)
                said = estimates.sentence(turn) if turn else f"Epoch {run.epoch} of {run.spec.epochs}"
                said = run.error if run.hold and run.error else said
                name = names.get(run.dataset_id, "")
                tiles.run_tile(run, name, runs.word(run), said, time.time())


def show_datasets(everything: list[Dataset]) -> None:
    markup.section("Datasets", count(len(everything), "dataset"))
    with st.grid(min(max(len(everything), 2), 3), min_column_width=300):
        for dataset in everything[:MOST_DATASETS]:
            best = models.best(darkroom, dataset.id)
            said = models.sentence(best) if best else models.instant(darkroom, dataset.id).sentence
            tiles.dataset_tile(dataset, datasets.cover(darkroom, dataset.id), best, said)
    if len(everything) > MOST_DATASETS:
        links.go(f"All {len(everything)} datasets", "datasets")


def show_models() -> None:
    newest = models.all_of(darkroom)
    if not newest:
        return
    markup.section("Newest models", count(len(newest), "model"))
    with st.grid(3, min_column_width=300):
        for model in newest[:MOST_MODELS]:
            tiles.model_tile(model, models.sentence(model), time.time())


with states.sentences():
    page()

"""Home: what exists at a glance; and where nothing exists yet, the way to begin."""

from __future__ import annotations

import os
import time

import streamlit as st

from core import datasets, models, runs, samples, uploads
from core.records import Dataset, RunState, UploadState
from pages import studio
from pages.components.uploader import just_added, uploader
from pages.parts import frame, links, markup, states, tiles
from pages.parts.text import count, duration, file_size

MOST_DATASETS, MOST_MODELS = 6, 3
FIRST_GUESS = 20  # pictures looked at before a time left means something
darkroom = studio()


def page() -> None:
    everything = datasets.all_of(darkroom)
    if upload_id := st.query_params.get("upload"):
        getting_ready(upload_id)
        st.stop()
    if not everything or just_added("first"):
        empty()
        st.stop()
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


def empty() -> None:
    frame.head("Teach a computer to see", "Drop labelled pictures. Seconds later a first model tells them apart.")
    if done := uploader("first", None):
        st.switch_page("pages/datasets.py", query_params={"dataset": str(done["dataset_id"])})
    names = samples.held_back()[:6]
    with st.container(key="samples", horizontal=True, vertical_alignment="center", gap="medium"):
        if names:
            markup.draw(markup.samples(names))
        with st.container(gap="xsmall"):
            markup.draw(
                markup.words("No pictures at hand?"),
                markup.words("Eight kinds of road signs, drawn by Darkroom itself, are ready to try.", quiet=True),
            )
            if st.button("Try it with sample pictures", icon=":material/traffic:"):
                st.query_params["upload"] = samples.add(darkroom).id
                st.rerun()


def getting_ready(upload_id: str) -> None:
    """From the click on the sample pictures to a model that answers; the address keeps the place."""
    upload = uploads.get(darkroom, upload_id)
    if upload.state is UploadState.CANCELLED:
        frame.head(upload.name)
        states.problem("This upload was cancelled. Nothing was added. Go to Home and start again.")
    elif upload.dataset_id is None or unready(upload.dataset_id):
        frame.head(upload.name, "The sample pictures are looked at, then a first model learns from them.")
        watch(upload_id)
    else:
        ready(datasets.get(darkroom, upload.dataset_id))


def unready(dataset_id: int) -> bool:
    return models.instant(darkroom, dataset_id).state in ("indexing", "fitting")


@st.fragment(run_every=1.0)
def watch(upload_id: str) -> None:
    with states.sentences():
        upload = uploads.get(darkroom, upload_id)
        if upload.state is not UploadState.ADDED or upload.dataset_id is None:
            found = uploads.understood(darkroom, upload_id)
            looked = f"{count(upload.checked)} of {count(upload.received, 'picture')} looked at"
            known = found.seconds_left and upload.checked >= FIRST_GUESS
            left = f", {duration(found.seconds_left or 0)} left" if known else ""
            markup.draw(markup.bar(upload.checked / max(upload.received, 1) / 2, looked + left))
            markup.draw(markup.samples(samples.held_back()[:8]))
        elif unready(upload.dataset_id):
            instant = models.instant(darkroom, upload.dataset_id)
            share = 1 - instant.waiting / max(datasets.get(darkroom, upload.dataset_id).images, 1)
            markup.draw(markup.bar(0.5 + share / 2, instant.sentence))
            markup.draw(markup.contact_sheet(datasets.cover(darkroom, upload.dataset_id, 16), across=8))
        else:
            st.rerun()


def ready(dataset: Dataset) -> None:
    """The sample pictures are in, and the first model answers."""
    instant = models.instant(darkroom, dataset.id)
    frame.head("Your first model is ready", f"It learned from the {count(dataset.images)} pictures of {dataset.name}.")
    if (model := instant.model) is None:
        states.problem(instant.sentence)
        st.stop()
    markup.draw(markup.score(model.accuracy, model.interval, models.sentence(model), large=True))
    markup.draw(markup.contact_sheet(datasets.cover(darkroom, dataset.id, 16), across=8))
    with st.container(horizontal=True, vertical_alignment="center"):
        links.go(
            "Try it on pictures it has never seen", "predictions", "center_focus_strong", "primary", dataset=dataset.id
        )
        links.go("Look at its pictures", "datasets", "photo_library", "secondary", dataset=dataset.id)


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
            for run in active[:6]:
                said = f"Epoch {run.epoch} of {run.spec.epochs}"
                if run.state is RunState.QUEUED:
                    ahead = runs.before(darkroom, run)
                    said = f"{count(ahead, 'run')} before it" if ahead else "Next in the queue"
                name = names.get(run.dataset_id, "")
                tiles.run_tile(run, name, runs.WORDS[run.state], said, time.time())


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

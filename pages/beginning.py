"""The beginning: a drop area while there is nothing, and the way of the sample pictures to a model. Home shows it."""

from __future__ import annotations

import streamlit as st

from core import datasets, models, samples, uploads
from core.records import Dataset, UploadState
from core.studio import Studio
from pages.components.uploader import uploader
from pages.parts import frame, links, markup, states
from pages.parts.text import count, duration

FIRST_GUESS = 20  # pictures looked at before a time left means something


def drop_area(darkroom: Studio) -> None:
    """Nothing there yet: drop a folder, or take the pictures that are at hand."""
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


def getting_ready(darkroom: Studio, upload_id: str) -> None:
    """From the click on the sample pictures to a model that answers; the address keeps the place."""
    upload = uploads.get(darkroom, upload_id)
    if upload.state is UploadState.CANCELLED:
        frame.head(upload.name)
        states.problem("This upload was cancelled. Nothing was added. Go to Home and start again.")
    elif upload.dataset_id is None or unready(darkroom, upload.dataset_id):
        frame.head(upload.name, "The sample pictures are looked at, then a first model learns from them.")
        watch(darkroom, upload_id)
    else:
        ready(darkroom, datasets.get(darkroom, upload.dataset_id))


def unready(darkroom: Studio, dataset_id: int) -> bool:
    return models.instant(darkroom, dataset_id).state in ("indexing", "fitting")


@st.fragment(run_every=1.0)
def watch(darkroom: Studio, upload_id: str) -> None:
    with states.sentences():
        upload = uploads.get(darkroom, upload_id)
        if upload.state is not UploadState.ADDED or upload.dataset_id is None:
            found = uploads.understood(darkroom, upload_id)
            looked = f"{count(upload.checked)} of {count(upload.received, 'picture')} looked at"
            known = found.seconds_left and upload.checked >= FIRST_GUESS
            left = f", {duration(found.seconds_left or 0)} left" if known else ""
            markup.draw(markup.bar(upload.checked / max(upload.received, 1) / 2, looked + left))
            markup.draw(markup.samples(samples.held_back()[:8]))
        elif unready(darkroom, upload.dataset_id):
            instant = models.instant(darkroom, upload.dataset_id)
            share = 1 - instant.waiting / max(datasets.get(darkroom, upload.dataset_id).images, 1)
            markup.draw(markup.bar(0.5 + share / 2, instant.sentence))
            markup.draw(markup.contact_sheet(datasets.cover(darkroom, upload.dataset_id, 16), across=8))
        else:
            st.rerun()


def ready(darkroom: Studio, dataset: Dataset) -> None:
    """The sample pictures are in, and the first model answers."""
    instant = models.instant(darkroom, dataset.id)
    frame.head("Your first model is ready", f"It learned from the {count(dataset.images)} pictures of {dataset.name}.")
    if (model := instant.model) is None:
        states.problem(instant.sentence)
        return
    markup.draw(markup.model_score(model, models.sentence(model), large=True))
    markup.draw(markup.contact_sheet(datasets.cover(darkroom, dataset.id, 16), across=8))
    with st.container(horizontal=True, vertical_alignment="center"):
        links.go(
            "Try it on pictures it has never seen", "predictions", "center_focus_strong", "primary", dataset=dataset.id
        )
        links.go("Look at its pictures", "datasets", "photo_library", "secondary", dataset=dataset.id)

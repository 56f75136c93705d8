"""Label: one large picture after another, unlabelled ones first, then those whose label is in doubt."""

from __future__ import annotations

import streamlit as st

from core import datasets, findings, models
from core.records import Dataset
from core.studio import Where
from pages import studio
from pages.components.gallery import gallery
from pages.parts import frame, links, pickers, states
from pages.parts.text import count
from pages.parts.theme import label_colour

BATCH = 24
NEW, DOUBTFUL = "new", "doubtful"
darkroom = studio()


def page() -> None:
    everything = {dataset.id: dataset.name for dataset in datasets.all_of(darkroom)}
    if not everything:
        frame.head("Label")
        states.begin("Nothing to label yet", "Add pictures first; those without a folder name wait here for a label.")
        st.stop()
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        frame.head("Label", "A key labels the picture and steps on. Enter takes what the model says.")
    with right:
        dataset = datasets.get(darkroom, pickers.wanted("dataset", everything))
        pickers.pick("Dataset", "dataset", everything, dataset.id)
        waiting = darkroom.store.images.count(dataset.id, Where(unlabelled=True))
        which = pickers.pills(
            "Which pictures",
            "show",
            {NEW: f"Without a label {count(waiting)}", DOUBTFUL: "Labels in doubt"},
            NEW if waiting else DOUBTFUL,
            begin_again,
        )
    desk(dataset, which)


def begin_again() -> None:
    st.session_state["batch"] = 0


def desk(dataset: Dataset, which: str) -> None:
    batch = int(st.session_state.setdefault("batch", 0))
    if which == NEW:
        found = findings.unlabelled(darkroom, dataset.id, BATCH)
    else:
        found = findings.doubtful(darkroom, dataset.id, BATCH, batch * BATCH)
    if not found:
        return nothing_left(dataset, which)
    labels = [
        {"id": label.id, "name": label.name, "color": label_colour(label.position)}
        for label in datasets.labels(darkroom, dataset.id)
    ]
    rows = [
        {"id": one.image.id, "revision": one.image.revision, "label": one.image.label, "label_id": one.image.label_id}
        | {"name": one.image.name, "width": one.image.width, "height": one.image.height}
        | {"asked": which == DOUBTFUL}
        | ({"suggestion": one.suggestion, "confidence": one.confidence} if one.suggestion else {})
        for one in found
    ]
    happened = gallery("desk", dataset.id, rows, labels, page=f"{dataset.id}|{which}|{batch}", mode="label")
    if happened["next"]:
        st.session_state["batch"] = batch + 1
        st.rerun()


def nothing_left(dataset: Dataset, which: str) -> None:
    if which == NEW:
        states.empty("Every picture has a label", "Look through the labels in doubt, or add more pictures.")
    else:
        said = models.instant(darkroom, dataset.id).sentence
        states.empty("No label is in doubt", f"The instant model agrees with every label it has looked at. {said}")
    with st.container(horizontal=True, horizontal_alignment="center"):
        links.go("Train a model", "training", "model_training", "primary", dataset=dataset.id)
        links.go("Look at its pictures", "datasets", "photo_library", "secondary", dataset=dataset.id)


with states.sentences():
    page()

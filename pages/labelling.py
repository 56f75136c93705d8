"""Label: pictures without a label, the most useful ones first; then those whose label is in doubt."""

from __future__ import annotations

import streamlit as st

from core import datasets, enough, labelling, models
from core.labelling import Order
from core.records import Dataset
from core.stores import Where
from pages import introduce, studio
from pages.components.desk import desk
from pages.parts import frame, links, markup, pickers, states
from pages.parts.text import count
from pages.parts.theme import label_colour

ORDERS: dict[str, tuple[Order, str]] = {
    "new": ("useful", "Most useful next"),
    "arrival": ("arrival", "As they came"),
    "doubtful": ("doubtful", "Labels in doubt"),
}
darkroom = studio()


def page() -> None:
    everything = {dataset.id: dataset.name for dataset in datasets.all_of(darkroom)}
    if not everything:
        frame.head("Label")
        states.begin("Nothing to label yet", "Add pictures first; those without a folder name wait here for a label.")
        st.stop()
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with right:
        dataset = datasets.get(darkroom, pickers.wanted("dataset", everything))
        pickers.pick("Dataset", "dataset", everything, dataset.id)
        waiting = darkroom.store.images.count(dataset.id, Where(unlabelled=True))
        names = {name: title for name, (_, title) in ORDERS.items()}
        which = pickers.pills("Order", "show", names, "new" if waiting else "doubtful", lambda: None)
    with left:
        frame.head("Label", "A key labels the picture and steps on. Enter takes what the model says.")
        have_i_done_enough(dataset)
    order = ORDERS[which][0]
    if (order == "doubtful" or not waiting) and not in_doubt(dataset, order):
        return nothing_left(dataset, order)
    labels = [
        {"id": label.id, "name": label.name, "color": label_colour(label.position)}
        for label in datasets.labels(darkroom, dataset.id)
    ]
    happened = desk("desk", dataset.id, labels, order)
    if happened["named"]:
        introduce(happened["named"]["name"])
    if happened["next"]:
        st.rerun()


def in_doubt(dataset: Dataset, order: Order) -> bool:
    """Some label is in doubt, where that is asked for."""
    return order == "doubtful" and bool(labelling.queue(darkroom, dataset.id, order, 1))


def have_i_done_enough(dataset: Dataset) -> None:
    """One line, and the way to the whole answer."""
    if not dataset.labels:
        return
    survey, found = enough.of(darkroom, dataset.id)
    said = found.sentence if found else survey.problem or "What more labels would bring is being worked out."
    with st.container(horizontal=True, vertical_alignment="center", key="enough"):
        markup.draw(markup.words(said, small=True))
        links.go("Have I done enough?", "datasets", "monitoring", dataset=dataset.id, view="enough")


def nothing_left(dataset: Dataset, order: Order) -> None:
    if order != "doubtful":
        said = (
            f"All {count(dataset.images, 'picture')} have one. Look through the labels in doubt, or add more pictures."
        )
        states.empty("Every picture has a label", said)
    else:
        said = models.instant(darkroom, dataset.id).sentence
        states.empty("No label is in doubt", f"The instant model agrees with every label it has looked at. {said}")
    with st.container(horizontal=True, horizontal_alignment="center"):
        links.go("Train a model", "training", "model_training", "primary", dataset=dataset.id)
        links.go("Look at its pictures", "datasets", "photo_library", "secondary", dataset=dataset.id)


with states.sentences():
    page()

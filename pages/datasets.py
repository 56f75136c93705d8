"""Datasets: the list; and one dataset, in one of several views, with its labels and its instant model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import streamlit as st

from core import datasets, models
from core.records import Dataset, Label
from core.stores import Where
from core.studio import Studio
from core.versions import untrainable
from pages import enough, errands, findings, map, merging, pictures, studio, versions
from pages.components.uploader import just_added, uploader
from pages.parts import dialogs, frame, instant, links, markup, pickers, states, tiles
from pages.parts.text import count, size
from pages.parts.theme import label_colour

# Name in the address -> name on the screen, and what draws it.
VIEWS: dict[str, tuple[str, Callable[[Studio, Dataset, Sequence[Label]], None]]] = {
    "pictures": ("Pictures", pictures.draw),
    "findings": ("Findings", findings.draw),
    "map": ("Map", map.draw),
    "versions": ("Versions", versions.draw),
    "enough": ("Have I done enough?", enough.draw),
}
darkroom = studio()


def page() -> None:
    if (dataset_id := pickers.chosen("dataset")) is not None:
        return one(datasets.get(darkroom, dataset_id))
    everything = datasets.all_of(darkroom)
    frame.head("Datasets", "Pictures with labels. A first model learns from them by itself, within seconds.")
    if st.query_params.get("merge") and len(everything) > 1:
        return merging.draw(darkroom, everything)
    if not everything or st.query_params.get("new") or just_added("new"):
        if done := uploader("new", None):
            st.switch_page("pages/datasets.py", query_params={"dataset": str(done["dataset_id"])})
    else:
        with st.container(horizontal=True):
            links.go("New dataset", "datasets", "add", "primary", new=1)
            if len(everything) > 1:
                links.go("Merge datasets", "datasets", "merge", "secondary", merge=1)
    with st.grid(min(max(len(everything), 2), 3), min_column_width=300):
        for dataset in everything:
            best = models.best(darkroom, dataset.id)
            said = models.sentence(best) if best else models.instant(darkroom, dataset.id).sentence
            tiles.dataset_tile(dataset, datasets.cover(darkroom, dataset.id), best, said)


def one(dataset: Dataset) -> None:
    labels = datasets.labels(darkroom, dataset.id)
    left, right = st.columns([3, 2], gap="large", vertical_alignment="top")
    with left:
        frame.head(dataset.name, f"{size(dataset.images, len(labels))}." if dataset.images else "No picture yet.")
        actions(dataset)
        elsewhere = st.query_params.get("view") != "findings"  # there they say it themselves
        if dataset.images and elsewhere and (said := findings.badge(darkroom, dataset)):
            links.go(said, "datasets", "troubleshoot", place="badge", dataset=dataset.id, view="findings")
    with right:
        found = models.instant(darkroom, dataset.id)
        working = found.state in ("indexing", "fitting")
        st.fragment(instant_card, run_every=1.0 if working else None)(dataset.id, working, [found])
    errands.draw(darkroom, dataset)
    with st.expander("Add pictures", expanded=not dataset.images, icon=":material/add_photo_alternate:"):
        coloured = [{"name": label.name, "color": label_colour(label.position)} for label in labels]
        if uploader("add", dataset.id, dataset.name, coloured):
            st.rerun()
    view(dataset, labels)


def instant_card(dataset_id: int, working: bool, asked: list[models.Instant]) -> None:
    """`asked`: what the page knows already; asked again only when the card is drawn again by itself."""
    with states.sentences():
        now = asked.pop() if asked else models.instant(darkroom, dataset_id)
        indexer = darkroom.store.services.all().get("indexer")
        instant.card(now, datasets.get(darkroom, dataset_id).images, indexer)
        if working and now.state not in ("indexing", "fitting"):
            st.rerun()  # the whole page, once: then the polling ends


def actions(dataset: Dataset) -> None:
    """What can be done with it; the next thing to do stands out."""
    following = next_step(dataset)
    train, label = ("primary" if step == following else "secondary" for step in ("train", "label"))
    with st.container(horizontal=True, vertical_alignment="center"):
        links.go("Train a model", "training", "model_training", train, dataset=dataset.id)
        links.go("Try it", "predictions", "center_focus_strong", "secondary", dataset=dataset.id)
        links.go("Label", "labelling", "label", label, dataset=dataset.id)
        if what := st.menu_button("More", list(DIALOGS)):
            dialogs.ask(f"{what} dataset {dataset.id}")
    for what, draw in DIALOGS.items():
        if dialogs.asked(f"{what} dataset {dataset.id}"):
            draw(dataset)


def next_step(dataset: Dataset) -> Literal["train", "label"] | None:
    """Which action brings this dataset on; none where it wants more pictures, or an errand that stopped goes first."""
    if errands.stopped_one(darkroom, dataset):
        return None
    if not untrainable(darkroom, dataset.id):
        return "train"
    return "label" if darkroom.store.images.count(dataset.id, Where(unlabelled=True)) else None


@dialogs.dialog("Rename this dataset")
def rename(dataset: Dataset) -> None:
    with st.form("rename", border=False), states.sentences():
        name = st.text_input("Name", dataset.name, max_chars=100)
        if st.form_submit_button("Rename", type="primary"):
            datasets.rename(darkroom, dataset.id, name or "")
            dialogs.shut()
            st.rerun()


@dialogs.dialog("Download the predictions")
def download(dataset: Dataset) -> None:
    markup.draw(markup.words("Every picture that was tried with a model of this dataset, with its answer, as CSV."))
    st.link_button(
        "Download", f"/api/datasets/{dataset.id}/predictions.csv", type="primary", icon=":material/download:"
    )


@dialogs.dialog("Remove this dataset?")
def remove(dataset: Dataset) -> None:
    size = count(dataset.images, "picture")
    markup.draw(markup.words(f"“{dataset.name}” with its {size} and its models disappears from every screen."))
    with states.sentences():
        if st.button("Remove it", type="primary"):
            datasets.remove(darkroom, dataset.id)
            dialogs.shut()
            st.switch_page("pages/datasets.py")


DIALOGS = {"Rename": rename, "Download predictions": download, "Remove": remove}


def view(dataset: Dataset, labels: Sequence[Label]) -> None:
    """One of the ways to look at a dataset, as `?view=`."""
    if not dataset.images and not darkroom.store.images.count(dataset.id, Where(deleted=True)):
        return states.empty("No pictures yet", "Drop a folder above. Each folder name in it becomes a label.")
    names = {name: title for name, (title, _) in VIEWS.items()}
    chosen = pickers.pills("View", "view", names, "pictures", lambda: None)
    VIEWS[chosen][1](darkroom, dataset, labels)


with states.sentences():
    page()

"""Datasets: the list; and one dataset with its pictures, its labels and its instant model."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import datasets, models
from core.records import Dataset, Image, Label
from core.studio import Change, Where
from pages import studio
from pages.components.gallery import gallery
from pages.components.uploader import just_added, uploader
from pages.parts import filters, frame, instant, links, markup, pickers, states, tiles
from pages.parts.text import count, literal
from pages.parts.theme import label_colour

PAGE = 60
DRAWN_ANEW = ("add", "undo", "restore")  # actions after which pictures may stand at other places
darkroom = studio()


def page() -> None:
    if (dataset_id := pickers.chosen("dataset")) is not None:
        return one(datasets.get(darkroom, dataset_id))
    everything = datasets.all_of(darkroom)
    frame.head("Datasets", "Pictures with labels. A first model learns from them by itself, within seconds.")
    if not everything or st.query_params.get("new") or just_added("new"):
        if done := uploader("new", None):
            st.switch_page("pages/datasets.py", query_params={"dataset": str(done["dataset_id"])})
    else:
        links.go("New dataset", "datasets", "add", "primary", new=1)
    with st.grid(min(max(len(everything), 2), 3), min_column_width=300):
        for dataset in everything:
            best = models.best(darkroom, dataset.id)
            said = models.sentence(best) if best else models.instant(darkroom, dataset.id).sentence
            tiles.dataset_tile(dataset, datasets.cover(darkroom, dataset.id), best, said)


def one(dataset: Dataset) -> None:
    labels = datasets.labels(darkroom, dataset.id)
    left, right = st.columns([3, 2], gap="large", vertical_alignment="bottom")
    with left:
        frame.head(dataset.name, f"{count(dataset.images, 'picture')} in {count(len(labels), 'label')}.")
        actions(dataset)
    with right:
        working = models.instant(darkroom, dataset.id).state in ("indexing", "fitting")
        st.fragment(instant_card, run_every=1.0 if working else None)(dataset.id, working)
    with st.expander("Add pictures", expanded=not dataset.images, icon=":material/add_photo_alternate:"):
        coloured = [{"name": label.name, "color": label_colour(label.position)} for label in labels]
        if uploader("add", dataset.id, dataset.name, coloured):
            st.rerun()
    pictures(dataset, labels)


def instant_card(dataset_id: int, working: bool) -> None:
    with states.sentences():
        now = models.instant(darkroom, dataset_id)
        indexer = darkroom.store.services.all().get("indexer")
        instant.card(now, datasets.get(darkroom, dataset_id).images, indexer)
        if working and now.state not in ("indexing", "fitting"):
            st.rerun()  # the whole page, once: then the polling ends


def actions(dataset: Dataset) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        links.go("Train a model", "training", "model_training", "primary", dataset=dataset.id)
        links.go("Try it", "predictions", "center_focus_strong", "secondary", dataset=dataset.id)
        links.go("Label", "labelling", "label", "secondary", dataset=dataset.id)
        match st.menu_button("More", ["Rename", "Download predictions", "Remove"]):
            case "Rename":
                rename(dataset)
            case "Download predictions":
                download(dataset)
            case "Remove":
                remove(dataset)


@st.dialog("Rename this dataset")
def rename(dataset: Dataset) -> None:
    with st.form("rename", border=False), states.sentences():
        name = st.text_input("Name", dataset.name, max_chars=100)
        if st.form_submit_button("Rename", type="primary"):
            datasets.rename(darkroom, dataset.id, name or "")
            st.rerun()


@st.dialog("Download the predictions")
def download(dataset: Dataset) -> None:
    markup.draw(markup.words("Every picture that was tried with a model of this dataset, with its answer, as CSV."))
    st.link_button(
        "Download", f"/api/datasets/{dataset.id}/predictions.csv", type="primary", icon=":material/download:"
    )


@st.dialog("Remove this dataset?")
def remove(dataset: Dataset) -> None:
    size = count(dataset.images, "picture")
    markup.draw(markup.words(f"“{dataset.name}” with its {size} and its models disappears from every screen."))
    with states.sentences():
        if st.button("Remove it", type="primary"):
            datasets.remove(darkroom, dataset.id)
            st.switch_page("pages/datasets.py")


def pictures(dataset: Dataset, labels: Sequence[Label]) -> None:
    store = darkroom.store.images
    unlabelled, trash = (store.count(dataset.id, where) for where in (Where(unlabelled=True), Where(deleted=True)))
    if not dataset.images and not trash:
        return states.empty("No pictures yet", "Drop a folder above. Each folder name in it becomes a label.")
    markup.section("Pictures")
    shown = filters.sieve(labels, dataset.images, unlabelled, trash)
    sheet = st.container()  # above the pages, but drawn once the page is known
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        total = store.count(dataset.id, shown.where)
        at = st.pagination(-(-total // PAGE), key="page", bind="query-params") if total > PAGE else 1
        undo(dataset)
    found, _ = datasets.page(darkroom, dataset.id, shown.where, (at - 1) * PAGE, PAGE)
    with sheet:
        if shown.trash:
            return in_trash(dataset, found)
        again = [one for one in store.actions(dataset.id) if one.kind in DRAWN_ANEW]
        name = f"{dataset.id}|{shown.name}|{at}|{again[0].id if again else 0}"
        named = [{"id": one.id, "name": one.name, "color": label_colour(one.position)} for one in labels]
        gallery("sheet", dataset.id, [row(image) for image in found], named, page=name)


def row(image: Image) -> dict[str, object]:
    keys = ("id", "revision", "label", "label_id", "name", "width", "height")
    return {key: getattr(image, key) for key in keys} | {"split": str(image.split)}


def in_trash(dataset: Dataset, found: Sequence[Image]) -> None:
    markup.draw(markup.hung(found))
    if found and st.button(f"Put these {count(len(found), 'picture')} back", icon=":material/restore_from_trash:"):
        changes = [Change(image.id, image.revision, deleted=False) for image in found]
        datasets.change(darkroom, dataset.id, "restore", changes)
        st.rerun()


def undo(dataset: Dataset) -> None:
    action = datasets.last_action(darkroom, dataset.id)
    if action and st.button(f"Undo: {literal(action.summary)}", type="tertiary", icon=":material/undo:"):
        datasets.undo(darkroom, action.id)
        st.rerun()


with states.sentences():
    page()

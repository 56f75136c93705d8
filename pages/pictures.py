"""The pictures of a dataset: filtered, page by page; relabelled, deleted, put back, undone."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import datasets
from core.records import Dataset, Image, Label
from core.studio import Change, Studio, Where
from pages.components.gallery import gallery
from pages.parts import filters, markup
from pages.parts.text import count, literal
from pages.parts.theme import label_colour

PAGE = 60
DRAWN_ANEW = ("add", "undo", "restore")  # actions after which pictures may stand at other places


def draw(studio: Studio, dataset: Dataset, labels: Sequence[Label]) -> None:
    store = studio.store.images
    unlabelled, trash = (store.count(dataset.id, where) for where in (Where(unlabelled=True), Where(deleted=True)))
    shown = filters.sieve(labels, dataset.images, unlabelled, trash)
    sheet = st.container()  # above the pages, but drawn once the page is known
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        total = store.count(dataset.id, shown.where)
        at = st.pagination(-(-total // PAGE), key="page", bind="query-params") if total > PAGE else 1
        undo(studio, dataset)
    found, _ = datasets.page(studio, dataset.id, shown.where, (at - 1) * PAGE, PAGE)
    with sheet:
        if shown.trash:
            return in_trash(studio, dataset, found)
        again = [one for one in store.actions(dataset.id) if one.kind in DRAWN_ANEW]
        name = f"{dataset.id}|{shown.name}|{at}|{again[0].id if again else 0}"
        named = [{"id": one.id, "name": one.name, "color": label_colour(one.position)} for one in labels]
        gallery("sheet", dataset.id, [row(image) for image in found], named, page=name)


def row(image: Image) -> dict[str, object]:
    keys = ("id", "revision", "label", "label_id", "name", "width", "height")
    return {key: getattr(image, key) for key in keys} | {"split": str(image.split)}


def in_trash(studio: Studio, dataset: Dataset, found: Sequence[Image]) -> None:
    markup.draw(markup.hung(found))
    if found and st.button(f"Put these {count(len(found), 'picture')} back", icon=":material/restore_from_trash:"):
        changes = [Change(image.id, image.revision, deleted=False) for image in found]
        datasets.change(studio, dataset.id, "restore", changes)
        st.rerun()


def undo(studio: Studio, dataset: Dataset) -> None:
    action = datasets.last_action(studio, dataset.id)
    if action and st.button(f"Undo: {literal(action.summary)}", type="tertiary", icon=":material/undo:"):
        datasets.undo(studio, action.id)
        st.rerun()

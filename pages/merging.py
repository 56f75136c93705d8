"""Merging: choose datasets, decide the pictures that have different labels, and make a new one of them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from core import errands, merging
from core.merging import Clash, Plan
from core.records import Dataset
from core.studio import Studio
from pages.parts import links, markup, states
from pages.parts.text import count, joined, literal

ONE_BY_ONE = 0
BY_HAND = 24  # clashes that are worth looking at one by one


def draw(studio: Studio, everything: Sequence[Dataset]) -> None:
    names = {dataset.id: dataset.name for dataset in everything}
    markup.section("Merge datasets", "the ones you merge stay as they are")
    chosen = st.multiselect(
        "Datasets",
        list(names),
        format_func=lambda one: literal(names[one]),
        placeholder="Choose two or more",
        key="merge-of",
        help="Where a picture is in several, it comes once, with the name of the first one as its origin.",
    )
    name = st.text_input("Name of the new dataset", max_chars=100, key="merge-name", width=420)
    planned = merging.plan(studio, chosen) if len(chosen) > 1 else None
    prefer: int | None = None
    labels: dict[str, int] = {}
    if planned:
        markup.draw(markup.words(sentence(planned)))
        if planned.clashes:
            prefer, labels = decide(studio, planned, names)
    with st.container(horizontal=True):
        ready = (
            planned is not None and bool(name.strip()) and (prefer is not None or len(labels) == len(planned.clashes))
        )
        if st.button("Merge", type="primary", icon=":material/merge:", disabled=not ready):
            with states.sentences(), st.spinner("Merging"):
                merged = errands.merge(studio, name, chosen, labels, prefer)
                st.switch_page("pages/datasets.py", query_params={"dataset": str(merged.id)})
        links.go("Back to all datasets", "datasets", "arrow_back")


def sentence(planned: Plan) -> str:
    """What will come of it."""
    said = f"{count(planned.images, 'picture')} in {count(len(planned.labels), 'label')}"
    said += f": {joined(list(planned.labels), 6)}." if planned.labels else "."
    if planned.copies:
        said += f" {count(planned.copies, 'copy', 'copies')} of pictures that are in several come once."
    return said


def decide(studio: Studio, planned: Plan, names: Mapping[int, str]) -> tuple[int | None, dict[str, int]]:
    """The dataset whose labels count, or the image whose label counts for each picture that has several."""
    many = count(len(planned.clashes), "picture has", "pictures have")
    markup.section("Different labels", f"{many} more than one: which one counts?")
    options = {one.id: f"Those of {literal(one.name)}" for one in planned.datasets}
    if len(planned.clashes) <= BY_HAND:
        options = {ONE_BY_ONE: "One by one", **options}
    whose = st.segmented_control(
        "Whose label counts",
        list(options),
        format_func=lambda one: options[one],
        key="merge-prefer",
        label_visibility="collapsed",
    )
    shown = merging.clashes(studio, planned, 0, BY_HAND)
    labels: dict[str, int] = {}
    with st.grid(4, min_column_width=220):
        for clash in shown:
            with st.container(border=True, key=f"clash-{clash.sha256[:12]}"):
                markup.draw(markup.contact_sheet(clash.copies[:1], across=1, rows=1))
                if whose != ONE_BY_ONE:
                    copies(clash, whose, names)
                elif (image_id := one_of(clash, names)) is not None:
                    labels[clash.sha256] = image_id
    if len(planned.clashes) > len(shown):
        markup.draw(markup.words(f"and {len(planned.clashes) - len(shown):,} more", quiet=True, small=True))
    return (whose if whose not in (None, ONE_BY_ONE) else None), labels


def copies(clash: Clash, whose: int | None, names: Mapping[int, str]) -> None:
    """What each dataset says, and which of it counts."""
    first = next((image for image in clash.copies if image.dataset_id == whose), clash.copies[0])
    for image in clash.copies:
        counts = whose is not None and image is first
        said = f"{image.label} · {names[image.dataset_id]}{', counts' if counts else ''}"
        markup.draw(markup.words(said, quiet=not counts, small=True))


def one_of(clash: Clash, names: Mapping[int, str]) -> int | None:
    """The image whose label a person chose."""
    said = {image.id: f"{literal(image.label or '')} · {literal(names[image.dataset_id])}" for image in clash.copies}
    picked = st.pills(
        "Label",
        list(said),
        format_func=lambda one: said[one],
        key=f"clash-label-{clash.sha256[:16]}",
        label_visibility="collapsed",
    )
    return None if picked is None else int(picked)

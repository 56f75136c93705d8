"""The map of a dataset: worked out in the background, drawn as soon as there is one."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import maps, surveys
from core.records import Dataset, Label
from core.studio import Studio
from pages.components.map import picture_map
from pages.parts import filters, markup, states
from pages.parts.text import count, duration
from pages.parts.theme import label_colour

A_SECOND = 4000  # points that take about so long to place, after the first half minute


def draw(studio: Studio, dataset: Dataset, labels: Sequence[Label]) -> None:
    survey = surveys.latest(studio, dataset.id, maps.KIND)
    if survey.pending:
        st.fragment(under_way, run_every=1.0)(studio, dataset, survey.revision)
    if survey.problem and not survey.pending:
        states.problem(survey.problem)
    if not survey.ready:
        return
    named = [{"id": one.id, "name": one.name, "color": label_colour(one.position)} for one in labels]
    happened = picture_map("map", dataset.id, named, f"{dataset.id}-{survey.revision}-{dataset.labels_revision}")
    if happened["show"]:
        st.session_state[f"found-{dataset.id}"] = {"ids": happened["show"]["ids"], "name": "chosen on the map"}
        st.query_params.update(view="pictures", like="found")
        filters.first_page()
        st.rerun()


def under_way(studio: Studio, dataset: Dataset, seen: int) -> None:
    """How far the newest map is; the page is drawn anew once it is there."""
    with states.sentences():
        survey = surveys.latest(studio, dataset.id, maps.KIND)
        if not survey.pending or survey.revision != seen:
            st.rerun()
        if survey.ready:
            return markup.draw(markup.state("The map takes in what has changed", "live small"))
        guess = duration(30 + dataset.images / A_SECOND) if dataset.images > 500 else "some seconds"
        words = f"Looking which of {count(dataset.images, 'picture')} are alike. The first map takes {guess}."
        markup.draw(markup.bar(survey.progress or 0.0, words))

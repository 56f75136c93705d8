"""Tiles: a dataset, a model or a run at a glance. The whole tile is one link."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.records import Dataset, Image, Model, ModelKind, Run, RunState
from pages.parts import markup
from pages.parts.text import ago, count, literal

LIGHTS = {
    RunState.QUEUED: "",
    RunState.STARTING: "live",
    RunState.RUNNING: "live",
    RunState.PAUSED: "",
    RunState.SUCCEEDED: "good",
    RunState.FAILED: "warn",
    RunState.CANCELLED: "",
}
KINDS = {ModelKind.INSTANT: "Instant model", ModelKind.TRAINED: "Trained model"}


def dataset_tile(dataset: Dataset, cover: Sequence[Image], model: Model | None, sentence: str) -> None:
    """Its pictures, its size, and how good its best model is (`sentence`, also where there is none yet)."""
    with st.container(border=True, key=f"tile-dataset-{dataset.id}"):
        markup.draw(markup.contact_sheet(cover))
        st.page_link("pages/datasets.py", label=literal(dataset.name), query_params={"dataset": str(dataset.id)})
        size = f"{count(dataset.images, 'picture')}, {count(dataset.labels, 'label')}"
        markup.draw(markup.words(size, quiet=True, small=True))
        if model:
            markup.draw(markup.score(model.accuracy, model.interval, sentence))
        else:
            markup.draw(markup.words(sentence, quiet=True, small=True))


def model_tile(model: Model, title: str, sentence: str, now: float, best: bool = False, place: str = "") -> None:
    """Its kind, what it was made with, and how good it is. `place` keeps the keys of two lists on a page apart."""
    with st.container(border=True, key=f"tile-model-{place}{model.id}"):
        kind = f"{KINDS[model.kind]}, {ago(model.created_at, now)}"
        markup.draw(markup.state(kind, "good") if best else f'<span class="dr-kind">{kind}</span>')
        st.page_link("pages/models.py", label=literal(title), query_params={"model": str(model.id)})
        markup.draw(markup.words(model.dataset, quiet=True, small=True))
        markup.draw(markup.score(model.accuracy, model.interval, sentence))


def run_tile(run: Run, dataset: str, word: str, sentence: str, now: float) -> None:
    """What it trains, how far it is, and what came of it."""
    with st.container(border=True, key=f"tile-run-{run.id}"):
        markup.draw(markup.state(word[:1].upper() + word[1:], LIGHTS[run.state]))
        st.page_link("pages/training.py", label=literal(run.name), query_params={"run": str(run.id)})
        markup.draw(markup.words(f"{dataset}, {ago(run.queued_at, now)}", quiet=True, small=True))
        if run.state.active or run.state is RunState.PAUSED:
            share = run.step / run.total_steps if run.total_steps else 0.0
            markup.draw(markup.bar(share, sentence))
        else:
            markup.draw(markup.words(sentence, small=True))

"""Tiles: a dataset, a model or a run at a glance. The whole tile is one link."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from core import architectures, models
from core.architectures import Architecture
from core.estimates import Estimate, History
from core.records import Dataset, Image, Model, ModelKind, Run, RunState, Search, SearchState
from core.searches import Standing
from pages.parts import links, markup
from pages.parts.text import ago, count, duration, literal, size

LIGHTS = {
    RunState.QUEUED: "",
    RunState.STARTING: "live",
    RunState.RUNNING: "live",
    RunState.PAUSED: "",
    RunState.SUCCEEDED: "good",
    RunState.FAILED: "warn",
    RunState.CANCELLED: "",
}


def dataset_tile(dataset: Dataset, cover: Sequence[Image], model: Model | None, sentence: str) -> None:
    """Its pictures, its size, and how good its best model is (`sentence`, also where there is none yet)."""
    with st.container(border=True, key=f"tile-dataset-{dataset.id}", height="stretch"):
        markup.draw(markup.contact_sheet(cover))
        links.go(literal(dataset.name), "datasets", dataset=dataset.id)
        markup.draw(markup.words(size(dataset.images, dataset.labels), quiet=True, small=True))
        if model:
            markup.draw(markup.model_score(model, sentence))
        else:
            markup.draw(markup.words(sentence, quiet=True, small=True))


def title(model: Model) -> str:
    """What people call it: the instant model, or the architecture that was trained."""
    known = {card.name: card.title for card in architectures.ARCHITECTURES}
    name = known.get(model.architecture, model.architecture)
    return {ModelKind.INSTANT: "Instant model", ModelKind.IMPORTED: f"{name}, imported"}.get(model.kind, name)


def model_tile(model: Model, sentence: str, now: float, best: bool = False) -> None:
    """What it was made with, of which dataset, and how good it is."""
    with st.container(border=True, key=f"tile-model-{model.id}", height="stretch"):
        said = f"{model.dataset}, {ago(model.created_at, now)}"
        markup.draw(markup.state(f"{said}, the best so far", "good small") if best else markup.words(said, True, True))
        links.go(literal(title(model)), "models", model=model.id)
        markup.draw(markup.model_score(model, sentence))


def run_tile(run: Run, dataset: str, word: str, sentence: str, now: float) -> None:
    """What it trains, how far it is, and what came of it."""
    with st.container(border=True, key=f"tile-run-{run.id}", height="stretch"):
        markup.draw(markup.state(word[:1].upper() + word[1:], "warn" if run.hold else LIGHTS[run.state]))
        links.go(literal(run.name), "training", run=run.id)
        markup.draw(markup.words(f"{dataset}, {ago(run.queued_at, now)}", quiet=True, small=True))
        if run.state.final:
            markup.draw(markup.words(sentence, small=True))
        else:
            markup.draw(markup.bar(run.step / run.total_steps if run.total_steps else 0.0, sentence))


def search_tile(search: Search, word: str, standing: Standing, now: float) -> None:
    """How far it is, and the best it found."""
    still = search.state.final or search.state is SearchState.PAUSED
    light = {SearchState.DONE: "good", SearchState.FAILED: "warn"}.get(search.state, "" if still else "live")
    with st.container(border=True, key=f"tile-search-{search.id}", height="stretch"):
        markup.draw(markup.state(word[:1].upper() + word[1:], light))
        links.go(f"Search {search.id}", "training", search=search.id)
        begun = f"{count(len(standing.shown), 'trial')}, begun {ago(search.created_at, now)}"
        markup.draw(markup.words(begun, quiet=True, small=True))
        if search.state.final:
            markup.draw(markup.words(search.error or standing.sentence, small=True))
        else:
            markup.draw(markup.bar(standing.spent_s / search.budget_s, standing.sentence))


def architecture_tile(
    card: Architecture,
    found: Estimate,
    before: History | None,
    missing: str,
    epochs: int,
    chosen: bool,
    choose: Callable[[str], None],
) -> None:
    """What it is for, how large it is, how long it takes and what came of it before; a click anywhere chooses it.

    `missing` says that its weights are not at hand; empty: they are.
    """
    with st.container(border=True, key=f"tile-{'on' if chosen else 'off'}-{key(card.name)}", height="stretch"):
        st.button(literal(card.title), key=f"choose-{card.name}", type="tertiary", on_click=choose, args=(card.name,))
        markup.draw(markup.words(card.sentence, small=True))
        size = f"{card.parameters / 1e6:.1f} million parameters, {card.side}\u00a0×\u00a0{card.side}\u00a0px"
        knows = ", ".join(filter(None, (card.size, "pretrained" if card.pretrained else "from scratch")))
        markup.draw(
            markup.words(f"{knows[:1].upper()}{knows[1:]}. {size}.", quiet=True, small=True),
            markup.words(history(before) or takes(found, epochs), quiet=True, small=True),
        )
        if missing:
            markup.draw(markup.state(missing, "warn small"))


def takes(found: Estimate, epochs: int) -> str:
    if found.seconds is None:
        return "It has not been trained here yet, so nobody knows how long it takes."
    said = f"{duration(found.seconds)} for {epochs} epochs, {'measured here' if found.measured else 'estimated'}"
    return f"{said[:1].upper()}{said[1:]}."


def history(before: History | None) -> str:
    """*Your last 3 runs: about 40 seconds an epoch, at best 94 of 100 right.*"""
    if before is None:
        return ""
    runs = "Your last run" if before.runs == 1 else f"Your last {before.runs} runs"
    right = f", at best {models.of_hundred(before.best)}" if before.best else ""
    on = f" ({before.best.measured_on})" if before.best else ""
    return f"{runs} on these pictures: {duration(before.epoch_s)} an epoch{right}{on}."


def key(name: str) -> str:
    """Streamlit makes a CSS class of a container's key, where a dot would begin another."""
    return name.replace(".", "-")

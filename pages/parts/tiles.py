"""Tiles: a dataset, a model or a run at a glance. The whole tile is one link."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from core import architectures
from core.architectures import Architecture
from core.estimates import Estimate
from core.records import Dataset, Image, Model, ModelKind, Run, RunState
from pages.parts import links, markup
from pages.parts.text import ago, count, duration, literal

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
        size = f"{count(dataset.images, 'picture')}, {count(dataset.labels, 'label')}"
        markup.draw(markup.words(size, quiet=True, small=True))
        if model:
            markup.draw(markup.score(model.accuracy, model.interval, sentence))
        else:
            markup.draw(markup.words(sentence, quiet=True, small=True))


def title(model: Model) -> str:
    """What people call it: the instant model, or the architecture that was trained."""
    known = {card.name: card.title for card in architectures.ARCHITECTURES}
    return "Instant model" if model.kind is ModelKind.INSTANT else known.get(model.architecture, model.architecture)


def model_tile(model: Model, sentence: str, now: float, best: bool = False) -> None:
    """What it was made with, of which dataset, and how good it is."""
    with st.container(border=True, key=f"tile-model-{model.id}", height="stretch"):
        said = f"{model.dataset}, {ago(model.created_at, now)}"
        markup.draw(markup.state(f"{said}, the best so far", "good small") if best else markup.words(said, True, True))
        links.go(literal(title(model)), "models", model=model.id)
        markup.draw(markup.score(model.accuracy, model.interval, sentence))


def run_tile(run: Run, dataset: str, word: str, sentence: str, now: float) -> None:
    """What it trains, how far it is, and what came of it."""
    with st.container(border=True, key=f"tile-run-{run.id}", height="stretch"):
        markup.draw(markup.state(word[:1].upper() + word[1:], LIGHTS[run.state]))
        links.go(literal(run.name), "training", run=run.id)
        markup.draw(markup.words(f"{dataset}, {ago(run.queued_at, now)}", quiet=True, small=True))
        if run.state.final:
            markup.draw(markup.words(sentence, small=True))
        else:
            markup.draw(markup.bar(run.step / run.total_steps if run.total_steps else 0.0, sentence))


def architecture_tile(
    card: Architecture, found: Estimate, epochs: int, chosen: bool, choose: Callable[[str], None]
) -> None:
    """What it is for, how large it is and how long it takes; a click anywhere chooses it."""
    with st.container(border=True, key=f"tile-{'on' if chosen else 'off'}-{card.name}", height="stretch"):
        st.button(literal(card.title), key=f"choose-{card.name}", type="tertiary", on_click=choose, args=(card.name,))
        markup.draw(markup.words(card.sentence, small=True))
        size = f"{card.parameters / 1e6:.1f} million parameters, {card.side} × {card.side} px"
        knows = "Pretrained" if card.pretrained else "From scratch"
        time_s = f"{duration(found.seconds)} for {epochs} epochs, {'measured here' if found.measured else 'estimated'}"
        markup.draw(
            markup.words(f"{knows}. {size}.", quiet=True, small=True),
            markup.words(f"{time_s[:1].upper()}{time_s[1:]}.", quiet=True, small=True),
        )

"""Try it: pictures in, answers out; a wrong answer put right becomes a picture to learn from."""

from __future__ import annotations

from urllib.parse import quote

import streamlit as st

from core import datasets, models, samples
from core.records import Dataset, Model, Split
from core.stores import Where
from pages import studio
from pages.components.many import many
from pages.components.tryit import tryit
from pages.parts import frame, markup, pickers, states, tiles
from pages.parts.text import literal
from pages.parts.theme import label_colour

MOST = 12
darkroom = studio()


def page() -> None:
    everything = {dataset.id: dataset.name for dataset in datasets.all_of(darkroom)}
    if not everything:
        frame.head("Try it")
        states.begin(
            "No model to try yet", "Add pictures with at least two labels; a first model follows within seconds."
        )
        st.stop()
    if (model_id := pickers.chosen("model")) is not None:
        dataset = datasets.get(darkroom, models.get(darkroom, model_id).dataset_id)
    else:
        dataset = datasets.get(darkroom, pickers.wanted("dataset", everything))
    head, left, right = st.columns([5, 3, 3], vertical_alignment="bottom")
    with head:
        frame.head("Try it", "Put wrong answers right: the model learns from them.")
    with left:
        pickers.pick("Dataset", "dataset", everything, dataset.id, forget="model")
    found = {model.id: named(model) for model in models.all_of(darkroom, dataset.id)}
    best = models.in_use(darkroom, dataset.id)
    if best is None:
        waiting(dataset.id)
        st.stop()
    with right:
        model_id = pickers.pick("Model", "model", found, best.id)
    model = models.get(darkroom, model_id)
    markup.draw(markup.words(models.sentence(model), quiet=True, small=True))
    ask(dataset, model)
    look_through(dataset, model)


def named(model: Model) -> str:
    return f"{tiles.title(model)}, {models.figure(model)}"


def waiting(dataset_id: int) -> None:
    """The instant model is on its way, or cannot be made yet; either way the screen says which."""
    working = models.instant(darkroom, dataset_id).state in ("indexing", "fitting")
    st.fragment(progress, run_every=1.0 if working else None)(dataset_id)


def progress(dataset_id: int) -> None:
    with states.sentences():
        now = models.instant(darkroom, dataset_id)
        if now.model is not None:
            st.rerun()
        states.empty("The first model is on its way" if now.waiting else "No model to try yet", now.sentence)


def ask(dataset: Dataset, model: Model) -> None:
    labels = datasets.labels(darkroom, dataset.id)
    coloured = [{"name": label.name, "color": label_colour(label.position)} for label in labels]
    markup.draw(markup.chips(labels, most=24))
    happened = tryit(f"tryit-{dataset.id}", model.id, dataset.id, coloured, to_try(dataset, model))
    if corrected := happened["corrected"]:
        label = literal(str(corrected["label"]))
        st.toast(f"The picture is now in the dataset as {label}. The instant model learns it.")


def to_try(dataset: Dataset, model: Model) -> list[dict[str, str]]:
    """Pictures for one click that the model has not learned from; none where it has seen all there are."""
    if samples.is_sample(dataset.name) and (names := samples.held_back()):
        return [{"src": f"/api/samples/{quote(name)}", "name": name} for name in names]
    if model.version_id is None:
        return []
    frozen = darkroom.store.versions.images(model.version_id)
    kept = tuple(one.image_id for one in frozen if one.split is not Split.TRAIN)
    found = darkroom.store.images.page(dataset.id, Where(ids=kept, order="mixed"), 0, MOST) if kept else []
    return [{"src": f"/api/images/{one.id}/view?v={one.sha256[:12]}", "name": one.name} for one in found]


def look_through(dataset: Dataset, model: Model) -> None:
    """Many pictures at once, and every answer that was kept."""
    labels = datasets.labels(darkroom, dataset.id)
    coloured = [{"name": label.name, "color": label_colour(label.position)} for label in labels]
    found = darkroom.store.batches.all(dataset.id)
    told = [
        {"id": one.id, "name": one.name, "expected": one.expected, "created_at": one.created_at, "over": one.over}
        for one in found
    ]
    many(f"many-{dataset.id}", model.id, dataset.id, coloured, told)


with states.sentences():
    page()

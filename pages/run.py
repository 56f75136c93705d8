"""One run: live while it learns, and what came of it. The Train screen shows it when a run is in the address."""

from __future__ import annotations

import os
import time

import streamlit as st

from core import datasets, events, models, recipe, runs
from core.errors import NotFound
from core.records import Run, RunState
from core.studio import Studio
from pages import run_actions
from pages.components.curves import curves
from pages.components.filmstrip import filmstrip
from pages.parts import frame, links, markup, states
from pages.parts.text import ago, duration
from pages.parts.theme import label_colour

REFRESH_S = 1.0  # between two looks of a browser at the curves; the trainer tells twice a second
MOST_OTHERS = 20  # runs that can be laid over this one
LOST = "Other settings won the search, so this trial's model was removed. *Change a dial* trains its settings again."
WORDS = {field.name: field.title for field in recipe.FIELDS}


def watch(studio: Studio, run_id: int) -> None:
    run = runs.get(studio, run_id)
    dataset = datasets.get(studio, run.dataset_id)
    frame.head(run.name, f"Run {run.id} on {dataset.name}, begun {ago(run.queued_at, time.time())}.")
    if run.search_id is not None:
        links.go(f"A trial of search {run.search_id}", "training", "search", search=run.search_id)
    # The curves ask for themselves and tell when the run went on to something else. While there are none yet, what is
    # said here moves.
    st.fragment(status, run_every=None if run.state.final or run.step else 2.0)(studio, run.id)
    drawn = {"state": str(run.state), "wish": run.wish and str(run.wish), "begun": run.step > 0}
    others = [other for other in runs.all_of(studio, run.dataset_id) if other.id != run.id and other.step]
    curves("curves", run.id, drawn, {one.id: f"{one.id}: {one.name}" for one in others[:MOST_OTHERS]}, REFRESH_S)
    watch_it_learn(studio, run)
    details(studio, run)


def watch_it_learn(studio: Studio, run: Run) -> None:
    """The film strip, with the labels in their colours."""
    positions = {label.name: label.position for label in datasets.labels(studio, run.dataset_id)}
    names = studio.store.versions.get(run.version_id).labels
    filmstrip("strip", run.id, [label_colour(positions.get(name)) for name in names], live=not run.state.final)


def status(studio: Studio, run_id: int) -> None:
    """What the run does now and what a person can do with it."""
    with states.sentences():
        run = runs.get(studio, run_id)
        if run.state is RunState.SUCCEEDED:
            result(studio, run)
        elif run.state.final:
            ended(studio, run)
        else:
            under_way(studio, run)


def under_way(studio: Studio, run: Run) -> None:
    said = {
        RunState.QUEUED: run_actions.waiting(studio, run),
        RunState.STARTING: "The trainer is starting; the first numbers come in a few seconds.",
        RunState.RUNNING: preparing(studio, run) or run_actions.patience(studio, run),
        RunState.PAUSED: run_actions.paused(run),
    }[run.state]
    if run.wish:
        said = "Asked to end between two steps. The best model so far is kept."
        said = {"pause": "Pausing after this step.", "cancel": "Ending; nothing will be kept."}.get(run.wish, said)
    if said:
        markup.draw(markup.words(said, quiet=run.hold is None))
    run_actions.steer(studio, run)


def preparing(studio: Studio, run: Run) -> str:
    """Before the first step there are no curves yet, but there is progress to tell of."""
    found = events.since(studio, run.id) if run.step == 0 else []
    last = next((one for one in reversed(found) if one.kind in ("preparing", "downloading", "proving")), None)
    if last and last.kind == "proving":
        return "Trying the network with two pictures, up to the file you will download."
    if last and last.kind == "downloading":
        done, total = last.data["done"] / 1e6, last.data["total"] / 1e6
        return f"Downloading the pretrained weights: {done:,.0f} of {total:,.0f} MB."
    return f"Preparing pictures: {last.data['done']:,} of {last.data['total']:,}." if last else ""


def result(studio: Studio, run: Run) -> None:
    if run.model_id is not None:
        scored(studio, run)
    elif run.search_id is not None:
        markup.draw(markup.words(LOST, quiet=True))
    else:
        return states.problem("This run is done, but its model was removed.")
    run_actions.go_on(studio, run)


def scored(studio: Studio, run: Run) -> None:
    """How good the model is that it left, and the ways to it."""
    model = models.get(studio, run.model_id or 0)
    took = duration((run.finished_at or run.queued_at) - (run.started_at or run.queued_at))
    markup.draw(markup.model_score(model, f"{models.sentence(model)} It took {took}.", large=True))
    with st.container(horizontal=True, vertical_alignment="center"):
        links.go("Try it", "predictions", "center_focus_strong", "primary", dataset=run.dataset_id, model=model.id)
        links.go("See what it gets wrong", "models", "grid_on", "secondary", model=model.id)


def ended(studio: Studio, run: Run) -> None:
    if run.state is RunState.FAILED:
        states.problem(run.error or "This run failed. Its log below says at what; the dataset is untouched.")
    else:
        said = run.error or "Cancelled. No model was kept; the dataset is untouched."
        markup.draw(markup.words(said, quiet=True))
    if run.model_id is not None:
        scored(studio, run)
    run_actions.go_on(studio, run)


def details(studio: Studio, run: Run) -> None:
    with st.expander("Recipe", icon=":material/tune:"):
        markup.draw(markup.words("What the recipe worked out for this run. A person chose those marked.", quiet=True))
        own = derived(studio, run)
        names = {
            name: f"{WORDS.get(name, name.capitalize())}{' (chosen)' if name in run.spec.overrides else ''}"
            for name in own
        }
        began = {"Begins with": begins_with(studio, run)}
        markup.draw(markup.facts(began | {names[name]: said(value) for name, value in own.items()}))
    with st.expander("For engineers", icon=":material/terminal:"):
        engineers(run)
    with st.expander("Log", icon=":material/notes:", on_change="rerun") as opened:
        if opened.open:  # nobody reads a log that is folded, so nothing is asked for it
            st.fragment(log, run_every=None if run.state.final else 2.0)(studio, run.id)


def begins_with(studio: Studio, run: Run) -> str:
    """Which weights, from where, and under which licence."""
    told = events.last(studio, run.id, "weights")
    if told is None:
        return "decided when it begins" if run.step == 0 else "the weights of an earlier run"
    if told.data["source"] == "scratch":
        return "nothing: from scratch"
    place = {"packaged": "with the program", "folder": "weights folder", "download": "downloaded"}[told.data["source"]]
    checked = f", sha256 {told.data['sha256'][:12]}…" if "sha256" in told.data else ""
    return f"{told.data['name']} ({place}, licence {told.data['licence']}{checked})"


def engineers(run: Run) -> None:
    """What they need to go on with their own tools."""
    markup.draw(
        markup.words(
            "run.json says what was asked, what the recipe derived, on which data and machine, and every number on the "
            "way. The log is one that TensorBoard reads. A run that is over leaves both in its folder, runs/"
            f"{run.id}, below the data folder.",
            quiet=True,
        )
    )
    with st.container(horizontal=True):
        st.link_button("run.json", f"/api/runs/{run.id}/run.json", icon=":material/data_object:")
        st.link_button("TensorBoard log", f"/api/runs/{run.id}/tensorboard", icon=":material/show_chart:")


def derived(studio: Studio, run: Run) -> dict[str, object]:
    """As the run recorded it; before it began, as it will be."""
    if found := events.last(studio, run.id, "recipe"):
        return dict(found.data["recipe"])
    version = studio.store.versions.get(run.version_id)
    return recipe.derive(run.spec, version.images, max(len(version.labels), 2), os.cpu_count() or 1).as_dict()


def said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def log(studio: Studio, run_id: int) -> None:
    try:
        text = runs.log_tail(studio, run_id)
    except NotFound:
        text = ""
    st.code(text or "Nothing has been said yet.", language=None, height=320)

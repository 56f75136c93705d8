"""One search: live while it looks for good settings, and what came of it. The Train screen shows it by its address."""

from __future__ import annotations

import time

import streamlit as st

from core import datasets, models, runs, searches, spaces
from core.records import Search, SearchState
from core.searches import Standing
from core.studio import Studio
from core.trials import Outcome, Shown
from pages.components.figures import figures
from pages.parts import frame, links, markup, search_chart, states
from pages.parts.text import ago, count, duration

REFRESH_S = 2.0
MOST_ROWS = 60
KINDS = {"tpe": "learns from its trials", "random": "tries settings at random", "grid": "tries every combination"}


def watch(studio: Studio, search_id: int) -> None:
    search = searches.get(studio, search_id)
    dataset = datasets.get(studio, search.dataset_id)
    begun = (
        f"Search {search.id} on {dataset.name}, begun {ago(search.created_at, time.time())}; it {KINDS[search.kind]}."
    )
    frame.head("Find good settings", begun)
    st.fragment(live, run_every=None if _still(search) else REFRESH_S)(studio, search.id, search.state)


def _still(search: Search) -> bool:
    return search.state.final or search.state is SearchState.PAUSED


def live(studio: Studio, search_id: int, drawn: SearchState) -> None:
    """Everything that moves."""
    with states.sentences():
        search = searches.get(studio, search_id)
        if search.state is not drawn:
            st.rerun()  # the whole page, once: a search that is over is asked for no more
        standing = searches.standing(studio, search)
        said(studio, search, standing)
        steer(studio, search)
        if chart := search_chart.figures(search, standing):
            opened = figures(f"trials-{search.id}", chart)
            if opened is not None:
                st.switch_page("pages/training.py", query_params={"run": str(opened)})
        if mattered := searches.mattered(search):
            markup.draw(markup.words(mattered, small=True))
        table(search, standing)


def said(studio: Studio, search: Search, standing: Standing) -> None:
    """How it stands, in words, with its progress."""
    light = "warn" if search.state is SearchState.FAILED else "" if _still(search) else "live"
    word = searches.WORDS[search.state]
    markup.draw(markup.state(word[:1].upper() + word[1:], "good" if search.state is SearchState.DONE else light))
    if search.error:
        states.problem(search.error)
    best = standing.best
    if best is not None and best.best is not None:
        pictures = standing.pictures or None
        markup.draw(markup.score(best.best, standing.interval, pictures, standing.sentence, large=True))
        settings = spaces.words(best.trial.point)
        markup.draw(markup.words(f"With trial {best.trial.number}: {settings}.", small=True))
    elif not search.state.final:
        markup.draw(markup.words(standing.sentence, quiet=True))
    if search.state in (SearchState.SEARCHING, SearchState.PAUSED):
        markup.draw(markup.bar(standing.spent_s / search.budget_s, spent(search, standing)))
    if search.winner_run_id:
        winner(studio, search)


def spent(search: Search, standing: Standing) -> str:
    """*7 of about 13 trials. 14 of 30 minutes of training are spent.*"""
    begun = len(standing.shown)
    expected = f" of about {standing.expected:,}" if standing.expected > begun else ""
    minutes = f"{standing.spent_s / 60:.0f} of {search.budget_s / 60:g} minutes of training are spent."
    return f"{begun:,}{expected} {'trial' if begun == 1 and not expected else 'trials'}. {minutes}"


def winner(studio: Studio, search: Search) -> None:
    """The run that trains it fully."""
    run = runs.get(studio, search.winner_run_id or 0)
    now = (
        f"run {run.id} trains it fully now"
        if search.state is SearchState.TRAINING
        else f"run {run.id} trained it fully"
    )
    sentence = f"The winner is trial {search.winner}: {now}, with {count(run.spec.epochs, 'epoch')}."
    if run.model_id is not None:
        sentence += f" {models.sentence(models.get(studio, run.model_id))}"
    markup.draw(markup.words(sentence))


def steer(studio: Studio, search: Search) -> None:
    """What a person can do with it now."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if search.winner_run_id:
            links.go("See the winner", "training", "emoji_events", "primary", run=search.winner_run_id)
        if search.state.final:
            return links.go("Search again", "training", "replay", "secondary", dataset=search.dataset_id, find=1)
        if search.state is SearchState.PAUSED and st.button("Resume", type="primary", icon=":material/play_arrow:"):
            searches.resume(studio, search.id)
            st.rerun()
        if search.state is SearchState.SEARCHING and st.button("Pause", icon=":material/pause:", help=PAUSE):
            searches.pause(studio, search.id)
            st.rerun()
        if search.state in (SearchState.SEARCHING, SearchState.PAUSED) and st.button(
            "Stop and train the best", icon=":material/stop:", help=STOP
        ):
            searches.stop(studio, search.id)
            st.rerun()
        if st.button("Cancel", type="tertiary", help=CANCEL):
            searches.cancel(studio, search.id)
            st.rerun()


PAUSE = "Pauses the trial at work and begins no other; the device is free for others."
STOP = "Ends the search now. The trial at work keeps its best, and the best settings so far are trained fully."
CANCEL = "Ends the search and trains nothing more. Models of trials that are over stay."


def table(search: Search, standing: Standing) -> None:
    """Every trial, best first, with the way to its run."""
    if not standing.shown:
        return
    markup.section("Trials", count(len(standing.shown), "trial"))
    ranked = sorted(standing.shown, key=lambda one: (one.tried.outcome is not Outcome.OPEN, -one.score))
    rows = [row(search, standing, one) for one in ranked[:MOST_ROWS]]
    markup.draw(markup.table(["Trial", "Settings", "State", "Right", "Time"], rows, "dr-trials"))
    if len(ranked) > MOST_ROWS:
        markup.draw(markup.words(f"and {len(ranked) - MOST_ROWS:,} more", quiet=True, small=True))


def row(search: Search, standing: Standing, one: Shown) -> list[str]:
    """What is the same for all trials is left out."""
    several = {name: at for name, at in one.trial.point.items() if len(search.space[name]) > 1}
    ended = f"ended early after epoch {one.trial.pruned_at}" if one.trial.pruned_at else runs.word(one.run)
    cells = [spaces.words(several), ended, standing.right(one), duration(one.seconds) if one.seconds else ""]
    return [
        markup.link(f"Trial {one.trial.number}", f"/train?run={one.run.id}"),
        *(markup.plain(text) for text in cells),
    ]

"""What a person can do with a run, and what each of it will do, in words. A part of the run's page."""

from __future__ import annotations

import time

import streamlit as st

from core import architectures, estimates, events, runs, weights
from core.records import Begin, Choice, Hold, Run, RunState
from core.studio import Studio
from pages.parts import links, markup, states
from pages.parts.text import count, duration, literal

ICONS = {
    Choice.DOWNLOAD: ":material/download:",
    Choice.SCRATCH: ":material/restart_alt:",
    Choice.PACKAGED: ":material/inventory_2:",
}
BEGINS = {Begin.END: "Where it ended", Begin.BEST: "Its best epoch"}


def steer(studio: Studio, run: Run) -> None:
    """The buttons of a run that is not over."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if run.hold is Hold.ANSWER:
            answers(studio, run)
        elif run.state is RunState.PAUSED:
            if st.button("Resume", type="primary", icon=":material/play_arrow:"):
                runs.resume(studio, run.id)
                st.rerun()
        elif run.state is RunState.RUNNING and st.button(
            "Stop and keep the best", type="primary", icon=":material/stop:", disabled=bool(run.wish)
        ):
            runs.stop(studio, run.id)
            st.rerun()
        if run.state is not RunState.PAUSED and st.button(
            "Pause", icon=":material/pause:", disabled=bool(run.wish), help="Keeps everything and frees the device."
        ):
            runs.pause(studio, run.id)
            st.rerun()
        if run.state is RunState.QUEUED:
            prefer(studio, run)
        if st.button("Cancel", type="tertiary", disabled=run.wish == "cancel", help="Ends it and keeps nothing."):
            runs.cancel(studio, run.id)
            st.rerun()


def answers(studio: Studio, run: Run) -> None:
    """What may be done where the weights cannot be had: a button each, and none of them pressed by itself."""
    card = architectures.get(run.spec.architecture)
    for choice in weights.choices(studio.settings, card):
        said = weights.asked(run.spec, choice)
        if st.button(said, icon=ICONS[choice], key=f"answer-{choice}-{run.id}", help=helped(studio, run, choice)):
            runs.answer(studio, run.id, choice)
            st.rerun()
    look = f"I put the file there: {studio.files.weights(card.name).parent}/{card.name}{weights.ENDINGS[0]}"
    if st.button("Look again", icon=":material/refresh:", type="tertiary", help=literal(look)):
        runs.resume(studio, run.id)
        st.rerun()


def helped(studio: Studio, run: Run, choice: Choice) -> str:
    """What an answer will do."""
    packaged = architectures.get(architectures.PACKAGED)
    return {
        Choice.DOWNLOAD: f"From {weights.host(studio.settings)}, once for all runs, checked against its checksum.",
        Choice.SCRATCH: "The same network begins with nothing. It needs many more pictures and epochs.",
        Choice.PACKAGED: f"{packaged.title} is on this machine and already knows photographs.",
    }[choice]


def prefer(studio: Studio, run: Run) -> None:
    """Lets a run that waits go before the others, or like everybody again."""
    first = run.priority > 0
    if st.button("Like everybody" if first else "Let it go first", icon=":material/low_priority:", type="tertiary"):
        runs.prefer(studio, run.id, 0 if first else 1)
        st.rerun()


def waiting(studio: Studio, run: Run) -> str:
    if run.not_before > time.time() + 1:
        return f"It was interrupted and begins again in {duration(run.not_before - time.time())}."
    turn = estimates.turn(studio, run)
    return estimates.sentence(turn) if turn else ""


def paused(run: Run) -> str:
    if run.hold is Hold.ANSWER:
        return f"{run.error} What should it do? Nothing begins before you say so, and no other run waits for it."
    if run.hold is Hold.DISK:
        return f"{run.error} It goes on by itself, exactly where it was, as soon as there is room."
    return f"Paused after step {count(run.step)}. Everything is kept; it goes on exactly there."


def patience(studio: Studio, run: Run) -> str:
    """How long it goes on without getting better; what it had to say, where it had to go back."""
    found = events.last(studio, run.id, "recipe")
    limit = int(found.data["recipe"]["patience"]) if found else 0
    said = back.data["sentence"] if (back := events.last(studio, run.id, "went_back")) else ""
    ends = f"It ends by itself when {count(limit, 'epoch')} in a row bring nothing better." if limit else ""
    return f"{said} {ends}".strip()


def go_on(studio: Studio, run: Run) -> None:
    """What can be made of a run that is over."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if run.state is not RunState.SUCCEEDED and st.button(
            "Try again",
            icon=":material/replay:",
            help="The same settings and pictures, from its last checkpoint where there is one.",
        ):
            show(runs.retry(studio, run.id))
        links.go("Change a dial", "training", "tune", dataset=run.dataset_id, like=run.id)
        if places := runs.begins(studio, run):
            with st.popover("Train longer", icon=":material/more_time:"):
                longer(studio, run, places)


def longer(studio: Studio, run: Run, places: list[Begin]) -> None:
    with states.sentences():
        epochs = st.number_input("More epochs", 1, runs.MAX_EPOCHS, run.spec.epochs, key=f"longer-{run.id}")
        begin = st.radio("From", places, format_func=lambda place: BEGINS[place], key=f"begin-{run.id}")
        plan = runs.plan_longer(studio, run, int(epochs), begin or places[0])
        markup.draw(markup.words(plan.sentence, quiet=True, small=True))
        if st.button("Train longer", type="primary", key=f"start-longer-{run.id}"):
            show(runs.longer(studio, run.id, int(epochs), begin or places[0]))


def show(run: Run) -> None:
    st.switch_page("pages/training.py", query_params={"run": str(run.id)})

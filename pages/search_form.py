"""Find good settings for me: a budget, and behind *Advanced* what is turned and how. A part of the Train screen."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import searches, spaces, versions
from core.records import Dataset, SearchKind
from core.searches import Asked
from core.stores import Where
from core.studio import Studio
from pages.parts import frame, links, markup, pickers, states
from pages.parts.text import literal

BUDGETS = {10: "10 minutes", 30: "30 minutes", 60: "1 hour", 240: "4 hours", 720: "12 hours"}
KINDS = {
    SearchKind.TPE: "Learn from the trials before",
    SearchKind.RANDOM: "Random",
    SearchKind.GRID: "Every combination (grid)",
}


def draw(studio: Studio, everything: dict[int, str], dataset: Dataset) -> None:
    frame.head(
        "Find good settings for me",
        "Darkroom tries settings out in short trainings, ends those without hope, and trains the best fully.",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width=320):
            pickers.pick("Dataset", "dataset", everything, dataset.id)
        options = list(BUDGETS)
        minutes = st.selectbox(
            "Time to search",
            options,
            1,
            format_func=lambda one: BUDGETS[one],
            key="find-minutes",
            width=200,
        )
        not_yet = versions.untrainable(studio, dataset.id)
        begin = st.button("Start searching", type="primary", icon=":material/search:", disabled=bool(not_yet))
    told, below = st.container(), st.container()
    explain()
    links.go("Choose the settings myself", "training", "arrow_back", dataset=dataset.id)
    with told, states.sentences():
        with below:
            asked = advanced(studio, float(minutes or options[1]))
        planned = searches.plan(studio, dataset.id, asked)
        if not_yet:
            to_label = studio.store.images.count(dataset.id, Where(unlabelled=True)) > 0
            states.missing(not_yet, dataset.id, to_label)
        else:
            markup.draw(markup.words(planned.sentence, quiet=True, small=True))
        if begin:
            found = searches.start(studio, dataset.id, asked)
            st.switch_page("pages/training.py", query_params={"search": str(found.id)})


HOW = (
    "The first trial has the recipe's own settings, so you see what the search gains over them.",
    "Each trial is an ordinary run: watch, pause or stop it. Runs that others start go before the next trial.",
    "The time is that of training: while others train, the search waits, and that does not count.",
    "Once the winner is trained, the models of the other trials are removed; those that you used or shared stay.",
    "What a trial gets right is counted on pictures held back. They also choose the winner, so its score flatters a "
    "little; pictures of a test folder are looked at once, at the end.",
)


def explain() -> None:
    markup.section("How it goes")
    for text in HOW:
        markup.draw(markup.words(text, quiet=True))


def advanced(studio: Studio, minutes: float) -> Asked:
    """What is turned, and how; the usual for most people. Raises Refused."""
    with st.expander("Advanced", icon=":material/tune:"):
        kind = st.segmented_control(
            "How", list(KINDS), default=SearchKind.TPE, required=True, format_func=KINDS.__getitem__, key="find-kind"
        )
        kind = kind or SearchKind.TPE
        cards = {card.name: card.title for card in spaces.at_hand(studio.files)}
        usual = spaces.usual(studio.files, kind)
        chosen = st.multiselect(
            "Architectures",
            list(cards),
            usual[spaces.ARCHITECTURE],
            format_func=cards.__getitem__,
            key="find-cards",
        )
        names = [dial.name for dial in spaces.DIALS if dial.name != spaces.ARCHITECTURE]
        turned = st.multiselect(
            "Dials that are turned",
            names,
            [name for name in usual if name in names],
            format_func=lambda one: spaces.BY_NAME[one].title,
            key=f"find-dials-{kind}",
            help="All else is as the recipe has it. Rates and sizes are searched as multiples of the recipe's own.",
        )
        space: dict[str, list[Any]] = {spaces.ARCHITECTURE: list(chosen)}
        with st.grid(3, min_column_width=220):
            space |= {name: values(studio, kind, name) for name in turned}
            epochs, full, most, seed = numbers()
    return Asked(kind, minutes, space, epochs, full, most, seed)


def numbers() -> tuple[int, int, int, int]:
    """Epochs of a trial and of the winner, most trials, seed; 0 where a person left it open."""
    asked = (
        st.number_input("Epochs of a trial", 1, 1000, None, placeholder="few, as derived", key="find-epochs"),
        st.number_input("Epochs of the winner", 1, 1000, None, placeholder="as usual", key="find-full"),
        st.number_input("Most trials", 1, 1000, None, placeholder="as many as fit", key="find-most"),
        st.number_input("Seed", 0, 2**31 - 1, 0, key="find-seed", help="The same seed asks the same questions."),
    )
    epochs, full, most, seed = (int(number or 0) for number in asked)
    return epochs, full, most, seed


def values(studio: Studio, kind: SearchKind, name: str) -> list[Any]:
    """The values of a dial, which a person may change: the grid's points, or the choices and ends of a search."""
    dial, own = spaces.BY_NAME[name], spaces.usual(studio.files, kind, dials=[name])[name]
    unit = " (times the recipe's)" if dial.times else ""
    what = "lowest, highest" if spaces.is_range(kind, name) else "values"
    typed = st.text_input(
        literal(f"{dial.title}{unit}: {what}"),
        ", ".join(_typed(value) for value in own),
        key=f"find-values-{kind}-{name}",
    )
    return spaces.parse(name, typed.split(","))


def _typed(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)

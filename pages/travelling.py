"""Does it travel? A model on the pictures of another dataset, and what learning from both would give."""

from __future__ import annotations

import streamlit as st

from core import models, travel
from core.records import Dataset, Model
from core.studio import Studio
from core.travel import AWAY, BOTH, HOME, Share, Travel
from core.words import of_hundred
from pages.comparing import short
from pages.parts import links, markup, pickers, states
from pages.parts.text import count, percent, share_of

POLL_S = 1.0


def draw(studio: Studio, model: Model) -> None:
    places = travel.places(studio, model.dataset_id)
    if not places:
        states.empty(
            "Nowhere to travel to yet",
            "This shows how the model does on pictures from elsewhere. Add another dataset with the same label names, "
            "of another camera, place or day, to see it.",
        )
        return
    options = {one.id: f"{one.name}, {count(many, 'label')} in common" for one, many in places}
    other_id = pickers.pick("On the pictures of", "place", options, places[0][0].id)
    other = next(one for one, _ in places if one.id == other_id)
    survey, _ = travel.of(studio, model.dataset_id, other.id)
    st.fragment(answer, run_every=POLL_S if survey.pending else None)(studio, model, other, survey.pending)


def answer(studio: Studio, model: Model, other: Dataset, working: bool) -> None:
    with states.sentences():
        survey, found = travel.of(studio, model.dataset_id, other.id)
        if working and not survey.pending:
            st.rerun()  # the whole page, once: then the polling ends
        if survey.pending:
            markup.draw(
                markup.bar(survey.progress or 0.0, "Learning from either and from both, and asking the models.")
            )
        if survey.problem:
            states.problem(survey.problem)
        if found is not None:
            whole(studio, model, other, found)


def whole(studio: Studio, model: Model, other: Dataset, found: Travel) -> None:
    mine = next((one.away for one in found.trips if one.folder == model.folder), None)
    if mine is not None and mine.images:
        said = f"Gets {of_hundred(mine.value, mine.images)} right on the pictures of {other.name}"
        said = f"{said}, measured on {count(mine.images)} of them."
        markup.draw(markup.score(mine.value, mine.interval, mine.images, said, large=True))
    markup.section("Learned here, there, and from both", f"{count(len(found.labels), 'label')} in common")
    lead = markup.plain(found.sentence(f"“{model.dataset}”", f"“{other.name}”"))
    markup.draw(f'<p class="dr-lead">{lead}</p>')
    names = {HOME: model.dataset, AWAY: other.name, BOTH: "both"}
    rows = [
        [markup.plain(f"Learned from {names[learned]}"), *(cell(found.table[learned][place]) for place in (HOME, AWAY))]
        for learned in (HOME, AWAY, BOTH)
    ]
    markup.draw(markup.table(["", f"Right on {model.dataset}", f"Right on {other.name}"], rows))
    note = "With instant models, each picture asked of a model that had not learned from it."
    markup.draw(markup.words(note, quiet=True, small=True))
    known = {one.folder: one.away for one in found.trips if one.away.images}
    some = [(one, known[one.folder]) for one in models.all_of(studio, model.dataset_id) if one.folder in known]
    if some:
        markup.section(f"Every model of {model.dataset}", "at home, and away")
        rows = [
            [markup.plain(short(one)), share_of(one.accuracy, one.measured_n, 1), cell(away)]
            for one, away in sorted(some, key=lambda pair: -pair[1].value)
        ]
        markup.draw(markup.table(["Model", "At home", f"On {other.name}"], rows))
    links.go("Make one dataset of both", "datasets", "merge", "secondary", merge=1)


def cell(share: Share) -> str:
    low, high = share.interval
    said = f"{percent(low, 1)} to {percent(high, 1)}"
    return f'{share_of(share.value, share.images, 1)} <span class="dr-quiet dr-small">{said}</span>'

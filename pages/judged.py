"""How good a model is: its numbers with how far they may be off, and the pictures behind every one of them.

A click on a cell, a bar or a point opens its pictures, wrong ones first; they are relabelled or removed right there.
"""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import datasets, evaluation, judgements, models
from core.errors import NotFound
from core.evaluation import Choice
from core.judgements import Judgement, Measure
from core.records import Model
from core.scores import Scores
from core.studio import Studio
from core.words import FEW
from pages.components.gallery import gallery
from pages.parts import judged_charts, markup, matrix, states
from pages.parts.text import count, percent, share, share_of
from pages.parts.theme import DARK, LIGHT, label_colour
from pages.pictures import row

PAGE = 28  # pictures
POLL_S = 1.0
SMALL = 8  # labels: with so few the bars stand beside the matrix
MISTAKES = Choice(wrong=True)


def draw(studio: Studio, model: Model) -> None:
    try:
        found = evaluation.score(studio, model)
    except NotFound as gone:
        return states.problem(str(gone))
    if mixed := judgements.mixed_up(found):
        markup.draw(markup.words(mixed))
    left, right = st.columns([3, 2], gap="large") if len(model.labels) <= SMALL else (st.container(), st.container())
    with left:
        confusion(model, found)
    if models.too_few(model):
        with right:
            counted(studio, model, found)
        pictures(studio, model)
        return
    survey, judgement = judgements.of(studio, model)
    with right:
        bars(model, found)
    pictures(studio, model)
    if judgement is None:
        st.fragment(working, run_every=POLL_S if survey and survey.pending else None)(studio, model)
    else:
        certain(model, judgement)
    per_label(studio, model, found, judgement)


def ink() -> str:
    return (LIGHT if st.context.theme.type == "light" else DARK).text


# ---- what is clicked -----------------------------------------------------------------------------------


def choose(model: Model, choice: Choice) -> None:
    st.session_state[f"choice-{model.id}"] = choice


def clicked(model: Model, key: str, read: judged_charts.Read) -> None:
    """A callback: what a chart's selection stands for is what is shown from now on."""
    points = st.session_state[key].selection.points
    choose(model, read(points[0]) if points else MISTAKES)


def chart(model: Model, key: str, figure: object, said: str, read: judged_charts.Read) -> None:
    key = f"{key}-{model.id}"
    st.plotly_chart(
        figure,
        key=key,
        on_select=lambda: clicked(model, key, read),
        selection_mode="points",
        config=matrix.CONFIG,
        theme=None,
        alt=said,
    )


def confusion(model: Model, found: Scores) -> None:
    markup.section("What it mixes up", "click a cell to see its pictures")
    said = f"Confusion matrix of {count(model.measured_n, 'picture')} in {count(len(model.labels), 'label')}."
    figure = matrix.matrix(np.array(found.confusion), model.labels, ink())
    chart(model, "matrix", figure, said, lambda point: Choice(int(point["y"]), int(point["x"])))


def bars(model: Model, found: Scores) -> None:
    places = judged_charts.worst(found)
    head = "Label by label" if len(places) == len(found.labels) else f"The {len(places)} labels it knows least"
    markup.section(head, "click a bar to see its pictures")
    figure = judged_charts.bars(found, places, ink())
    said = "What share of each label is found, and is right when said."
    chart(model, "bars", figure, said, judged_charts.read_bar(places))


def counted(studio: Studio, model: Model, found: Scores) -> None:
    """In place of the bars, and of everything else that is a share: a handful of pictures is only counted."""
    markup.section("Label by label")
    positions = {label.name: label.position for label in studio.store.datasets.labels(model.dataset_id)}
    called = [sum(column) for column in zip(*found.confusion, strict=True)]
    rows = [
        [markup.chip(one.label, positions.get(one.label)), f"{row[at]} of {one.images}", f"{row[at]} of {called[at]}"]
        for at, (one, row) in enumerate(zip(found.labels, found.confusion, strict=True))
    ]
    markup.draw(markup.table(["Label", "Found", "Right when it says so"], rows))
    said = f"Shares, and how far they may be off, are worked out from {FEW} measured pictures on."
    markup.draw(markup.words(said, quiet=True, small=True))


# ---- the pictures --------------------------------------------------------------------------------------


def pictures(studio: Studio, model: Model) -> None:
    """Behind what was clicked; before any click the worst mistakes."""
    choice = st.session_state.get(f"choice-{model.id}", MISTAKES)
    place = f"mistakes-page-{model.id}-{choice}"  # each choice begins at its first page
    at = int(st.session_state.get(place, 1))
    some, many = evaluation.chosen(studio, model, choice, at * PAGE)
    some = some[(at - 1) * PAGE :]
    markup.section(words(model, choice), count(many, "picture"))
    if choice != MISTAKES and st.button("Show the worst mistakes", icon=":material/close:"):
        choose(model, MISTAKES)
        st.rerun()
    if not some:
        nothing = "There are none. Try it on pictures from somewhere else to find its limits."
        return markup.draw(markup.words(nothing, quiet=True))
    labels = datasets.labels(studio, model.dataset_id)
    named = [{"id": one.id, "name": one.name, "color": label_colour(one.position)} for one in labels]
    told = [row(one.image) | {"suggestion": one.predicted, "confidence": one.confidence} for one in some]
    gallery(
        f"mistakes-{model.id}",
        model.dataset_id,
        told,
        named,
        page=f"{model.folder}|{choice}|{at}",
        total=len(some),
        model=model.id,
    )
    if many > PAGE:
        st.pagination(-(-many // PAGE), key=place)
    hint = (
        "Select one to ask why. Wrongly labelled? Select pictures and give them the right label, or remove them; undo "
        "takes it back."
    )
    markup.draw(markup.words(hint, quiet=True, small=True))


def words(model: Model, choice: Choice) -> str:
    true = model.labels[choice.true] if choice.true is not None else ""
    said = model.labels[choice.predicted] if choice.predicted is not None else ""
    if choice.sure is not None:
        return f"Answers that are {percent(choice.sure[0])} to {percent(choice.sure[1])} sure"
    if true and said:
        return f"{true}, and it says so" if true == said else f"{true}, taken for {said}"
    if true or said:
        return f"All of {true}, the missed ones first" if true else f"All called {said}, the wrong ones first"
    return "Worst mistakes"


# ---- how sure the numbers are --------------------------------------------------------------------------


def working(studio: Studio, model: Model) -> None:
    """Intervals and curves take a moment; the page is drawn once more when they are there."""
    with states.sentences():
        survey, judgement = judgements.of(studio, model)
        if judgement is not None:
            st.rerun()
        if survey is not None and survey.problem:
            states.problem(survey.problem)
        elif survey is not None:
            markup.draw(markup.bar(survey.progress or 0.0, "Working out how sure these numbers are."))


def measured(one: Measure | None, images: int | None = None) -> str:
    """With its interval; a share of `images`, where it is one of them."""
    if one is None:
        return "–"
    low, high = percent(one.low, 1), percent(one.high, 1)
    return f'{share_of(one.value, images, 1)} <span class="dr-quiet dr-small">{low} to {high}</span>'


def certain(model: Model, found: Judgement) -> None:
    markup.section("How sure these numbers are", "95 of 100 intervals hold the true value")
    rows = [
        ["Right (accuracy)", measured(found.accuracy, found.images), "of all pictures"],
        ["Right, each label counting the same", measured(found.balanced), "balanced accuracy"],
        ["F1, each label counting the same", measured(found.f1), "macro F1"],
        *[[f"Among its first {k}", measured(one), f"top-{k} accuracy"] for k, one in found.top],
        ["How far confidence is off", measured(found.error), "expected calibration error"],
    ]
    markup.draw(markup.table(["", "", "The field calls it"], rows))
    left, right = st.columns(2, gap="large")
    with left:
        markup.section("Is it as sure as it is right?", "click a point to see its pictures")
        figure = judged_charts.reliability(found.bins, ink())
        chart(model, "bins", figure, "Reliability diagram.", judged_charts.read_bin(found.bins))
    with right:
        markup.section("Where to draw the line", "each label against the others")
        kind = st.segmented_control(
            "Curve", ["ROC", "Precision and recall"], default="ROC", required=True, label_visibility="collapsed"
        )
        figure = judged_charts.curves(found.labels, kind == "ROC", ink())
        st.plotly_chart(
            figure, key=f"curves-{model.id}", config=matrix.CONFIG, theme=None, alt=f"{kind} curves of each label."
        )


def per_label(studio: Studio, model: Model, found: Scores, judgement: Judgement | None) -> None:
    markup.section("Label by label, in numbers")
    positions = {label.name: label.position for label in studio.store.datasets.labels(model.dataset_id)}
    names = ["Label", "Found (recall)", "Right when it says so (precision)", "F1"]
    if judgement is None:
        cells = [
            [share(one.recall, one.images), share(one.precision, one.called), share(one.f1)] for one in found.labels
        ]
    else:
        names += ["ROC area", "Average precision"]
        cells = [
            [
                measured(one.recall, scored.images),
                measured(one.precision, scored.called),
                *(measured(m) for m in (one.f1, one.auc, one.average_precision)),
            ]
            for one, scored in zip(judgement.labels, found.labels, strict=True)
        ]
    rows = [
        [markup.chip(one.label, positions.get(one.label)), *cell, count(one.images)]
        for one, cell in zip(found.labels, cells, strict=True)
    ]
    markup.draw(markup.table([*names, "Pictures"], rows))

"""What is wrong with a dataset, worst first: each finding with its pictures, what to do about it, and the way back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core import findings
from core.findings import Summary
from core.records import Dataset, Finding, FindingKind, Image, Label
from core.stores import Where
from core.studio import Studio
from pages.components.findings import findings as cards
from pages.parts import markup, pickers, states
from pages.parts.text import ago, count, literal
from pages.parts.theme import label_colour

PAGE = 20
SHOWN = 12  # pictures of one finding; a group may have hundreds
ALL, IGNORED = "all", "ignored"
LOOKED_FOR = (
    "pictures that are there twice or nearly, under two labels or on both sides of the split; damaged, tiny, blurred, "
    "dark, overexposed, blank and oddly shaped ones; labels that are probably wrong, too small or named twice; and "
    "shortcuts that give a label away"
)


def badge(studio: Studio, dataset: Dataset) -> str:
    """How much was found, for the head of a dataset; empty when nothing was."""
    return findings.summary(studio, dataset.id).sentence


def draw(studio: Studio, dataset: Dataset, labels: Sequence[Label]) -> None:
    found = findings.summary(studio, dataset.id)
    working = found.survey.pending
    st.fragment(progress, run_every=1.0 if working else None)(studio, dataset.id, working)
    if not found.survey.ready:
        return
    if not found.open and not found.ignored:
        return nothing_wrong(found)
    if found.open:
        markup.draw(markup.words(f"{found.sentence}.", quiet=True))
    chosen = kinds(found)
    ignored = chosen == IGNORED
    wanted = [FindingKind(chosen)] if chosen not in (ALL, IGNORED) else list(FindingKind)
    total = found.ignored if ignored else sum(found.counts.get(kind, 0) for kind in wanted)
    at = min(int(st.session_state.get("findings-page", 1)), max(-(-total // PAGE), 1))
    rows = findings.page(studio, dataset.id, wanted, (at - 1) * PAGE, PAGE, ignored)
    if not rows:
        nothing_wrong(found)
    else:
        turn = int(st.session_state.setdefault("findings-turn", 0))
        coloured = [{"name": label.name, "color": label_colour(label.position)} for label in labels]
        name = f"{dataset.id}|{chosen}|{at}|{turn}"
        if cards("findings", dataset.id, described(studio, dataset, rows), coloured, name)["settled"]:
            st.session_state["findings-turn"] = turn + 1
            st.rerun()
    if total > PAGE:
        st.pagination(-(-total // PAGE), key="findings-page")


def progress(studio: Studio, dataset_id: int, working: bool) -> None:
    """How far the survey is; gone once it is done."""
    with states.sentences():
        survey = findings.summary(studio, dataset_id).survey
        if survey.problem:
            states.problem(survey.problem)
        if survey.pending:
            many = count(studio.store.datasets.get(dataset_id).images, "picture")
            again = (
                "Looking again, because pictures or labels have changed."
                if survey.ready
                else f"Looking through {many} for problems. You may look at something else meanwhile."
            )
            waits = "Waiting until every picture was looked at once." if survey.progress is None else again
            markup.draw(markup.bar(survey.progress or 0.0, waits))
        if working and not survey.pending:
            st.rerun()  # the whole page, once: then the polling ends


def kinds(found: Summary) -> str:
    names = {ALL: f"All {count(found.open)}"}
    names |= {str(kind): f"{literal(findings.TITLES[kind])} {count(many)}" for kind, many in found.counts.items()}
    names |= {IGNORED: f"Ignored {count(found.ignored)}"} if found.ignored else {}
    return pickers.pills("Kind of finding", "finding", names, ALL if found.open else IGNORED, first_page)


def first_page() -> None:
    st.session_state["findings-page"] = 1


def nothing_wrong(found: Summary) -> None:
    """What was looked at, so that nothing found means something."""
    content = found.survey.content
    looked = f"{count(int(content.get('pictures', 0)), 'picture')} were looked at for {LOOKED_FOR}."
    judged = int(content.get("judged", 0))
    said = (
        f"{count(judged, 'label')} were checked by a model that had not seen the picture."
        if judged
        else ("The labels are checked as soon as there is an instant model.")
    )
    states.empty("Nothing wrong found", f"{looked} {said}")
    if found.survey.at:
        markup.draw(markup.words(f"Looked through {ago(found.survey.at, time.time())}.", quiet=True, small=True))


def described(studio: Studio, dataset: Dataset, rows: Sequence[Finding]) -> list[dict[str, Any]]:
    """The findings as the cards need them. Only the pictures that are shown are asked for."""
    ids = tuple(image for row in rows for image in row.images[:SHOWN])
    known = (
        {image.id: image for image in studio.store.images.page(dataset.id, Where(ids=ids), 0, len(ids))} if ids else {}
    )
    return [_row(row, known) for row in rows]


def _row(row: Finding, known: Mapping[int, Image]) -> dict[str, Any]:
    keys = ("id", "revision", "label", "name", "width", "height")
    images = [known[image] for image in row.images[:SHOWN] if image in known]
    return {
        "key": row.key,
        "kind": str(row.kind),
        "title": findings.TITLES[row.kind],
        "severity": "wrong" if row.kind in findings.WRONG else "look",
        "sentence": row.sentence,
        "score": row.score,
        "detail": row.detail,
        "actions": list(findings.ACTIONS[row.kind]),
        "ignored": row.ignored,
        "images": [{key: getattr(one, key) for key in keys} | {"split": str(one.split)} for one in images],
        "more": max(len(row.images) - SHOWN, 0),
    }

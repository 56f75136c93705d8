"""The versions of a dataset: what was kept and what was made from it; two of them side by side; the way back to one."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from core import datasets, errands, exports, models, versions
from core.records import ChangeKind, Dataset, Errand, Label, Version
from core.studio import Studio
from core.versions import Kept
from pages.parts import changes, dialogs, links, markup, pickers, states
from pages.parts.text import ago, count, file_size, literal

NOW = 0  # in the address, beside the ids of versions
PAGE = 24  # pictures
SHOWN = 12  # versions
ABOUT = "A version is the dataset as it was. Every run keeps the one it trains on; keep one before you change much."


def draw(studio: Studio, dataset: Dataset, _labels: Sequence[Label]) -> None:
    found = versions.all_of(studio, dataset.id)
    if found and (pickers.chosen("before") is not None or pickers.chosen("after") is not None):
        return compare(studio, dataset, [one.version for one in found])
    markup.draw(markup.words(ABOUT, quiet=True))
    if top(studio, dataset):
        found = versions.all_of(studio, dataset.id)
    undo(studio, dataset)
    if not found and any(one.open for one in errands.of(studio, dataset.id)):
        return None  # above stands what is on its way; it may be the first one
    if not found:
        return states.empty("No version yet", "Give the present state a name above, or train a model: a run keeps one.")
    everything = len(found) > SHOWN and st.query_params.get("all") == "1"
    markup.section("Kept", count(len(found), "version"))
    for one in found if everything else found[:SHOWN]:
        row(studio, dataset, one)
    if len(found) > SHOWN and not everything:
        links.go(f"All {count(len(found), 'version')}", "datasets", dataset=dataset.id, view="versions", all=1)


def top(studio: Studio, dataset: Dataset) -> bool:
    """Keep what is there now, or take it away; True when a version was kept just now."""
    bottom = {"horizontal": True, "vertical_alignment": "bottom"}
    with st.container(**bottom):
        with st.form("keep", border=False, clear_on_submit=True, width="content"), st.container(**bottom):
            name = st.text_input(
                "Name",
                key="keep-name",
                max_chars=100,
                placeholder="Name of a new version",
                label_visibility="collapsed",
                width=260,
            )
            asked = st.form_submit_button("Keep this state", icon=":material/bookmark_add:")
        if dataset.images:
            where = f"/api/datasets/{dataset.id}/export.zip"
            st.link_button("Download as zip", where, icon=":material/download:")
    if not asked:
        return False
    with states.sentences():
        made = errands.keep(studio, dataset.id, name)
        if isinstance(made, Errand):
            st.rerun()  # which says how far it is
        st.toast(f"Kept as {literal(versions.title(made))}.", icon=":material/bookmark:")
    return True


def undo(studio: Studio, dataset: Dataset) -> None:
    """Only for a restored version: everything else is undone where it was done."""
    action = datasets.last_action(studio, dataset.id)
    if action is None or action.kind != "restore" or any(one.open for one in errands.of(studio, dataset.id)):
        return
    if st.button(f"Undo: {literal(action.summary)}", type="tertiary", icon=":material/undo:"):
        errands.undo(studio, action.id)
        st.rerun()


def row(studio: Studio, dataset: Dataset, one: Kept) -> None:
    """One version: its name, its size, what came of it, and what can be done with it."""
    version = one.version
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"version-{version.id}"):
        with st.container(width="stretch"):
            markup.draw(changes.version(versions.title(version), size(version), made(one)))
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            address = {"dataset": dataset.id, "view": "versions", "before": version.id, "after": NOW}
            links.go("Compare", "datasets", "compare", "secondary", f"{version.id}", **address)
            if what := st.menu_button("More", list(DIALOGS), key=f"more-{version.id}"):
                dialogs.ask(f"{what} version {version.id}")
    for what, draw in DIALOGS.items():
        if dialogs.asked(f"{what} version {version.id}"):
            draw(studio, dataset, version)


def size(version: Version) -> str:
    when = ago(version.created_at, time.time())
    said = f"{when[0].upper()}{when[1:]} · {count(version.images, 'picture')}"
    said += f" in {count(len(version.labels), 'label')}"
    return f"{said}, {version.unlabelled:,} without a label" if version.unlabelled else said


def made(one: Kept) -> str:
    """What was made from a version."""
    if not one.runs:
        return "Kept by hand; no run has trained on it."
    best = max(one.models, key=lambda model: model.accuracy, default=None)
    said = f"{count(len(one.runs), 'run')} on it"
    return f"{said}; the best model gets {models.of_hundred(best)}." if best else f"{said}."


# ---- two of them -------------------------------------------------------------------------------------


def compare(studio: Studio, dataset: Dataset, there: Sequence[Version]) -> None:
    names = {NOW: "Now", **{version.id: versions.title(version) for version in there}}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        before = pickers.pick("Before", "before", names, there[0].id) or None
        after = pickers.pick("After", "after", names, NOW) or None
        links.go("All versions", "datasets", "arrow_back", dataset=dataset.id, view="versions")
    found = versions.compare(studio, dataset.id, before, after)
    if found.none and not found.counts[ChangeKind.REDRAWN]:
        return states.empty("No difference", f"All {count(found.same, 'picture')} are the same, with the same labels.")
    kinds = {kind.value: f"{changes.TITLES[kind]} {count(many)}" for kind, many in found.counts.items() if many}
    markup.draw(markup.words(changes.sentence(found)))
    kind = ChangeKind(pickers.pills("Kind", "kind", kinds, next(iter(kinds)), first_page))
    colours = {label.name: label.position for label in studio.store.datasets.labels(dataset.id)}
    if kind is ChangeKind.RELABELLED:
        markup.draw(changes.ways(found.relabelled, colours))
    total = found.counts[kind]
    at = st.pagination(-(-total // PAGE), key="changes", bind="query-params") if total > PAGE else 1
    shown = versions.differing(studio, dataset.id, before, after, kind, (at - 1) * PAGE, PAGE)
    markup.draw(changes.sheet(shown, kind, colours))


def first_page() -> None:
    st.session_state["changes"] = 1


# ---- one of them -------------------------------------------------------------------------------------


@dialogs.dialog("Rename this version")
def rename(studio: Studio, _dataset: Dataset, version: Version) -> None:
    with st.form("rename-version", border=False), states.sentences():
        name = st.text_input("Name", version.name, max_chars=100)
        if st.form_submit_button("Rename", type="primary"):
            versions.rename(studio, version.id, name or "")
            dialogs.shut()
            st.rerun()


@dialogs.dialog("Go back to this version?")
def go_back(studio: Studio, dataset: Dataset, version: Version) -> None:
    with states.sentences():
        found = versions.compare(studio, dataset.id, None, version.id)
        if found.none:
            markup.draw(markup.words("The dataset is like this version already. There is nothing to change."))
            return
        markup.draw(
            markup.words(f"{changes.restoring(found)} Undo takes all of it back."),
            markup.words("Runs, models and other versions stay as they are.", quiet=True, small=True),
        )
        if st.button("Go back to it", type="primary"):
            errands.restore(studio, version.id)
            dialogs.shut()
            st.rerun()


@dialogs.dialog("Download this version")
def download(studio: Studio, dataset: Dataset, version: Version) -> None:
    with states.sentences():
        size_bytes = exports.plan(studio, dataset.id, version.id).bytes
        markup.draw(
            markup.words(
                f"A zip of about {file_size(size_bytes)}: folders for training, validation and test as its runs use "
                "them, one for each label, and labels.csv. No picture says where it was taken."
            )
        )
        st.link_button("Download", f"/api/versions/{version.id}/export.zip", type="primary", icon=":material/download:")


DIALOGS = {"Rename": rename, "Go back to it": go_back, "Download": download}

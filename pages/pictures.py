"""The pictures of a dataset: filtered, page by page; relabelled, deleted, put back, undone."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from core import datasets, doubts, errands, selections, trash
from core.errors import StudioError
from core.records import Action, Dataset, Image, Label
from core.stores import Where
from core.studio import Studio
from pages.components.gallery import gallery
from pages.parts import dialogs, filters, markup, states
from pages.parts.filters import Counts, Shown
from pages.parts.text import ago, count, literal
from pages.parts.theme import label_colour

PAGE = 60
DRAWN_ANEW = ("add", "undo", "restore")  # actions after which pictures may stand at other places


def draw(studio: Studio, dataset: Dataset, labels: Sequence[Label]) -> None:
    shown = narrowed(studio, dataset, filters.sieve(labels, counted(studio, dataset)))
    where = selections.resolve(studio, dataset.id, shown.selection)
    sheet = st.container()  # above the pages, but drawn once the page is known
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        total = studio.store.images.count(dataset.id, where)
        at = st.pagination(-(-total // PAGE), key="page", bind="query-params") if total > PAGE else 1
        with st.container(horizontal=True, width="content"):
            undo(studio, dataset)
            if st.button("Recent changes", type="tertiary", icon=":material/history:"):
                dialogs.ask(f"Recent changes {dataset.id}")
    if dialogs.asked(f"Recent changes {dataset.id}"):
        recent(studio, dataset)
    found, _ = datasets.page(studio, dataset.id, where, (at - 1) * PAGE, PAGE)
    named = [{"id": one.id, "name": one.name, "color": label_colour(one.position)} for one in labels]
    with sheet:
        happened = gallery(
            "sheet",
            dataset.id,
            rows(studio, dataset, found, shown),
            named,
            page=f"{dataset.id}|{shown.name}|{at}|{drawn_anew(studio, dataset)}",
            mode="trash" if shown.trash else "sheet",
            total=total,
            where=shown.message(),
        )
    if happened["like"]:
        show_like(str(happened["like"]["id"]))
    if happened["found"]:
        found_by = {"ids": happened["found"]["ids"], "name": f"most like “{happened['found']['name']}”"}
        st.session_state[f"found-{dataset.id}"] = found_by
        show_like("found")


def counted(studio: Studio, dataset: Dataset) -> Counts:
    store = studio.store.images
    unlabelled, deleted = (store.count(dataset.id, where) for where in (Where(unlabelled=True), Where(deleted=True)))
    doubtful = len(doubts.of(studio, dataset.id).ids)
    return Counts(dataset.images, unlabelled, doubtful, deleted, store.origins(dataset.id))


def drawn_anew(studio: Studio, dataset: Dataset) -> int:
    """Another number when pictures may stand at other places than on the page that is on screen."""
    actions = studio.store.images.actions(dataset.id)
    return next((one.id for one in actions if one.kind in DRAWN_ANEW or one.images > PAGE), 0)


# ---- those like one picture ----


def show_like(what: str) -> None:
    st.query_params["like"] = what
    for other in ("label", "find", "use", "origin"):
        st.query_params.pop(other, None)
    filters.first_page()
    st.rerun()


def narrowed(studio: Studio, dataset: Dataset, shown: Shown) -> Shown:
    """What `?like=` names: an image of this dataset, or `found`: what a search by picture or the map has chosen."""
    asked = st.query_params.get("like", "")
    if not asked:
        return shown
    try:
        ids, words = _like(studio, dataset, asked)
    except StudioError as error:
        states.problem(str(error))
        ids, words = None, "Showing all pictures"
    with st.container(horizontal=True, vertical_alignment="center"):
        like = studio.store.images.get(int(asked)) if asked.isdecimal() and ids is not None else None
        markup.draw(markup.beside(like, words))
        if st.button("Show all pictures", icon=":material/close:"):
            st.query_params.pop("like", None)
            filters.first_page()
            st.rerun()
    return shown if ids is None else shown.within(ids, asked)


def _like(studio: Studio, dataset: Dataset, asked: str) -> tuple[tuple[int, ...] | None, str]:
    if asked.isascii() and asked.isdecimal() and len(asked) < 16:
        near = datasets.similar(studio, dataset.id, int(asked))
        return tuple(one.image_id for one in near), f"The {count(len(near), 'picture')} most like this one"
    kept = st.session_state.get(f"found-{dataset.id}")
    if kept is None:
        return None, "That search is over. Search again to see its pictures."
    many = count(len(kept["ids"]), "picture")
    return tuple(int(one) for one in kept["ids"]), f"{many} {kept['name']}"


# ---- rows of the sheet ----


def rows(studio: Studio, dataset: Dataset, found: Sequence[Image], shown: Shown) -> list[dict[str, object]]:
    """The pictures as the component takes them."""
    told = [row(image) for image in found]
    if shown.trash:
        held, now = studio.store.images.held([image.id for image in found]), time.time()
        for image, one in zip(found, told, strict=True):
            one |= {"deleted": True, "left": trash.days_left(image, now), "held": image.id in held}
    if shown.selection.doubtful:
        said = doubts.of(studio, dataset.id).said
        for one in told:
            suggestion, confidence = said.get(int(str(one["id"])), (None, 0.0))
            one |= {"suggestion": suggestion, "confidence": confidence}
    return told


def row(image: Image) -> dict[str, object]:
    keys = ("id", "revision", "label", "label_id", "name", "width", "height")
    return {key: getattr(image, key) for key in keys} | {"split": str(image.split)}


# ---- the way back ----


def undo(studio: Studio, dataset: Dataset) -> None:
    action = datasets.last_action(studio, dataset.id)
    if any(one.open for one in errands.of(studio, dataset.id)):
        return  # one that is at work can be taken back once it is through
    if action and st.button(f"Undo: {literal(action.summary)}", type="tertiary", icon=":material/undo:"):
        errands.undo(studio, action.id)
        st.rerun()


@dialogs.dialog("Recent changes", width="large")
def recent(studio: Studio, dataset: Dataset) -> None:
    """Who did what and when; each can be taken back while nothing later touched its pictures."""
    now = time.time()
    with states.sentences():
        for action, able in datasets.recent(studio, dataset.id):
            with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
                by = f"{action.who}, {ago(action.at, now)}"
                markup.draw(markup.words(action.summary), markup.words(by, quiet=True, small=True))
                if able and st.button("Undo", key=f"undo-{action.id}", icon=":material/undo:"):
                    errands.undo(studio, action.id)
                    dialogs.shut()
                    st.rerun()
                if not able:
                    markup.draw(markup.words(why_not(action), quiet=True, small=True))


def why_not(action: Action) -> str:
    if action.undone_at is not None:
        return "Taken back"
    return "" if action.kind == "undo" else "Changed since"

"""A page that shows one component, named in the address: `/?show=uploader`. What it triggers is written below it."""

from __future__ import annotations

import json
from typing import Literal

import streamlit as st

from pages.components.curves import curves
from pages.components.desk import desk
from pages.components.figures import figures
from pages.components.filmstrip import filmstrip
from pages.components.findings import findings
from pages.components.gallery import gallery
from pages.components.many import many
from pages.components.map import picture_map
from pages.components.tryit import tryit
from pages.components.uploader import uploader
from pages.parts import frame
from pages.parts.text import literal
from pages.parts.theme import label_colour
from tests.components.fake import EVIL, LABELS

st.set_page_config(page_title="Darkroom", page_icon=str(frame.FAVICON), layout="wide")
frame.dress()
labels = [{"id": i + 1, "name": name, "color": label_colour(i)} for i, name in enumerate(LABELS)]
show = st.query_params.get("show", "uploader")


def told(name: str, value: object) -> None:
    """What the component triggered last stays on the page, for the test to read."""
    if value:
        st.session_state[name] = value
    st.caption(f"{name}={json.dumps(st.session_state.get(name))}")


if show == "uploader":
    frame.head("Clothes", "Every picture stays on this server.")
    dataset = int(st.query_params.get("dataset", "0")) or None
    told("done", uploader("up", dataset, st.query_params.get("name", "Clothes"), labels if dataset else []))

if show in ("sheet", "trash"):
    count = int(st.query_params.get("count", "40"))
    images = [
        {"id": i, "revision": 1, "label": LABELS[i % 4], "label_id": None}
        | {"name": f"Clothes/{LABELS[i % 4]}/{i}.webp", "width": 900, "height": 900}
        | ({"deleted": True, "left": 30 - i, "held": i == 2} if show == "trash" else {})
        for i in range(1, count + 1)
    ]
    more = [
        {"id": n, "name": f"label {n}", "color": label_colour(n)}
        for n in range(5, 1 + int(st.query_params.get("labels", "4")))
    ]
    frame.head("Clothes", "400 pictures in 4 labels. The instant model gets 93 of 100 right, give or take 3.")
    happened = gallery(
        "g",
        7,
        images,
        labels + more,
        page=st.query_params.get("page", "1"),
        mode="trash" if show == "trash" else "sheet",
        total=399,
        where={"label_id": 3, "text": "a"},
    )
    told("changed", happened["changed"])
    told("like", happened["like"])
    told("found", happened["found"])

if show == "mistakes":
    frame.head("Instant model", "Its worst mistakes.")
    wrong = [
        {"id": i, "revision": 1, "label": LABELS[i % 4], "label_id": None, "suggestion": LABELS[(i + 2) % 4]}
        | {"name": f"Clothes/{LABELS[i % 4]}/{i}.webp", "width": 900, "height": 900, "confidence": 0.9}
        for i in range(1, 9)
    ]
    told("changed", gallery("m", 7, wrong, labels, page="1", total=8, model=3)["changed"])

if show == "label":
    frame.head("Label", "A key labels the picture and steps on. Enter takes what the model says.")
    mode: Literal["large", "page"] = "page" if st.query_params.get("mode") == "page" else "large"
    plenty = [{"id": 100 + i, "name": f"label {i}", "color": label_colour(i)} for i in range(40)]
    happened = desk("d", 7, plenty if st.query_params.get("many") else labels, "useful", mode)
    told("next", happened["next"])
    told("named", happened["named"])

if show == "map":
    told("show", picture_map("m", 7, labels, st.query_params.get("page", "1"))["show"])

if show == "curves":
    frame.head("Run 12: resnet18 on Clothes", "400 pictures, 12 epochs. You may close this page; the training goes on.")
    run = int(st.query_params.get("run", "1"))
    drawn = {"state": "succeeded" if run == 2 else "queued" if run == 3 else "running", "wish": None, "begun": run < 3}
    every = float(st.query_params.get("every", "0.3"))
    told("changed", curves("c", run, drawn, {2: "2: resnet18, 12 epochs"} if run == 1 else {}, refresh_s=every))

if show == "filmstrip":
    frame.head("Run 12: resnet18 on Clothes")
    every = float(st.query_params.get("every", "0.3"))
    filmstrip("f", 1, [label_colour(i) for i in range(len(LABELS))], live=True, refresh_s=every)

if show == "findings":
    frame.head("Clothes")
    evil = EVIL[2]
    pictures = [
        {"id": i, "revision": 1, "label": evil if i == 3 else LABELS[i % 4], "split": "auto"}
        | {"name": f"{evil}/{i}.webp", "width": 900, "height": 900}
        for i in range(1, 13)
    ]
    doubt = {"kind": "suspect", "title": "Labels in doubt", "severity": "wrong", "actions": ["relabel", "remove"]}
    twins = {"kind": "near", "title": "Near-duplicates", "severity": "look", "actions": ["keep"]}
    rows = [
        twins | {"key": "near:1", "sentence": evil, "detail": {"keep": 1}, "images": pictures[:2], "more": 0},
        twins | {"key": "near:2", "sentence": "Again.", "detail": {"keep": 3}, "images": pictures[2:5], "more": 7},
    ]
    if not st.query_params.get("twins"):
        detail = {"label": "shirt", "confidence": 0.9}
        rows.append(doubt | {"key": "suspect:6", "sentence": "?", "detail": detail, "images": pictures[5:6], "more": 0})
    told("settled", findings("f", 7, [row | {"ignored": False} for row in rows], labels, "1")["settled"])

if show == "tryit":
    frame.head(
        "Try it", "The instant model of Clothes gets 93 of 100 right, give or take 3, on pictures it has not seen."
    )
    samples = [{"src": f"/api/images/{i}/view", "name": f"sample {i}.webp"} for i in (301, 302, 303, 304, 305, 306)]
    happened = tryit("t", 3, 7, labels, samples)
    told("predicted", happened["predicted"])
    told("corrected", happened["corrected"])

if show == "many":
    frame.head("Try it")
    batch = {"id": 1, "name": "Clothes", "expected": 900, "created_at": 1.7e9, "over": False}
    many("m", 3, 7, labels, [batch])

if show == "text":
    frame.head(EVIL[-1])
    for number, text in enumerate(EVIL):
        with st.container(key=f"text{number}"):
            st.markdown(literal(text))
            st.button(literal(text), key=f"button{number}")
            st.markdown(f"**{literal(text)}** :gray[{literal(text)}]")

if show == "figures":
    frame.head("Clothes", "What each trial reached.")
    more = st.session_state.get("more", False)
    places = list(range(1, 6 if more else 4))
    points = {"x": places, "y": [one * one for one in places], "mode": "markers", "marker": {"size": 12}}
    one_figure = {
        "title": "Trials",
        "help": "",
        "height": 300,
        "traces": [{**points, "customdata": [10 + one for one in places]}],
        "layout": {},
    }
    told("opened", figures("f", [one_figure] * (2 if more else 1)))
    st.button("More", on_click=lambda: st.session_state.update(more=True))

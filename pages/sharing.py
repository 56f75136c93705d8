"""Part of a model's page: links with which others try it, without seeing anything else."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import segno
import streamlit as st

from core import shares
from core.records import Model, Share
from core.studio import Studio
from pages.parts import markup, states
from pages.parts.text import ago, count, duration

SHOWN_ONCE = "share-made"
LASTS = {days: "a day" if days == 1 else f"{days} days" for days in shares.DAYS}


def section(studio: Studio, model: Model) -> None:
    found = shares.open_ones(studio, model.id)
    markup.section("A page to share", count(len(found), "link") if found else "off")
    words = "Whoever has the link can try this model on a page of its own, on a phone too, and see nothing else."
    markup.draw(markup.words(words, quiet=True))
    new(studio, model)
    just_made(model)
    for one in found:
        row(studio, one)


def new(studio: Studio, model: Model) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        days = st.selectbox("It works for", list(LASTS), 1, format_func=LASTS.__getitem__, key="share-days", width=160)
        if st.button("Make a link", icon=":material/share:"):
            with states.sentences():
                share, secret = shares.make(studio, model.id, days)
                st.session_state[SHOWN_ONCE] = (share.id, model.id, secret)
                st.rerun()


def just_made(model: Model) -> None:
    """The link and its code, until they are put away: there is no second time."""
    _, model_id, secret = st.session_state.get(SHOWN_ONCE, (0, 0, ""))
    if model_id != model.id:
        return
    here = urlsplit(st.context.url or "http://127.0.0.1:8501")
    link = shares.link(f"{here.scheme}://{here.netloc}", secret)
    with st.container(border=True):
        left, right = st.columns([3, 1], vertical_alignment="center")
        with left:
            st.markdown("**Copy the link now, or scan the code:** it is not shown again.")
            st.code(link, language=None, wrap_lines=True)
            if here.hostname in ("127.0.0.1", "localhost", "::1"):
                quiet = (
                    "Darkroom answers only to this machine, so the link works only here. README says how to open it."
                )
                markup.draw(markup.words(quiet, quiet=True, small=True))
            if st.button("I have copied it", icon=":material/check:"):
                del st.session_state[SHOWN_ONCE]
                st.rerun()
        with right:
            code = segno.make(link, error="m").svg_data_uri(scale=4, border=3, dark="#131110", light="#FFFFFF")
            markup.draw(f'<img class="dr-code" src="{code}" alt="QR code of the link" width="180">')


def row(studio: Studio, share: Share) -> None:
    now = time.time()
    used = f"last used {ago(share.used_at, now)}" if share.used_at is not None else "never used"
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"Made {ago(share.created_at, now)}, ends in {left(share.expires_at - now)} :gray[{used}]")
        if st.button("Revoke", key=f"unshare-{share.id}", icon=":material/block:"):
            shares.revoke(studio, share.id)
            if st.session_state.get(SHOWN_ONCE, (0,))[0] == share.id:
                del st.session_state[SHOWN_ONCE]
            st.toast("The link leads nowhere from now on.")
            st.rerun()


def left(seconds: float) -> str:
    days = round(seconds / shares.DAY_S)
    return count(days, "day") if days > 1 else duration(seconds)

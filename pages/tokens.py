"""Part of the System page: the tokens with which programs ask the models over HTTP."""

from __future__ import annotations

import time

import streamlit as st

from core import tokens
from core.records import Token
from core.studio import Studio
from pages.parts import markup, states
from pages.parts.text import ago, count, literal

SHOWN_ONCE = "token-made"


def section(studio: Studio) -> None:
    found = tokens.all_of(studio)
    good = [one for one in found if one.revoked_at is None]
    markup.section("Programs that ask", count(len(good), "token") if good else "")
    markup.draw(
        markup.words("A token lets a program of yours ask the models over HTTP. Give each program its own.", quiet=True)
    )
    new(studio)
    just_made()
    for one in good:
        row(studio, one)
    if revoked := len(found) - len(good):
        markup.draw(markup.words(f"{count(revoked, 'token')} revoked.", quiet=True, small=True))


def new(studio: Studio) -> None:
    form = st.form("new-token", border=False, clear_on_submit=True)
    with form, st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name of the program", max_chars=100, placeholder="Sorting line 2")
        made = st.form_submit_button("Make a token", icon=":material/key:")
        st.link_button("How to ask", "/developers", icon=":material/code:")
    if made:
        with states.sentences():
            token, secret = tokens.make(studio, name)
            st.session_state[SHOWN_ONCE] = (token.id, token.name, secret)
            st.rerun()


def just_made() -> None:
    """The secret, until it is put away: there is no second time."""
    if SHOWN_ONCE not in st.session_state:
        return
    _, name, secret = st.session_state[SHOWN_ONCE]
    with st.container(border=True):
        st.markdown(f"**Token for {literal(name)}.** Copy it now: it is not shown again, and nobody can look it up.")
        st.code(secret, language=None, wrap_lines=True)
        if st.button("I have copied it", icon=":material/check:"):
            del st.session_state[SHOWN_ONCE]
            st.rerun()


def row(studio: Studio, token: Token) -> None:
    now = time.time()
    used = f"last used {ago(token.used_at, now)}" if token.used_at is not None else "never used"
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{literal(token.name)}** :gray[made {ago(token.created_at, now)}, {used}]")
        if st.button("Revoke", key=f"revoke-{token.id}", icon=":material/block:"):
            tokens.revoke(studio, token.id)
            if st.session_state.get(SHOWN_ONCE, (0,))[0] == token.id:
                del st.session_state[SHOWN_ONCE]
            st.toast(f"{literal(token.name)} is refused from now on.")
            st.rerun()

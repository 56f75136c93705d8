"""The Advanced drawer: every part of a recipe, empty where the recipe may decide by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.recipe import FIELDS, Field, Recipe
from pages.parts.text import literal

GROUPS = {
    "Learning": (
        "batch_size",
        "learning_rate",
        "optimizer",
        "schedule",
        "warmup_share",
        "weight_decay",
        "freeze_epochs",
        "frozen_stages",
    ),
    "Pictures": ("side", "augmentation", "mirror", "validation_share"),
    "Network": ("dropout", "label_smoothing", "activation", "ema", "warm_start"),
    "Run": ("patience", "seed", "threads"),
}
YES_NO = {"yes": True, "no": False}


def recipe_form(derived: Recipe, before: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Draws the fields; gives those a person has set to something else than what was derived.

    Args:
        before: what is set already, as in the run that this one is made like.
        place: keeps the widgets of one architecture apart from those of another.
    """
    fields = {field.name: field for field in FIELDS}
    chosen: dict[str, Any] = {}
    for group, names in GROUPS.items():
        st.markdown(f"**{group}**")
        with st.grid(4, min_column_width=200):
            for name in names:
                own = getattr(derived, name)
                value = _ask(fields[name], own, before.get(name), f"set-{place}-{name}")
                if value is not None and value != own:
                    chosen[name] = value
    return chosen


def _ask(field: Field, own: Any, before: Any, key: str) -> Any:
    """The value a person chose, or None: the recipe decides, and its choice `own` stands in the empty field."""
    if field.kind is bool or field.choices:
        options = list(field.choices) or list(YES_NO)
        shown = own if field.choices else ("yes" if own else "no")
        chosen = before if field.choices or before is None else ("yes" if before else "no")
        picked = st.selectbox(
            literal(field.title),
            options,
            index=options.index(chosen) if chosen in options else None,
            placeholder=f"{shown}, as derived",
            help=literal(field.words),
            key=key,
        )
        return picked if field.choices or picked is None else YES_NO[str(picked)]
    number = field.kind
    return st.number_input(
        literal(field.title),
        min_value=number(field.low),
        max_value=number(field.high),
        value=None if before is None else number(before),
        step=1 if number is int else None,
        format="%d" if number is int else "%g",
        placeholder=f"{own:g}, as derived",
        help=literal(f"{field.words} From {field.low:g} to {field.high:g}."),
        key=key,
    )

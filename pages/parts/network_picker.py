"""Any network of timm's, found by typing: behind Advanced, for who knows what to look for."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core import architectures, catalogue
from core.architectures import Architecture
from core.catalogue import Known
from pages.parts import markup

SCRATCH = ""


def network_picker(chosen: Architecture, choose: Callable[[str], None]) -> None:
    """Two fields, which network and which weights, and what is known of both. `choose` gets the whole name."""
    everything = catalogue.networks()
    names = list(everything)
    st.markdown("**Any network**")
    with st.grid(2, min_column_width=280):
        st.selectbox(
            "Network",
            names,
            index=names.index(chosen.timm) if chosen.timm in everything else None,
            placeholder=f"Type to search {len(names):,} networks",
            help="Every network of the timm library that learns labels. Try: resnet, convnext, vit small, mobilenet.",
            key=f"network-{chosen.name}",
            on_change=lambda: choose(_best(str(st.session_state[f"network-{chosen.name}"] or chosen.name))),
        )
        if chosen.timm:
            _weights(everything[chosen.timm], chosen, choose)
    if chosen.timm:
        markup.draw(markup.facts(facts(chosen)))


def _best(name: str) -> str:
    """The network with the first weights that have a licence for everything, else from scratch."""
    known = catalogue.networks().get(name)
    free = [one.tag for one in known.weights if one.licence in FREE] if known else []
    return f"{name}.{free[0]}" if free else name


FREE = ("apache-2.0", "mit", "bsd-3-clause")


def _weights(known: Known, chosen: Architecture, choose: Callable[[str], None]) -> None:
    tags = [SCRATCH, *(one.tag for one in known.weights)]
    licences = {one.tag: one.licence for one in known.weights}
    key = f"weights-{chosen.name}"
    st.selectbox(
        "Begins with",
        tags,
        index=tags.index(chosen.weights.tag if chosen.weights else SCRATCH),
        format_func=lambda tag: f"{tag}, licence {licences[tag]}" if tag else "nothing: from scratch",
        help="Pretrained weights by their tag: how and on what they were made. in1k is ImageNet.",
        key=key,
        on_change=lambda: choose(".".join(filter(None, (known.name, st.session_state[key])))),
    )


def facts(card: Architecture) -> dict[str, str]:
    """What to know of a network before it is trained."""
    weights = card.weights
    known = {
        "Name": card.name,
        "Family": card.family,
        "Parameters": f"{card.parameters / 1e6:.1f} million",
        "Pictures": f"{card.side} × {card.side} px",
        "Licence": f"{card.licence}{'' if weights else ', of the code'}",
    }
    if weights:
        known["Colours"] = "mean " + ", ".join(f"{value:g}" for value in weights.mean)
        known["File"] = f"about {max(1, round(card.weights_bytes / 1e6)):,} MB"
    return known


def is_card(card: Architecture) -> bool:
    return any(one.name == card.name for one in architectures.ARCHITECTURES)

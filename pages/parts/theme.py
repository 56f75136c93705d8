"""The palette: the darkroom's grounds, the two curves, and one colour for each label, by its position.

A label keeps its colour on every screen and when others are added. No two of the first ten look alike to a person
with any common kind of colour vision; beyond ten they come again, lighter, then darker. A colour never stands alone:
the label's name is always beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LABEL_COLOURS = (
    "#64A6E9",
    "#C1AC15",
    "#A2399C",
    "#5B6C00",
    "#BF7883",
    "#5571E7",
    "#B82D67",
    "#8DB983",
    "#97871D",
    "#857DB9",
)
UNLABELLED = "#8A837B"
TRAINING = "#7FA3B5"  # drawn thin
VALIDATION = "#F2553D"  # drawn thick: this is the curve that counts


@dataclass(frozen=True, slots=True)
class Ground:
    """The colours of one theme; `.streamlit/config.toml` says the same."""

    background: str
    surface: str
    raised: str
    text: str
    accent: str
    on_accent: str
    good: str
    warning: str


DARK = Ground("#131110", "#1C1917", "#26221F", "#F3EDE4", "#F2553D", "#131110", "#8FBF9A", "#E8B25C")
LIGHT = Ground("#F7F3EC", "#EFE9DF", "#E5DDD0", "#1D1A17", "#B83A24", "#FFFFFF", "#2E6B45", "#7E5200")


def label_colour(position: int | None) -> str:
    """The colour of the label at a position from 0, as #RRGGBB; None is the colour of no label."""
    if position is None:
        return UNLABELLED
    turn, place = divmod(position, len(LABEL_COLOURS))
    colour = LABEL_COLOURS[place]
    return (colour, _mixed(colour, 255, 0.35), _mixed(colour, 0, 0.3))[turn % 3]


def _mixed(colour: str, towards: int, share: float) -> str:
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(part + (towards - part) * share):02X}" for part in parts)


def plotly_template() -> dict[str, Any]:
    """One Plotly template for both themes: grounds are clear, texts and lines are a grey that reads on either."""
    axis = {
        "gridcolor": "rgba(138,131,123,0.22)",
        "zerolinecolor": "rgba(138,131,123,0.35)",
        "linecolor": "rgba(138,131,123,0.35)",
        "automargin": True,
        "ticks": "outside",  # unseen: they keep the words away from the axis
        "ticklen": 6,
        "tickcolor": "rgba(0,0,0,0)",
        "title": {"font": {"size": 13}},
    }
    return {
        "layout": {
            "font": {"family": "Inter, sans-serif", "size": 13},
            "colorway": list(LABEL_COLOURS),
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 48, "r": 24, "t": 24, "b": 40},
            "xaxis": axis,
            "yaxis": axis,
            "hoverlabel": {"font": {"family": "Inter, sans-serif", "size": 13}},
            "colorscale": {"sequential": [[0, "rgba(242,85,61,0.04)"], [1, "#F2553D"]]},
        }
    }


PLOTLY_CONFIG: dict[str, Any] = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtons": [["resetScale2d", "toImage"]],
}

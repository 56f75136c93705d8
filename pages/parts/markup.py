"""Small drawings in HTML. Whatever a person wrote is escaped here, once; nothing else writes markup with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from urllib.parse import quote

import streamlit as st

from core.evaluation import Mistake
from core.records import Image, Label, Model
from pages.parts.text import count, percent, share_of
from pages.parts.theme import DARK, LIGHT, label_colour


def variables() -> str:
    """The palette as CSS variables that follow the theme."""
    quiet = {"quiet": ("#6E665C", "#A39B91"), "line": ("#1D1A1724", "#F3EDE424"), "paper": ("#FFFFFF", "#F3EDE4")}
    pairs = {
        "ink": (LIGHT.text, DARK.text),
        "ground": (LIGHT.background, DARK.background),
        "surface": (LIGHT.surface, DARK.surface),
        "raised": (LIGHT.raised, DARK.raised),
        "accent": (LIGHT.accent, DARK.accent),
        "on-accent": (LIGHT.on_accent, DARK.on_accent),
        "good": (LIGHT.good, DARK.good),
        "warn": (LIGHT.warning, DARK.warning),
        **quiet,
    }
    return ".stApp {" + "".join(f"--dr-{name}: light-dark({a}, {b});" for name, (a, b) in pairs.items()) + "}"


def draw(*pieces: str) -> None:
    """Puts escaped markup on the page."""
    st.html(f'<div class="dr">{"".join(pieces)}</div>')


def words(text: str, quiet: bool = False, small: bool = False) -> str:
    """A paragraph, literally."""
    classes = " ".join(name for name, on in (("dr-quiet", quiet), ("dr-small", small)) if on)
    return f'<p class="{classes}">{escape(text)}</p>'


def section(title: str, beside: str = "") -> None:
    """A head line inside a page, with a few quiet words at its right."""
    side = f'<span class="dr-quiet dr-small">{escape(beside)}</span>' if beside else ""
    draw(f'<div class="dr-over"><h2>{escape(title)}</h2>{side}</div>')


def print_of(image: Image) -> str:
    """One thumbnail in its white border."""
    title = escape(f"{image.label or 'no label'}: {image.name}", quote=True)
    address = f"/api/images/{image.id}/thumb?v={image.sha256[:12]}"
    return f'<div class="print" title="{title}"><img src="{address}" alt="{title}" loading="lazy"></div>'


def beside(image: Image | None, text: str) -> str:
    """A sentence with the picture it is about, no larger than a button."""
    small = f'<div class="dr-sheet one">{print_of(image)}</div>' if image is not None else ""
    return f'<div class="dr-beside">{small}<p>{escape(text)}</p></div>'


def contact_sheet(images: Sequence[Image], across: int = 4, rows: int = 2) -> str:
    """Thumbnails close together; places nothing is in stay empty, so that tiles keep their height."""
    places = across * rows
    prints = [print_of(image) for image in images[:places]]
    prints += ['<div class="print blank"></div>'] * (places - len(prints))
    return f'<div class="dr-sheet" style="--across:{across}">{"".join(prints)}</div>'


def samples(names: Sequence[str]) -> str:
    """Held-back sample pictures, close together."""
    prints = "".join(
        f'<div class="print"><img src="/api/samples/{quote(name)}" alt="" loading="lazy"></div>' for name in names
    )
    return f'<div class="dr-sheet" style="--across:{len(names)}">{prints}</div>'


def chip(name: str, position: int | None, images: int | None = None) -> str:
    """A label: its colour, its name, and how many pictures have it."""
    number = f'<span class="dr-quiet">{count(images)}</span>' if images is not None else ""
    colour = label_colour(position)
    return (
        f'<span class="dr-chip"><i class="dr-dot" style="--c:{colour}"></i>'
        f'<span class="name" title="{escape(name, quote=True)}">{escape(name)}</span>{number}</span>'
    )


def chips(labels: Sequence[Label], most: int = 12) -> str:
    """The labels with their counts; the rest as a number."""
    shown = "".join(chip(label.name, label.position, label.images) for label in labels[:most])
    more = len(labels) - most
    rest = f'<span class="dr-chip dr-quiet">and {count(more)} more</span>' if more > 0 else ""
    return f'<div class="dr-chips">{shown}{rest}</div>'


def spread(accuracy: float, interval: tuple[float, float], pictures: int | None) -> str:
    """A line from 0 to 1 with the 95 % interval and the measured value on it."""
    low, high = (min(max(value, 0.0), 1.0) for value in interval)
    style = f"--from:{100 * low:.1f}%;--width:{100 * (high - low):.1f}%;--at:{100 * accuracy:.1f}%"
    said = f"{share_of(accuracy, pictures)}, between {percent(low)} and {percent(high)}"
    return f'<div class="dr-range" style="{style}" title="{said}" role="img" aria-label="{said}"><i></i><u></u></div>'


def score(
    accuracy: float, interval: tuple[float, float], pictures: int | None, sentence: str, large: bool = False
) -> str:
    """An accuracy with its interval, and the sentence that says what it was measured on; None: not known on how many
    pictures."""
    kind = "dr-score large" if large else "dr-score"
    return (
        f'<div class="{kind}"><b>{share_of(accuracy, pictures)}</b>{spread(accuracy, interval, pictures)}'
        f'<p class="dr-quiet{"" if large else " dr-small"}">{escape(sentence)}</p></div>'
    )


def model_score(model: Model, sentence: str, large: bool = False) -> str:
    """The score of a model, with the sentence that says what it was measured on."""
    return score(model.accuracy, model.interval, model.measured_n, sentence, large)


def bar(share: float, words: str) -> str:
    """Progress, 0..1, with words below."""
    share = min(max(share, 0.0), 1.0)
    return (
        f'<div class="dr-bar" role="progressbar" aria-valuenow="{100 * share:.0f}" aria-valuemin="0" '
        f'aria-valuemax="100" style="--share:{100 * share:.1f}%"><i></i></div>'
        f'<p class="dr-quiet dr-small" style="margin-top:6px">{escape(words)}</p>'
    )


def state(words: str, kind: str = "") -> str:
    """A small light and a word. `kind`: live, good, warn, or nothing for grey."""
    return f'<span class="dr-state {escape(kind, quote=True)}">{escape(words)}</span>'


def facts(pairs: Mapping[str, str]) -> str:
    """Names and values, one below the other."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs.items())
    return f'<dl class="dr-facts">{rows}</dl>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """A table. The cells are markup of this module: the caller escapes what people wrote."""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="dr-scroll {kind}"><table class="dr-table"><tr>{top}</tr>{body}</table></div>'


def plain(text: str) -> str:
    """What a person wrote, for a table cell."""
    return escape(text)


def link(text: str, address: str) -> str:
    """A way to another screen, for a table cell: `address` is one of ours."""
    return f'<a href="{escape(address, quote=True)}" target="_self">{escape(text)}</a>'


def judged(pictures: Sequence[Mistake], across: int) -> str:
    """Thumbnails with what they show, what the model said, and how sure it was."""
    cells = "".join(
        f"<figure>{print_of(one.image)}<figcaption>{escape(one.predicted)}, {percent(one.confidence)} sure"
        f"{'' if one.true == one.predicted else f'<br><span>labelled {escape(one.true)}</span>'}</figcaption></figure>"
        for one in pictures
    )
    return f'<div class="dr-sheet {"hung" if across > 3 else "near"}">{cells}</div>'

"""Words: what people wrote is shown as they wrote it, and numbers are said as people say them."""

from __future__ import annotations

import re

from core.words import count, duration, share, share_of

__all__ = ["ago", "count", "duration", "file_size", "joined", "literal", "percent", "share", "share_of", "size"]

# Streamlit reads texts as Markdown with emoji codes (:smile:), colours (:red[..]), icons, LaTeX ($..$) and links.
# A label may hold any of it. Backslashes switch Markdown off; the colon and the dollar are written as entities,
# because their extensions look at the text before the backslash counts.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>^=\"'])")
_ENTITIES = {ord("&"): "&amp;", ord(":"): "&#58;", ord("$"): "&#36;", ord("@"): "&#64;", ord("/"): "&#47;"}
# Arrows, dashes and the product's name are replaced even after that, in the finished text: a word joiner, which has no
# width, keeps their letters apart.
_REPLACED = re.compile(r"(?<=[-<>~=])(?=[-<>=])|(?<=:)(?=streamlit:)")
_LINES = re.compile(r"\s+")


def literal(text: str) -> str:
    """`text` for st.markdown, st.button and their like, so that they show it letter by letter, on one line."""
    line = _REPLACED.sub("\u2060", _LINES.sub(" ", text).strip())
    return _MARKDOWN.sub(r"\\\1", line).translate(_ENTITIES)


def size(pictures: int, labels: int) -> str:
    """*5 pictures in 2 labels*, or *3 pictures without a label*"""
    return f"{count(pictures, 'picture')} " + (f"in {count(labels, 'label')}" if labels else "without a label")


def percent(share: float, digits: int = 0) -> str:
    """0..1 -> "93 %"."""
    return f"{100 * share:.{digits}f} %"


def ago(then: float, now: float) -> str:
    """How long ago `then` was, both in seconds since the epoch: "5 minutes ago"."""
    seconds = max(0.0, now - then)
    for size, noun in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{count(int(seconds // size), noun)} ago"
    return "just now"


def file_size(size_bytes: int) -> str:
    """12_300_000 -> "12.3 MB"."""
    if size_bytes < 1e6:
        return f"{max(1, round(size_bytes / 1e3))} KB"
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes < 1e9 else f"{size_bytes / 1e9:.1f} GB"


def joined(names: list[str], limit: int = 3) -> str:
    """ "a, b and c", or "a, b, c and 5 more"."""
    if len(names) > limit:
        return f"{', '.join(names[:limit])} and {len(names) - limit:,} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""

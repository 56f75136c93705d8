"""Who does something: a name that a person says once and their browser keeps. A courtesy among those who work together
on the same pictures, no proof of anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote

from core import names
from core.studio import Studio

COOKIE = "darkroom-name"  # its value: percent-encoded UTF-8
LONGEST = 40  # characters


def from_cookies(cookies: Mapping[str, str]) -> str:
    """The name that a browser sends along; '' where it knows none."""
    return unquote(cookies.get(COOKIE, ""), errors="replace")


def named(studio: Studio, name: str) -> Studio:
    """The studio in this name; as it is where nothing of the name can be seen."""
    who = names.clean(name)[:LONGEST].strip()
    return replace(studio, who=who) if who else studio

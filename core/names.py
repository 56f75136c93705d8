"""Names that people give: labels, datasets, models. A name is data and is kept as literally as can be shown safely."""

from __future__ import annotations

import re
import unicodedata

from core.errors import Refused

MAX_LENGTH = 100
_JOINERS = {"\u200c", "\u200d"}  # they hold emoji families and several scripts together
_NUMBER = re.compile(r"(\d+)")
# Between two numbers it means something: 1-2 is not 12.
_GAP = re.compile(r"(?<=[^\W\d_])[\s_-]+(?=\w)|(?<=[\w])[\s_-]+(?=[^\W\d_])")
# Small Cyrillic and Greek letters that cannot be told from Latin ones.
_LOOK_ALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u03bf\u03b1\u03c1\u03bd", "aeopcyxijsoapv"
)


def clean(name: str) -> str:
    """The name in normal form NFC, without control and direction characters, trimmed, at most 100 characters long.

    Nothing may be left of it: then ''.
    """
    name = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8"))
    # Cc control, Cf invisible format (direction overrides among them), Cs/Co/Cn: nothing a person could see.
    kept = [c if c not in "\t\r\n" else " " for c in name if c in "\t\r\n" or c in _JOINERS or _visible(c)]
    return " ".join("".join(kept).split())[:MAX_LENGTH].strip()


def require(name: str, what: str) -> str:
    """The clean name, or Refused when nothing is left of it. `what` is the noun: label, dataset."""
    if not (cleaned := clean(name)):
        raise Refused(f"A {what} needs a name that can be seen. Please type one.", "name")
    return cleaned


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts as people do: label 2 before label 10, letter case aside."""
    parts = _NUMBER.split(name.casefold())
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts if part)


def look(name: str) -> str:
    """Equal for names that look like one: letter case, spaces, _ and -, width and letters of other scripts aside."""
    plain = unicodedata.normalize("NFKC", name).casefold().translate(_LOOK_ALIKES)
    return _GAP.sub("", plain)


def _visible(character: str) -> bool:
    category = unicodedata.category(character)
    # Cf holds the variation tag characters of flags, too; those are harmless.
    return category not in ("Cc", "Cs", "Co", "Cn") and (category != "Cf" or 0xE0020 <= ord(character) <= 0xE007F)

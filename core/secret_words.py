"""Secrets that are shown once and kept as a hash: what a token and a link to share have in common.

A secret reads `prefix_NUMBER_LETTERS`: the number finds its row, the letters (256 random bits) are compared in constant
time. So many random bits need no slow hash: nobody can try them through.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

_LETTERS_BYTES = 32
LIMIT = 100  # characters; a longer text is no secret of ours
_NOBODY = "0" * 64


def new() -> tuple[str, str]:
    """(letters, hash)."""
    letters = secrets.token_urlsafe(_LETTERS_BYTES)
    return letters, hashed(letters)


def hashed(letters: str) -> str:
    return hashlib.sha256(letters.encode("utf-8", "replace")).hexdigest()


def written(prefix: str, number: int, letters: str) -> str:
    return f"{prefix}_{number}_{letters}"


def read(prefix: str, text: str) -> tuple[int, str] | None:
    """(number, letters); None for a text that cannot be such a secret."""
    parts = text.split("_", 2)
    if len(text) > LIMIT or len(parts) != 3 or parts[0] != prefix:
        return None
    number = parts[1]
    if not number.isascii() or not number.isdigit() or len(number) > 15:
        return None
    return int(number), parts[2]


def agrees(letters: str, kept: str | None) -> bool:
    """In constant time, whether there is a row (`kept` its hash) or not."""
    same = hmac.compare_digest(hashed(letters), kept or _NOBODY)
    return same and kept is not None

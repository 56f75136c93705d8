"""Tokens: what a program shows to ask the models over HTTP.

One a program, with a name, so that each can be taken back alone.
"""

from __future__ import annotations

import time

from core import names, secret_words
from core.errors import NotFound, Refused, Unauthorized
from core.records import Token
from core.studio import Studio

PREFIX = "darkroom"
MOST = 100  # that are not revoked
NOTED_EVERY_S = 60.0


def make(studio: Studio, name: str) -> tuple[Token, str]:
    """A token and its secret, which nobody can ever read again. Raises Refused: no name, or too many."""
    name = names.require(name, "token")
    if sum(one.revoked_at is None for one in all_of(studio)) >= MOST:
        raise Refused(f"There are {MOST} tokens already. Revoke one that nobody uses any more.", "too_many")
    letters, hashed = secret_words.new()
    token = studio.store.tokens.add(name, studio.who, hashed)
    return token, secret_words.written(PREFIX, token.id, letters)


def all_of(studio: Studio) -> list[Token]:
    """Newest first, revoked ones too."""
    return studio.store.tokens.all()


def revoke(studio: Studio, token_id: int) -> Token:
    """Whoever asks with it from now on is refused. Raises NotFound."""
    studio.store.tokens.revoke(token_id)
    found = studio.store.tokens.find(token_id)
    if found is None:
        raise NotFound(f"There is no token {token_id}.")
    return found


def check(studio: Studio, text: str) -> Token:
    """The token that a secret belongs to. Raises Unauthorized, with the same sentence whatever is wrong with it."""
    said = secret_words.read(PREFIX, text)
    found = studio.store.tokens.find(said[0]) if said else None
    good = secret_words.agrees(said[1] if said else "", found.hash if found else None)
    if found is None or not good or found.revoked_at is not None:
        raise Unauthorized("This token is not known, or it was revoked. Make a new one on the System page.")
    if found.used_at is None or time.time() - found.used_at > NOTED_EVERY_S:
        studio.store.tokens.used(found.id)
    return found

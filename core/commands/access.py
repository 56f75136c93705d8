"""Commands about who else may ask: the tokens of programs."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from core import tokens
from core.commands.answers import Answer, table
from core.embedded import open_studio
from core.records import Token


def tokens_of(wish: argparse.Namespace) -> Answer:
    studio = open_studio()
    if wish.make is not None:
        token, secret = tokens.make(studio, wish.make)
        words = f"Token {token.id} for “{token.name}”. Keep it now, it is not shown again:\n{secret}"
        return Answer(_facts(token) | {"token": secret}, words)
    if wish.revoke is not None:
        token = tokens.revoke(studio, wish.revoke)
        return Answer(_facts(token), f"Token {token.id} for “{token.name}” is revoked.")
    found = tokens.all_of(studio)
    if not found:
        return Answer([], "No token yet. Make one with `python -m core tokens --make NAME`.")
    rows = [[one.id, one.name, one.who, _when(one.created_at), _when(one.used_at), _state(one)] for one in found]
    return Answer([_facts(one) for one in found], table(["id", "name", "who", "made", "last used", "state"], rows))


def _facts(token: Token) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "who": token.who,
        "created": token.created_at,
        "used": token.used_at,
        "revoked": token.revoked_at,
    }


def _state(token: Token) -> str:
    return "good" if token.revoked_at is None else "revoked"


def _when(at: float | None) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M") if at is not None else "never"

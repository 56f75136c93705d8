"""The rule of three tries: work that may end whoever does it is begun three times at most.

A try is counted before the work, in its own row: whoever dies of it has counted it. Whoever asks anew begins at none.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Table

from core.storage.database import now

MAX_TRIES = 3


def asking() -> dict[str, Any]:
    """What a row says from the moment that somebody wants its work done."""
    return {"wanted_at": now(), "pending": True, "tries": 0}


def due(table: Table) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The rows whose work is to be done."""
    return table.c.pending, table.c.tries < MAX_TRIES


def begun(table: Table) -> dict[str, Any]:
    return {"tries": table.c.tries + 1}


def over() -> dict[str, Any]:
    """What a row says once its work is done, or was found to be impossible."""
    return {"pending": False, "tries": 0}


def given_up(row: RowMapping) -> bool:
    """It is left alone until somebody asks anew."""
    return bool(row["pending"] and row["tries"] >= MAX_TRIES)

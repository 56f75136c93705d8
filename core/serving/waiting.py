"""A route whose answer comes from the background: whoever asks is answered once it is done, and nobody else waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool

from core import errands
from core.errors import Unavailable
from core.records import Errand
from core.stores import Outcome
from core.studio import Studio

POLL_S = 0.2
LONGEST_S = 600.0
LONGER = "This takes longer than usual. It goes on in the background; the page of the dataset says how far it is."


async def outcome(studio: Studio, ask: Callable[[], Outcome | Errand]) -> Outcome:
    """What was done, at once or by an errand. Raises Conflict (it stopped), Unavailable (it still goes on)."""
    found, ends_at = await run_in_threadpool(ask), time.monotonic() + LONGEST_S
    while isinstance(found, Errand):
        if not found.open:
            return await run_in_threadpool(errands.outcome, studio, found)
        if time.monotonic() > ends_at:
            raise Unavailable(LONGER)
        await asyncio.sleep(POLL_S)
        found = await run_in_threadpool(errands.get, studio, found.id)
    return found

"""The worlds that the screens are pictured in: what is in a data folder, and the addresses to visit there.

A world is a function: it fills the studio it is handed and gives its shots. `WORLDS` names them all.
"""

from __future__ import annotations

from collections.abc import Callable

from core.studio import Studio
from tests.screens import abroad, crowd, few, full, moving, odd
from tests.screens.shots import Shot

World = Callable[[Studio], list[Shot]]

WORLDS: dict[str, World] = {
    "empty": full.empty,
    "full": full.full,
    "few": few.few,
    "odd": odd.odd,
    "abroad": abroad.abroad,
    "moving": moving.moving,
    "crowd": crowd.crowd,
}
ASKED_FOR = {"crowd"}  # takes minutes to fill, so it is visited only when it is named

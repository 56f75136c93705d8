"""The models of the trials that did not win: once a search is over they go, and their room on the disk with them.

What a person has made something of stays: chosen as the one that answers, asked for a picture, shared, packed, made
more cautious, or trained on from. Curves, recipe and log of every trial stay in any case.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from core.ports import Files
from core.records import Search
from core.runs import END, model_folders
from core.stores import Store
from core.trials import Shown


def clear(files: Files, store: Store, search: Search, shown: Sequence[Shown]) -> int:
    """Removes them, those of the winning trial aside; gives how many. Killed in between, it is done again."""
    removed = 0
    for one in shown:
        if one.trial.number == search.winner or not one.run.state.final:
            continue
        removed += store.models.drop_unused(one.run.id)
        if store.runs.get(one.run.id).model_id is None:
            for folder in model_folders(files, one.run.id):
                shutil.rmtree(folder, ignore_errors=True)
            (files.run(one.run.id) / END).unlink(missing_ok=True)
    return removed

"""kill -9 of the indexer while it goes back to a version of many pictures: each of them goes back once."""

from __future__ import annotations

import time

from core import errands, versions
from core.embedded import open_studio
from core.records import Errand, Split
from core.stores import Change, NewImage, Where
from tests.faults.lab import Lab

MANY = 16_000


def test_a_large_change_is_carried_out_once_although_the_indexer_is_killed(lab: Lab) -> None:
    studio = open_studio(lab.settings)
    dataset_id = lab.store.datasets.create("many").id
    new = [NewImage(f"{n:064x}", f"{n}.png", None, Split.AUTO, 8, 8, "PNG", 9) for n in range(MANY)]
    lab.store.images.add(dataset_id, new, "ann", "Added pictures")
    lab.store.vectors.put({one.sha256: row for row, one in enumerate(new)})  # there is nothing to look at
    kept = versions.keep(studio, dataset_id, "before")
    moved = Change(0, split=Split.TEST)
    lab.store.images.change_all(dataset_id, "split", lambda many: f"Moved {many}", Where(), moved, "ann")
    asked = errands.restore(studio, kept.id)
    assert isinstance(asked, Errand) and asked.action_id
    killed_at = None
    while (errand := lab.store.errands.get(asked.id)).open:
        if killed_at is None and errand.done:
            lab.kill(lab.child("indexer"))
            killed_at = lab.store.errands.get(asked.id).done
        time.sleep(0.002)
    assert killed_at and killed_at < MANY, "killed on its way"
    outcome = errands.outcome(studio, errand)
    assert outcome.action and outcome.action.images == len(outcome.changed) == len(set(outcome.changed)) == MANY
    assert lab.store.images.count(dataset_id, Where(split=Split.AUTO)) == MANY
    revisions = {one.revision for one in lab.store.images.page(dataset_id, Where(), 0, MANY)}
    assert revisions == {3}, "added, moved and brought back: each once"
    studio.decoder.close()

"""Errands: changes of more images than anybody would wait for.

Up to `LARGE` images a change is made at once. A larger one is put on record, and the indexer carries it out piece by
piece while its screen says how far it is; everything else goes on meanwhile. What one errand makes is one action.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence

from core import brought, corrections, datasets, merging, versions
from core.corrections import Filed
from core.errors import Conflict, StudioError
from core.records import Dataset, Errand, ErrandKind, Version
from core.stores import Change, Outcome, Where
from core.studio import Studio

LARGE = 5000  # images that are changed at once in 0.1 to 0.2 s
FEW = 1000  # predictions that are filed at once, which takes longer: each is a new image
PIECE = 2000  # images in one transaction

log = logging.getLogger("indexer")


def of(studio: Studio, dataset_id: int) -> list[Errand]:
    """Those of a dataset that are not finished, oldest first."""
    return studio.store.errands.unfinished(dataset_id)


def get(studio: Studio, errand_id: int) -> Errand:
    """Raises NotFound."""
    return studio.store.errands.get(errand_id)


def outcome(studio: Studio, errand: Errand) -> Outcome:
    """What a finished one did. Raises Conflict with the reason of one that stopped."""
    if errand.problem is not None:
        raise Conflict(errand.problem)
    assert errand.action_id is not None
    return studio.store.images.outcome(errand.action_id)


def go_on(studio: Studio, errand_id: int) -> None:
    """One that stopped begins again where it stands."""
    studio.store.errands.go_on(errand_id)
    studio.services.wake()


def leave(studio: Studio, errand_id: int) -> None:
    """One that stopped is not to go on; undo takes back what it has done."""
    studio.store.errands.leave(errand_id)


# ---- asking ------------------------------------------------------------------------------------------


def keep(studio: Studio, dataset_id: int, name: str) -> Version | Errand:
    """See `versions.keep`."""
    name = versions.require_keepable(studio, dataset_id, name)
    images = datasets.get(studio, dataset_id).images
    if not _large(studio, dataset_id, images):
        return versions.keep(studio, dataset_id, name)
    summary = f"Keeping the present state as “{name}”"
    return _asked(studio, studio.store.errands.keep(dataset_id, name, studio.who, summary, images))


def restore(studio: Studio, version_id: int) -> Outcome | Errand:
    """See `versions.restore`."""
    version = versions.get(studio, version_id)
    here, there = datasets.get(studio, version.dataset_id).images, version.images + version.unlabelled
    if not _large(studio, version.dataset_id, max(here, there)):
        done = versions.restore(studio, version.id)
        studio.services.wake()
        return done
    named = versions.called(version)
    about = (version.dataset_id, version.id, studio.who, f"Going back to {named}", f"Went back to {named}")
    return _asked(studio, studio.store.errands.restore(*about))


def undo(studio: Studio, action_id: int, token: str | None = None) -> Outcome | Errand:
    """See `datasets.undo`."""
    if token and (before := studio.store.errands.by_token(token)) is not None:
        return before
    action = studio.store.images.action(action_id)
    if not _large(studio, action.dataset_id, action.images):
        return datasets.undo(studio, action_id, token)
    say = "Taking back: {}".format
    return _asked(studio, studio.store.errands.undo(action_id, studio.who, token, say))


def undo_own(studio: Studio, dataset_id: int, of: str, token: str) -> Outcome | Errand:
    """See `datasets.undo_own`."""
    return undo(studio, datasets.own(studio, dataset_id, of).id, token)


def merge(
    studio: Studio,
    name: str,
    dataset_ids: Sequence[int],
    chosen: Mapping[str, int] | None = None,
    prefer: int | None = None,
) -> Dataset:
    """See `merging.merge`. The new dataset; a large one fills in the background."""
    wish = merging.decide(studio, name, dataset_ids, chosen, prefer)
    if wish.plan.images + wish.plan.copies <= LARGE:
        return merging.make(studio, wish)
    about = (wish.name, wish.dataset_ids, wish.labels_of, wish.chosen, studio.who)
    made = studio.store.errands.merge(*about, f"Merging {wish.named}", wish.summary, wish.plan.images)
    return datasets.get(studio, _asked(studio, made).dataset_id)


def change_all(
    studio: Studio, dataset_id: int, kind: str, where: Where, to: Change, token: str | None = None
) -> Outcome | Errand:
    """See `datasets.change_all`."""
    if token and (before := studio.store.errands.by_token(token)) is not None:
        return before
    to = datasets.clean(studio, dataset_id, kind, to)
    many = studio.store.images.count(dataset_id, where)
    if many <= LARGE:  # even while another one is at work: they meet picture by picture
        return datasets.change_all(studio, dataset_id, kind, where, to, token)
    words = {"relabel": "Labelling", "delete": "Deleting", "restore": "Putting back", "split": "Moving"}
    summary = f"{words[kind]} all {many:,} pictures that match"
    return _asked(studio, studio.store.errands.change(dataset_id, kind, where, to, studio.who, token, summary))


def relabel(
    studio: Studio, dataset_id: int, changes: Sequence[Change], summary: str, said: str, token: str | None = None
) -> Outcome | Errand:
    """Gives images labels, each its own; those that somebody changed since are left alone."""
    if len(changes) <= LARGE:
        return studio.store.images.change(dataset_id, "relabel", said, changes, studio.who, token)
    return _asked(studio, studio.store.errands.accept(dataset_id, changes, studio.who, token, summary, said))


def file(studio: Studio, dataset_id: int, labels: Mapping[int, str]) -> Filed | Errand:
    """See `corrections.file`; `corrections.filed` says what became of it."""
    if len(labels) <= FEW:
        return corrections.file(studio, dataset_id, labels)
    labels = corrections.named(studio, dataset_id, labels)
    summary, said = f"Adding {len(labels):,} predicted pictures", corrections.confirmed(len(labels))
    return _asked(studio, studio.store.errands.file(dataset_id, labels, studio.who, summary, said))


def go_back(studio: Studio, dataset_id: int, action_id: int) -> list[Outcome | Errand]:
    """Takes a correction back (`core.brought`), whatever of it stands as it left it. Raises NotFound, Conflict."""
    return [undo(studio, one.id) for one in brought.standing(studio, dataset_id, action_id)]


def _large(studio: Studio, dataset_id: int, images: int) -> bool:
    """Also whatever must wait until another one is through: its own undo, say."""
    return images > LARGE or any(one.open for one in of(studio, dataset_id))


def _asked(studio: Studio, errand: Errand) -> Errand:
    studio.services.wake()
    return errand


# ---- carrying out: the indexer's part ----------------------------------------------------------------


def carry_out(studio: Studio, budget_s: float) -> bool:
    """Goes on with the oldest one that has something to do, until the time is over; False when there is none."""
    errand = next((one for one in studio.store.errands.unfinished() if one.open), None)
    if errand is None:
        return False
    if not studio.store.errands.begin(errand.id):
        return True
    try:
        _carry_out(studio, errand, time.monotonic() + budget_s)
    except StudioError as error:
        studio.store.errands.fail(errand.id, str(error))
    except Exception:
        # A full disk or a busy database may be over in a moment; after three turns without a piece it says so.
        log.exception("errand %d: a piece failed", errand.id)
        raise
    return True


def _carry_out(studio: Studio, errand: Errand, ends_at: float) -> None:
    if errand.kind is ErrandKind.KEEP:
        versions.keep(studio, errand.dataset_id, studio.store.errands.wish(errand.id)["name"])
        return studio.store.errands.finish(errand.id)
    while _step(studio, errand):
        if time.monotonic() > ends_at:
            return
    if errand.kind is ErrandKind.FILE:
        corrections.remember(studio, errand)
    say = None
    if errand.kind is ErrandKind.CHANGE:
        wish = studio.store.errands.wish(errand.id)
        kind, change = wish["kind"], Change.read(wish["to"])
        say = lambda many: datasets.say(kind, many, change)  # noqa: E731
    studio.store.errands.finish(errand.id, say)


def _step(studio: Studio, errand: Errand) -> bool:
    """The next piece; False when there is none."""
    if errand.kind is ErrandKind.FILE:  # whose pictures may have to be looked at
        return corrections.file_some(studio, errand, PIECE)
    return studio.store.errands.step(errand.id, PIECE)

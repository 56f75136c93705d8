"""Corrections: *that's wrong* takes the right label, and the picture becomes part of the dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core import brought, names
from core.errors import Conflict, Refused
from core.records import Errand, Image, Prediction, Split
from core.stores import Asked, Change, NewImage
from core.studio import Studio
from core.words import count


def correct(studio: Studio, prediction_id: int, label: str) -> Image:
    """Adds the predicted picture to the dataset under its right label; the instant model learns it within seconds.

    Doing so twice relabels the same image.

    Raises:
        NotFound: no such prediction. Refused: no name, or the picture is gone. Conflict: it was changed meanwhile.
    """
    label = names.require(label, "label")
    prediction = studio.store.predictions.get(prediction_id)
    source = studio.files.picture(prediction.sha256)
    if not source.exists():
        raise Refused("The picture of this prediction is gone. Please drop it again.", "gone")
    known = studio.store.images.by_sha(prediction.dataset_id, [prediction.sha256])
    summary = f"Corrected a prediction to “{label}”"
    if prediction.sha256 in known:
        image_id = known[prediction.sha256].id
        change = Change(image_id, label=label)
        outcome = studio.store.images.change(prediction.dataset_id, "relabel", summary, [change], studio.who)
        if outcome.conflicts:
            raise Conflict("Somebody changed this picture just now. Please look again.")
    else:
        image_id = _add(studio, prediction.dataset_id, prediction.sha256, prediction.name, label, summary)
    studio.store.predictions.file([prediction_id])
    studio.services.wake()
    return studio.store.images.get(image_id)


def _add(studio: Studio, dataset_id: int, sha256: str, name: str, label: str, summary: str) -> int:
    (checked,) = studio.decoder.check([studio.files.picture(sha256)])
    if not checked.accepted:
        raise Refused(checked.reason, checked.kind)
    studio.files.keep_pictures([checked])
    if checked.facts:
        studio.store.facts.put({checked.sha256: checked.facts})
    for ending in (".thumb", ".rgb") if checked.drawn else ():
        checked.source.with_name(checked.source.name + ending).unlink(missing_ok=True)
    facts = (checked.width, checked.height, checked.format, checked.bytes)
    outcome = studio.store.images.add(
        dataset_id, [NewImage(sha256, name, label, Split.AUTO, *facts)], studio.who, summary
    )
    return outcome.changed[0]


@dataclass(frozen=True, slots=True)
class Filed:
    """What became of many predictions."""

    actions: tuple[int, ...]  # ids: undo takes back each
    images: int
    left: int  # predictions that somebody changed meanwhile, or whose picture is gone
    brought: int | None = None  # by which `core.brought` knows it; None: there is no instant model to compare


def named(studio: Studio, dataset_id: int, labels: Mapping[int, str]) -> dict[int, str]:
    """Labels of predictions, tidied. Raises NotFound: no such dataset. Refused: a label without a name, or no label."""
    studio.store.datasets.get(dataset_id)
    if not labels:
        raise Refused("There is no prediction to add. Choose some first.", "empty")
    return {one: names.require(label, "label") for one, label in labels.items()}


def file(studio: Studio, dataset_id: int, labels: Mapping[int, str]) -> Filed:
    """Predicted pictures become images of the dataset under the labels a person has confirmed or put right.

    Args:
        labels: prediction id -> label.

    Raises:
        NotFound: no such dataset. Refused: a label without a name, or no label.
    """
    labels = named(studio, dataset_id, labels)
    before = brought.former(studio, dataset_id)
    piece = _piece(studio, dataset_id, labels)
    summary = confirmed(len(piece.found))
    added = studio.store.images.add(dataset_id, piece.new, studio.who, summary) if piece.new else None
    moved = studio.store.images.change(dataset_id, "relabel", summary, piece.changes, studio.who)
    studio.store.predictions.file(piece.ids)
    studio.services.wake()
    here = studio.store.images.by_sha(dataset_id, list(piece.found))
    actions = tuple(one.action.id for one in (added, moved) if one is not None and one.action is not None)
    corrected = {here[sha].id: one for sha, one in piece.found.items() if sha in here}
    left = len(piece.found) - len(here)
    return Filed(actions, len(here), left, brought.keep(studio, before, actions, corrected))


def confirmed(many: int) -> str:
    """What the action is called."""
    return f"Confirmed {count(many, 'prediction')}"


@dataclass(frozen=True, slots=True)
class _Piece:
    """Predictions, as they are to be filed."""

    found: Mapping[str, Prediction]  # by sha256: of a picture that was asked about twice the first one counts
    ids: list[int]
    new: list[NewImage]
    changes: list[Change]


def _piece(studio: Studio, dataset_id: int, labels: Mapping[int, str]) -> _Piece:
    meant = studio.store.predictions.page(dataset_id, Asked(ids=tuple(labels), order="given"), 0, len(labels))
    found: dict[str, Prediction] = {}
    for one in meant:
        found.setdefault(one.sha256, one)
    known = studio.store.images.by_sha(dataset_id, list(found))
    new = _new(studio, [one for sha, one in found.items() if sha not in known], labels)
    changes = [Change(known[sha].id, label=labels[one.id]) for sha, one in found.items() if sha in known]
    return _Piece(found, [one.id for one in meant], new, changes)


def _new(studio: Studio, found: Sequence[Prediction], labels: Mapping[int, str]) -> list[NewImage]:
    """Those of a batch were looked at when they were answered; the others are now."""
    unknown = [one for one in found if one.format is None]
    paths = [path for one in unknown if (path := studio.files.picture(one.sha256)).exists()]
    looked = {one.sha256: one for one in studio.decoder.check(paths)}
    new = []
    for one in found:
        path = studio.files.picture(one.sha256)
        if one.format is not None and one.width and one.height and one.bytes and path.exists():
            facts = (one.width, one.height, one.format, one.bytes)
        elif one.sha256 in looked and looked[one.sha256].accepted:
            seen = looked[one.sha256]
            facts = (seen.width, seen.height, seen.format, seen.bytes)
            for ending in (".thumb", ".rgb"):
                path.with_name(path.name + ending).unlink(missing_ok=True)  # the indexer draws it anew
        else:
            continue
        new.append(NewImage(one.sha256, one.name, labels[one.id], Split.AUTO, *facts))
    return new


# ---- so many that the indexer files them -------------------------------------------------------------


def file_some(studio: Studio, errand: Errand, limit: int) -> bool:
    """The next piece; False when there is none."""
    errand, wish = studio.store.errands.get(errand.id), studio.store.errands.wish(errand.id)
    some: dict[int, str] = dict(wish["labels"][errand.done : errand.done + limit])
    if not some:
        return False
    piece = _piece(studio, errand.dataset_id, some)
    studio.store.errands.file_some(errand.id, len(some), piece.ids, piece.new, piece.changes)
    return True


def remember(studio: Studio, errand: Errand) -> None:
    """What the former model had said, once all of it is filed: it is still the one in use, for nothing is learned from
    a dataset while an errand of it is on its way."""
    assert errand.action_id is not None
    if not studio.store.images.action(errand.action_id).images:
        return
    ids = tuple(one for one, _ in studio.store.errands.wish(errand.id)["labels"])
    asked = studio.store.predictions.page(errand.dataset_id, Asked(ids=ids, order="given"), 0, len(ids))
    corrected = {one.image_id: one for one in asked if one.image_id is not None}
    brought.keep(studio, brought.former(studio, errand.dataset_id), [errand.action_id], corrected)


def filed(studio: Studio, errand: Errand, ids: Sequence[int]) -> Filed:
    """What an errand that is through has made of these predictions."""
    assert errand.action_id is not None
    here = studio.store.predictions.filed_as(ids)
    action = studio.store.images.action(errand.action_id)
    actions = (action.id,) if action.images else ()
    key = action.id if brought.known(studio, errand.dataset_id, action.id) else None
    return Filed(actions, len(set(here.values())), len(ids) - len(here), key)

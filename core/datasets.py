"""Datasets: pictures with labels, and what people do to them. Every change is one action and can be taken back."""

from __future__ import annotations

from collections.abc import Sequence, Set

from core import names
from core.errors import NotFound, Refused
from core.records import Action, Dataset, Image, Label, Neighbour, Split
from core.stores import Change, Outcome, Where
from core.studio import Studio

KINDS = ("relabel", "delete", "restore", "split")
MAX_CHANGES = 100_000  # in one action
MOST_SIMILAR = 300


def find(studio: Studio, name_or_id: str) -> Dataset:
    """By name, or by id. Raises NotFound with the names there are."""
    if found := studio.store.datasets.find(names.clean(name_or_id)):
        return found
    if name_or_id.isdecimal():
        return studio.store.datasets.get(int(name_or_id))
    there = ", ".join(dataset.name for dataset in studio.store.datasets.all()[:8]) or "none yet"
    raise NotFound(f"There is no dataset “{name_or_id}”. There is: {there}.")


def all_of(studio: Studio) -> list[Dataset]:
    """Newest first."""
    return studio.store.datasets.all()


def get(studio: Studio, dataset_id: int) -> Dataset:
    """Raises NotFound."""
    return studio.store.datasets.get(dataset_id)


def create(studio: Studio, name: str) -> Dataset:
    """Raises Conflict when the name is taken, Refused when nothing of it can be seen."""
    return studio.store.datasets.create(names.require(name, "dataset"))


def rename(studio: Studio, dataset_id: int, name: str) -> None:
    studio.store.datasets.rename(dataset_id, names.require(name, "dataset"))


def remove(studio: Studio, dataset_id: int) -> None:
    """Hides the dataset with its models."""
    studio.store.datasets.remove(get(studio, dataset_id).id)


def labels(studio: Studio, dataset_id: int) -> list[Label]:
    """Those in use, in order of position (which decides the colour)."""
    return [label for label in studio.store.datasets.labels(dataset_id) if label.images]


def page(studio: Studio, dataset_id: int, where: Where, offset: int = 0, limit: int = 60) -> tuple[list[Image], int]:
    """A page of images, and how many there are in all."""
    return studio.store.images.page(dataset_id, where, offset, limit), studio.store.images.count(dataset_id, where)


def cover(studio: Studio, dataset_id: int, most: int = 8) -> list[Image]:
    """A few images of as many labels as possible, to know the dataset by."""
    there = labels(studio, dataset_id)[:most]
    by_label = [studio.store.images.page(dataset_id, Where(label_id=one.id), 0, most) for one in there]
    mixed = [some[turn] for turn in range(most) for some in by_label if turn < len(some)]
    return mixed[:most] or studio.store.images.page(dataset_id, Where(), 0, most)


def change(studio: Studio, dataset_id: int, kind: str, changes: Sequence[Change], token: str | None = None) -> Outcome:
    """Relabels, deletes, restores or moves images: one action, done once for each `token`.

    Raises:
        NotFound: no such dataset. Refused: a kind nobody knows, too many at once, or a label without a name.
    """
    get(studio, dataset_id)
    if kind not in KINDS or not changes or len(changes) > MAX_CHANGES:
        raise Refused("That change is not one Darkroom knows.", "change")
    clean = [_clean(one) for one in changes]
    return studio.store.images.change(dataset_id, kind, _summary(kind, clean), clean, studio.who, token)


def change_all(
    studio: Studio, dataset_id: int, kind: str, where: Where, to: Change, token: str | None = None
) -> Outcome:
    """The same change for every image that matches, over all pages: one action, done once for each `token`.

    Raises:
        NotFound: no such dataset. Refused: a kind nobody knows, or a label without a name.
    """
    to = clean(studio, dataset_id, kind, to)
    return studio.store.images.change_all(
        dataset_id, kind, lambda many: say(kind, many, to), where, to, studio.who, token
    )


def clean(studio: Studio, dataset_id: int, kind: str, to: Change) -> Change:
    """A change as it is meant. Raises NotFound, Refused."""
    get(studio, dataset_id)
    if kind not in KINDS:
        raise Refused("That change is not one Darkroom knows.", "change")
    return _clean(to)


def say(kind: str, number: int, to: Change) -> str:
    """What a change of so many images is called."""
    return _say(kind, number, {to.label}, {to.split})


def similar(studio: Studio, dataset_id: int, example: int | bytes, limit: int = MOST_SIMILAR) -> tuple[Neighbour, ...]:
    """The images most like an image of this dataset, or like a picture; nearest first, the trash aside.

    Raises:
        NotFound: no such dataset or image. Refused: not a picture. Unavailable: no vector yet, or nobody to ask.
    """
    get(studio, dataset_id)
    return studio.predictor.similar(dataset_id, example, min(max(limit, 1), MOST_SIMILAR))


def recent(studio: Studio, dataset_id: int, limit: int = 30) -> list[tuple[Action, bool]]:
    """The newest actions, each with whether it can still be taken back: nothing later touched it."""
    actions = studio.store.images.actions(dataset_id, limit)
    able = studio.store.images.untouched([one for one in actions if one.kind != "undo"])
    return [(one, one.id in able) for one in actions]


def undo(studio: Studio, action_id: int, token: str | None = None) -> Outcome:
    """Takes one action back, once for each `token`. Raises NotFound, Conflict (taken back already)."""
    return studio.store.images.undo(action_id, studio.who, token)


def own(studio: Studio, dataset_id: int, of: str) -> Action:
    """The action that was sent with the token `of`: only who made it knows that. Raises NotFound."""
    action = studio.store.desk.by_token(of)
    if action is None or action.dataset_id != dataset_id:
        raise NotFound("That step is not known any more.")
    return action


def last_action(studio: Studio, dataset_id: int) -> Action | None:
    """The newest action that can still be taken back."""
    actions = studio.store.images.actions(dataset_id, 20)
    return next((one for one in actions if one.undone_at is None and one.kind != "undo"), None)


def _clean(one: Change) -> Change:
    if one.label is None or one.label == "\0keep":
        return one
    return Change(one.image_id, one.revision, names.require(one.label, "label"), one.split, one.deleted)


def _summary(kind: str, changes: Sequence[Change]) -> str:
    return _say(kind, len(changes), {one.label for one in changes}, {one.split for one in changes})


def _say(kind: str, number: int, labels: Set[str | None], splits: Set[Split | None]) -> str:
    many = f"{number:,} picture{'s' if number != 1 else ''}"
    if kind == "relabel" and len(labels) == 1:
        [label] = labels
        return f"Labelled {many} “{label}”" if label else f"Took the label off {many}"
    if kind == "split" and len(splits) == 1:
        [split] = splits
        return f"Moved {many} to {_SPLIT_WORDS[split or Split.AUTO]}"
    return {"relabel": "Relabelled ", "delete": "Deleted ", "restore": "Restored ", "split": "Moved "}[kind] + many


_SPLIT_WORDS = {Split.AUTO: "automatic", Split.TRAIN: "training", Split.VALIDATION: "validation", Split.TEST: "test"}

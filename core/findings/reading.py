"""What was found wrong with a dataset, and what a person does about it: one click to act, one to undo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core import datasets, surveys
from core.errors import NotFound, Refused
from core.records import Finding, FindingKind, Split, Survey
from core.stores import Change, Outcome, Where
from core.studio import Studio
from core.words import count

SURVEY = "findings"
EVERY = tuple(FindingKind)
WRONG = (FindingKind.LEAK, FindingKind.TWO_LABELS, FindingKind.DAMAGED, FindingKind.SHORTCUT, FindingKind.SUSPECT)
TITLES = {
    FindingKind.LEAK: "On both sides",
    FindingKind.TWO_LABELS: "Two labels",
    FindingKind.DAMAGED: "Damaged",
    FindingKind.SHORTCUT: "Shortcuts",
    FindingKind.SUSPECT: "Labels in doubt",
    FindingKind.FEW: "Too few",
    FindingKind.IMBALANCE: "Imbalance",
    FindingKind.NAMES: "Similar names",
    FindingKind.EXACT: "Duplicates",
    FindingKind.NEAR: "Near-duplicates",
    FindingKind.BLANK: "Nearly blank",
    FindingKind.BLURRY: "Blurred",
    FindingKind.DARK: "Dark",
    FindingKind.BRIGHT: "Overexposed",
    FindingKind.TINY: "Tiny",
    FindingKind.SHAPE: "Odd shape",
    FindingKind.OUTLIER: "Unlike the rest",
}
# What may be done about a finding; the first is the one to do.
ACTIONS: dict[FindingKind, tuple[str, ...]] = {
    FindingKind.LEAK: ("move", "keep"),
    FindingKind.TWO_LABELS: ("relabel", "keep", "remove"),
    FindingKind.EXACT: ("keep",),
    FindingKind.NEAR: ("keep",),
    FindingKind.SUSPECT: ("relabel", "remove"),
    FindingKind.NAMES: ("merge",),
    FindingKind.FEW: (),
    FindingKind.IMBALANCE: (),
    FindingKind.SHORTCUT: (),
    FindingKind.DAMAGED: ("remove",),
    FindingKind.BLANK: ("remove",),
    FindingKind.BLURRY: ("remove",),
    FindingKind.DARK: ("remove",),
    FindingKind.BRIGHT: ("remove",),
    FindingKind.TINY: ("remove",),
    FindingKind.SHAPE: ("remove",),
    FindingKind.OUTLIER: ("remove",),
}
MOST_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Summary:
    survey: Survey
    counts: dict[FindingKind, int] = field(default_factory=dict)  # open ones; worst kinds first
    ignored: int = 0

    @property
    def open(self) -> int:
        return sum(self.counts.values())

    @property
    def serious(self) -> int:
        """Those that spoil a model or its score, as against those that are worth a look."""
        return sum(self.counts.get(kind, 0) for kind in WRONG)

    @property
    def sentence(self) -> str:
        """How many there are, in the same words wherever it is said; empty where there is none."""
        said = count(self.open, "finding")
        if not self.serious or not self.open:
            return said if self.open else ""
        return f"{said}, {'all' if self.serious == self.open else f'{count(self.serious)} of them'} serious"


def summary(studio: Studio, dataset_id: int) -> Summary:
    """How much is open, by kind; asks for a newer survey where the labels changed. Raises NotFound."""
    survey = surveys.latest(studio, dataset_id, SURVEY)
    counts = studio.store.findings.counts(dataset_id)
    ignored = sum(studio.store.findings.counts(dataset_id, ignored=True).values())
    return Summary(survey, {kind: counts[kind] for kind in EVERY if kind in counts}, ignored)


def page(
    studio: Studio,
    dataset_id: int,
    kinds: Sequence[FindingKind] = EVERY,
    offset: int = 0,
    limit: int = 20,
    ignored: bool = False,
) -> list[Finding]:
    """Open ones (or the ignored ones), worst first."""
    return studio.store.findings.page(dataset_id, kinds, offset, limit, ignored)


def ignore(studio: Studio, dataset_id: int, keys: Sequence[str], ignored: bool = True) -> None:
    """For ever, however often they are found again; or no more. Doing so twice is doing so once.

    Raises:
        NotFound: no such dataset. Refused: too many at once.
    """
    datasets.get(studio, dataset_id)
    _require_few(keys)
    studio.store.findings.ignore(dataset_id, keys, studio.who, ignored)


def act(
    studio: Studio,
    dataset_id: int,
    action: str,
    keys: Sequence[str],
    token: str | None = None,
    choice: str | int | None = None,
    revisions: Mapping[int, int] | None = None,
) -> Outcome:
    """Does one thing about one or more findings, as one action that can be undone, once for each `token`.

    Args:
        action: "keep" one picture and delete the others, "relabel" all, "move" all to one side, "remove" all, or
            "merge" one label into another.
        choice: the picture to keep, the label, or the side; None: what the finding proposes.
        revisions: of the pictures as the person saw them; those that were changed meanwhile are left alone.

    Raises:
        NotFound: no such dataset, or none of these findings is known any more. Refused: an action that does not suit.
    """
    datasets.get(studio, dataset_id)
    _require_few(keys)
    known = studio.store.findings.by_key(dataset_id, keys)
    if not known:
        raise NotFound("This was settled already, or is found no more. Nothing was changed.")
    changes: dict[int, Change] = {}
    for finding in known:
        if action not in ACTIONS[finding.kind]:
            raise Refused("That cannot be done about this finding.", "action")
        for change in _changes(studio, finding, action, choice, revisions or {}):
            changes.setdefault(change.image_id, change)
    if not changes:
        raise NotFound("There is no picture left to do this with. Nothing was changed.")
    kind = {"keep": "delete", "remove": "delete", "relabel": "relabel", "merge": "relabel", "move": "split"}[action]
    return datasets.change(studio, dataset_id, kind, list(changes.values()), token)


def _changes(
    studio: Studio, finding: Finding, action: str, choice: str | int | None, revisions: Mapping[int, int]
) -> list[Change]:
    ids, detail = finding.images, finding.detail
    match action:
        case "keep":
            keep = detail.get("keep") if choice is None else choice
            if keep not in ids:
                raise Refused("The picture to keep is not one of these.", "choice")
            return [Change(i, revisions.get(i), deleted=True) for i in ids if i != keep]
        case "remove":
            return [Change(i, revisions.get(i), deleted=True) for i in ids]
        case "relabel":
            label = detail.get("label") if choice is None else choice
            if not isinstance(label, str):
                raise Refused("Say which label is the right one.", "choice")
            return [Change(i, revisions.get(i), label=label) for i in ids]
        case "move":
            side = detail.get("split") if choice is None else choice
            if side not in (Split.TRAIN, Split.VALIDATION, Split.TEST):
                raise Refused("Say which side they belong to: train, validation or test.", "choice")
            return [Change(i, revisions.get(i), split=Split(str(side))) for i in ids]
        case _:
            gone = studio.store.images.page(
                finding.dataset_id, Where(label_id=int(detail["from"])), 0, datasets.MAX_CHANGES
            )
            return [Change(image.id, label=str(detail["into"])) for image in gone]


def _require_few(keys: Sequence[str]) -> None:
    if not 1 <= len(keys) <= MOST_AT_ONCE:
        raise Refused(f"Choose between 1 and {MOST_AT_ONCE:,} findings at once.", "many")

"""Merging: several datasets become a new one whose images know where they came from. The others stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from core import names
from core.errors import Conflict, Refused
from core.records import Dataset, Image
from core.studio import Studio

MOST = 50  # datasets
CLASHES_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Clash:
    """The same picture with different labels. One of its copies decides."""

    sha256: str
    copies: tuple[Image, ...]  # in order of the datasets; those without a label have nothing to say


@dataclass(frozen=True, slots=True)
class Plan:
    """What a merge would give, before it is done."""

    datasets: tuple[Dataset, ...]
    images: int  # of the new dataset
    copies: int  # that are there once only, although they are in several
    labels: tuple[str, ...]
    clashes: tuple[str, ...]  # sha256s of the pictures with different labels


def plan(studio: Studio, dataset_ids: Sequence[int]) -> Plan:
    """Raises NotFound, Refused (fewer than two datasets, or too many)."""
    ids = list(dict.fromkeys(dataset_ids))
    if not 2 <= len(ids) <= MOST:
        raise Refused(f"Choose at least two datasets to merge, and at most {MOST}.", "few_datasets")
    found = [studio.store.datasets.get(one) for one in ids]
    images, different = studio.store.merging.counts(ids)
    used = [label.name for one in ids for label in studio.store.datasets.labels(one) if label.images]
    clashes = studio.store.merging.clashes(ids)
    return Plan(tuple(found), different, images - different, tuple(dict.fromkeys(used)), tuple(clashes))


def clashes(studio: Studio, planned: Plan, offset: int = 0, limit: int = CLASHES_SHOWN) -> list[Clash]:
    """The pictures behind a plan's clashes."""
    ids = [one.id for one in planned.datasets]
    copies = studio.store.merging.copies(ids, planned.clashes[offset : offset + limit])
    return [Clash(sha256, tuple(some)) for sha256, some in groupby(copies, key=lambda image: image.sha256)]


@dataclass(frozen=True, slots=True)
class Decided:
    """A merge that can be done."""

    name: str
    plan: Plan
    dataset_ids: tuple[int, ...]
    labels_of: tuple[int, ...]  # the same ones, in the order in which their labels count
    chosen: dict[str, int]

    @property
    def summary(self) -> str:
        return f"Merged {self.named}"

    @property
    def named(self) -> str:
        return _listed([one.name for one in self.plan.datasets])


def merge(
    studio: Studio,
    name: str,
    dataset_ids: Sequence[int],
    chosen: Mapping[str, int] | None = None,
    prefer: int | None = None,
) -> Dataset:
    """Makes a new dataset called `name` of everything that is not in the trash.

    A picture that is in several comes once: with its label where any has one, and with the strictest of its uses
    (test, then validation, then training), so that no test picture is ever trained on.

    Args and errors: see `decide`.
    """
    return make(studio, decide(studio, name, dataset_ids, chosen, prefer))


def make(studio: Studio, wish: Decided) -> Dataset:
    """Merges at once what was decided. Raises Conflict: the name was taken meanwhile."""
    about = (wish.name, wish.dataset_ids, wish.labels_of, wish.chosen, wish.summary)
    merged = studio.store.merging.merge(*about, studio.who)
    studio.services.wake()  # the indexer makes the instant model
    return merged


def decide(
    studio: Studio,
    name: str,
    dataset_ids: Sequence[int],
    chosen: Mapping[str, int] | None = None,
    prefer: int | None = None,
) -> Decided:
    """What a merge is to do.

    Args:
        chosen: for a picture with different labels (by sha256) the image whose label counts.
        prefer: the dataset whose labels count for all such pictures that nothing was chosen for.

    Raises:
        NotFound. Conflict: the name is taken, or a picture has different labels and nobody said which one counts.
        Refused: too few datasets, no picture in them, or a name that cannot be seen.
    """
    name = names.require(name, "dataset")
    planned = plan(studio, dataset_ids)
    ids = tuple(one.id for one in planned.datasets)
    if not planned.images:
        raise Refused("There is no picture in these datasets, so there is nothing to merge.", "empty")
    if prefer is not None and prefer not in ids:
        raise Refused("The dataset whose labels are to count must be one of those that are merged.", "prefer")
    chosen = _checked(studio, ids, chosen or {})
    open_ones = set(planned.clashes) - chosen.keys()
    if prefer is None and open_ones:
        many = f"{len(open_ones):,} picture{'s have' if len(open_ones) > 1 else ' has'}"
        raise Conflict(f"{many} different labels in these datasets. Say which label counts, then merge.")
    labels_of = ids if prefer is None else (prefer, *(one for one in ids if one != prefer))
    return Decided(name, planned, ids, labels_of, chosen)


def _checked(studio: Studio, ids: Sequence[int], chosen: Mapping[str, int]) -> dict[str, int]:
    """Only choices that name a labelled copy of that very picture."""
    copies = {image.id: image.sha256 for image in studio.store.merging.copies(ids, list(chosen))}
    return {sha256: image_id for sha256, image_id in chosen.items() if copies.get(image_id) == sha256}


def _listed(some: Sequence[str]) -> str:
    shown = [f"“{name}”" for name in some[:4]]
    more = len(some) - len(shown)
    return f"{', '.join(shown)} and {more} more" if more else f"{', '.join(shown[:-1])} and {shown[-1]}"

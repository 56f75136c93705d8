"""Versions: a dataset as it was, frozen. Every run freezes what it trains on; a person may, too, and go back to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from core import names
from core.errors import Conflict, NotFound, Refused
from core.records import (
    DUPLICATES,
    NO_LABEL,
    ChangeKind,
    Difference,
    Differing,
    Label,
    Model,
    Run,
    Split,
    Version,
    VersionImage,
)
from core.splits import assign
from core.stores import LabelledImage, Outcome, Store, Uses
from core.studio import Studio

MIN_PER_LABEL = 2  # one to learn from, one to test on
# Of a run that nobody told otherwise: what is frozen by hand and what such a run trains on then is one version.
VALIDATION_SHARE = 0.2
SEED = 0
NOW = "now"  # the name of the dataset as it is
AT_ONCE = 5000  # images that are written down while somebody waits, in 0.1 s


@dataclass(frozen=True, slots=True)
class Kept:
    """A version, and what was made from it."""

    version: Version
    runs: tuple[Run, ...]
    models: tuple[Model, ...]


def freeze(studio: Studio, dataset_id: int, validation_share: float, seed: int) -> Version:
    """What a run trains on: the images of a dataset, those with a label with their splits, none left at AUTO.

    Of more images than AT_ONCE the version is announced: it holds what is there at this moment, whatever changes later,
    and whoever first needs the list of them writes it down (`settle`).

    Where the upload came with validation pictures they are used; else `validation_share` of each label is drawn,
    the same ones for the same seed, and an image never changes sides because another was added. Duplicates that are
    known by then (`core.splits`) stay on one side.

    Raises:
        Refused: fewer than two labels, or a label with fewer than two pictures.
    """
    moment = studio.store.versions.moment(dataset_id)
    labels = _in_use(studio, dataset_id, {label_id for label_id, *_ in moment.uses})
    _require_enough(labels, moment.uses)
    if moment.images > AT_ONCE:
        named = {label.id: label.name for label in labels}
        groups = studio.store.findings.groups(dataset_id, DUPLICATES)
        return studio.store.versions.announce(dataset_id, named, moment, validation_share, seed, groups)
    images = studio.store.images.labelled(dataset_id)
    return _freeze(studio, dataset_id, images, labels, validation_share, seed, "")


def keep(studio: Studio, dataset_id: int, name: str) -> Version:
    """Freezes a dataset by hand, whether it can be trained on or not. The same content again only takes the name.

    Raises:
        NotFound. Refused: no picture, or no name. Conflict: the name is another version's, or nothing changed
        since a version that has a name.
    """
    name = require_keepable(studio, dataset_id, name)
    images = studio.store.images.labelled(dataset_id)
    labels = _in_use(studio, dataset_id, {image.label_id for image in images})
    version = _freeze(studio, dataset_id, images, labels, VALIDATION_SHARE, SEED, name)
    if version.name not in ("", name):
        raise Conflict(f"Nothing has changed since version “{version.name}”: the dataset is kept as it is already.")
    studio.store.versions.rename(version.id, name)
    return studio.store.versions.get(version.id)


def require_keepable(studio: Studio, dataset_id: int, name: str) -> str:
    """The name that a state of a dataset may be kept under, tidied. Raises what `keep` does, before any work."""
    name = names.require(name, "version")
    if not studio.store.datasets.get(dataset_id).images:
        raise Refused("There is no picture in this dataset yet, so there is nothing to keep.", "empty")
    _refuse_taken(studio, dataset_id, name)
    return name


def _freeze(
    studio: Studio,
    dataset_id: int,
    images: Sequence[LabelledImage],
    labels: Sequence[Label],
    validation_share: float,
    seed: int,
    name: str,
) -> Version:
    groups = studio.store.findings.groups(dataset_id, DUPLICATES)
    splits = assign(images, validation_share, seed, groups)
    rows = _rows(images, studio.store.images.unlabelled(dataset_id), [label.id for label in labels], splits)
    return studio.store.versions.freeze(dataset_id, name, [label.name for label in labels], rows)


def settle(store: Store, version_id: int) -> int:
    """Writes down a version that was announced; gives its id, or that of the version that has the same content.

    Nothing happens where that is done already. Raises NotFound.
    """
    told = store.versions.announced(version_id)
    if told is None:
        return version_id
    splits = assign(told.images, told.validation_share, told.seed, told.groups)
    return store.versions.write_down(version_id, _rows(told.images, told.unlabelled, told.label_ids, splits))


def _rows(
    images: Sequence[LabelledImage],
    unlabelled: Sequence[tuple[int, str, Split]],
    label_ids: Sequence[int],
    splits: Mapping[int, Split],
) -> list[VersionImage]:
    index = {label_id: n for n, label_id in enumerate(label_ids)}
    rows = [VersionImage(i.image_id, i.sha256, index[i.label_id], splits[i.image_id], i.split) for i in images]
    rows += [VersionImage(image_id, sha256, NO_LABEL, split, split) for image_id, sha256, split in unlabelled]
    return rows


def _in_use(studio: Studio, dataset_id: int, used: Set[int | None]) -> list[Label]:
    """Those of a dataset's labels that images have, in order of position."""
    return [label for label in studio.store.datasets.labels(dataset_id) if label.id in used]


# ---- kept ones ---------------------------------------------------------------------------------------


def get(studio: Studio, version_id: int) -> Version:
    """Written down as a whole by then. Raises NotFound, also when its dataset was removed."""
    version = studio.store.versions.get(settle(studio.store, version_id))
    studio.store.datasets.get(version.dataset_id)
    return version


def all_of(studio: Studio, dataset_id: int) -> list[Kept]:
    """Newest first, each with its runs and models. Raises NotFound."""
    studio.store.datasets.get(dataset_id)
    runs: dict[int, list[Run]] = defaultdict(list)
    models: dict[int | None, list[Model]] = defaultdict(list)
    for run in studio.store.runs.all(dataset_id):
        runs[run.version_id].append(run)
    for model in studio.store.models.all(dataset_id):
        models[model.version_id].append(model)
    found = studio.store.versions.all(dataset_id)
    return [Kept(version, tuple(runs[version.id]), tuple(models[version.id])) for version in found]


def find(studio: Studio, dataset_id: int, text: str) -> int | None:
    """A state of a dataset by what a person typed: the name or number of a version, or `now` (None).

    Raises:
        NotFound: with the versions there are.
    """
    if text == NOW:
        return None
    there = studio.store.versions.all(dataset_id)
    for version in there:
        if text in (version.name, str(version.id)):
            return version.id
    named = ", ".join(title(version) for version in there[:8]) or "none yet"
    raise NotFound(f"There is no version “{text}” of this dataset. There is: {named}.")


def title(version: Version) -> str:
    """What a version is called."""
    return version.name or f"Version {version.id}"


def rename(studio: Studio, version_id: int, name: str) -> None:
    """Raises NotFound, Refused (nothing to be seen of the name), Conflict (another version has it)."""
    name = names.require(name, "version")
    version = get(studio, version_id)
    _refuse_taken(studio, version.dataset_id, name, version.id)
    studio.store.versions.rename(version.id, name)


def compare(studio: Studio, dataset_id: int, before: int | None, after: int | None) -> Difference:
    """How two states of a dataset differ; None is the present one. Raises NotFound."""
    return studio.store.versions.compare(dataset_id, *_states(studio, dataset_id, before, after))


def differing(
    studio: Studio,
    dataset_id: int,
    before: int | None,
    after: int | None,
    kind: ChangeKind,
    offset: int = 0,
    limit: int = 60,
) -> list[Differing]:
    """A page of the images that differ in one way. Raises NotFound."""
    states = _states(studio, dataset_id, before, after)
    return studio.store.versions.differing(dataset_id, *states, kind, offset, limit)


def restore(studio: Studio, version_id: int) -> Outcome:
    """Makes a version the present state of its dataset, as one action that undo takes back.

    Images deleted since come back, images added since go to the trash; labels and splits are as they were.
    Where nothing differs no action is made. Raises NotFound.
    """
    version = get(studio, version_id)
    return studio.store.images.restore(version.id, f"Went back to {called(version)}", studio.who)


def called(version: Version) -> str:
    """What a version is called inside a sentence."""
    return f"version “{version.name}”" if version.name else f"version {version.id}"


def _states(studio: Studio, dataset_id: int, before: int | None, after: int | None) -> tuple[int | None, int | None]:
    """As they are called once they are written down."""
    studio.store.datasets.get(dataset_id)
    return _state(studio, dataset_id, before), _state(studio, dataset_id, after)


def _state(studio: Studio, dataset_id: int, state: int | None) -> int | None:
    if state is None:
        return None
    version = studio.store.versions.get(settle(studio.store, state))
    if version.dataset_id != dataset_id:
        raise NotFound(f"This dataset has no version {state}.")
    return version.id


def _refuse_taken(studio: Studio, dataset_id: int, name: str, but: int | None = None) -> None:
    for version in studio.store.versions.all(dataset_id):
        if version.name.casefold() == name.casefold() and version.id != but:
            raise Conflict(f"There is a version called “{version.name}” already. Choose another name.")


# ---- what a run trains on ----------------------------------------------------------------------------


def untrainable(studio: Studio, dataset_id: int) -> str:
    """Why no run can train on a dataset as it is, in a sentence; empty where one can."""
    uses = studio.store.images.uses(dataset_id)
    try:
        _require_enough(_in_use(studio, dataset_id, {label_id for label_id, *_ in uses}), uses)
    except Refused as why:
        return str(why)
    return ""


def _require_enough(labels: Sequence[Label], uses: Uses) -> None:
    if not labels:
        raise Refused(
            "There is no labelled picture in this dataset yet. Add pictures and label them first.", "no_label"
        )
    if len(labels) < 2:
        raise Refused(
            f"There is one label only, “{labels[0].name}”. A model needs at least two to tell apart: add another one.",
            "one_label",
        )
    trainable: dict[int | None, int] = defaultdict(int)
    for label_id, split, many in uses:
        trainable[label_id] += many if split is not Split.TEST else 0
    few = [label.name for label in labels if trainable[label.id] < MIN_PER_LABEL]
    if few:
        named = ", ".join(f"“{name}”" for name in sorted(few, key=names.natural_key)[:3])
        raise Refused(
            f"{named} {'has' if len(few) == 1 else 'have'} fewer than {MIN_PER_LABEL} pictures to learn from. "
            "Add some, or remove the label.",
            "few_pictures",
        )

"""From paths to labels: what the folders of an upload say, in words a person can check.

The last folder is the label. Folders called train, val or test give the split where all folders beside them are called
so too. What lies around everything is no label, and loose pictures beside folders have none. Paths are only ever read
here, never opened.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from core import names
from core.records import Split

_SPELLINGS = {
    Split.TRAIN: ("train", "training", "trainset", "trainingset", "traindata", "trainingdata", "learn"),
    Split.VALIDATION: (
        "val",
        "valid",
        "validation",
        "validate",
        "valset",
        "validset",
        "validationset",
        "dev",
        "devset",
    ),
    Split.TEST: ("test", "testing", "testset", "testdata", "holdout", "eval", "evaluation"),
}
SPLITS = {spelling: split for split, spellings in _SPELLINGS.items() for spelling in spellings}
_AROUND = {
    "images",
    "image",
    "imgs",
    "img",
    "pictures",
    "photos",
    "data",
    "dataset",
    "jpegimages",
}  # never one label alone
_MASKS = {"masks", "mask", "annotations", "segmentation", "segmentations", "labels", "gt", "groundtruth"}
_LETTERS = re.compile("[^a-z]")
_DRIVE = re.compile("[A-Za-z]:")
_SYSTEM_NAMES = {"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r", "__macosx"}
_NOISE = {
    "__macosx",
    ".git",
    ".svn",
    ".hg",
    ".idea",
    ".vscode",
    ".cache",
    ".thumbnails",
    ".ipynb_checkpoints",
    ".trash",
}
_SIDE_ENDINGS = {
    ".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".md", ".html", ".htm", ".url", ".ini", ".log",
    ".db", ".py", ".ipynb", ".names", ".data", ".cache", ".rtf", ".doc", ".docx", ".xlsx", ".rels", ".css", ".js",
    ".tmp", ".bak", ".lnk",
}  # fmt: skip
_TABLES = {".csv", ".tsv"}
_ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".rar", ".7z", ".bz2", ".xz"}
_NUMBERED = re.compile(r"^(.*?)[\s_.-]*\(?\d+\)?$")
_MOST_NAMED = 50  # labels that file names may give


class Kind(StrEnum):
    """The ways to read labels from an upload."""

    FOLDERS = "folders"  # the innermost folder is the label
    OUTER = "outer"  # the outermost folder below the root is the label
    TABLE = "table"  # a CSV beside the pictures says it
    NAMES = "names"  # file names begin with the label
    NONE = "none"  # no labels


@dataclass(frozen=True, slots=True)
class Place:
    """What a path says about a picture."""

    label: str | None
    split: Split
    origin: str = ""  # only a table of our own says these two:
    name: str = ""  # the path it was first uploaded with


@dataclass(frozen=True, slots=True)
class Reading:
    """What the folders of an upload were understood to say."""

    places: Mapping[str, Place]  # by folder
    outer: Mapping[str, Place]  # the other way to read them; empty where there is only one
    sentences: tuple[str, ...]  # how it was read, for people


def parts(path: str) -> tuple[str, ...]:
    """Folders and file name, with Windows' separators understood and steps upwards left out."""
    pieces = path.replace("\\", "/").split("/")
    return tuple(piece for piece in pieces if piece.strip() not in ("", ".", "..") and not _DRIVE.fullmatch(piece))


def is_system(path: str) -> bool:
    """Files that systems leave lying about and nobody means: hidden ones, thumbnails' databases, Mac's shadows."""
    return any(piece.startswith(".") or piece.strip().casefold() in _SYSTEM_NAMES for piece in parts(path))


def is_noise(folder: str) -> bool:
    """A folder's name that programs give and nobody calls a label."""
    return folder.strip().casefold() in _NOISE


def is_side_file(path: str) -> bool:
    """Text and tables beside the pictures."""
    return _ending(path) in _SIDE_ENDINGS


def is_table(path: str) -> bool:
    """Something that may say the labels."""
    return _ending(path) in _TABLES


def is_archive(path: str) -> bool:
    return _ending(path) in _ARCHIVES


def _ending(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/")).suffix.casefold()


def split_of(name: str) -> Split | None:
    """The split that a word means, in its usual spellings; None where it means none."""
    return SPLITS.get(_LETTERS.sub("", name.casefold()))


# ---- folders -----------------------------------------------------------------------------------------


def read(folders: Mapping[str, int]) -> Reading:
    """Label and split for each folder (with its number of pictures), read together.

    Only all of them show what is root and what is label.
    """
    cleaned = _without_zip({folder: _clean(folder) for folder in folders})
    split_folders = _split_folders(cleaned.values())
    rests = {folder: _rest(path, split_folders) for folder, path in cleaned.items()}
    splits = {folder: _split(path, split_folders) for folder, path in cleaned.items()}
    root = _common(list(rests.values()))
    if len(set(rests.values())) <= 1:
        places = {folder: Place(_alone(rest, splits.values()), splits[folder]) for folder, rest in rests.items()}
        return Reading(places, {}, tuple(_said_alone(rests, places, folders)))
    inner = {folder: Place(rest[-1] if len(rest) > root else None, splits[folder]) for folder, rest in rests.items()}
    outer = {folder: Place(rest[root] if len(rest) > root else None, splits[folder]) for folder, rest in rests.items()}
    said = _said(rests, root, inner, outer, folders)
    return Reading(inner, {} if outer == inner else outer, tuple(said))


def _clean(folder: str) -> tuple[str, ...]:
    return tuple(clean for piece in parts(folder) if (clean := names.clean(piece)))


def _without_zip(paths: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """A zip is a folder like any other, but around all the rest it only says what the zip is called."""
    tops = {path[:1] for path in paths.values()}
    if len(tops) == 1 and all(top[0].casefold().endswith(".zip") for top in tops if top):
        return {folder: path[1:] for folder, path in paths.items()}
    return {
        folder: (path[0].removesuffix(".zip").removesuffix(".ZIP"), *path[1:]) if path else path
        for folder, path in paths.items()
    }


def _split_folders(paths: Iterable[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Folders that name a split: all their neighbours do."""
    children: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for path in paths:
        for depth in range(len(path)):
            children[path[:depth]].add(path[depth])
    return {
        (*parent, name)
        for parent, beside in children.items()
        if all(split_of(name) for name in beside)
        for name in beside
    }


def _rest(path: tuple[str, ...], split_folders: set[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(name for depth, name in enumerate(path, 1) if path[:depth] not in split_folders)


def _split(path: tuple[str, ...], split_folders: set[tuple[str, ...]]) -> Split:
    found = [name for depth, name in enumerate(path, 1) if path[:depth] in split_folders]
    return (split_of(found[-1]) or Split.AUTO) if found else Split.AUTO


def _alone(rest: tuple[str, ...], splits: Iterable[Split]) -> str | None:
    """The label of pictures that all lie in one folder: its name, unless the name is there for another reason."""
    if not rest or rest[-1].casefold() in _AROUND or any(split is not Split.AUTO for split in splits):
        return None
    return rest[-1]


def _common(folders: Sequence[tuple[str, ...]]) -> int:
    """How many leading folders all paths share."""
    if not folders:
        return 0
    first, last = min(folders), max(folders)
    shared = 0
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    return shared


# ---- in words ----------------------------------------------------------------------------------------


def _said_alone(
    rests: Mapping[str, tuple[str, ...]], places: Mapping[str, Place], folders: Mapping[str, int]
) -> Iterable[str]:
    if not folders:
        return
    (rest,) = set(rests.values())
    place = next(iter(places.values()))
    if place.label:
        yield f"All pictures lie in one folder, so they have one label: “{place.label}”."
    elif rest:
        yield f"All pictures lie in “{rest[-1]}”, without a folder for each label."
    else:
        yield "The pictures lie in no folders that could be labels."
    yield from _said_splits(places, folders)


def _said(
    rests: Mapping[str, tuple[str, ...]],
    root: int,
    inner: Mapping[str, Place],
    outer: Mapping[str, Place],
    folders: Mapping[str, int],
) -> Iterable[str]:
    """How the folders were read, one sentence each."""
    around = next(iter(rests.values()))[:root]
    within = f", below “{'/'.join(around)}”" if around else ""
    yield f"Each folder is a label{within}."
    yield from _said_splits(inner, folders)
    if loose := sum(n for folder, n in folders.items() if inner[folder].label is None):
        yield f"{_number(loose, 'picture lies', 'pictures lie')} outside of the label folders and will have no label."
    roots: dict[str, set[str]] = defaultdict(set)
    for folder, place in inner.items():
        if place.label and outer[folder].label != place.label:
            roots[str(outer[folder].label)].add(place.label)
    tops = list(roots)
    if len(tops) > 1 and set.intersection(*roots.values()):
        yield f"The same labels lie in {_listed(tops)}; their pictures are put together."
    elif roots and outer != inner:
        yield f"There are folders in folders: the inner ones were read as labels ({_listed(_labels(inner))})."
    if masks := [name for name in _labels(inner) if name.casefold() in _MASKS]:
        yield (
            f"“{masks[0]}” looks like outlines or masks that belong to other pictures. "
            "Darkroom tells whole pictures apart; leave that label out."
        )


def _said_splits(places: Mapping[str, Place], folders: Mapping[str, int]) -> Iterable[str]:
    counts: dict[Split, int] = defaultdict(int)
    for folder, place in places.items():
        counts[place.split] += folders[folder]
    use = {Split.TRAIN: "to learn from", Split.VALIDATION: "to check with", Split.TEST: "to test with"}
    if told := [f"{counts[split]:,} {words}" for split, words in use.items() if counts[split]]:
        yield f"Folder names say what pictures are for: {', '.join(told)}."
    labels: dict[Split, set[str]] = defaultdict(set)
    for place in places.values():
        if place.label:
            labels[place.split].add(place.label)
    if labels[Split.TRAIN] and (new := sorted(labels[Split.TEST] - labels[Split.TRAIN], key=names.natural_key)):
        yield f"The test pictures have labels that the training pictures have not: {_listed(new)}."


def _labels(places: Mapping[str, Place]) -> list[str]:
    return sorted({place.label for place in places.values() if place.label}, key=names.natural_key)


def _listed(words: Sequence[str], most: int = 3) -> str:
    shown = [f"“{word}”" for word in words[:most]]
    if (more := len(words) - most) > 0:
        return f"{', '.join(shown)} and {more:,} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]


def _number(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


# ---- file names --------------------------------------------------------------------------------------


def named_label(path: str) -> str | None:
    """The label that a file name such as `cat_012.jpg` begins with; None where it does not end in a number."""
    stem = PurePosixPath(path.replace("\\", "/")).stem
    found = _NUMBERED.match(stem)
    return names.clean(found.group(1)) or None if found else None


def names_tell(counts: Mapping[str | None, int]) -> bool:
    """File names may be read as labels: each gives one, there are at least two, and each has two pictures."""
    return None not in counts and 2 <= len(counts) <= _MOST_NAMED and min(counts.values()) >= 2

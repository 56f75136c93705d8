"""Exports: the pictures of a dataset or a version in folders, with `labels.csv`, which says everything again exactly.

What leaves carries no metadata: no camera position, date or serial number. Importing an export elsewhere gives the same
dataset, and exporting that one gives the same bytes.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core import names, tables, versions, zips
from core.errors import Refused, StudioError
from core.imaging.stripping import Unclear, stripped
from core.records import Dataset, Holding, Split, Version
from core.studio import Studio

LEFT_OUT = "left out.txt"
# Where splits matter. What is left to Darkroom stands among the training pictures; the table says auto.
FOLDERS = {Split.AUTO: "train", Split.TRAIN: "train", Split.VALIDATION: "validation", Split.TEST: "test"}
ENDINGS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif"}  # all others become PNG
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?|__macosx|thumbs\.db|desktop\.ini", re.IGNORECASE)
_MOST_LETTERS = 80


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture and its place in the export: a path with /, without the ending."""

    place: str
    image: Holding


@dataclass(frozen=True, slots=True)
class Export:
    """What will be written, in order."""

    dataset: Dataset
    version: Version | None
    entries: tuple[Entry, ...]

    @property
    def bytes(self) -> int:
        """Of the pictures as they are kept: about the size of the export."""
        return sum(entry.image.bytes for entry in self.entries)


def plan(studio: Studio, dataset_id: int, version_id: int | None = None) -> Export:
    """The export of a dataset, or of a version of it with the splits that its runs used.

    Raises:
        NotFound. Refused: there is no picture.
    """
    dataset = studio.store.datasets.get(dataset_id)
    version = versions.get(studio, version_id) if version_id is not None else None
    if version is not None:
        versions.compare(studio, dataset_id, version.id, version.id)  # raises where it is another dataset's
    images = studio.store.versions.contents(dataset_id, version.id if version else None)
    if not images:
        raise Refused(f"There is no picture in “{dataset.name}” yet, so there is nothing to export.", "empty")
    return Export(dataset, version, tuple(_placed(studio, images)))


def name(export: Export) -> str:
    """Of the export, without an ending."""
    return f"{export.dataset.name}, {versions.title(export.version)}" if export.version else export.dataset.name


def files(studio: Studio, export: Export) -> Iterator[tuple[str, bytes]]:
    """(path, content) of every file: the pictures, then the table, then what could not be exported, if anything."""
    rows, left_out = [tables.line(tables.HEADER)], []
    for entry in export.entries:
        image = entry.image
        try:
            ending, content = clean(studio, image)
        except (StudioError, OSError) as error:
            reason = str(error) if isinstance(error, StudioError) else "Its file is missing or cannot be read."
            left_out.append(f"{entry.place} ({image.name}): {reason}\n")
            continue
        path = entry.place + ending
        sha256 = hashlib.sha256(content).hexdigest()
        rows.append(tables.write(tables.Row(path, image.label, image.split, image.origin, sha256, image.name)))
        yield path, content
    yield tables.NAME, "".join(rows).encode()
    if left_out:
        yield LEFT_OUT, "".join(left_out).encode()


def zip_pieces(studio: Studio, export: Export) -> Iterator[bytes]:
    """The export as a zip, about a MiB at a time: nothing larger than a picture is ever held."""
    return zips.stream(files(studio, export))


def write(studio: Studio, export: Export, target: Path) -> None:
    """Into a new folder, or into a file that ends in .zip. Raises Refused (something is there already)."""
    if target.exists() and (not target.is_dir() or target.suffix == ".zip" or any(target.iterdir())):
        raise Refused(f"{target} is there already. Choose a new folder, or a new file that ends in .zip.", "exists")
    if target.suffix == ".zip":
        beside = target.with_name(f".{target.name}.part")
        with beside.open("wb") as out:
            out.writelines(zip_pieces(studio, export))
        beside.rename(target)
        return
    for path, content in files(studio, export):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(content)


def clean(studio: Studio, image: Holding) -> tuple[str, bytes]:
    """(ending, bytes) of a picture without metadata: its own file taken apart, or else a PNG of the same pixels.

    Raises OSError, Refused.
    """
    source = studio.files.picture(image.sha256)
    if image.format in ENDINGS:
        try:
            return ENDINGS[image.format], stripped(source.read_bytes())
        except Unclear:
            pass  # oddly built
    return ".png", stripped(studio.decoder.png(source))


# ---- where everything goes ---------------------------------------------------------------------------


def _placed(studio: Studio, images: Sequence[Holding]) -> Iterator[Entry]:
    """The images in order of their places, which depend on nothing but labels, splits, names and pictures."""
    folders = label_folders(sorted({image.label for image in images if image.label is not None}))
    by_folder: dict[str, list[Holding]] = defaultdict(list)
    with_splits = any(image.split is not Split.AUTO for image in images)
    for image in images:
        parts = [FOLDERS[image.split]] if with_splits else []
        parts += [folders[image.label]] if image.label is not None else []
        by_folder["/".join(parts)].append(image)
    for folder in sorted(by_folder):
        yield from _numbered(studio, f"{folder}/" if folder else "", by_folder[folder])


def label_folders(labels: Sequence[str]) -> dict[str, str]:
    """A folder for each label: its name where every system can have such a folder, and no two the same."""
    taken: set[str] = set()
    return {label: free(safe(label), taken) for label in labels}


def _numbered(studio: Studio, folder: str, images: Sequence[Holding]) -> Iterator[Entry]:
    by_name: dict[str, list[Holding]] = defaultdict(list)
    for image in images:
        by_name[image.name].append(image)
    taken: set[str] = set()
    for one in sorted(by_name, key=lambda name: (names.natural_key(name), name)):
        same = by_name[one]
        if len(same) > 1:
            same = sorted(same, key=lambda image: _digest(studio, image))
        for image in same:
            yield Entry(folder + free(safe(PurePosixPath(one.replace("\\", "/")).stem), taken), image)


def _digest(studio: Studio, image: Holding) -> bytes:
    """Of the picture as it is exported: the one order that an import elsewhere keeps."""
    try:
        return hashlib.sha256(clean(studio, image)[1]).digest()
    except (StudioError, OSError):
        return b""


def safe(text: str) -> str:
    """The text as the name of a file or folder on every system; never empty, hidden or a step upwards."""
    kept = _UNSAFE.sub("_", names.clean(text))[:_MOST_LETTERS].strip().rstrip(". ")
    if not kept or kept.startswith(".") or _RESERVED.fullmatch(kept):
        return f"_{kept}"
    return kept


def free(wanted: str, taken: set[str]) -> str:
    """The name, or it with the first number that makes it free (letter case aside); then it is taken."""
    number, found = 1, wanted
    while found.casefold() in taken:
        number += 1
        found = f"{wanted} ({number})"
    taken.add(found.casefold())
    return found

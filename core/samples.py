"""The sample set: road signs that the program draws itself, at set-up, so that trying it takes seconds."""

from __future__ import annotations

import shutil
from pathlib import Path

from core import uploads
from core.errors import NotFound, Unavailable
from core.records import Upload
from core.studio import Studio
from core.uploads.staging import staged

DATASET = "Road signs"
_ARCHIVE = "samples.zip"
_BUILD = Path(__file__).parent.parent / "build"


def add(studio: Studio, build: Path = _BUILD) -> Upload:
    """Sends the sample set in as an upload that adds itself; a second time it gets another name.

    Raises:
        Unavailable: it was never drawn. DiskFull.
    """
    archive = build / _ARCHIVE
    if not archive.exists():
        raise Unavailable("The sample pictures have not been drawn yet. Run `make setup` once, then try again.")
    upload = uploads.begin(studio, None, _free_name(studio), add_when_ready=True)
    shutil.copyfile(archive, staged(studio, upload.id, _ARCHIVE))
    uploads.finish_archive(studio, upload.id, _ARCHIVE)
    uploads.finish(studio, upload.id)
    studio.services.wake()
    return uploads.get(studio, upload.id)


def held_back(build: Path = _BUILD) -> list[str]:
    """Names of sample pictures that no model was trained on, to try a model with."""
    folder = build / "samples" / "held_back"
    return sorted(file.name for file in folder.glob("*.jpg")) if folder.is_dir() else []


def picture(name: str, build: Path = _BUILD) -> Path:
    """The file of a held-back picture. Raises NotFound."""
    if name not in held_back(build):
        raise NotFound("There is no such sample picture.")
    return build / "samples" / "held_back" / name


def is_sample(dataset_name: str) -> bool:
    """The dataset was made from the sample set (by its name)."""
    return dataset_name == DATASET or dataset_name.startswith(f"{DATASET} ")


def _free_name(studio: Studio) -> str:
    for number in range(2, 1000):
        name = DATASET if number == 2 else f"{DATASET} {number - 1}"
        if studio.store.datasets.find(name) is None:
            return name
    raise Unavailable("There are too many copies of the sample set. Please remove some.")

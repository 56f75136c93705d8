"""Small worlds to test in: a studio on a scratch folder, with real storage and real decoding."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from core import uploads
from core.errors import Unavailable
from core.imaging.lending import Lender
from core.imaging.pool import DecoderPool
from core.index.vector_file import LocalVectorFile
from core.ports import Decoder, Predictor
from core.records import Answer, Dataset, Model, Neighbour
from core.settings import Settings
from core.storage import LocalFiles, open_store
from core.studio import Studio

SHARED = Path(__file__).parent.parent.parent / "shared"
CORPUS = SHARED / "corpus"
DATA = SHARED / "data"


class NoPredictor:
    """A studio without a predictor process; one that answers says so in `said`."""

    def predict(
        self,
        model: Model,
        picture: bytes | Path,
        neighbours: int = 3,
        heat: bool = True,
        meanwhile: Callable[[], None] | None = None,
    ) -> Answer:
        if meanwhile is not None:
            meanwhile()
        return self.said(picture)

    def said(self, picture: bytes | Path) -> Answer:
        raise Unavailable("There is no predictor in this test.")

    def similar(self, dataset_id: int, example: int | bytes | Path, count: int) -> tuple[Neighbour, ...]:
        raise Unavailable("There is no predictor in this test.")


class NoServices:
    """Nobody is woken; `woken` counts how often somebody should have been."""

    def __init__(self) -> None:
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1

    def expect_training(self) -> None: ...


def make_studio(
    home: Path, decoder: Decoder, predictor: Predictor | None = None, environment: Mapping[str, object] | None = None
) -> Studio:
    """A studio on `home` with real storage; the reserve is small so that a full test machine does not matter."""
    settings = Settings(home=home, disk_reserve_bytes=1 << 20, **(environment or {}))  # type: ignore[arg-type]
    files = LocalFiles(home, settings.disk_reserve_bytes)
    store = open_store(settings.database)
    vectors = LocalVectorFile(files.vectors())
    return Studio(settings, store, files, decoder, vectors, predictor or NoPredictor(), NoServices(), "ann")


@contextmanager
def decoders() -> Iterator[DecoderPool]:
    pool = DecoderPool(2)
    try:
        yield pool
    finally:
        pool.close()


@contextmanager
def lenders() -> Iterator[Lender]:
    lender = Lender(2, 50 << 20)
    try:
        yield lender
    finally:
        lender.close()


def png(colour: tuple[int, int, int] = (200, 30, 30), side: int = 8, seed: int = 0) -> bytes:
    """A valid PNG of one colour, made different by `seed` without Pillow."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(colour) * (side - 1) + bytes([seed % 256, seed // 256 % 256, 7]) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def folder_of(root: Path, labels: Mapping[str, int], start: int = 0) -> Path:
    """root/LABEL/n.png, all pictures different."""
    number = start
    for label, count in labels.items():
        (root / label).mkdir(parents=True, exist_ok=True)
        for _ in range(count):
            number += 1
            (root / label / f"{number}.png").write_bytes(png((number * 37 % 255, number * 11 % 255, 90), seed=number))
    return root


def imported(studio: Studio, folder: Path, name: str) -> Dataset:
    """The dataset made of a folder."""
    dataset = uploads.import_path(studio, folder, name).dataset
    assert dataset is not None
    return dataset


def shared_set(name: str, destination: Path) -> Path:
    """A real picture set, unpacked once into `destination`; skips with a reason where ../shared is absent."""
    archive = DATA / f"{name}.zip"
    if not archive.exists():
        pytest.skip(f"needs the picture set {name}, which lies outside the repository")
    if not (destination / name).exists():
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(destination)
    return destination / name


def is_ci() -> bool:
    return bool(os.environ.get("CI"))

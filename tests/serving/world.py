"""A studio with a real store and real files, and a decoder and a predictor that answer at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from core.errors import Refused
from core.ports import Checked, Drawn, Pixels, Vectors
from core.records import Answer, Image, Model, ModelKind, Neighbour, PictureFacts, Ranked, Split
from core.settings import Settings
from core.storage import LocalFiles, open_store
from core.stores import NewImage, Where
from core.studio import Studio
from tests.worlds import NoPredictor, NoServices

WEBP = b"RIFF....WEBP"
HOME = "http://127.0.0.1:8501"


class FakeDecoder:
    """Takes every file that begins with `picture` for one."""

    def __init__(self) -> None:
        self.viewed = 0

    def check(
        self, sources: Iterable[Path], copies: Mapping[Path, Path] | None = None, keep: Path | None = None
    ) -> Iterator[Checked]:
        for source in sources:
            content = source.read_bytes()
            if not content.startswith(b"picture"):
                yield Checked(source, reason="This is not a picture.", kind="not_a_picture")
                continue
            yield Checked(source, hashlib.sha256(content).hexdigest(), len(content), "JPEG", 8, 6)

    def pixels(self, source: Path | bytes) -> Pixels:
        return np.zeros((6, 8, 3), np.uint8)

    def resized(self, sources: Sequence[Path], side: int) -> Iterator[tuple[int, Pixels | None]]:
        for index in range(len(sources)):
            yield index, np.zeros((side, side, 3), np.uint8)

    def draw(self, wanted: Sequence[tuple[Path, Path]], side: int) -> Iterator[tuple[int, Drawn | None]]:
        for index, (_, thumb) in enumerate(wanted):
            thumb.write_bytes(WEBP)
            yield index, None

    def measured(self, sources: Sequence[Path]) -> Iterator[tuple[int, PictureFacts | None]]:
        for index in range(len(sources)):
            yield index, None

    def view(self, source: Path | bytes, longest_side: int) -> bytes:
        self.viewed += 1
        return WEBP + str(longest_side).encode()

    def png(self, source: Path | bytes) -> bytes:
        return b"PNG of " + (source if isinstance(source, bytes) else source.read_bytes())

    def close(self) -> None: ...


class FakePredictor(NoPredictor):
    """Knows two labels and one picture it cannot read."""

    def said(self, picture: bytes | Path) -> Answer:
        if picture == b"not a picture":
            raise Refused("This is not a picture.", "not_a_picture")
        if picture == b"kill":
            raise RuntimeError("a bug with /a/secret/path in it")
        return Answer(
            ranked=(Ranked("cat", 0.75), Ranked("dog", 0.25)),
            heat=((0.0, 1.0), (float("nan"), 0.5)),
            neighbours=(Neighbour(1, "0" * 64, "cat", 0.9),),
            milliseconds=12.34,
            width=8,
            height=6,
        )

    def similar(self, dataset_id: int, example: int | bytes | Path, count: int) -> tuple[Neighbour, ...]:
        if example == b"not a picture":
            raise Refused("This is not a picture.", "not_a_picture")
        return tuple(Neighbour(n, f"{n:064x}", "cat", 1 - n / 10) for n in (1, 2) if n != example)[:count]


class NoVectors:
    def append(self, first_row: int, vectors: Vectors) -> None: ...

    def read(self, rows: Sequence[int]) -> Vectors:
        return np.zeros((len(rows), 1280), np.float32)

    def times(self, rows: Sequence[int], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.zeros((len(rows), matrix.shape[1]), np.float32)


def open_world(home: Path, **changed: object) -> Studio:
    settings = Settings(home=home, **{"disk_reserve_bytes": 0, **changed})  # type: ignore[arg-type]
    files = LocalFiles(home, settings.disk_reserve_bytes)
    return Studio(
        settings=settings,
        store=open_store(settings.database),
        files=files,
        decoder=FakeDecoder(),
        vectors=NoVectors(),
        predictor=FakePredictor(),
        services=NoServices(),
    )


def with_images(studio: Studio, *labels: str) -> list[Image]:
    """A dataset with one image for each label, their files in place; oldest first."""
    dataset = studio.store.datasets.create("pets")
    new = []
    for position, label in enumerate(labels):
        sha256 = f"{position + 1:064x}"
        new.append(NewImage(sha256, f"{label}/{position}.jpg", label, Split.AUTO, 8, 6, "JPEG", 9))
        for path in (studio.files.picture(sha256), studio.files.thumb(sha256)):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(WEBP)
    studio.store.images.add(dataset.id, new, "ann", "Added pictures")
    return studio.store.images.page(dataset.id, Where(order="oldest"), 0, 100)


def with_model(studio: Studio, dataset_id: int, folder: str = "m1") -> Model:
    """An instant model whose folder holds the parts of a bundle that are only named so."""
    studio.files.model(folder).mkdir(exist_ok=True)
    for name, content in (("model.onnx", b"onnx" * 1000), ("model.json", b"{}"), ("weights.safetensors", b"w")):
        (studio.files.model(folder) / name).write_bytes(content)
    return studio.store.models.put(
        dataset_id, ModelKind.INSTANT, "instant", ["cat", "dog"], 0.9, (0.8, 0.95), "cross-validation", 40, folder, {}
    )


def client(app: ASGIApp) -> TestClient:
    """Speaks to the app from this machine, as a program that is no browser."""
    return TestClient(app, base_url=HOME, client=("127.0.0.1", 50000))

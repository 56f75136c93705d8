"""The ports of everything but the facts (those: `core.stores`): pictures, files and processes.

A port is a Protocol of a few verbs. The implementations: `core.imaging` (decoding), `core.storage` (files),
`core.running` (processes and their clients), `core.index` (vectors); `core.embedded` wires them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.records import (
    Answer,
    Model,
    Neighbour,
    PictureFacts,
    Run,
)

Pixels = NDArray[np.uint8]  # (H, W, 3), RGB, upright, 0..255
Vectors = NDArray[np.float32]  # (N, 1280), as the backbone gives them, not normalised


# ---- pictures ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checked:
    """What the picture gate says of one file: either facts, or a reason."""

    source: Path
    sha256: str = ""
    bytes: int = 0
    format: str = ""
    width: int = 0  # px, upright
    height: int = 0  # px, upright
    reason: str = ""  # empty: accepted; else one sentence without a file name
    kind: str = ""  # stable word for the reason: empty, not_a_picture, format, cut_short, damaged, too_large, ...
    facts: PictureFacts | None = None  # of an accepted one that was dear to decode
    kept: bool = False  # its copy is in the store already, not yet durable

    @property
    def drawn(self) -> bool:
        """`.thumb` and `.rgb` lie beside it."""
        return self.facts is not None

    @property
    def accepted(self) -> bool:
        return not self.reason


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What is made of a picture with its thumbnail."""

    pixels: Pixels  # (side, side, 3)
    facts: PictureFacts


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A decoded picture, and what its file is."""

    pixels: Pixels
    format: str
    width: int  # px, upright; of a very large picture the pixels are fewer
    height: int


class Decoder(Protocol):
    """Decodes pictures nobody vouches for, in limited child processes (1 s of CPU, bounded memory)."""

    def check(
        self, sources: Iterable[Path], copies: Mapping[Path, Path] | None = None, keep: Path | None = None
    ) -> Iterator[Checked]:
        """Looks at each file once, in parallel, in any order; never raises for a bad file.

        `copies` says for some sources where a copy of an accepted file goes; it may grow while `sources` are drawn.
        Beside that place, or beside the source, it leaves of an accepted one that was dear to decode `.thumb` (WebP,
        longest side 384 px, no metadata) and `.rgb` (224 x 224 x 3 bytes, the indexer's input); of the others `draw`
        makes both later, and with `keep` (`Files.pictures`) their copy goes straight into the store (`Checked.kept`).
        Nothing is left beside a refused one.
        """

    def draw(self, wanted: Sequence[tuple[Path, Path]], side: int) -> Iterator[tuple[int, Drawn | None]]:
        """For each (picture, file for its thumbnail): writes the thumbnail, gives its index and the rest.

        None where it cannot be decoded any more. Raises DiskFull.
        """

    def pixels(self, source: Path | bytes) -> Pixels:
        """The whole picture, upright, 8-bit RGB. Raises Refused with the gate's sentence."""

    def resized(self, sources: Sequence[Path], side: int) -> Iterator[tuple[int, Pixels | None]]:
        """(index, (side, side, 3)) for each source, in any order; None where it cannot be decoded any more."""

    def measured(self, sources: Sequence[Path]) -> Iterator[tuple[int, PictureFacts | None]]:
        """(index, facts) for each source, in any order; None where it cannot be decoded any more."""

    def view(self, source: Path | bytes, longest_side: int) -> bytes:
        """A WebP without metadata. Raises Refused."""

    def png(self, source: Path | bytes) -> bytes:
        """The whole picture, upright, 8-bit RGB, not a pixel less, without metadata. Raises Refused."""

    def close(self) -> None:
        """Ends the children."""


class Opener(Protocol):
    """Decodes as a Decoder does, for who waits for one picture and needs its pixels for a moment only."""

    def open(self, source: Path | bytes) -> AbstractContextManager[Opened]:
        """The whole picture, upright, 8-bit RGB, and what its file is. The pixels are read-only, and nobody may look
        at them once the context is left. Raises Refused with the gate's sentence, Unavailable.
        """


SHARDS = 256  # folders that pictures are spread over, by the first two digits of their sha256

# ---- files -------------------------------------------------------------------------------------------


class Files(Protocol):
    """The only one who knows a file name below the data folder."""

    root: Path

    @property
    def pictures(self) -> Path:
        """The folder of all of them: each by its sha256, in a folder of the first two digits of it."""

    def picture(self, sha256: str) -> Path:
        """The uploaded bytes, as they came. Never served as they are: they may hold metadata."""

    def pictures_of(self, shard: int) -> list[tuple[Path, float]]:
        """(file, when it was last written or wanted) of whatever lies in one of the `SHARDS` folders of pictures."""

    def thumb(self, sha256: str) -> Path: ...
    def view(self, sha256: str) -> Path:
        """Longest side 1600 px, WebP, made when first asked for."""

    def spool(self, sha256: str) -> Path:
        """224 x 224 x 3 bytes that wait for their vector; may be missing."""

    def upload(self, upload_id: str) -> Path: ...
    def model(self, folder: str) -> Path: ...
    def run(self, run_id: int) -> Path: ...
    def log(self, name: str) -> Path: ...
    def cache(self, name: str) -> Path: ...
    def vectors(self) -> Path: ...
    def lock(self, name: str) -> Path: ...
    def weights(self, name: str) -> Path:
        """A file of the weights folder, into which people may put some, too."""

    def survey(self, name: str) -> Path:
        """Arrays that a survey's content names."""

    def keep_pictures(self, checked: Sequence[Checked]) -> None:
        """Links accepted files with `.thumb` and `.rgb` to their places; the caller removes the sources. All of it is
        durable then, those that the decoder has put there too."""

    def put_picture(self, sha256: str, content: bytes | memoryview) -> str:
        """The bytes, whole, in their place; gives that place, for `sync`: durable they are not yet. Bytes that are
        there already are left alone, but count as wanted again."""

    def sync(self, paths: Collection[str]) -> None:
        """Makes new files durable, and their names with them."""

    def spooled_bytes(self) -> int:
        """What decoded pictures that wait for their vector take on the disk."""

    def write(self, path: Path, content: bytes) -> None:
        """Beside, fsync, rename, fsync of the folder."""

    def require_room(self, more_bytes: int = 0) -> None:
        """Raises DiskFull when free space after `more_bytes` would be below the reserve."""

    def free_bytes(self) -> int: ...


class VectorFile(Protocol):
    """The vectors themselves: one append-only file of float32 rows. The indexer is its only writer."""

    def append(self, first_row: int, vectors: Vectors) -> None:
        """Durable when it returns."""

    def read(self, rows: Sequence[int]) -> Vectors: ...
    def times(self, rows: Sequence[int], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """`read(rows) @ matrix`, without a copy of the vectors where most of those that lie together are asked for."""


# ---- processes ---------------------------------------------------------------------------------------


class Engine(Protocol):
    """Where attempts run. The local engine: one process group an attempt."""

    def submit(self, run: Run, attempt: int) -> str:
        """Starts the trainer; gives its handle. Idempotent in (run.id, attempt)."""

    def alive(self, handle: str) -> bool: ...
    def stop(self, handle: str, force: bool) -> None:
        """SIGTERM to the leader; with `force` SIGKILL to the whole group."""

    def clear(self, handle: str) -> bool:
        """Kills what is left of the group; True once it is empty."""

    def exit_code(self, handle: str) -> int | None:
        """Of a trainer that ended; below 0: the signal that ended it; None: not known."""

    def log_tail(self, run_id: int, attempt: int) -> str:
        """The last lines that an attempt said; empty when there are none."""


class Predictor(Protocol):
    """Answers with the model.onnx that a person would download."""

    def predict(
        self,
        model: Model,
        picture: bytes | Path,
        neighbours: int = 3,
        heat: bool = True,
        meanwhile: Callable[[], None] | None = None,
    ) -> Answer:
        """`meanwhile` is done once, while the answer is worked out.

        Raises Refused (the picture), NotFound (the model's files), Unavailable (no predictor process), and whatever
        `meanwhile` raises.
        """

    def similar(self, dataset_id: int, example: int | bytes | Path, count: int) -> tuple[Neighbour, ...]:
        """Of all images of a dataset that are not in the trash those most like an image of it, or like a picture.

        Raises Refused (the picture), NotFound (the dataset, the image), Unavailable (no vector yet, no predictor).
        """


class Services(Protocol):
    def wake(self) -> None:
        """Sees to it that a scheduler runs, which starts and revives the others. Cheap when one does."""

    def expect_training(self) -> None:
        """Somebody is about to start a run: a trainer may get ready for it. Cheap."""


REFUSED_ASIDE = 3  # exit code of work aside that says why not: {"problem": SENTENCE}, its last line of standard output


class Aside(Protocol):
    """Work that wants libraries which nobody else should load, done in a process of its own."""

    def __call__(self, arguments: Sequence[str]) -> None:
        """Runs `python -m ARGUMENTS` and waits. Raises StudioError with what it refused, RuntimeError where it died."""

"""The training cache: every picture of a run, resized once, in one memory-mapped file.

A cache is named by what it holds, so two runs on the same pictures share one. It appears whole or not at all (built
beside, fsynced, renamed), and what does not match its checksums is built again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.imaging.disk import write_failure
from core.ports import Decoder

LAYOUT = 1  # raised when the resizing or the file changes: older caches are then built again
BLOCK_BYTES = 64 << 20  # one checksum each
ABANDONED_S = 24 * 3600.0  # a half-built file nobody wrote to for so long

Progress = Callable[[int, int], None]  # pictures done, pictures in all


class PixelCache(NamedTuple):
    pixels: np.memmap[Any, np.dtype[np.uint8]]  # (N, side, side, 3), read-only; zeros where `ok` is False
    ok: NDArray[np.bool_]  # (N,); False: the picture cannot be decoded any more


def open_cache(
    folder: Path,
    sources: Sequence[tuple[str, Path]],
    side: int,
    decoder: Decoder,
    progress: Progress = lambda done, total: None,
    limit_bytes: int = 1 << 62,
) -> PixelCache:
    """The cache of these pictures (sha256, file) in this order, built when there is none that is whole.

    Afterwards the caches used longest ago are removed until all together are below `limit_bytes`; this one stays.

    Raises:
        DiskFull: it does not fit on the disk. Nothing is left behind.
        Unavailable: the pictures cannot be decoded just now, or the disk fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    place = _Place(folder, _name(sources, side), (len(sources), side, side, 3))
    found = place.read()
    if found is None:
        found = _build(place, [path for _, path in sources], side, decoder, progress)
    place.touch()
    _trim(folder, place, limit_bytes)
    progress(len(sources), len(sources))
    return found


def _name(sources: Sequence[tuple[str, Path]], side: int) -> str:
    content = hashlib.sha256(f"{LAYOUT} {side}\n".encode())
    for sha256, _ in sources:
        content.update(f"{sha256}\n".encode())
    return content.hexdigest()[:32]


class _Place:
    """Where one cache lies: the pixels, and beside them a note that is written last."""

    def __init__(self, folder: Path, name: str, shape: tuple[int, int, int, int]) -> None:
        self.folder = folder
        self.pixels = folder / f"{name}.pixels"
        self.note = folder / f"{name}.json"
        self.building = folder / f"{name}.{os.getpid()}.building"
        self.shape = shape
        self.bytes = int(np.prod(shape))

    def read(self) -> PixelCache | None:
        """None when there is none, or when any of it is not what was written."""
        try:
            note = json.loads(self.note.read_text("utf-8"))
            whole = (
                note["shape"] == list(self.shape)
                and self.pixels.stat().st_size == max(self.bytes, 1)
                and note["blocks"] == _checksums(self.pixels)
            )
            ok = np.unpackbits(np.frombuffer(bytes.fromhex(note["ok"]), np.uint8), count=self.shape[0]).astype(bool)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return PixelCache(self.map(), ok) if whole else None

    def map(self) -> np.memmap[Any, np.dtype[np.uint8]]:
        if not self.bytes:  # nothing can be mapped from an empty file, so that one holds a single byte
            return np.memmap(self.pixels, np.uint8, "r", shape=(1,))[:0].reshape(self.shape)  # type: ignore[return-value]
        return np.memmap(self.pixels, np.uint8, "r", shape=self.shape)

    def publish(self, ok: NDArray[np.bool_]) -> None:
        """The note goes away first and comes last: at no moment does it speak of other pixels."""
        self.note.unlink(missing_ok=True)
        note = {
            "layout": LAYOUT,
            "shape": list(self.shape),
            "ok": np.packbits(ok).tobytes().hex(),
            "blocks": _checksums(self.building),
        }
        self.building.replace(self.pixels)
        beside = self.note.with_suffix(f".{os.getpid()}.building")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(note, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.note)
        descriptor = os.open(self.folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)

    def touch(self) -> None:
        with contextlib.suppress(OSError):
            os.utime(self.note)


def _build(place: _Place, paths: Sequence[Path], side: int, decoder: Decoder, progress: Progress) -> PixelCache:
    ok = np.zeros(len(paths), bool)
    picture_bytes = side * side * 3
    try:
        descriptor = os.open(place.building, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _reserve(descriptor, max(place.bytes, 1))
            for done, (at, pixels) in enumerate(decoder.resized(paths, side), 1):
                if pixels is not None:
                    # Written, not mapped: a full disk is then an error we can name, and no signal that kills us.
                    _write_at(descriptor, pixels.tobytes(), at * picture_bytes)
                    ok[at] = True
                progress(done, len(paths))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        place.publish(ok)
    except OSError as error:
        raise write_failure(error.errno or errno.EIO) from error
    finally:
        place.building.unlink(missing_ok=True)
    return PixelCache(place.map(), ok)


def _reserve(descriptor: int, size: int) -> None:
    """Takes the whole room at once where the system can: better to hear of a full disk now than after an hour."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.ftruncate(descriptor, size)


def _write_at(descriptor: int, content: bytes, offset: int) -> None:
    rest = memoryview(content)
    while rest:
        count = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[count:], offset + count


def _checksums(path: Path) -> list[int]:
    """CRC-32 of each block: against bit rot and half-written files, not against malice."""
    with path.open("rb", buffering=0) as file:
        return [zlib.crc32(block) for block in iter(lambda: file.read(BLOCK_BYTES), b"")]


# ---- room --------------------------------------------------------------------------------------------


def _trim(folder: Path, keep: _Place, limit_bytes: int) -> None:
    used = sorted(_caches(folder), key=lambda found: found[0], reverse=True)
    total = 0
    for _, note, size in used:
        total += size
        if total > limit_bytes and note != keep.note:
            note.unlink(missing_ok=True)
            note.with_suffix(".pixels").unlink(missing_ok=True)


def _caches(folder: Path) -> Iterator[tuple[float, Path, int]]:
    """(last use, note, bytes) of each; one that vanishes meanwhile was removed by another process."""
    for note in folder.glob("*.json"):
        with contextlib.suppress(FileNotFoundError):
            yield note.stat().st_mtime, note, note.with_suffix(".pixels").stat().st_size


def _sweep(folder: Path) -> None:
    """Removes what builders left that were killed."""
    for path in folder.glob("*.pixels"):
        with contextlib.suppress(OSError):
            if not path.with_suffix(".json").exists() and time.time() - path.stat().st_mtime > ABANDONED_S:
                path.unlink()
    for path in folder.glob("*.building"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED_S or not _alive(path.suffixes[-2][1:]):
                path.unlink()


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True

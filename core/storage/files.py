"""The data folder: the only place that knows a file name, and how a file becomes durable.

Content-addressed: bytes are named by their sha256. Written beside, fsynced, renamed, folder fsynced, and all of that
before the row that names them.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from core.errors import DiskFull, Refused
from core.ports import Checked

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SPOOLED_BYTES = 224 * 224 * 3
FEW = 3  # files that are made durable by themselves: the call for all waits for whatever anybody is just writing
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


class LocalFiles:
    """Files in a folder of this machine."""

    def __init__(self, root: Path, reserve_bytes: int) -> None:
        self.root, self._reserve_bytes = root, reserve_bytes
        for name in (
            "pictures",
            "thumbs",
            "views",
            "spool",
            "uploads",
            "models",
            "runs",
            "logs",
            "cache",
            "vectors",
            "locks",
            "surveys",
            "weights",
        ):
            (root / name).mkdir(parents=True, exist_ok=True)

    @property
    def pictures(self) -> Path:
        return self.root / "pictures"

    def picture(self, sha256: str) -> Path:
        return self._sharded("pictures", sha256)

    def pictures_of(self, shard: int) -> list[tuple[Path, float]]:
        found = []
        with suppress(FileNotFoundError):
            for entry in os.scandir(self.pictures / f"{shard:02x}"):
                with suppress(FileNotFoundError):  # gone meanwhile
                    if entry.is_file(follow_symlinks=False):
                        found.append((Path(entry.path), entry.stat().st_mtime))
        return found

    def thumb(self, sha256: str) -> Path:
        return self._sharded("thumbs", sha256, ".webp")

    def view(self, sha256: str) -> Path:
        return self._sharded("views", sha256, ".webp")

    def spool(self, sha256: str) -> Path:
        return self._sharded("spool", sha256, ".rgb")

    def upload(self, upload_id: str) -> Path:
        return self._named("uploads", upload_id)

    def model(self, folder: str) -> Path:
        return self._named("models", folder)

    def run(self, run_id: int) -> Path:
        return self._named("runs", str(run_id))

    def log(self, name: str) -> Path:
        return self._named("logs", f"{name}.log")

    def cache(self, name: str) -> Path:
        return self._named("cache", name)

    def vectors(self) -> Path:
        return self.root / "vectors" / "efficientnet-lite0.f32"

    def lock(self, name: str) -> Path:
        return self._named("locks", f"{name}.lock")

    def weights(self, name: str) -> Path:
        return self._named("weights", name)

    def survey(self, name: str) -> Path:
        return self._named("surveys", name)

    def keep_pictures(self, checked: Sequence[Checked]) -> None:
        changed: set[str] = set()
        for one in checked:
            source, target = str(one.source), self._sharded_text("pictures", one.sha256)
            if one.kept:
                changed.add(target)
                continue
            drawn: tuple[tuple[str, str], ...] = ()
            if one.drawn:
                drawn = ((".thumb", str(self.thumb(one.sha256))), (".rgb", str(self.spool(one.sha256))))
            for ending, place in (*drawn, ("", target)):
                # A link, not a move: killed before the row is written, the next check finds the file again.
                if _link(source + ending, place):
                    changed.add(place)
                else:
                    os.utime(place)  # wanted again: the sweep of the trash leaves it until its row is there
        self.sync(changed)

    def put_picture(self, sha256: str, content: bytes | memoryview) -> str:
        target = self._sharded_text("pictures", sha256)
        path = Path(target)
        if _holds(path, content):
            os.utime(path)  # wanted again: the sweep of the trash leaves it until its row is there
            return target
        beside = _beside(path)
        try:
            beside.write_bytes(content)
        except FileNotFoundError:
            path.parent.mkdir(exist_ok=True)
            beside.write_bytes(content)
        beside.replace(path)
        return target

    def sync(self, paths: Collection[str]) -> None:
        """Makes new files durable, and their names with them."""
        if len(paths) > FEW and (whole := _sync_call()):
            # One call for the whole file system: a call for each file and folder took three quarters of an import.
            descriptor = os.open(self.root, os.O_RDONLY)
            try:
                if whole(descriptor) != 0:
                    raise OSError(ctypes.get_errno(), "syncfs")
            finally:
                os.close(descriptor)
            return
        folders = {Path(path).parent for path in paths}
        for path in paths:
            _fsync(Path(path))
        fsync_folders(folders | {folder.parent for folder in folders})

    def spooled_bytes(self) -> int:
        """What decoded pictures that wait for their vector take on the disk."""
        entries = (entry for shard in os.scandir(self.root / "spool") for entry in os.scandir(shard.path))
        return sum(1 for _ in entries) * _SPOOLED_BYTES

    def write(self, path: Path, content: bytes) -> None:
        beside = _beside(path)
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        fsync_folders([path.parent])

    def require_room(self, more_bytes: int = 0) -> None:
        free = self.free_bytes()
        if free - more_bytes < self._reserve_bytes:
            raise DiskFull(
                f"The disk is nearly full: {free / 1e9:.1f} GB are free, and Darkroom keeps "
                f"{self._reserve_bytes / 1e9:.1f} GB in reserve so that nothing is lost. "
                "Free some space, then try again."
            )

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.root).free

    def _sharded(self, kind: str, sha256: str, ending: str = "") -> Path:
        return Path(self._sharded_text(kind, sha256, ending))

    def _sharded_text(self, kind: str, sha256: str, ending: str = "") -> str:
        if not _SHA256.fullmatch(sha256):
            raise Refused("That is not the name of a picture.", "name")
        return f"{self.root}/{kind}/{sha256[:2]}/{sha256}{ending}"

    def _named(self, kind: str, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise Refused("That name cannot be used.", "name")
        return self.root / kind / name


def _beside(path: Path) -> Path:
    """Nobody else writes there."""
    return path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")


def _holds(path: Path, content: bytes | memoryview) -> bool:
    """A lost power may have left half of a file that no row names yet."""
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except FileNotFoundError:
        return False


def _link(source: str, target: str) -> bool:
    """True when `target` is new."""
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    except FileNotFoundError:
        Path(target).parent.mkdir(exist_ok=True)
        os.link(source, target)
    return True


@cache
def _sync_call() -> Callable[[int], int] | None:
    """Linux's syncfs(descriptor); other systems have no such call."""
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)


def _fsync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def fsync_folders(folders: Iterable[Path]) -> None:
    """Makes renames durable. Windows has no such call."""
    if os.name != "posix":
        return
    for folder in set(folders):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

"""Zip archives that nobody vouches for: what is inside, and one entry at a time, under hard limits.

Nothing is ever extracted by its name: the caller says where an entry's bytes go, the name only tells the label.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core import layouts
from core.errors import Refused

MAX_ENTRIES = 200_000
MAX_RATIO = 200  # deflate gives 1,032 at most; real pictures hardly shrink
SMALL_BYTES = 1 << 20  # below this no ratio is held against an entry: the picture gate has limits of its own
_CHUNK = 1 << 16
_DIRECTORY_BYTES = 64 << 20
_UTF8_FLAG = 0x800
_PACKINGS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in the archive; `reason` is a sentence when it will not be read."""

    path: str
    bytes: int
    info: zipfile.ZipInfo
    reason: str | None = None


@contextmanager
def opened(file: Path, limit_bytes: int) -> Iterator[tuple[zipfile.ZipFile, list[Entry]]]:
    """The archive and its entries (folders left out).

    Raises:
        Refused: not a zip, damaged, or made to be dangerous.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive, _entries(archive, limit_bytes)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, OSError, ValueError, EOFError) as error:
        raise Refused(_why(file), "archive") from error


def unpack(archive: zipfile.ZipFile, entry: Entry, target: Path, limit_bytes: int) -> str | None:
    """Writes one entry to `target`; gives a sentence instead when it cannot be read. Never more than `limit_bytes`."""
    written = 0
    try:
        with archive.open(entry.info) as source, target.open("wb") as out:
            while chunk := source.read(_CHUNK):
                written += len(chunk)
                if written > min(limit_bytes, max(entry.bytes, 1)):
                    return "This file in the zip is larger than the zip says. Please pack it again."
                out.write(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError):
        return "This file is damaged inside the zip. Please pack it again."
    if written != entry.bytes:
        return "This file is cut short inside the zip. Please pack it again."
    return None


def _entries(archive: zipfile.ZipFile, limit_bytes: int) -> list[Entry]:
    infos = [info for info in archive.infolist() if not info.filename.endswith("/")]
    if len(infos) > MAX_ENTRIES:
        raise Refused(f"The zip holds more than {MAX_ENTRIES:,} files. Please send it in smaller parts.", "archive")
    total = sum(info.file_size for info in infos)
    if total > limit_bytes:
        raise Refused("The zip unpacks to more than one upload may hold. Please send it in smaller parts.", "archive")
    _refuse_overlap(infos)
    return [Entry(_name(info), info.file_size, info, _refusal(info)) for info in infos]


def _name(info: zipfile.ZipInfo) -> str:
    """The entry's name. Some Macs write UTF-8 without saying so, which reads as the old DOS code page.

    What stands behind a NUL byte is part of it: a name is never cut, or a picture would pass for a text.
    """
    name = info.orig_filename.replace("\0", "")
    if info.flag_bits & _UTF8_FLAG:
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


def _refuse_overlap(infos: list[zipfile.ZipInfo]) -> None:
    """Entries that share packed bytes are a bomb (CVE-2024-0450): 20 kB that unpack to 200 MB."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise Refused("The zip is put together in a way that no packing program does. Nothing was read.", "archive")
        end = info.header_offset + 30 + info.compress_size


def _refusal(info: zipfile.ZipInfo) -> str | None:
    mode = info.external_attr >> 16
    if mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode):
        return "This is a link or a device, not a file."
    if info.flag_bits & 0x1:
        return "This file has a password. Please pack it without one."
    if info.compress_type not in _PACKINGS:
        return "This file is packed in an unusual way. Please use an ordinary zip."
    if layouts.is_archive(info.filename):
        return "This is an archive inside the zip. Please unpack it first."
    if info.file_size > SMALL_BYTES and info.file_size > MAX_RATIO * max(info.compress_size, 1):
        return "This file unpacks to far more than a picture does."
    return None


def _why(file: Path) -> str:
    with file.open("rb") as source:
        head = source.read(8)
    if not head:
        return "The archive is empty: 0 bytes. Please pack it again."
    if head[:2] != b"PK":
        return "This is not a zip. Please pack the folder as an ordinary zip, or drop the folder itself."
    return "The zip is damaged or not complete. Please pack and send it again."

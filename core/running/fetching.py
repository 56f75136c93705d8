"""Downloads one file whose checksum is known before its first byte: whole and right, or not at all."""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import IO

from core.errors import DiskFull, Undecided

TIMEOUT_S = 20.0  # without a byte
PIECE_BYTES = 1 << 20
SUMS = ("X-Linked-Etag", "ETag")  # the hub names a large file by its sha256, before it sends us on to where it lies
_SHA256 = re.compile(r"[0-9a-f]{64}")
Say = Callable[[int, int], None]  # bytes so far, bytes in all (0: not known)


class _Following(urllib.request.HTTPRedirectHandler):
    """Follows, never to a place that is less safe, and remembers what was said of the file on the way."""

    def __init__(self) -> None:
        self.sums: list[str] = []

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        note(self.sums, headers)
        here, there = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        if there.scheme != "https" and (there.scheme, there.hostname) != (here.scheme, here.hostname):
            raise Undecided("The download was sent on to a place that cannot be trusted, so it was not followed.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def note(sums: list[str], headers: Message) -> None:
    for name in SUMS:
        value = (headers.get(name) or "").removeprefix("W/").strip('"').lower()
        if _SHA256.fullmatch(value):
            sums.append(value)


def fetch(url: str, target: Path, say: Say, require_room: Callable[[int], None]) -> str:
    """Puts the file there, durably; gives its sha256. `say` may raise, which ends it and leaves nothing.

    Raises:
        Undecided: it cannot be had, with the reason.
        DiskFull.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise Undecided("Weights are downloaded over http or https only.")
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    host = urllib.parse.urlsplit(url).netloc
    try:
        return _fetch(url, beside, target, say, require_room)
    except urllib.error.HTTPError as error:
        raise Undecided(f"{host} does not give the weights out (it answered {error.code}).") from error
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise DiskFull("The disk is full. Nothing was lost; free some space.") from error
        raise Undecided(f"The weights could not be downloaded: {host} does not answer, or stopped midway.") from error
    finally:
        beside.unlink(missing_ok=True)


def _fetch(url: str, beside: Path, target: Path, say: Say, require_room: Callable[[int], None]) -> str:
    following = _Following()
    opener = urllib.request.build_opener(following)
    # Nothing packed: a checksum is of the bytes as they are.
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", "User-Agent": "darkroom"})
    with opener.open(request, timeout=TIMEOUT_S) as answer, beside.open("wb") as file:
        note(following.sums, answer.headers)
        if not following.sums:
            raise Undecided("The server does not say what the file's checksum is, so it was not downloaded.")
        total = int(answer.headers.get("Content-Length") or 0)
        require_room(total)
        digest, done = hashlib.sha256(), 0
        while piece := answer.read(PIECE_BYTES):
            digest.update(piece)
            done += file.write(piece)
            say(done, total)
        file.flush()
        os.fsync(file.fileno())
    if done < total:
        raise Undecided(f"The download broke off after {done:,} of {total:,} bytes; nothing of it was kept.")
    if digest.hexdigest() != following.sums[0]:
        raise Undecided("What was downloaded is not what was announced (wrong checksum), so it was thrown away.")
    beside.replace(target)
    return digest.hexdigest()

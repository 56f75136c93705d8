"""The decoding child: `python -m core.imaging.child LIMIT_BYTES CPU_SECONDS [DESCRIPTOR]`.

It reads jobs from its standard input and answers them in order on its standard output. Both ways a message is one line
of JSON, then as many raw bytes as its `bytes` says. A job names its source by `path`, or carries it as those bytes, or
has left it in the memory that is shared as `DESCRIPTOR`, `shared` bytes of it:

    {"job": "check", "path": ...}                 -> {"sha256", "size", "format", "width", "height", "facts", "kept"}
    {"job": "checks", "files": [...], "keep": ...} -> {"told": what `check` says of each, or {"kind", "reason"}}
    {"job": "draw", "thumb": path, "side": 224, ...}  -> {"facts", "bytes": side x side x 3} + RGB rows; writes `thumb`
    {"job": "measure", ...}                       -> {"facts"}
    {"job": "pixels", ...}                        -> {"width", "height", "original", "format", "bytes": ...} + RGB rows
    {"job": "lend", ...}                          -> as `pixels`, with the RGB rows in the shared memory
    {"job": "rest"}                               -> {}; memory that was kept for the next picture is given back
    {"job": "resized", "side": 224, ...}          -> {"bytes": side x side x 3} + RGB rows
    {"job": "view", "side": 1600, ...}            -> {"bytes": n} + WebP
    {"job": "png", ...}                           -> {"bytes": n} + PNG, every pixel

or {"kind", "reason"} where the gate refuses, or {"fault": errno} where the disk did not take the results. It may die at
any job: it limits its own memory and, for each job, its processor time. It ends with its input and with its parent.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import resource
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from core.errors import Refused
from core.imaging.confining import allow_cpu, die_with_parent, give_back_memory, limit
from core.imaging.gate import ALL_PIXELS, EVERY_PIXEL, MAX_FILE_BYTES, Need, OutOfMemory, open_picture, too_many_bytes
from core.imaging.measuring import measure, told
from core.imaging.memory import SharedMemory
from core.imaging.renditions import INPUT_SIDE, THUMB_NEED, THUMB_SIDE, fitted, png, squash, thumbnail, webp
from core.imaging.upright import Picture

ADDRESS_SPACE_BYTES = 1 << 30
FILE_BYTES = 64 << 20  # the most it may ever write into one file
DEAR_PIXELS = 2_000_000  # from here on decoding takes longer than drawing what is made from it
OUT_OF_MEMORY = 77  # exit code: this picture may fit into a fresh process


class NotKept(Exception):
    """The disk did not take the results."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.code = error.errno or errno.EIO


class Child:
    def __init__(
        self, jobs: BinaryIO, answers: int, limit_bytes: int, cpu_s: int, memory: SharedMemory | None = None
    ) -> None:
        self.jobs = jobs
        self.memory = memory
        self.answers = answers
        self.limit_bytes = limit_bytes
        self.cpu_s = cpu_s

    def serve(self) -> None:
        self.answer({"ready": os.getpid()})
        while line := self.jobs.readline():
            job = json.loads(line)
            allow_cpu(self.cpu_s)
            try:
                self.do(job, self.content(job))
            except Refused as refusal:
                self.answer({"kind": refusal.kind, "reason": str(refusal)})
            except NotKept as failure:
                self.answer({"fault": failure.code})
            except (MemoryError, OutOfMemory):
                os._exit(OUT_OF_MEMORY)

    def content(self, job: dict[str, Any]) -> bytes | None:
        """What comes with the job."""
        if "shared" in job:
            assert self.memory
            return self.memory.file(job["shared"])
        return self.jobs.read(job["bytes"]) if "bytes" in job else None

    def do(self, job: dict[str, Any], content: bytes | None) -> None:
        if job["job"] == "rest":
            give_back_memory()
            self.answer({})
            return
        if job["job"] == "checks":
            self.answer({"told": [self.look(file, job.get("keep")) for file in job["files"]]})
            return
        data = read_source(job["path"], self.limit_bytes) if content is None else content
        if len(data) > self.limit_bytes:
            raise Refused(too_many_bytes(self.limit_bytes), "too_large")
        match job["job"]:
            case "check":
                self.answer(self.check(data, job["path"]))
            case "draw":
                self.draw(data, job["thumb"], job["side"])
            case "measure":
                small = reduced(open_picture(data, Need(*THUMB_NEED)))
                facts = measure(fitted(small, THUMB_SIDE), squash(small, INPUT_SIDE))
                self.answer({"facts": told(facts)})
            case "pixels":
                self.pixels(data)
            case "lend":
                self.lend(data)
            case "resized":
                # As for a thumbnail: the input of the backbone is the same bytes, whoever makes it.
                need = Need(2 * job["side"], max(2 * job["side"], THUMB_NEED[1]))
                picture = open_picture(data, need)
                small = picture.rgb(need.factor(picture.width, picture.height))
                self.answer({}, squash(small, job["side"]))
            case "view":
                need = Need(1, 2 * job["side"])
                picture = open_picture(data, need)
                small = picture.rgb(need.factor(picture.width, picture.height))
                self.answer({}, webp(small, job["side"], quality=82, method=1))
            case "png":
                self.answer({}, png(open_picture(data, EVERY_PIXEL).rgb()))

    def look(self, file: dict[str, str], keep: str | None) -> dict[str, Any]:
        """One of many small files: a limit of its own for each, and a verdict in place of an exception."""
        allow_cpu(self.cpu_s)
        try:
            return self.check(read_source(file["path"], self.limit_bytes), file["path"], file.get("copy"), keep)
        except Refused as refusal:
            return {"kind": refusal.kind, "reason": str(refusal)}

    def check(self, data: bytes, path: str, copy: str | None = None, keep: str | None = None) -> dict[str, Any]:
        """Raises Refused, NotKept."""
        picture = open_picture(data, Need(*THUMB_NEED), DEAR_PIXELS)
        width, height = picture.original
        digest = hashlib.sha256(data).hexdigest()
        results: dict[str, bytes] = {}
        facts = None
        # Drawing a small picture costs more than decoding it again, and nobody waits for it; of a large one it is
        # the other way round.
        if dear := width * height >= DEAR_PIXELS:
            small = reduced(picture)
            thumb, square = fitted(small, THUMB_SIDE), squash(small, INPUT_SIDE)
            beside = copy or path
            results |= {f"{beside}.thumb": thumbnail(thumb), f"{beside}.rgb": square}
            facts = told(measure(thumb, square))
        elif picture.image.mode not in ("RGB", "L"):
            next(picture.bands())  # what fails to convert is refused now
        if copy and keep and not dear:
            keep_picture(keep, digest, data)
        elif copy:
            results[copy] = data
        keep_results(results)
        return {
            "sha256": digest,
            "size": len(data),
            "format": picture.format,
            "width": width,
            "height": height,
            "facts": facts,
            "kept": bool(copy and keep and not dear),
        }

    def draw(self, data: bytes, path: str, side: int) -> None:
        small = reduced(open_picture(data, Need(*THUMB_NEED)))
        thumb, square = fitted(small, THUMB_SIDE), squash(small, side)
        keep_results({path: thumbnail(thumb)})
        self.answer({"facts": told(measure(thumb, square))}, square)

    def pixels(self, data: bytes) -> None:
        facts, bands = opened(open_picture(data, ALL_PIXELS))
        started = False
        for band in bands:
            rows = band.tobytes()
            if not started:  # what fails to convert, fails at the first band: before anything is promised
                self.answer(facts, length=facts["width"] * facts["height"] * 3)
                started = True
            self.write(rows)

    def lend(self, data: bytes) -> None:
        assert self.memory
        facts, bands = opened(open_picture(data, ALL_PIXELS))
        at = 0
        for band in bands:
            at = self.memory.put_pixels(at, band.tobytes())
        self.answer(facts)

    def answer(self, facts: dict[str, Any], content: bytes = b"", length: int = 0) -> None:
        size = length or len(content)
        self.write(json.dumps({**facts, "bytes": size}).encode() + b"\n")
        self.write(content)

    def write(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self.answers, rest) :]


def keep_results(results: dict[str, bytes]) -> None:
    """Writes files whole or not at all. Raises NotKept."""
    try:
        for path, result in results.items():
            replace(path, result)
    except OSError as error:
        raise NotKept(error) from error


def keep_picture(folder: str, digest: str, content: bytes) -> None:
    """A copy in the store, under its hash. Raises NotKept.

    What nobody has is written in its place: half of one that was killed has no row, and is written anew by the next
    who has these bytes. One that is there may be such a half, or be read just now: it is replaced.
    """
    path = f"{folder}/{digest[:2]}/{digest}"
    try:
        try:
            write(path, content, os.O_EXCL)
        except FileNotFoundError:
            Path(path).parent.mkdir(exist_ok=True)
            replace(path, content)
        except FileExistsError:
            replace(path, content)
    except OSError as error:
        raise NotKept(error) from error


def replace(path: str, content: bytes) -> None:
    part = Path(f"{path}.{os.getpid()}.part")
    write(str(part), content, os.O_TRUNC)
    part.replace(path)


def write(path: str, content: bytes, how: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how, 0o666)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def opened(picture: Picture) -> tuple[dict[str, Any], Iterator[Image.Image]]:
    """What is told of a picture that was opened for all its pixels, and those from top to bottom."""
    factor = ALL_PIXELS.factor(picture.width, picture.height)
    width, height = math.ceil(picture.width / factor), math.ceil(picture.height / factor)
    facts = {"width": width, "height": height, "original": picture.original, "format": picture.format}
    return facts, picture.bands(factor)


def reduced(picture: Picture) -> Image.Image:
    """The upright RGB picture, no larger than the thumbnail and the network's input need it."""
    return picture.rgb(Need(*THUMB_NEED).factor(picture.width, picture.height))


def read_source(path: str, limit_bytes: int) -> bytes:
    """The file's bytes, never more than one over the limit, never from anything but a plain file."""
    try:
        # Without O_NONBLOCK a named pipe would hold us here for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise Refused("This is not a file. Please choose a picture.", "not_a_picture")
            if facts.st_size > limit_bytes:
                raise Refused(too_many_bytes(limit_bytes), "too_large")
            parts = []
            while part := os.read(descriptor, facts.st_size + 1):
                parts.append(part)
            return parts[0] if len(parts) == 1 else b"".join(parts)
        finally:
            os.close(descriptor)
    except OSError:
        raise Refused("The file could not be read from the disk. Please send it again.", "unreadable") from None


# ---- the process ------------------------------------------------------------------------------------


def main() -> None:
    limit_bytes, cpu_s, *shared = (int(word) for word in sys.argv[1:4])
    memory = SharedMemory(shared[0], limit_bytes) if shared else None
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which closes our input
    answers = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)  # libraries that print must not speak into the answers;
    os.dup2(nothing, 2)  # libtiff writes hundreds of lines about one broken file
    limit(resource.RLIMIT_AS, ADDRESS_SPACE_BYTES + (len(memory.bytes) if memory else 0))
    limit(resource.RLIMIT_FSIZE, FILE_BYTES)
    limit(resource.RLIMIT_CORE, 0)
    Child(sys.stdin.buffer, answers, min(limit_bytes, MAX_FILE_BYTES), cpu_s, memory).serve()


if __name__ == "__main__":
    main()

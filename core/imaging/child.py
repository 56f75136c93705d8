"""The decoding child: `python -m core.imaging.child LIMIT_BYTES CPU_SECONDS`.

It reads jobs from its standard input and answers them in order on its standard output. Both ways a message is one line
of JSON, then as many raw bytes as its `bytes` says. A job names its source by `path`, or carries it as those bytes:

    {"job": "check", "path": ...}                 -> {"sha256", "size", "format", "width", "height", "facts"}
    {"job": "draw", "thumb": path, "side": 224, ...}  -> {"facts", "bytes": side x side x 3} + RGB rows; writes `thumb`
    {"job": "measure", ...}                       -> {"facts"}
    {"job": "pixels", ...}                        -> {"width", "height", "bytes": width x height x 3} + RGB rows
    {"job": "resized", "side": 224, ...}          -> {"bytes": side x side x 3} + RGB rows
    {"job": "view", "side": 1600, ...}            -> {"bytes": n} + WebP
    {"job": "png", ...}                           -> {"bytes": n} + PNG, every pixel

or {"kind", "reason"} where the gate refuses, or {"fault": errno} where the disk did not take the results. It may die at
any job: it limits its own memory and, for each job, its processor time. It ends with its input and with its parent.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import math
import os
import resource
import signal
import stat
import sys
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from core.errors import Refused
from core.imaging.gate import ALL_PIXELS, EVERY_PIXEL, MAX_FILE_BYTES, Need, OutOfMemory, open_picture, too_many_bytes
from core.imaging.measuring import measure, told
from core.imaging.renditions import INPUT_SIDE, THUMB_NEED, THUMB_SIDE, fitted, png, squash, thumbnail, webp
from core.imaging.upright import Picture

ADDRESS_SPACE_BYTES = 1 << 30
FILE_BYTES = 64 << 20  # the most it may ever write into one file
DEAR_PIXELS = 2_000_000  # from here on decoding takes longer than drawing what is made from it
OUT_OF_MEMORY = 77  # exit code: this picture may fit into a fresh process
PR_SET_PDEATHSIG = 1


class Child:
    def __init__(self, jobs: BinaryIO, answers: int, limit_bytes: int, cpu_s: int) -> None:
        self.jobs = jobs
        self.answers = answers
        self.limit_bytes = limit_bytes
        self.cpu_s = cpu_s

    def serve(self) -> None:
        self.answer({"ready": os.getpid()})
        while line := self.jobs.readline():
            job = json.loads(line)
            allow_cpu(self.cpu_s)
            try:
                self.do(job, self.jobs.read(job["bytes"]) if "bytes" in job else None)
            except Refused as refusal:
                self.answer({"kind": refusal.kind, "reason": str(refusal)})
            except (MemoryError, OutOfMemory):
                os._exit(OUT_OF_MEMORY)

    def do(self, job: dict[str, Any], content: bytes | None) -> None:
        data = read_source(job["path"], self.limit_bytes) if content is None else content
        if len(data) > self.limit_bytes:
            raise Refused(too_many_bytes(self.limit_bytes), "too_large")
        match job["job"]:
            case "check":
                self.check(data, job.get("copy", job["path"]), "copy" in job)
            case "draw":
                self.draw(data, job["thumb"], job["side"])
            case "measure":
                small = reduced(open_picture(data, Need(*THUMB_NEED)))
                facts = measure(fitted(small, THUMB_SIDE), squash(small, INPUT_SIDE))
                self.answer({"facts": told(facts)})
            case "pixels":
                self.pixels(data)
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

    def check(self, data: bytes, path: str, copy: bool) -> None:
        picture = open_picture(data, Need(*THUMB_NEED))
        width, height = picture.original
        results = {path: data} if copy else {}
        facts = None
        # Drawing a small picture costs more than decoding it again, and nobody waits for it; of a large one it is
        # the other way round.
        if width * height >= DEAR_PIXELS:
            small = reduced(picture)
            thumb, square = fitted(small, THUMB_SIDE), squash(small, INPUT_SIDE)
            results |= {path + ".thumb": thumbnail(thumb), path + ".rgb": square}
            facts = told(measure(thumb, square))
        elif picture.image.mode not in ("RGB", "L"):
            next(picture.bands())  # what fails to convert is refused now
        if not self.keep(results):
            return
        self.answer(
            {
                "sha256": hashlib.sha256(data).hexdigest(),
                "size": len(data),
                "format": picture.format,
                "width": width,
                "height": height,
                "facts": facts,
            }
        )

    def draw(self, data: bytes, path: str, side: int) -> None:
        small = reduced(open_picture(data, Need(*THUMB_NEED)))
        thumb, square = fitted(small, THUMB_SIDE), squash(small, side)
        if self.keep({path: thumbnail(thumb)}):
            self.answer({"facts": told(measure(thumb, square))}, square)

    def keep(self, results: dict[str, bytes]) -> bool:
        """Writes files whole or not at all; answers with the fault where the disk does not take them."""
        try:
            for path, result in results.items():
                part = Path(f"{path}.{os.getpid()}.part")
                part.write_bytes(result)
                part.replace(path)
        except OSError as error:
            self.answer({"fault": error.errno or errno.EIO})
            return False
        return True

    def pixels(self, data: bytes) -> None:
        picture = open_picture(data, ALL_PIXELS)
        factor = ALL_PIXELS.factor(picture.width, picture.height)
        width, height = math.ceil(picture.width / factor), math.ceil(picture.height / factor)
        started = False
        for band in picture.bands(factor):
            rows = band.tobytes()
            if not started:  # what fails to convert, fails at the first band: before anything is promised
                self.answer({"width": width, "height": height}, length=width * height * 3)
                started = True
            self.write(rows)

    def answer(self, facts: dict[str, Any], content: bytes = b"", length: int = 0) -> None:
        size = length or len(content)
        self.write(json.dumps({**facts, "bytes": size}).encode() + b"\n")
        self.write(content)

    def write(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self.answers, rest) :]


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


# ---- limits ------------------------------------------------------------------------------------------


def limit(what: int, soft: int) -> None:
    """Lowers a limit of this process; a system that knows no such limit keeps its own."""
    _, hard = resource.getrlimit(what)
    try:
        resource.setrlimit(what, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    except (OSError, ValueError):
        return


def allow_cpu(seconds: int) -> None:
    """So much processor time from now on; then SIGXCPU ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime) + seconds)


def die_with_parent() -> None:
    """On Linux at once. Elsewhere at the next job, when standard input turns out to be closed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def main() -> None:
    limit_bytes, cpu_s = (int(word) for word in sys.argv[1:3])
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which closes our input
    answers = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)  # libraries that print must not speak into the answers;
    os.dup2(nothing, 2)  # libtiff writes hundreds of lines about one broken file
    limit(resource.RLIMIT_AS, ADDRESS_SPACE_BYTES)
    limit(resource.RLIMIT_FSIZE, FILE_BYTES)
    limit(resource.RLIMIT_CORE, 0)
    Child(sys.stdin.buffer, answers, min(limit_bytes, MAX_FILE_BYTES), cpu_s).serve()


if __name__ == "__main__":
    main()
